"""The files that a run keeps beside its frames: CSV files as series, all others listed with their addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simstac.errors import SourceError
from simstac.objects import Files
from simstac.progress import OnProgress, Progress
from simstac.sources.scythe.run import Contents
from simstac.sources.scythe.series import Series, read_series
from simstac.storage import LocalPath

FETCHES_AT_ONCE = 16
MOST_RESULT_FILES = 1_000
"""How many files of specs an Item lists; the addresses of all of them are in the store."""

type Listed = dict[str, str | int]


def read_series_fields(
    files: Files,
    contents: Contents,
    references: Mapping[str, Mapping[int, str]],
    scratch: Path,
    on_progress: OnProgress,
) -> tuple[dict[str, Series], list[str]]:
    """The outputs whose files are all CSV tables, and why others of them stay files.

    Args:
        files: The files below the experiment.
        contents: The run.
        references: The address of each spec's file, by output.
        scratch: A folder for files and arrays, which must outlive the series.
        on_progress: Hears of every file fetched.

    Raises:
        SourceError: If a file cannot be fetched.
    """
    found, notes = {}, []
    for number, (name, addresses) in enumerate(references.items()):
        paths = {position: path_below(contents, address) for position, address in addresses.items()}
        if not paths or not all(path.lower().endswith(".csv") for path in paths.values()):
            continue
        folder = scratch / str(number)
        folder.mkdir()
        fetched = _fetched(files, name, paths, folder, on_progress)
        try:
            found[name] = read_series(fetched, len(contents.order), folder)
        except SourceError as error:
            notes.append(f"{contents.run.name}: {name} stays files: {error.where} {error.problem}")
        for path in fetched.values():
            path.unlink()
    return found, notes


def path_below(contents: Contents, address: str) -> str:
    """The path below the experiment of a file that a run refers to; empty where it lies elsewhere."""
    below = f"/{contents.run.folder}/"
    path = f"{contents.run.folder}/{address.partition(below)[2]}"
    return path if below in address and path in contents.there else ""


def listed_files(
    files: Files, contents: Contents, references: Mapping[str, Mapping[int, str]], series: Mapping[str, Series]
) -> list[Listed]:
    """The files that an Item lists as assets: key, address, title, role and size; none where they are on this machine.

    Left out are what is in the store as arrays, and what Scythe keeps for itself while it gathers.
    """
    if isinstance(files.scheme, LocalPath):
        return []
    others = {name: addresses for name, addresses in references.items() if name not in series}
    too_many = sum(map(len, others.values())) > MOST_RESULT_FILES
    return [*_own_files(files, contents), *([] if too_many else _result_files(files, contents, others))]


def _own_files(files: Files, contents: Contents) -> Iterator[Listed]:
    for path, file in contents.there.items():
        below = path.removeprefix(f"{contents.run.folder}/")
        folder, _, name = below.rpartition("/")
        stem, _, suffix = name.rpartition(".")
        if path in contents.frame_paths or folder in {"", "artifacts", "artifacts/specs"}:
            yield _listed(stem, files.url(path), name, "metadata" if suffix == "yml" else "source", file.size)
        elif folder.startswith("artifacts/"):
            field = folder.removeprefix("artifacts/")
            yield _listed(f"{field}-{name}", files.url(path), f"{name}, an input ({field})", "source", file.size)


def _result_files(files: Files, contents: Contents, references: Mapping[str, Mapping[int, str]]) -> Iterator[Listed]:
    for name, addresses in references.items():
        for position, address in sorted(addresses.items()):
            spec, path = int(contents.order[position]), path_below(contents, address)
            title = f"{name} of spec {spec}"
            if path:
                yield _listed(f"{name}-{spec}", files.url(path), title, "source", contents.there[path].size)
            elif "://" in address and not address.startswith("file:"):
                yield _listed(f"{name}-{spec}", address, title, "source")


def _listed(key: str, href: str, title: str, role: str, size: int | None = None) -> Listed:
    said: Listed = {"key": re.sub(r"[^A-Za-z0-9._-]+", "-", key), "href": href, "title": title, "role": role}
    return said | ({} if size is None else {"size": size})


def _fetched(
    files: Files, name: str, paths: Mapping[int, str], folder: Path, on_progress: OnProgress
) -> dict[int, Path]:
    fetched: dict[int, Path] = {}
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        targets = {position: folder / f"{position}.csv" for position in paths}
        waiting = {position: pool.submit(files.fetch, paths[position], to) for position, to in targets.items()}
        for position, future in waiting.items():
            future.result()
            fetched[position] = targets[position]
            on_progress(Progress(f"fetch {name}", len(fetched), len(paths), paths[position]))
    return fetched
