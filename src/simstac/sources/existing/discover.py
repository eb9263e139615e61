"""Finding stores below a folder or a prefix, level by level: one request a folder, and nothing inside a store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from simstac.errors import SourceError
from simstac.objects import Files, Folder
from simstac.sources.existing.stores import MAIN_REF, Found, marker_in, version_of

MAX_FOLDERS = 10_000
ARRAY = ".zarray"


def stores_under(
    files: Files, at: Callable[[str], Files], *, depth: int, pool: Executor
) -> tuple[tuple[str, Found], ...]:
    """The stores at an address or below it, by path relative to it.

    Args:
        files: The files below the address.
        at: The files below an address deeper down.
        depth: How many folders deep stores are looked for.
        pool: Where requests wait.

    Raises:
        SourceError: If a folder cannot be listed, or there are more than `MAX_FOLDERS`.
    """
    level, found, seen = [""], list[tuple[str, Found]](), 0
    for below in range(depth + 1):
        seen += len(level)
        if seen > MAX_FOLDERS:
            problem = f"has more than {MAX_FOLDERS:,} folders"
            raise SourceError(files.address, problem, "name a narrower prefix, or look less deep (depth)")
        deeper: list[str] = []
        for path, folder in zip(level, pool.map(files.folder_at, level), strict=True):
            marker = marker_in(folder)
            if marker is not None:
                found.append((path, _found(at(files.url(path) if path else files.address), folder, marker)))
            elif ARRAY not in folder.names and below < depth:
                deeper += [f"{path}/{name}" if path else name for name in folder.folders]
        level = deeper
    complete = pool.map(partial(_complete), [store for _, store in found])
    return tuple(sorted(zip((path for path, _ in found), complete, strict=True), key=lambda pair: pair[0]))


def _found(files: Files, folder: Folder, marker: str) -> Found:
    info = folder.names.get(marker)
    version = {marker: info.version} if info is not None else {}
    return Found(files=files, marker=marker, watched=version, modified=info.modified if info else None)


def _complete(store: Found) -> Found:
    """A store with the version of its marker, where the listing of its root does not say it rightly."""
    files, marker = store.files, store.marker
    if marker == MAIN_REF or "://" not in files.address:
        info = files.find(marker)
        if info is not None:
            watched = {marker: version_of(files, info)}
            return Found(files=files, marker=marker, watched=watched, modified=info.modified)
    return store
