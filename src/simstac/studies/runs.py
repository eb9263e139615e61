"""The runs of a study: found by a path pattern, and matched with the rows of their parameter table."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from simstac.errors import SourceError
from simstac.natural_order import natural_key
from simstac.objects import split_pattern
from simstac.studies.parameters import Parameters
from simstac.studies.remote import RemotePath

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One simulation of a study.

    Attributes:
        name: What the run is called, unique in its study: the folder's name, or the file's without its suffix.
        path: The folder or file with its results, here or elsewhere; None where there are none.
        source: The path to publish, relative to the study's base folder, or the address; empty where there is none.
        problem: Why there are no results, where that is known.
    """

    name: str
    path: Path | RemotePath | None
    source: str = ""
    problem: str = ""


def find_runs(
    pattern: str | Path,
    *,
    base: Path | None = None,
    ignore: Sequence[Path] = (),
    is_run: Callable[[Path], bool] = lambda _path: False,
) -> tuple[Run, ...]:
    """The runs that a path or glob pattern names, in natural order of their names (``run-2`` before ``run-10``).

    Where any match is a folder, the folders are the runs and files beside them are not. A path without wildcards is
    one run if ``is_run`` says so or if it has no folders in it; otherwise the folders in it are the runs.

    Args:
        pattern: A folder, a file, or a glob such as ``runs/*`` or ``runs/**/case-*``.
        base: What a relative pattern and the published paths are relative to; the current folder where None.
        ignore: Matches that are no runs, such as the parameter table.
        is_run: Whether a folder holds the results of one run.

    Raises:
        SourceError: If the folder is missing, nothing matches, or two runs have one name.
    """
    base = base or Path.cwd()
    where = str(base / pattern)
    left_out = {path.resolve() for path in ignore}
    found = [path for path in _matches(base, pattern, is_run) if path.resolve() not in left_out]
    folders = [path for path in found if path.is_dir()]
    runs = [local_run(path, base) for path in folders or found]
    if not runs:
        raise SourceError(where, "matches no runs", "point the path at the folders of the runs, for example runs/*")
    return in_order(runs, where)


def local_run(path: Path, base: Path) -> Run:
    """The run in a folder or file of this machine, called by it; outside the base folder only its name is published."""
    source = path.relative_to(base).as_posix() if path.is_relative_to(base) else path.name
    named = path if path.name.strip(".") else path.resolve()
    return Run(named.name if path.is_dir() else path.stem, path, source)


def run_at(path: RemotePath) -> Run:
    """The run at an address, called by the last part of it; a path from a root is published by its name alone."""
    address = str(path)
    source = path.name if address.startswith("/") else address
    return Run(PurePosixPath(path.name).stem if path.file else path.name, path, source)


def in_order(runs: Iterable[Run], where: str) -> tuple[Run, ...]:
    """The runs in natural order of their names.

    Raises:
        SourceError: If two runs have one name, or one has none or one that is not UTF-8.
    """
    runs = tuple(runs)
    if not all(run.name for run in runs):
        raise SourceError(
            where, "has a run in a folder without a name", "give {name: result}, or move it into a folder"
        )
    if foreign := next((run for run in runs if not _is_text(run.name + run.source)), None):
        problem = f"has a run called {foreign.name!r}, which is not UTF-8"
        raise SourceError(where, problem, "rename its folder, or narrow the pattern of the runs")
    ordered = sorted(runs, key=lambda run: (natural_key(run.name), run.source))
    for name, same in groupby(ordered, key=lambda run: run.name):
        paths = [run.source for run in same]
        if len(paths) > 1:
            problem = f"has two runs called {name!r}: {paths[0]} and {paths[1]}"
            raise SourceError(where, problem, "match the folders of the runs, and give each its own name")
    return tuple(ordered)


def match_parameters(runs: Sequence[Run], parameters: Parameters) -> tuple[Run, ...]:
    """The runs found, and after them the runs that only the table names, as missing.

    Raises:
        SourceError: If a run has no row in the table, or no row of the table names a run.
    """
    known = set(parameters.runs)
    without_row = [run.name for run in runs if run.name not in known]
    if len(without_row) == len(runs):
        example = f"the runs are called like {runs[0].name!r}, the rows like {next(iter(known), '')!r}"
        raise SourceError(parameters.where, "has a row for none of the runs", f"key it by run name: {example}")
    if without_row:
        remedy = "add their rows, or narrow the pattern of the runs"
        raise SourceError(parameters.where, f"has no row for {listed(without_row)}", remedy)
    present = {run.name for run in runs}
    return (*runs, *(Run(name, None) for name in parameters.runs if name not in present))


def listed(names: Sequence[str]) -> str:
    """Names for a message: the first few, and how many more."""
    shown = ", ".join(repr(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _matches(base: Path, pattern: str | Path, is_run: Callable[[Path], bool]) -> list[Path]:
    """What a pattern matches; the names of folders above it, and a path that is there as it stands, are no patterns."""
    path = base / pattern
    plain, wildcards = (pattern, "") if path.exists() else split_pattern(str(pattern))
    top = base / plain
    if not top.exists():
        raise SourceError(top, "does not exist", "check the path of the runs")
    if wildcards:
        return [top / match for match in glob.glob(wildcards, root_dir=top, recursive=True)]  # noqa: PTH207  # hidden ones
    if path.is_file() or is_run(path):
        return [path]
    folders = [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]
    return folders or [path]


def _is_text(name: str) -> bool:
    return name.encode(errors="ignore").decode() == name
