"""Finding stores below a folder or a prefix, level by level: one request a folder, and nothing inside a store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files, Folder
from simstac.sources.existing.stores import (
    MAIN_REF,
    REPO,
    ZARR_V2_CONSOLIDATED,
    ZARR_V3,
    Found,
    marker_in,
    version_of,
)

MAX_FOLDERS = 10_000
ARRAY = ".zarray"
CERTAIN = frozenset({REPO, ZARR_V3, ZARR_V2_CONSOLIDATED})
"""Markers beside which no other one can appear that would count instead."""


def stores_under(
    files: Files,
    at: Callable[[str], Files],
    *,
    depth: int,
    pool: Executor,
    known: Callable[[str], str | None] = lambda _: None,
) -> tuple[tuple[str, Found], ...]:
    """The stores at an address or below it, by path relative to it.

    Args:
        files: The files below the address.
        at: The files below an address deeper down.
        depth: How many folders deep stores are looked for.
        pool: Where requests wait.
        known: The marker of the store that was at a path before: it is asked for, instead of listing what lies there.

    Raises:
        SourceError: If a folder cannot be listed, or there are more than `MAX_FOLDERS`.
    """

    def look(path: str) -> Found | Folder:
        marker = known(path)
        if marker in CERTAIN:
            store = at(files.url(path) if path else files.address)
            info = store.find(marker)
            if info is not None:
                return _marked(store, marker, info)
        return files.folder_at(path)

    level, found, seen = [""], list[tuple[str, Found]](), 0
    for below in range(depth + 1):
        seen += len(level)
        if seen > MAX_FOLDERS:
            problem = f"has more than {MAX_FOLDERS:,} folders"
            raise SourceError(files.address, problem, "name a narrower prefix, or look less deep (depth)")
        deeper: list[str] = []
        for path, folder in zip(level, pool.map(look, level), strict=True):
            if isinstance(folder, Found):
                found.append((path, folder))
                continue
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


def _marked(files: Files, marker: str, info: FileInfo) -> Found:
    watched = {marker: version_of(files, info)}
    return Found(files=files, marker=marker, watched=watched, modified=info.modified)


def _complete(store: Found) -> Found:
    """A store with the version of its marker, where the listing of its root does not say it rightly."""
    files, marker = store.files, store.marker
    if marker == MAIN_REF or "://" not in files.address:
        info = files.find(marker)
        if info is not None:
            return _marked(files, marker, info)
    return store
