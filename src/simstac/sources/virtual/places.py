"""The files to refer to: found by path, glob or address, with what a reader checks, and where their containers are."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import quote

from simstac.errors import SourceError
from simstac.objects import BucketFiles, split_pattern
from simstac.ranged import RangedFile
from simstac.storage import LocalPath, StorageScheme, scheme_from_url
from simstac.web_files import WebFiles

SUFFIXES = frozenset({".nc", ".nc3", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".he5"})
UNQUOTED = "/!$&'()*+,;=:@~"


@dataclass(frozen=True, slots=True, eq=False)
class PlacedFile:
    """A file where it is.

    Attributes:
        name: What it is called in errors.
        url: Its address as references carry it, percent-encoded.
        folder: The address of its container: a folder above it whose name needs no percent-encoding, which Icechunk
            does not find again; a slash at its end.
        scheme: Where its bytes live.
        version: What differs when its bytes do.
        checksum: What a reader checks: the ETag, or the time of the last change.
        open: Its path, or the file itself, to be read where it is.
    """

    name: str
    url: str
    folder: str
    scheme: StorageScheme
    version: str
    checksum: datetime | str | None
    open: Callable[[], BinaryIO | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How files are reached.

    Attributes:
        base: What relative paths are relative to.
        endpoint_url: The S3 endpoint, where it is not Amazon's.
        region: The bucket's region.
        profile: The profile of the AWS configuration whose keys read it.
        anonymous: Whether it is read without keys.
    """

    base: Path
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False


def placed_files(patterns: Sequence[str], reach: Reach) -> tuple[PlacedFile, ...]:
    """The files that paths, folders, globs and addresses name, each once, sorted by address.

    Raises:
        SourceError: If a pattern names no file, or one cannot be listed.
    """
    found: dict[str, PlacedFile] = {}
    for pattern in patterns:
        files = list(_matching(pattern, reach))
        if not files:
            raise SourceError(pattern, "matches no files", "point the path at the files, for example output/*.nc")
        found |= {file.url: file for file in files}
    return tuple(found[url] for url in sorted(found))


def container_folders(files: Sequence[PlacedFile]) -> tuple[tuple[str, StorageScheme], ...]:
    """The folders that hold all files, those within others left out, with where their bytes live."""
    folders = {file.folder: file.scheme for file in files}
    outer = [each for each in folders if not any(each != other and each.startswith(other) for other in folders)]
    return tuple((folder, folders[folder]) for folder in sorted(outer))


def _matching(pattern: str, reach: Reach) -> Iterator[PlacedFile]:
    if pattern.startswith("s3://"):
        return _in_bucket(pattern, reach)
    if pattern.startswith(("http://", "https://")):
        return iter([_on_the_web(pattern)])
    if "://" in pattern:
        raise SourceError(pattern, "is where no references lead", "name a path, s3://bucket/prefix or an https address")
    return _on_disk(pattern, reach.base)


def _on_disk(pattern: str, base: Path) -> Iterator[PlacedFile]:
    top = base / pattern
    if top.is_dir():
        paths = [path for path in top.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
        folder = top
    else:
        paths = [path for path in map(Path, glob.glob(str(top), recursive=True)) if path.is_file()]  # noqa: PTH207
        folder = Path(split_pattern(str(top))[0])
        folder = folder if folder.is_dir() else folder.parent
    for path in paths:
        facts = path.stat()
        whole = datetime.fromtimestamp(-(-facts.st_mtime_ns // 10**9), UTC)
        yield PlacedFile(
            name=str(path.relative_to(base)) if path.is_relative_to(base) else str(path),
            url=_file_url(path.absolute()),
            folder=_plain(f"file://{folder.absolute().as_posix()}/"),
            scheme=LocalPath(),
            version=f"{facts.st_mtime_ns}-{facts.st_size}",
            checksum=whole,
            open=partial(str, path),
        )


def _in_bucket(pattern: str, reach: Reach) -> Iterator[PlacedFile]:
    address, wildcard = split_pattern(pattern)
    is_file = not wildcard and PurePosixPath(address).suffix in SUFFIXES
    if is_file:
        address, _, wildcard = address.rpartition("/")
    files = BucketFiles(address.rstrip("/"), reach.endpoint_url, reach.region, reach.profile, reach.anonymous)
    scheme = scheme_from_url(address, endpoint_url=reach.endpoint_url, region=reach.region, anonymous=reach.anonymous)
    for info in files.list():
        path = PurePosixPath(info.path)
        if not (_matches(path.parts, PurePosixPath(wildcard).parts) if wildcard else path.suffix in SUFFIXES):
            continue
        yield PlacedFile(
            name=files.url(info.path),
            url=_quoted(files.url(info.path)),
            folder=_plain(f"{files.address}/"),
            scheme=scheme,
            version=info.version,
            checksum=info.version,
            open=partial(_opened, partial(files.ranged, info.path, info.size)),
        )


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a path is what a glob names, whose ``**`` is any number of folders."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return _matches(path, pattern[1:]) or (bool(path) and _matches(path[1:], pattern))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _on_the_web(url: str) -> PlacedFile:
    folder, _, name = url.rpartition("/")
    files = WebFiles(folder)
    info = files.find(name)
    if info is None:
        raise SourceError(url, "does not exist", "check the address")
    return PlacedFile(
        name=url,
        url=url,
        folder=_plain(f"{folder}/"),
        scheme=files.scheme,
        version=info.version,
        checksum=info.modified,
        open=partial(_opened, partial(files.ranged, name, info.size)),
    )


def _opened(ranged: Callable[[], RangedFile]) -> BinaryIO:
    """A file that is read where it is, its first block at hand."""
    file = ranged()
    file.prefetch()
    return cast("BinaryIO", file)


def _file_url(path: Path) -> str:
    return f"file://{quote(path.as_posix(), safe=UNQUOTED)}"


def _quoted(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{quote(rest, safe=UNQUOTED)}"


def _plain(url: str) -> str:
    """The folder itself, or the nearest one above it that is written the same when it is percent-encoded."""
    while quote(url, safe=UNQUOTED) != url:
        url = f"{url.rstrip('/').rpartition('/')[0]}/"
    return url
