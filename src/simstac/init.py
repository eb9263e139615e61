"""A first configuration for what is in a folder or a bucket: runs, what EP-Launch or Scythe left, gridded files."""

from __future__ import annotations

import glob
import json
import os
import string
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from simstac.errors import ConfigError, SourceError
from simstac.objects import Files, files_at
from simstac.sources.energyplus.files import RESULTS
from simstac.sources.eplaunch.cache import folders_with_cache
from simstac.sources.eplaunch.launches import find_launches
from simstac.sources.scythe.layout import SCALARS, gathered_frames, is_version, split_address, stem
from simstac.sources.scythe.layout import find_runs as find_scythe_runs
from simstac.stac.metadata import identifier
from simstac.storage import is_address
from simstac.studies import Run, Source, find_runs, find_study, read_parameters, source_of
from simstac.studies.runs import match_parameters

FILE_NAME = "simstac.yaml"
PATTERNS = ("*", "*/*", "*/*/*")
TABLES = (".csv", ".parquet", ".pq")
GRIDDED = (".nc", ".nc4", ".h5", ".hdf5", ".grib2", ".grib", ".grb2", ".grb", ".zarr")
LISTINGS_AT_ONCE = 16

TEMPLATE = """\
# What is published, and where to: simstac build {file}, simstac publish {file}.
# `simstac schema` explains every key.
catalog:
  id: {id}
  title: {title}
  description: {description}
  # public_url: https://data.example.org/stac   # where the site will be read
  site: site
collections:
{collections}
# targets:
#   - {{type: local, path: /srv/www/stac}}
#   - {{type: s3, url: "s3://bucket/stac", region: us-east-1}}
"""
COLLECTION = """\
  - id: {id}
    title: {title}
    {description}
    license: CC-BY-4.0   # an SPDX identifier; choose the one that you publish under
    # providers: [{{name: Your lab, roles: [producer], url: "https://example.org"}}]
    source: {{{source}}}"""
OWN_WORDS = "# description: What it is, for people; left out, the names of its variables"
WHERE = """
    metadata: {bbox: [-180, -90, 180, 90]}   # west, south, east, north: the results do not say where; narrow it"""


@dataclass(frozen=True, slots=True)
class Written:
    """A configuration that was written.

    Attributes:
        path: Where it is.
        found: What it is of, a line for each collection.
    """

    path: Path
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one collection is of: its title, how many there are of what, and the keys of its source."""

    title: str
    said: str
    source: Mapping[str, Any]


def write_config(directory: Path | str, access: Mapping[str, Any] | None = None) -> Written:
    """Write ``simstac.yaml`` for a folder into it, or for a bucket into the current folder.

    A folder that EP-Launch worked in, or one above it, becomes a collection of its launches. A Scythe experiment, a
    version or a run of it becomes one of its runs; a folder of experiments one for each. Other runs are EnergyPlus's,
    up to three levels below. A folder without runs, but with NetCDF, HDF5, GRIB or Zarr files, gets one for these.

    Args:
        directory: The folder or the ``s3://bucket/prefix``.
        access: How the bucket is reached: the keywords of `simstac.objects.files_at`.

    Raises:
        ConfigError: If there is a configuration already.
        SourceError: If there are no runs and no gridded files.
    """
    remote = is_address(directory)
    path = Path(FILE_NAME) if remote else Path(directory) / FILE_NAME
    if path.exists():
        raise ConfigError(path, "is there already", "edit it, or remove it first")
    reached = {key: value for key, value in (access or {}).items() if value}
    address = str(directory).rstrip("/") if remote else str(Path(directory).resolve())
    title = address.rpartition("/")[2] if remote else Path(address).name
    found = _found_at(address, title, reached)
    text = TEMPLATE.format(
        file=path.name,
        id=identifier(title) or "simulations",
        title=_quoted(title),
        description=_quoted(" ".join(f"{each.said}." for each in found)),
        collections="\n".join(_collection(each, reached) for each in found),
    )
    path.write_text(text, encoding="utf-8")
    return Written(path, tuple(each.said for each in found))


def _found_at(address: str, title: str, access: Mapping[str, Any]) -> tuple[_Found, ...]:
    """What lies at an address, the surest sign first: EP-Launch, an experiment, runs, experiments, gridded files."""
    here = not is_address(address)
    found = (_launches(Path(address), title) if here else ()) or _experiment(address, access)
    if found:
        return found
    try:
        return (_energyplus(address, title, access),)
    except SourceError:
        with suppress(SourceError):
            found = _experiments(address, access)
        found = found or (_gridded(Path(address), title) if here else ())
        if found:
            return found
        raise


def _collection(found: _Found, access: Mapping[str, Any]) -> str:
    facts = {"engine": found.source["engine"], "path": found.source["path"], **access, **found.source}
    text = COLLECTION.format(
        id=identifier(found.title) or "simulations",
        title=_quoted(found.title),
        description=OWN_WORDS if facts["engine"] == "cf" else f"description: {_quoted(f'{found.said}.')}",
        source=", ".join(f"{key}: {value if key == 'engine' else _quoted(value)}" for key, value in facts.items()),
    )
    return text + WHERE if found.source["engine"] == "scythe" else text


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _launches(folder: Path, title: str) -> tuple[_Found, ...]:
    """What EP-Launch worked on; nothing where it never did."""
    if not folder.is_dir() or not folders_with_cache(folder):
        return ()
    launches, _ = find_launches(folder)
    runs = [launch for launch in launches if launch.entry.simulates or launch.outputs is not None]
    if not runs:
        return ()
    folders = len({launch.folder for launch in runs})
    said = f"{_count(len(runs), 'launch', 'launches')} of EP-Launch in {_count(folders, 'folder', 'folders')}"
    return (_Found(title, said, {"engine": "eplaunch", "path": "."}),)


def _experiment(address: str, access: Mapping[str, Any], below: str = "") -> tuple[_Found, ...]:
    """The Scythe experiment at an address, or the version or run of it; nothing where there is none.

    Args:
        address: The address.
        access: See `write_config`.
        below: A folder of the address that is the experiment.
    """
    top, part = split_address(f"{address}/{below}".rstrip("/"))
    try:
        files = files_at(top, **access)
        if not part and not any(map(is_version, files.folder_at().folders)):
            return ()
        runs = find_scythe_runs(files, part)
        complete = sum(any(stem(frame.path) == SCALARS for frame in gathered_frames(files, run)) for run in runs)
    except SourceError:
        return ()
    if not complete:
        return ()
    name, versions = top.rpartition("/")[2], len({run.version for run in runs})
    said = f"{_count(len(runs), 'run', 'runs')} of {_count(versions, 'version', 'versions')} of the Scythe experiment"
    said = f"{said} {name}, {complete} with results"
    here = "/".join(([".."] * len(part.split("/")) if part else []) + [part]).strip("/")
    local = below or here or "."
    path = f"{top}/{part}".rstrip("/") if is_address(address) else local
    return (_Found(name, said, {"engine": "scythe", "path": path}),)


def _experiments(address: str, access: Mapping[str, Any]) -> tuple[_Found, ...]:
    """The Scythe experiments whose folders lie below an address."""
    names = files_at(address, **access).folder_at().folders
    with ThreadPoolExecutor(LISTINGS_AT_ONCE) as pool:
        return tuple(
            each for found in pool.map(lambda name: _experiment(address, access, name), names) for each in found
        )


def _energyplus(address: str, title: str, access: Mapping[str, Any]) -> _Found:
    if is_address(address):
        pattern, count, table = _runs_below(address, "energyplus", access)
    else:
        pattern, runs = _runs_in(Path(address), "energyplus")
        count, table = len(runs), _table_of(Path(address), runs)
    source = {"engine": "energyplus", "path": pattern} | ({"parameters": table} if table else {})
    return _Found(title, f"{_count(count, 'simulation', 'simulations')} of {title}", source)


def _gridded(directory: Path, title: str) -> tuple[_Found, ...]:
    """The gridded files of the format that has most; nothing where there are none."""
    found = Counter(
        (path.suffix, path.parent == directory)
        for path in directory.rglob("*")
        if path.suffix in GRIDDED and not any(parent.suffix in GRIDDED for parent in path.parents)
    )
    if not found:
        return ()
    counts = {suffix: found[suffix, True] + found[suffix, False] for suffix, _ in found}
    suffix = max(counts, key=lambda each: counts[each])
    pattern = f"{'**/' if found[suffix, False] else ''}*{suffix}"
    said = f"{_count(counts[suffix], 'file', 'files')} of {title}"
    return (_Found(title, said, {"engine": "cf", "path": pattern}),)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _runs_below(address: str, engine: str, access: Mapping[str, Any]) -> tuple[str, int, str | None]:
    """The pattern that matches the uppermost runs in a bucket, how many they are, and the address of their table."""

    def open_files(at: str) -> Files:
        return files_at(at, **access)

    source = source_of(engine)
    folders: dict[PurePosixPath, set[str]] = {}
    for file in map(PurePosixPath, (each.path for each in open_files(address).list())):
        folders.setdefault(file.parent, set()).add(file.name)
    levels = {len(folder.parts) for folder, names in folders.items() if _is_run(source, names)} - {0}
    if not levels or min(levels) > len(PATTERNS):
        raise SourceError(address, f"holds no runs that {engine} reads", "name the prefix of the runs' folders")
    runs = [folder for folder, names in folders.items() if len(folder.parts) == min(levels) and _is_run(source, names)]
    beside = {PurePosixPath(*folder.parts[: min(levels)]) for folder in folders if len(folder.parts) >= min(levels)}
    below = _pattern_of(runs, beside - {*runs})
    places = {PurePosixPath(), *(run.parent for run in runs)}
    tables = [f"{address}/{place / name}" for place in sorted(places) for name in sorted(folders.get(place, ()))]
    for table in (*(each for each in tables if each.lower().endswith(TABLES)), None):
        with suppress(SourceError):
            study = find_study(f"{address}/{below}", parameters=table, engine=engine, open_files=open_files)
            return f"{address}/{below}", len(study.runs), table
    raise SourceError(f"{address}/{below}", "holds runs that share a name", "write the configuration by hand")


def _pattern_of(runs: Sequence[PurePosixPath], others: Collection[PurePosixPath]) -> str:
    """The pattern of runs on one level: in their folder if it is one, and by how they begin if there are others."""
    parents = {run.parent for run in runs}
    above = glob.escape(str(runs[0].parent)) if len(parents) == 1 else PATTERNS[len(runs[0].parts) - 1][:-2]
    beside = any(other.parent in parents for other in others)
    names = [run.name for run in runs]
    begin = os.path.commonprefix(names).rstrip(string.digits) if beside else ""  # noqa: RUF071  # of names, not paths
    return f"{above}/{glob.escape(begin)}*".removeprefix("./")


def _is_run(source: Source, names: set[str]) -> bool:
    try:
        return source.wanted(names).is_run
    except SourceError:
        return False


def _runs_in(directory: Path, engine: str) -> tuple[str, tuple[Run, ...]]:
    """The pattern with the fewest levels that matches runs, narrowed to their folder where they share one."""
    is_run = source_of(engine).is_run
    if is_run(directory):
        return ".", find_runs(".", base=directory, is_run=is_run)
    for pattern in PATTERNS:
        there = [PurePosixPath(path) for path in sorted(glob.glob(pattern, root_dir=directory))]  # noqa: PTH207  # hidden ones
        runs = [path for path in there if is_run(directory / path)]
        if folders := [path for path in runs if (directory / path).is_dir()]:
            others = [path for path in there if path not in folders and (directory / path).is_dir()]
            narrowed = _pattern_of(folders, others)
        elif runs:
            narrowed = pattern + min((run.suffix for run in runs), key=RESULTS.index)
        else:
            continue
        return narrowed, find_runs(narrowed, base=directory, is_run=is_run)
    problem = f"holds no runs that {engine} reads, and no gridded files"
    raise SourceError(directory, problem, "name the folder that they are in")


def _table_of(directory: Path, runs: tuple[Run, ...]) -> str | None:
    """The first table beside or above the runs that has a row for each of them."""
    folders = dict.fromkeys([directory, *(run.path.parent for run in runs if isinstance(run.path, Path))])
    tables = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
    for path in tables:
        try:
            match_parameters(runs, read_parameters(path))
        except SourceError:
            continue
        return path.relative_to(directory).as_posix()
    return None
