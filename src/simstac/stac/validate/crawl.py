"""The documents of a catalog, from a folder or by following links over HTTP(S), the root first."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import orjson

FOLLOWED = frozenset({"child", "item"})
CATALOG = "catalog.json"

type Found = Iterator[tuple[str, bytes]]


def read_folder(path: Path) -> tuple[Path, Found, bool]:
    """The root folder, its JSON files by path below it, and whether they are a whole catalog.

    A single document is read alone, as its path below the folder that holds its catalog.
    """
    if path.is_file():
        root = next(
            (folder for folder in path.absolute().parents if (folder / CATALOG).is_file()), path.absolute().parent
        )
        names = [path.absolute().relative_to(root).as_posix()]
        return root, ((name, (root / name).read_bytes()) for name in names), False
    names = sorted(file.relative_to(path).as_posix() for file in _json_files(path))
    names.sort(key=lambda name: name != CATALOG)
    return path, ((name, (path / name).read_bytes()) for name in names), CATALOG in names


def read_url(url: str) -> tuple[Found, bool]:
    """The document at a URL and all that its links lead down to, on the same folder URL; whole if it is a catalog."""
    base, _, name = url.rpartition("/")
    return _crawl(f"{base}/", name), name == CATALOG


def _crawl(base: str, name: str) -> Found:
    from simstac.engine.fetch import read  # noqa: PLC0415  # brings xarray, which local checking need not pay

    waiting, seen = deque([name]), {name}
    while waiting:
        path = waiting.popleft()
        content = read(urljoin(base, path))
        yield path, content
        for below in _below(content, path, base):
            if below not in seen:
                seen.add(below)
                waiting.append(below)


def _below(content: bytes, path: str, base: str) -> Iterator[str]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return
    links = document.get("links") if isinstance(document, dict) else None
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and str(link.get("rel")) in FOLLOWED:
            target = urljoin(urljoin(base, path), str(link.get("href", "")))
            if target.startswith(base):
                yield posixpath.normpath(target.removeprefix(base))


def _json_files(folder: Path) -> Iterator[Path]:
    """JSON files, but for what lies inside Icechunk and Zarr stores and hidden folders."""
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.suffix in {".icechunk", ".zarr"}:
            continue
        if entry.is_dir():
            yield from _json_files(entry)
        elif entry.suffix == ".json":
            yield entry
