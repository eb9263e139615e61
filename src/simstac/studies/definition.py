"""`Study`: runs, their parameters and the source that reads them, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simstac.errors import SourceError
from simstac.progress import OnProgress, Progress, silent
from simstac.studies.parameters import Parameters, Table, read_parameters
from simstac.studies.runs import Run, find_runs, match_parameters
from simstac.studies.source import Source, fingerprint, source_of

if TYPE_CHECKING:
    from xarray.backends import BackendEntrypoint

HASHING_THREADS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Many runs with their parameters.

    Attributes:
        runs: The runs, in the order of the ensemble; those that only the parameter table names come last.
        parameters: Their table; it has a row for every run, or no columns at all.
        source: What reads a run.
    """

    runs: tuple[Run, ...]
    parameters: Parameters
    source: Source

    def fingerprints(self, on_progress: OnProgress = silent) -> dict[str, str]:
        """The fingerprint of each run by name; empty for a run that is not there or whose files cannot be read."""
        reader = self.source.reader
        marks: dict[str, str] = {}
        with ThreadPoolExecutor(HASHING_THREADS) as pool:
            results = pool.map(lambda run: _fingerprint(run, self.source, reader), self.runs)
            for run, mark in zip(self.runs, results, strict=True):
                marks[run.name] = mark
                on_progress(Progress("compare runs", len(marks), len(self.runs), run.name))
        return marks


def find_study(
    path: str | Path,
    *,
    parameters: Table | None = None,
    engine: str | type[BackendEntrypoint] = "energyplus",
    options: Mapping[str, Any] | None = None,
    base: Path | None = None,
) -> Study:
    """The study whose runs a path or glob pattern names; no run is opened yet.

    Args:
        path: A folder of runs, or a glob such as ``runs/*``.
        parameters: The parameter table: a CSV or Parquet file, ``{run: {parameter: value}}``, or a DataFrame.
        engine: The xarray engine that reads a run.
        options: Keyword arguments for opening a run.
        base: What relative paths are relative to; the current folder where None.

    Raises:
        SourceError: If no runs are found, or runs and rows of the table do not fit; see `find_runs`, `read_parameters`.
    """
    source = source_of(engine, options)
    base = base or Path.cwd()
    if parameters is None:
        return Study(find_runs(path, base=base, is_run=source.is_run), Parameters(), source)
    if isinstance(parameters, str | Path):
        parameters = base / parameters
    ignore = (parameters,) if isinstance(parameters, Path) else ()
    runs = find_runs(path, base=base, ignore=ignore, is_run=source.is_run)
    table = read_parameters(parameters)
    return Study(match_parameters(runs, table), table, source)


def _fingerprint(run: Run, source: Source, reader: str) -> str:
    if run.path is None:
        return ""
    try:
        return fingerprint(source.state(run.path), reader)
    except SourceError:
        return ""
