"""The sources that a collection can have, told apart by their ``engine``."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from simstac.config.fields import Model, WebUrl

STUDY = "study"
OTHER_ENGINES = frozenset({"cf"})
"""Engines that are read by a source of their own; every other engine reads the runs of a study."""


def _inside_run(pattern: str) -> str:
    parts = PurePosixPath(pattern).parts
    if not parts or pattern.startswith("/") or ".." in parts or "\\" in pattern:
        raise ValueError(f"{pattern!r} is no file or glob inside the folder of a run, such as '*.htm'")
    return pattern


type OutputPattern = Annotated[str, AfterValidator(_inside_run)]


class _Source(Model):
    """What all sources share: how a path in a bucket is reached."""

    endpoint_url: WebUrl | None = None
    """Endpoint of the S3-compatible service that ``path`` is in; leave out for Amazon S3."""
    region: str | None = None
    """Region of the bucket that ``path`` is in; ``auto`` on Cloudflare R2."""
    profile: str | None = None
    """Profile of the AWS configuration that may read ``path``."""
    anonymous: bool = False
    """Whether ``path`` is read without credentials."""

    @property
    def local_paths(self) -> tuple[str, ...]:
        """The paths on this machine that it reads."""
        return ()


class StudySource(_Source):
    """The runs of a study, and the xarray engine that reads one of them."""

    engine: str = "energyplus"
    """Name of an xarray engine that reads one run."""
    path: str
    """Folder or glob of the runs, relative to the configuration's folder."""
    parameters: str | None = None
    """Table of the runs' parameters (CSV or Parquet), its first column the run names."""
    outputs: tuple[OutputPattern, ...] = ()
    """Files in the folder of each run to ship with the site, such as ``["eplusout.err", "*.htm"]``; published as they
    are, so leave out what nobody else may see."""

    @property
    def local_paths(self) -> tuple[str, ...]:
        """The paths on this machine that it reads."""
        return () if "://" in self.path else (self.path,)


class CfSource(_Source):
    """Files that follow the CF conventions, combined into one dataset."""

    engine: Literal["cf"]
    path: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """File, folder or glob, or several of them, relative to the configuration's folder."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, folders and globs."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def local_paths(self) -> tuple[str, ...]:
        """The paths on this machine that it reads."""
        return tuple(path for path in self.paths if "://" not in path)


def _kind(value: Any) -> str:
    engine = value.get("engine") if isinstance(value, dict) else getattr(value, "engine", None)
    return engine if engine in OTHER_ENGINES else STUDY


type Source = Annotated[Annotated[StudySource, Tag(STUDY)] | Annotated[CfSource, Tag("cf")], Discriminator(_kind)]
