"""A first configuration for a folder of runs or of gridded files, from what is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from simstac.errors import ConfigError, SourceError
from simstac.objects import Files, files_at
from simstac.stac.metadata import identifier
from simstac.studies import Run, Source, find_runs, find_study, read_parameters, source_of
from simstac.studies.definition import is_remote
from simstac.studies.runs import match_parameters

FILE_NAME = "simstac.yaml"
PATTERNS = ("*", "*/*", "*/*/*")
TABLES = (".csv", ".parquet", ".pq")
GRIDDED = (".nc", ".nc4", ".h5", ".hdf5", ".grib2", ".grib", ".grb2", ".grb", ".zarr")

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
  - id: {id}
    title: {title}
    description: {description}
    license: CC-BY-4.0   # an SPDX identifier; choose the one that you publish under
    # providers: [{{name: Your lab, roles: [producer], url: "https://example.org"}}]
    source: {{{source}}}
# targets:
#   - {{type: local, path: /srv/www/stac}}
#   - {{type: s3, url: "s3://bucket/stac", region: us-east-1}}
"""


def write_config(directory: Path | str, engine: str = "energyplus", access: Mapping[str, Any] | None = None) -> Path:
    """Write ``simstac.yaml`` for a folder of runs into it, or for runs in a bucket into the current folder.

    A folder without runs, but with NetCDF, HDF5, GRIB or Zarr files, gets one for these.

    Args:
        directory: The folder or the ``s3://bucket/prefix``; the runs lie up to three levels below it.
        engine: The xarray engine that reads a run.
        access: How the bucket is reached: the keywords of `simstac.objects.files_at`.

    Returns:
        The path of the configuration.

    Raises:
        ConfigError: If there is a configuration already.
        SourceError: If there are no runs and no gridded files.
    """
    remote = isinstance(directory, str) and is_remote(directory)
    path = Path(FILE_NAME) if remote else Path(directory) / FILE_NAME
    if path.exists():
        raise ConfigError(path, "is there already", "edit it, or remove it first")
    found = {key: value for key, value in (access or {}).items() if value}
    if remote:
        title, what = str(directory).rstrip("/").rpartition("/")[2], "simulation"
        pattern, count, table = _runs_below(str(directory).rstrip("/"), engine, found)
    else:
        title, what = Path(directory).resolve().name, "simulation"
        try:
            pattern, runs = _runs_in(Path(directory), engine)
            count, table = len(runs), _table_of(Path(directory), runs)
        except SourceError:
            pattern, count = _gridded_in(Path(directory))
            if not count:
                raise
            engine, table, what = "cf", None, "file"
    description = f"{count} {what}{'' if count == 1 else 's'} of {title}."
    facts = {"engine": engine, "path": pattern, **found} | ({"parameters": table} if table else {})
    text = TEMPLATE.format(
        file=path.name,
        id=identifier(title) or "simulations",
        title=json.dumps(title, ensure_ascii=False),
        description=json.dumps(description, ensure_ascii=False),
        source=", ".join(f"{key}: {_yaml(key, value)}" for key, value in facts.items()),
    )
    path.write_text(text, encoding="utf-8")
    return path


def _yaml(key: str, value: object) -> str:
    return str(value) if key == "engine" else json.dumps(value, ensure_ascii=False)


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
    parents = dict.fromkeys(run.parent for run in runs)
    below = f"{parents.popitem()[0]}/*".removeprefix("./") if len(parents) == 1 else PATTERNS[min(levels) - 1]
    places = {PurePosixPath(), *(run.parent for run in runs)}
    tables = [f"{address}/{place / name}" for place in sorted(places) for name in sorted(folders.get(place, ()))]
    for table in (*(each for each in tables if each.lower().endswith(TABLES)), None):
        with suppress(SourceError):
            study = find_study(f"{address}/{below}", parameters=table, engine=engine, open_files=open_files)
            return f"{address}/{below}", len(study.runs), table
    raise SourceError(f"{address}/{below}", "holds runs that share a name", "write the configuration by hand")


def _is_run(source: Source, names: set[str]) -> bool:
    try:
        return source.wanted(names).is_run
    except SourceError:
        return False


def _runs_in(directory: Path, engine: str) -> tuple[str, tuple[Run, ...]]:
    """The pattern with the fewest levels that matches runs, narrowed to their folder where they share one."""
    is_run = source_of(engine).is_run
    for pattern in PATTERNS:
        found = [path for path in directory.glob(pattern) if is_run(path)]
        if not found:
            continue
        parents = {path.parent for path in found}
        narrowed = f"{parents.pop().relative_to(directory).as_posix()}/*" if len(parents) == 1 else pattern
        narrowed = narrowed.removeprefix("./")
        others = [path for path in directory.glob(narrowed) if path not in found]
        return narrowed, find_runs(narrowed, base=directory, ignore=others, is_run=is_run)
    raise SourceError(directory, f"holds no runs that {engine} reads", "name the folder that the runs' folders are in")


def _gridded_in(directory: Path) -> tuple[str, int]:
    """The pattern that matches the gridded files of the format that has most, and how many they are."""
    found = Counter(
        (path.suffix, path.parent == directory)
        for path in directory.rglob("*")
        if path.suffix in GRIDDED and not any(parent.suffix in GRIDDED for parent in path.parents)
    )
    counts = {suffix: found[suffix, True] + found[suffix, False] for suffix, _ in found}
    suffix = max(counts, key=lambda each: counts[each], default="")
    return f"{'**/' if found[suffix, False] else ''}*{suffix}", counts.get(suffix, 0)


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
