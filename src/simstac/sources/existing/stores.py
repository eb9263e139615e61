"""What a store is, and whether it has changed, by the names and versions of a few of its files; none is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files, Folder
from simstac.storage import LocalPath

REPO = "repo"
MAIN_REF = "refs/branch.main/ref.json"
ZARR_V3 = "zarr.json"
ZARR_V2_CONSOLIDATED = ".zmetadata"
ZARR_V2 = ".zgroup"
DENIED = "(AccessDenied)"

type Format = Literal["icechunk", "zarr"]
FORMATS: Mapping[str, Format] = {
    REPO: "icechunk",
    ZARR_V3: "zarr",
    ZARR_V2_CONSOLIDATED: "zarr",
    ZARR_V2: "zarr",
    MAIN_REF: "icechunk",
}
"""What the file at a store's root says that it is, in the order in which to ask for it.

Icechunk 2 changes ``repo`` with every commit, Icechunk 1 the reference of the branch.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A store that is there.

    Attributes:
        files: Its files.
        marker: The file that tells its format, one of `FORMATS`.
        watched: Versions of the files that change when the store does, by path below it.
        modified: When the marker was last written, UTC.
    """

    files: Files
    marker: str
    watched: Mapping[str, str]
    modified: datetime | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """The store's address, no slash at its end."""
        return self.files.address

    @property
    def format(self) -> Format:
        """Icechunk or plain Zarr."""
        return FORMATS[self.marker]

    @property
    def zarr_format(self) -> Literal[2, 3]:
        """The version of the Zarr format."""
        return 2 if self.marker in {ZARR_V2, ZARR_V2_CONSOLIDATED} else 3

    def watching(self, paths: Iterable[str]) -> Found:
        """The same store with the versions of more of its files; those that are not there have none.

        Raises:
            SourceError: If they cannot be asked for.
        """
        more = {path: found for path in paths if path not in self.watched and (found := self.files.find(path))}
        versions = {path: version_of(self.files, info) for path, info in more.items()}
        watched = {**self.watched, **versions}
        return Found(files=self.files, marker=self.marker, watched=watched, modified=self.modified)


def marker_in(folder: Folder) -> str | None:
    """The marker of the store whose root a folder is; None where it is none."""
    names, folders = folder.names, set(folder.folders)
    if REPO in names and "snapshots" in folders:
        return REPO
    if {"refs", "snapshots"} <= folders:
        return MAIN_REF
    return next((name for name in (ZARR_V3, ZARR_V2_CONSOLIDATED, ZARR_V2) if name in names), None)


def probe(files: Files, *, known: str | None = None) -> Found:
    """The store at an address, by asking for its marker: one request where the marker is known.

    Args:
        files: Its files.
        known: The marker that it had.

    Raises:
        SourceError: If there is no store, or that cannot be told.
    """
    denied: SourceError | None = None
    for marker in sorted(FORMATS, key=lambda name: name != known):
        try:
            info = files.find(marker)
        except SourceError as error:
            if DENIED not in error.problem:
                raise
            denied = denied or error  # a bucket that may not be listed denies what is not there
            continue
        if info is not None:
            return Found(files=files, marker=marker, watched={marker: version_of(files, info)}, modified=info.modified)
    raise denied or SourceError(files.address, "is neither an Icechunk nor a Zarr store", "check the address")


def version_of(files: Files, info: FileInfo) -> str:
    """What differs when a file's bytes do; of a file on this machine its digest, which copies of it share."""
    if isinstance(files.scheme, LocalPath):
        return hashlib.sha256(files.read(info.path)).hexdigest()[:32]
    return info.version
