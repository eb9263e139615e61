"""`Study`: runs, their parameters and the source that reads them, as one value."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from simstac.errors import SourceError
from simstac.objects import Files, files_at, split_pattern
from simstac.progress import OnProgress, Progress, silent
from simstac.storage import is_address
from simstac.studies.fetch import run_fingerprint
from simstac.studies.parameters import Parameters, Table, read_parameters
from simstac.studies.remote import find_remote_runs
from simstac.studies.runs import Run, find_runs, in_order, match_parameters, run_at
from simstac.studies.source import Source, source_of

if TYPE_CHECKING:
    from xarray.backends import BackendEntrypoint

HASHING_THREADS = 4

type OpenFiles = Callable[[str], Files]


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
    engine: str | type[BackendEntrypoint] | Source = "energyplus",
    options: Mapping[str, Any] | None = None,
    base: Path | None = None,
    ignore: Sequence[Path] = (),
    open_files: OpenFiles = files_at,
) -> Study:
    """The study whose runs a path or glob pattern names; no run is opened yet.

    Args:
        path: A folder of runs, or a glob such as ``runs/*`` or ``s3://bucket/study/case-*``.
        parameters: The parameter table: a CSV or Parquet file, here or in a bucket, ``{run: {parameter: value}}``, or a
            DataFrame.
        engine: The xarray engine that reads a run, or a `Source`.
        options: Keyword arguments for opening a run.
        base: What relative paths are relative to; the current folder where None.
        ignore: Folders and files of this machine that are no runs, whatever the pattern; the parameter table is none.
        open_files: How an address in a bucket is reached: `simstac.objects.files_at` with its keywords bound.

    Raises:
        SourceError: If no runs are found, or runs and rows of the table do not fit; see `find_runs`, `read_parameters`.
    """
    source = source_of(engine, options)
    base = base or Path.cwd()
    if isinstance(parameters, str | Path) and not is_address(parameters):
        parameters = base / parameters
    if is_address(path):
        ignored = parameters if isinstance(parameters, str) else ""
        runs = _remote_runs(str(path), source, open_files, ignore=ignored)
    else:
        no_runs = (*ignore, parameters) if isinstance(parameters, Path) else ignore
        runs = find_runs(path, base=base, ignore=no_runs, is_run=source.is_run)
    return with_parameters(runs, source, parameters, open_files)


def with_parameters(
    runs: tuple[Run, ...], source: Source, parameters: Table | Parameters | None, open_files: OpenFiles = files_at
) -> Study:
    """The study of runs and the rows of their table.

    Raises:
        SourceError: If runs and rows do not fit; see `read_parameters`.
    """
    if parameters is None:
        return Study(runs, Parameters(), source)
    table = parameters if isinstance(parameters, Parameters) else read_table(parameters, open_files)
    return Study(match_parameters(runs, table), table, source)


def read_table(table: Table, open_files: OpenFiles = files_at) -> Parameters:
    """A parameter table, fetched first where it is in a bucket.

    Raises:
        SourceError: If it cannot be fetched or read; see `read_parameters`.
    """
    if not isinstance(table, str) or not is_address(table):
        return read_parameters(table)
    folder, _, name = table.rpartition("/")
    with TemporaryDirectory(prefix="simstac-table-") as here:
        open_files(folder).fetch(name, Path(here) / name)
        try:
            return replace(read_parameters(Path(here) / name), where=table)
        except SourceError as error:
            raise SourceError(table, error.problem, error.remedy) from error


def _remote_runs(address: str, source: Source, open_files: OpenFiles, *, ignore: str) -> tuple[Run, ...]:
    plain, pattern = split_pattern(address)
    folder, _, name = plain.rpartition("/")
    if not pattern and PurePosixPath(name).suffix and open_files(folder).find(name) is not None:
        plain, pattern = folder, glob.escape(name)
    found = find_remote_runs(
        open_files(plain), pattern, ignore=ignore, is_run=lambda names: source.wanted(names).is_run
    )
    return in_order(map(run_at, found), address)


def _fingerprint(run: Run, source: Source, reader: str) -> str:
    if run.path is None:
        return ""
    try:
        return run_fingerprint(run.path, source, reader)
    except (SourceError, OSError):
        return ""
