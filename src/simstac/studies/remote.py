"""Runs that do not lie on this machine: where each is, and which runs a place of files holds."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files
from simstac.sources.globs import fits


@dataclass(frozen=True, slots=True)
class RemotePath:
    """The folder or file of a run that is not on this machine, as it was listed; picklable.

    Attributes:
        place: The files among which it lies.
        path: Its path relative to the address of ``place``; empty for the address itself.
        files: The files in the folder, or those beside the file that are called as it is but for the suffix; their
            paths are relative to the address too.
    """

    place: Files
    path: str
    files: tuple[FileInfo, ...]

    def __str__(self) -> str:
        """The address."""
        return self.place.url(self.path) if self.path else self.place.address

    @property
    def name(self) -> str:
        """The last part of the address."""
        return posixpath.basename(str(self))

    @property
    def file(self) -> str:
        """The name of the file that the run is; empty where it is a folder."""
        return self.name if any(file.path == self.path for file in self.files) else ""

    @property
    def by_name(self) -> dict[str, FileInfo]:
        """The files by their path within the folder."""
        start = len(posixpath.dirname(self.path) if self.file else self.path)
        return {file.path[start:].lstrip("/"): file for file in self.files}


def find_remote_runs(
    place: Files, pattern: str, *, ignore: str = "", is_run: Callable[[Collection[str]], bool]
) -> tuple[RemotePath, ...]:
    """The runs that a glob pattern below an address names, as `simstac.studies.find_runs` finds them in a folder.

    Args:
        place: The files; they are listed once.
        pattern: A glob relative to their address; empty where the address itself is a run or holds runs.
        ignore: The address of a file that is no run, such as the parameter table.
        is_run: Whether a folder that holds files of these names is surely one run.

    Raises:
        SourceError: If the place cannot be listed, or nothing matches.
    """
    files = [file for file in place.list() if place.url(file.path) != ignore]
    found = tuple(_matching(place, files, pattern) if pattern else _below(place, files, is_run))
    if not found:
        where = f"{place.address}/{pattern}".rstrip("/")
        raise SourceError(where, "matches no runs", "point the path at the folders of the runs, for example runs/*")
    return found


def remote_run(place: Files) -> RemotePath | None:
    """The address itself as one run; None where it has no files.

    Raises:
        SourceError: If the place cannot be listed.
    """
    files = place.list()
    return RemotePath(place, "", files) if files else None


def name_fits(name: str, pattern: str) -> bool:
    """Whether the path of a file matches a glob; ``*`` matches no hidden name, ``**`` any folders."""
    return fits(PurePosixPath(name).parts, PurePosixPath(pattern).parts)


def _matching(place: Files, files: Sequence[FileInfo], pattern: str) -> Iterator[RemotePath]:
    wanted = PurePosixPath(pattern).parts
    folders = _folders(files)
    matches = {folder: own for folder, own in folders.items() if fits(folder.split("/"), wanted)}
    if not matches:
        called = _called(files)
        single = (file.path for file in files if fits(file.path.split("/"), wanted))
        matches = {path: called[posixpath.splitext(path)[0]] for path in single}
    for path, own in matches.items():
        yield RemotePath(place, path, tuple(own))


def _folders(files: Sequence[FileInfo]) -> dict[str, list[FileInfo]]:
    """All folders but the topmost, with the files that lie in each at any depth."""
    direct: dict[str, list[FileInfo]] = {}
    for file in files:
        direct.setdefault(file.path.rpartition("/")[0], []).append(file)
    folders: dict[str, list[FileInfo]] = {}
    for path, own in direct.items():
        folder = path
        while folder:
            folders.setdefault(folder, []).extend(own)
            folder = folder.rpartition("/")[0]
    return folders


def _called(files: Sequence[FileInfo]) -> dict[str, list[FileInfo]]:
    """The files by their path without its suffix."""
    called: dict[str, list[FileInfo]] = {}
    for file in files:
        called.setdefault(posixpath.splitext(file.path)[0], []).append(file)
    return called


def _below(place: Files, files: Sequence[FileInfo], is_run: Callable[[Collection[str]], bool]) -> Iterator[RemotePath]:
    folders = dict.fromkeys(file.path.partition("/")[0] for file in files if "/" in file.path)
    if is_run({file.path for file in files}) or not folders:
        if files:
            yield RemotePath(place, "", tuple(files))
        return
    yield from _matching(place, files, "*")
