"""The files that some paths and globs name, those in mounts confirmed by their bucket."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files, files_at, split_pattern
from simstac.sources.globs import fits
from simstac.sources.mounts.find import Origin, canonical, refuse_lost_mounts
from simstac.storage import scheme_to_stac

MAX_FILES = 32
MD5 = re.compile(r"[0-9a-f]{32}")
WAIT = "wait until its writer is done; if it stays so, run umount, empty the folder of -o use_cache, and mount it again"


@dataclass(frozen=True, slots=True)
class Input:
    """A file to read.

    Attributes:
        path: Where it is read.
        origin: Where its bytes are; None for a file of this machine.
        info: What the bucket says of it; None for a file of this machine.
    """

    path: Path
    origin: Origin | None = None
    info: FileInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How buckets behind mounts are asked.

    Attributes:
        explicit: What folders are mounted from, as in `canonical`.
        endpoint_url: The endpoint of the buckets in ``explicit``.
        region: The region of buckets, where their mounts do not say.
        profile: The profile whose keys ask.
        anonymous: Whether no keys are needed.
    """

    explicit: Mapping[str, str]
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False


def find_inputs(patterns: Sequence[str], access: Access) -> tuple[Input, ...]:
    """The files that match, in order, each once.

    Raises:
        SourceError: If a pattern matches none; if a mount is lost, or shows other files or sizes than its bucket.
    """
    refuse_lost_mounts(patterns, access.explicit)
    found: dict[Path, Input] = {}
    for pattern in patterns:
        paths = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  # an absolute glob
        files = [path for path in paths if path.is_file()]
        start = split_pattern(pattern)[0]
        origin = canonical(start, access.explicit, endpoint_url=access.endpoint_url, region=access.region)
        inputs = [Input(path) for path in files] if origin is None else _confirmed(pattern, origin, files, access)
        if not inputs:
            raise SourceError(pattern, "matches no files", "point the path at the files, for example output/*.pp")
        found |= {each.path: each for each in inputs}
    return tuple(found.values())


def refuse_changes(inputs: Sequence[Input], access: Access) -> None:
    """Refuse files whose bytes are not those of the bucket, or that changed there since they were found.

    Raises:
        SourceError: If one is stale, or is being written.
    """
    for each in inputs:
        if each.origin is None or each.info is None:
            continue
        now = _files(each.origin, access, _parent(each.origin.href)).find(_name(each.origin.href))
        if now is None or now.version != each.info.version:
            raise SourceError(each.origin.href, "changed while it was read", "run again when its writer is done")
        if MD5.fullmatch(each.info.version) and _md5(each.path) != each.info.version:
            raise SourceError(each.path, f"is stale: {each.origin.href} has other bytes", WAIT)


def described(inputs: Sequence[Input]) -> list[dict[str, Any]]:
    """The files in buckets as a store remembers them, for its documents: address, size and storage scheme.

    Of more than `MAX_FILES` in a bucket, the folder that holds them all stands for them.
    """
    found = [(each.origin, each.info.size) for each in inputs if each.origin is not None and each.info is not None]
    schemes = {origin.scheme: None for origin, _ in found}
    rows = []
    for scheme in schemes:
        mine = [(origin.href, size) for origin, size in found if origin.scheme == scheme]
        if len(mine) > MAX_FILES:
            folder = os.path.commonpath([_parent(href).removeprefix("s3://") for href, _ in mine])
            mine = [(f"s3://{folder}/", sum(size for _, size in mine))]
        rows += [{"href": href, "size": size, "scheme": scheme_to_stac(scheme)} for href, size in mine]
    return rows


def _md5(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError as error:
        refuse_lost_mounts([path])
        raise SourceError(path, f"cannot be read: {error.strerror}", "check the mount, and run again") from error


def _confirmed(pattern: str, origin: Origin, paths: Sequence[Path], access: Access) -> list[Input]:
    """The files of a glob in a mount, each as its bucket has it, and none more or less."""
    start, rest = split_pattern(pattern)
    address = origin.href if rest else _parent(origin.href)
    files = _files(origin, access, address)
    single = None if rest else files.find(_name(origin.href))
    listed = files.list() if rest else [single] if single is not None else []
    wanted = {info.path: info for info in listed if not rest or fits(info.path.split("/"), rest.split("/"))}
    base = Path(start) if rest else Path(start).parent
    shown = {path.relative_to(base).as_posix(): path for path in paths}
    if missing := sorted(wanted.keys() - shown.keys()):
        problem = f"does not show {missing[0]}, which {address} has ({len(missing)} of {len(wanted)} files are missing)"
        raise SourceError(origin.point, problem, f"run: umount -l '{origin.point}', and mount it again")
    if extra := sorted(shown.keys() - wanted.keys()):
        problem = f"is shown by the mount, but {address} has no {extra[0]}"
        raise SourceError(shown[extra[0]], problem, WAIT)
    for name, path in shown.items():
        size = path.stat().st_size
        if size != wanted[name].size:
            raise SourceError(path, f"has {size} bytes in the mount, {wanted[name].size} in {address}", WAIT)
    return [
        Input(path, replace(origin, href=f"{address}/{name}"), wanted[name]) for name, path in sorted(shown.items())
    ]


def _files(origin: Origin, access: Access, address: str) -> Files:
    return files_at(
        address,
        endpoint_url=origin.endpoint_url,
        region=origin.region,
        profile=access.profile,
        anonymous=access.anonymous,
    )


def _parent(href: str) -> str:
    return href.rpartition("/")[0]


def _name(href: str) -> str:
    return href.rpartition("/")[2]
