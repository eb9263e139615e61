"""A run where its source can read it: in its own place on this machine, else in a copy that is removed afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from simstac.errors import SourceError
from simstac.objects import FileInfo
from simstac.studies.remote import RemotePath
from simstac.studies.source import Source, State, fingerprint

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
    """

    path: Path
    state: State
    open: Callable[[], xr.DataTree]


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
        yield AtHand(path, source.state(path), lambda: source.open(path))
        return
    with TemporaryDirectory(prefix="simstac-run-") as folder:
        top = Path(folder)
        copy, files = top / path.name, path.by_name
        wanted = source.wanted(files.keys(), path.file)
        targets = {name: (top if path.file else copy) / name for name in (*wanted.state, *wanted.data)}
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()

        def fetch(names: Iterable[str]) -> None:
            with ThreadPoolExecutor(FETCHING_THREADS) as pool:
                for done in [pool.submit(_fetch, path, files[name], targets[name]) for name in names]:
                    done.result()

        def open_copy() -> xr.DataTree:
            fetch(wanted.data)
            return source.open(copy)

        fetch(wanted.state)
        yield AtHand(copy, source.state(copy), open_copy)


def run_fingerprint(path: Path | RemotePath, source: Source, reader: str) -> str:
    """What changes when a run's results or its reader do, as SHA-256 in hexadecimal.

    Of a run on this machine it covers the bytes; of a remote one the names, sizes and versions of the files (their
    ETags), so that nothing is fetched, or the bytes where the place has no versions.

    Raises:
        SourceError: If a file cannot be read.
    """
    if isinstance(path, Path):
        return fingerprint(source.state(path), reader)
    files = path.by_name
    wanted = source.wanted(files.keys(), path.file)
    versions = [[name, *_version(path, files[name])] for name in sorted({*wanted.state, *wanted.data})]
    return hashlib.sha256(json.dumps([reader, "versions", versions]).encode()).hexdigest()


def _version(path: RemotePath, file: FileInfo) -> tuple[int, str]:
    if file.version:
        return file.size, file.version
    content = path.place.read(file.path)
    return len(content), hashlib.sha256(content).hexdigest()


def _fetch(path: RemotePath, file: FileInfo, to: Path) -> None:
    path.place.fetch(file.path, to)
    size = to.stat().st_size
    if file.version and size != file.size:
        where, problem = path.place.url(file.path), f"has {size} bytes where {file.size} were listed"
        raise SourceError(where, problem, "wait until it is written, then run it again")
