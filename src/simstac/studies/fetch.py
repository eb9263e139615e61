"""A run where its source can read it: in its own place on this machine, else in a copy that is removed afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from simstac.errors import SourceError
from simstac.objects import FileInfo
from simstac.studies.remote import RemotePath
from simstac.studies.scratch import scratch_folder
from simstac.studies.source import Source, State, Wanted, fingerprint

if TYPE_CHECKING:
    import xarray as xr

FETCHING_THREADS = 4


@dataclass(frozen=True, slots=True)
class AtHand:
    """A run that can be read.

    Attributes:
        path: The folder or file on this machine.
        state: How the run ended.
        open: Opens it, fetching first what is not here yet.
        mark: Its fingerprint with a reader, as `run_fingerprint` yields it; nothing is fetched for it twice.
    """

    path: Path
    state: State
    open: Callable[[], xr.DataTree]
    mark: Callable[[str], str]


@contextmanager
def at_hand(path: Path | RemotePath, source: Source) -> Iterator[AtHand]:
    """A run where it can be read, while the context lasts.

    Of a remote run the files that tell its state are fetched at once, and its data when it is opened: each once, as a
    stream, into a temporary folder that is removed whatever happens.

    Args:
        path: The run.
        source: What reads it.

    Raises:
        SourceError: If it is not certain which run is meant, or a file cannot be fetched whole.
        OSError: If there is no room for a copy.
    """
    if isinstance(path, Path):
        state = source.state(path)
        yield AtHand(path, state, lambda: source.open(path), lambda reader: fingerprint(state, reader))
        return
    with scratch_folder() as folder:
        copy = _Copy(path, source.wanted(path.by_name.keys(), path.file), folder)
        copy.fetch(copy.wanted.state)

        def open_copy() -> xr.DataTree:
            copy.fetch(copy.wanted.data)
            return source.open(copy.path)

        yield AtHand(copy.path, source.state(copy.path), open_copy, copy.mark)


def run_fingerprint(path: Path | RemotePath, source: Source, reader: str) -> str:
    """What changes when a run's results or its reader do, as SHA-256 in hexadecimal.

    Of a run on this machine it covers the bytes; of a remote one the names, sizes and versions of the files (their
    ETags), so that nothing is fetched, or the bytes where the place has no versions.

    Raises:
        SourceError: If a file cannot be read.
        OSError: If there is no room for a copy of a file without a version.
    """
    if isinstance(path, Path):
        return fingerprint(source.state(path), reader)
    files = path.by_name
    wanted = source.wanted(files.keys(), path.file)
    names = (*wanted.state, *wanted.data)
    return _mark(reader, {name: _own(files[name]) or _of_remote(path, files[name]) for name in names})


class _Copy:
    """The files of a remote run in a folder of this machine, empty until they are fetched."""

    def __init__(self, run: RemotePath, wanted: Wanted, top: Path) -> None:
        self.run, self.wanted = run, wanted
        self.path = top / run.name
        self._files, self._folder = run.by_name, top if run.file else self.path
        self._fetched: set[str] = set()
        self._fetching = Lock()
        for name in (*wanted.state, *wanted.data):
            target = self._folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()

    def fetch(self, names: Iterable[str]) -> None:
        """Fetch files that are not here yet, several at once."""
        with self._fetching, ThreadPoolExecutor(FETCHING_THREADS) as pool:
            missing = [name for name in names if name not in self._fetched]
            for done in [pool.submit(_fetch, self.run, self._files[name], self._folder / name) for name in missing]:
                done.result()
            self._fetched.update(missing)

    def mark(self, reader: str) -> str:
        """The fingerprint; files without a version are fetched for it."""
        names = (*self.wanted.state, *self.wanted.data)
        self.fetch(name for name in names if not self._files[name].version)
        return _mark(reader, {name: _own(self._files[name]) or _of_file(self._folder / name) for name in names})


type _Version = tuple[int, str]


def _mark(reader: str, versions: Mapping[str, _Version]) -> str:
    listed = [[name, *version] for name, version in sorted(versions.items())]
    return hashlib.sha256(json.dumps([reader, "versions", listed]).encode()).hexdigest()


def _own(file: FileInfo) -> _Version | None:
    """Size and version as they were listed; None where the place has no versions."""
    return (file.size, file.version) if file.version else None


def _of_remote(run: RemotePath, file: FileInfo) -> _Version:
    with scratch_folder() as folder:
        run.place.fetch(file.path, folder / "file")
        return _of_file(folder / "file")


def _of_file(path: Path) -> _Version:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _fetch(path: RemotePath, file: FileInfo, to: Path) -> None:
    path.place.fetch(file.path, to)
    size = to.stat().st_size
    if file.version and size != file.size:
        where, problem = path.place.url(file.path), f"has {size} bytes where {file.size} were listed"
        raise SourceError(where, problem, "wait until it is written, then run it again")
