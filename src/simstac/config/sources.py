"""The sources that a collection can have, told apart by their ``engine``."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from simstac.config.fields import BucketUrl, Model, PathOrUrl, WebUrl, bucket_address
from simstac.stac.metadata import Overrides
from simstac.storage import is_address

AWS_REGISTRY = "https://api.github.com/repos/awslabs/open-data-registry/contents/datasets"
STUDY = "study"
OTHER_ENGINES = frozenset({"cf", "eplaunch", "icechunk", "iris", "scythe"})
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
    """Endpoint of the S3-compatible service that its buckets are in; leave out for Amazon S3."""
    region: str | None = None
    """Region of its buckets; ``auto`` on Cloudflare R2."""
    profile: str | None = None
    """Profile of the AWS configuration that may read them."""
    anonymous: bool = False
    """Whether they are read without credentials."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, folders and globs that it reads."""
        return ()

    @property
    def local_paths(self) -> tuple[str, ...]:
        """Those of them on this machine."""
        return tuple(path for path in self.paths if not is_address(path))

    def _refuse_idle_access(self, *paths: str | None) -> None:
        """Refuse what reaches a bucket where no path is in one."""
        given = [name for name in ("endpoint_url", "region", "profile", "anonymous") if getattr(self, name)]
        if given and not any(path and is_address(path) for path in paths):
            raise ValueError(f"{given[0]} is of use only with a path in a bucket, such as s3://bucket/runs/*")


class StudySource(_Source):
    """The runs of a study, and the xarray engine that reads one of them."""

    engine: str = "energyplus"
    """Name of an xarray engine that reads one run."""
    path: PathOrUrl
    """Folder or glob of the runs, relative to the configuration's folder."""
    parameters: PathOrUrl | None = None
    """Table of the runs' parameters (CSV or Parquet); its column ``run``, ``name`` or ``id``, else its first, names the
    runs."""
    by_content: bool = True
    """Whether changed runs are known by the bytes of their files, else by sizes and times, which costs no reading;
    in a bucket they are known by their ETags."""
    outputs: tuple[OutputPattern, ...] = ()
    """Files in the folder of each run to ship with the site, such as ``["eplusout.err", "*.htm"]``; published as they
    are, so leave out what nobody else may see."""

    @model_validator(mode="after")
    def _access_is_needed(self) -> StudySource:
        self._refuse_idle_access(self.path, self.parameters)
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The path."""
        return (self.path,)


class CfSource(_Source):
    """Files that follow the CF conventions, combined into one dataset."""

    engine: Literal["cf"]
    path: PathOrUrl | Annotated[tuple[PathOrUrl, ...], Field(min_length=1)]
    """File, folder or glob, relative to the configuration's folder or in a bucket (``s3://``), or several of them."""
    along: str | tuple[str, ...] = ()
    """Dimension or scalar coordinate along which files are appended, or several; found from the coordinates."""
    variables: tuple[str, ...] = ()
    """Data variables that are wanted, with the coordinates they refer to; all of them where left out."""
    group: str | None = None
    """Group of NetCDF4, HDF5 or Zarr files that is read; the root where left out."""
    filter_by_keys: dict[str, str | int | float] = Field(default_factory=dict)
    """GRIB messages that are read, by key, for example ``{typeOfLevel: surface}``."""
    allow_gaps: bool = False
    """Whether steps may be missing between two files, and combinations where there are two axes."""
    mixed_packing: bool = False
    """Whether a variable may be packed with another scale or offset in another file."""
    by_content: bool = False
    """Whether a file is known by the SHA-256 of its bytes; else by its time and size, or its ETag in a bucket."""
    virtual: bool = False
    """Whether the data stay in the files, and the store refers to them; files that do not fit are copied."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes along which files are appended, where it says so."""
        return (self.along,) if isinstance(self.along, str) else self.along

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, folders and globs."""
        return (self.path,) if isinstance(self.path, str) else self.path


class Registry(Model):
    """The Registry of Open Data on AWS, or YAML files of its form; the buckets that they name are looked into."""

    at: PathOrUrl = AWS_REGISTRY
    """Folder of YAML files, URL of one YAML file, or URL of a folder of the GitHub API, which gets ``GITHUB_TOKEN``."""
    name: str = "*"
    """Which files, as a glob of their names: ``dynamical-*``."""
    keyword: str = ""
    """A word that the name, the description or a tag of an entry holds."""


class StoreNotes(Model):
    """What one store cannot say by itself; it wins over what the store says."""

    title: str = ""
    """One line for people."""
    description: str = ""
    """Prose (CommonMark)."""
    metadata: Overrides = Overrides()
    """As the collection's, for this store alone."""


class IcechunkSource(_Source):
    """Icechunk and Zarr stores that others wrote, described where they are; nothing is copied."""

    engine: Literal["icechunk"]
    stores: tuple[PathOrUrl, ...] = ()
    """Addresses of stores: ``s3://bucket/prefix``, ``https://…`` or folders."""
    under: PathOrUrl | tuple[PathOrUrl, ...] = ()
    """Prefixes ``s3://bucket/prefix`` or folders whose stores are found by listing."""
    registry: Registry | None = None
    """A registry of buckets whose stores are found by listing."""
    depth: int = Field(default=3, ge=0, le=8)
    """How many folders below a prefix a store may lie."""
    public_url: WebUrl | None = None
    """Where ``under`` is read over HTTPS; each store then has that address first, and its own as the alternate."""
    thumbnails: bool = False
    """Whether a map of each store is drawn, which reads some of its data."""
    items: dict[str, StoreNotes] = Field(default_factory=dict)
    """What single stores cannot say, by the id of their Item."""

    @model_validator(mode="after")
    def _names_stores(self) -> IcechunkSource:
        if not (self.stores or self.prefixes or self.registry):
            raise ValueError("names no stores: give stores, under or registry")
        for address in (*self.stores, *self.prefixes):
            if address.startswith("s3://"):
                bucket_address(address)
        if any(address.startswith(("http://", "https://")) for address in self.prefixes):
            raise ValueError("under: the web cannot be listed: name its stores, or give their bucket")
        if self.public_url and len(self.prefixes) != 1:
            raise ValueError("public_url is the address of one prefix: give one under")
        return self

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The prefixes and folders that are listed."""
        return (self.under,) if isinstance(self.under, str) else self.under


class IrisSource(_Source):
    """Files of any format that Iris loads, written losslessly: cubes on different axes become groups."""

    engine: Literal["iris"]
    path: PathOrUrl | Annotated[tuple[PathOrUrl, ...], Field(min_length=1)]
    """File or glob, or several of them, relative to the configuration's folder."""
    names: tuple[str, ...] = ()
    """The cubes to take, by standard name, long name, variable name or STASH code; all where left out."""
    mounts: dict[str, BucketUrl] = Field(default_factory=dict)
    """Buckets that folders of this machine are mounted from, ``{/mnt/archive: s3://bucket/prefix}``, at
    ``endpoint_url``; those of s3fs are detected where they are left out."""

    @model_validator(mode="after")
    def _paths_are_of_this_machine(self) -> IrisSource:
        if address := next(filter(is_address, self.paths), None):
            way = "mount the bucket with s3fs and give the path there, or read NetCDF by engine: cf"
            raise ValueError(f"{address} is an address, and Iris reads files: {way}")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The files and globs."""
        return (self.path,) if isinstance(self.path, str) else self.path


class ScytheSource(_Source):
    """A Scythe experiment: all its versions and runs, or those of one version, or one run."""

    engine: Literal["scythe"]
    path: PathOrUrl
    """The experiment, such as ``s3://bucket/scythe/office_box``, one of its versions or runs, or a copy in a folder."""

    @model_validator(mode="after")
    def _access_is_needed(self) -> ScytheSource:
        self._refuse_idle_access(self.path)
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The path."""
        return (self.path,)


class EPLaunchSource(_Source):
    """Folders that EP-Launch works in; what it remembers of a run are the run's parameters."""

    engine: Literal["eplaunch"]
    path: PathOrUrl
    """Folder with an ``.eplaunch`` in it or anywhere below it, relative to the configuration's folder."""

    @model_validator(mode="after")
    def _path_is_of_this_machine(self) -> EPLaunchSource:
        if is_address(self.path):
            raise ValueError(f"{self.path} is an address, and EP-Launch works in folders: copy it to this machine")
        self._refuse_idle_access()
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """The path."""
        return (self.path,)


def _kind(value: Any) -> str:
    engine = value.get("engine") if isinstance(value, dict) else getattr(value, "engine", None)
    return engine if isinstance(engine, str) and engine in OTHER_ENGINES else STUDY


type Source = Annotated[
    Annotated[StudySource, Tag(STUDY)]
    | Annotated[CfSource, Tag("cf")]
    | Annotated[IcechunkSource, Tag("icechunk")]
    | Annotated[IrisSource, Tag("iris")]
    | Annotated[ScytheSource, Tag("scythe")]
    | Annotated[EPLaunchSource, Tag("eplaunch")],
    Discriminator(_kind),
]
