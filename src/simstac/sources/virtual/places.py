"""Files to refer to: their addresses as references carry them, what a reader checks, and where their containers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import quote

from simstac.errors import SourceError
from simstac.objects import BucketFiles, LocalFiles
from simstac.sources.cf.files import Open, SourceFile, find_files
from simstac.sources.virtual.filters import UnfitError
from simstac.storage import StorageScheme, scheme_from_url
from simstac.web_files import WebFiles

UNQUOTED = "/!$&'()*+,;=:@~"


@dataclass(frozen=True, slots=True, eq=False)
class PlacedFile:
    """A file where it is.

    Attributes:
        source: The file.
        url: Its address as references carry it, percent-encoded.
        folder: The address of its container: a folder above it whose name needs no percent-encoding, which Icechunk
            does not find again; a slash at its end.
        scheme: Where its bytes live.
        checksum: What a reader checks: the ETag, or the time of the last change.
    """

    source: SourceFile
    url: str
    folder: str
    scheme: StorageScheme
    checksum: datetime | str | None

    @property
    def name(self) -> str:
        """What it is called in notes."""
        return self.source.name

    @property
    def version(self) -> str:
        """What differs when its bytes do."""
        return self.source.version

    @property
    def where(self) -> str:
        """Its whole address, for errors."""
        return self.source.where

    def open(self) -> BinaryIO | str:
        """Its path, or the file itself, its first block at hand, to be read where it is.

        Raises:
            SourceError: If it cannot be reached.
        """
        files, info = self.source.files, self.source.info
        if isinstance(files, BucketFiles | WebFiles) and info is not None:
            ranged = files.ranged(self.source.path, info.size)
            ranged.prefetch()
            return cast("BinaryIO", ranged)
        return files.url(self.source.path)


def placed_files(patterns: Sequence[str], open_files: Open, *, by_content: bool = False) -> tuple[PlacedFile, ...]:
    """The files that paths, folders, globs and addresses name, as `simstac.sources.cf.find_files` finds them.

    Raises:
        SourceError: If a pattern names no file, or one cannot be listed.
        UnfitError: If one is a store, which is no file.
    """
    return tuple(_placed(file) for file in find_files(patterns, open_files, by_content=by_content))


def container_folders(files: Sequence[PlacedFile]) -> tuple[tuple[str, StorageScheme], ...]:
    """The folders that hold all files, those within others left out, with where their bytes live."""
    folders = {file.folder: file.scheme for file in files}
    outer = [each for each in folders if not any(each != other and each.startswith(other) for other in folders)]
    return tuple((folder, folders[folder]) for folder in sorted(outer))


def _placed(file: SourceFile) -> PlacedFile:
    files, info = file.files, file.info
    if info is None:
        raise UnfitError(f"{file.name} is a store, and no file")
    match files:
        case LocalFiles(folder=folder):
            path = (folder / file.path).absolute()
            url = f"file://{quote(path.as_posix(), safe=UNQUOTED)}"
            above = _plain(f"file://{folder.absolute().as_posix()}/")
            return PlacedFile(file, url, above, files.scheme, _next_second(path))
        case BucketFiles():
            url = f"s3://{quote(file.where.removeprefix('s3://'), safe=UNQUOTED)}"
            return PlacedFile(file, url, _plain(f"{files.address}/"), _scheme(files), info.version)
        case WebFiles():
            return PlacedFile(file, file.where, _plain(f"{files.address}/"), files.scheme, info.modified)
        case _:
            raise SourceError(file.where, "is where no references lead", "name a path, s3://bucket/prefix or https://…")


def _scheme(files: BucketFiles) -> StorageScheme:
    """As configured; an endpoint of the environment stands for Amazon, and is not what documents say."""
    return scheme_from_url(
        files.address, endpoint_url=files.endpoint_url, region=files.region, anonymous=files.anonymous
    )


def _next_second(path: Path) -> datetime:
    """The time of a file's last change in whole seconds, not before it."""
    return datetime.fromtimestamp(-(-path.stat().st_mtime_ns // 10**9), UTC)


def _plain(url: str) -> str:
    """The folder itself, or the nearest one above it that is written the same when it is percent-encoded."""
    while quote(url, safe=UNQUOTED) != url:
        url = f"{url.rstrip('/').rpartition('/')[0]}/"
    return url
