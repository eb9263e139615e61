"""A thousand runs: one process and two, beside a loop over pandas and ``to_icechunk``; growing, opening and reading.

Every run is the same real one, 60 zone series and three meters over 8760 hours, read from its SQL file each time and
scaled by the number in a small file of its own. ``scale.py 40`` does it with 40 runs, to see that it works.
"""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from energyplus_model import boxes, run_engine
from harness import Row, cache_folder, compare, measure, table, write_section

if TYPE_CHECKING:
    import xarray as xr

RUNS = 1000
PEER_RUNS = 20
TURNS = 3
COMPARED = 8

type Digest = list[int]


@dataclass(frozen=True)
class Scaled:
    """Runs made from a real one: each is a file with the factor of its values, and the real run is read for it."""

    origin: str
    reader: str = "scaled/2"

    def is_run(self, path: Path) -> bool:
        return path.is_file()

    def state(self, path: Path) -> Any:
        from simstac.studies import State

        return State("completed", files=(path,))

    def open(self, path: Path) -> xr.DataTree:
        import xarray as xr

        with xr.open_dataset(self.origin, engine="energyplus", group="hourly") as dataset:
            return xr.DataTree.from_dict({"/hourly": dataset * float(path.read_text())})


def build_ours(origin: str, folder: str, runs: int, jobs: int) -> Callable[[], Callable[[], Digest]]:
    _import_all()
    target = tempfile.mkdtemp()

    def build() -> Callable[[], Digest]:
        _write(origin, folder, target, runs, jobs)
        return partial(_stored_digest, target)

    return build


def build_peer(origin: str, folder: str, runs: int) -> Callable[[], Callable[[], Digest]]:
    """Each run read by pandas, pivoted, appended and committed."""
    import sqlite3
    from contextlib import closing

    import icechunk
    import pandas as pd
    import xarray as xr
    from icechunk.xarray import to_icechunk

    _import_all()
    target = tempfile.mkdtemp()
    query = """
        SELECT Time.Year, Time.Month, Time.Day, Time.Hour, Name, KeyValue, Value
        FROM ReportData JOIN Time USING (TimeIndex) JOIN ReportDataDictionary USING (ReportDataDictionaryIndex)
    """

    def read(path: Path) -> xr.Dataset:
        with closing(sqlite3.connect(Path(origin, "eplusout.sql"))) as connection:
            rows = pd.read_sql(query, connection)
        days = pd.to_datetime(rows[["Year", "Month", "Day"]].rename(columns=str.lower))
        rows["time"] = days + pd.to_timedelta(rows["Hour"], unit="h")
        rows["KeyValue"] = rows["KeyValue"].fillna("meter")
        wide = rows.pivot(index="time", columns=["Name", "KeyValue"], values="Value") * float(path.read_text())
        variables = {}
        for name in wide.columns.unique("Name"):
            part = wide[name]
            key = f"key_{part.shape[1]}"
            values = part.to_numpy().T[np.newaxis]
            variables[name] = (("run", key, "time"), values, {}), (key, list(part.columns))
        coordinates = dict(coordinate for _, coordinate in variables.values())
        data = {name: variable for name, (variable, _) in variables.items()}
        return xr.Dataset(data, {"time": wide.index, "run": [path.name], **coordinates})

    def build() -> Callable[[], Digest]:
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(target))
        for number, path in enumerate(_made(folder, runs)):
            session = repository.writable_session("main")
            mode: dict[str, Any] = {"append_dim": "run"} if number else {"mode": "a"}
            to_icechunk(read(path), session, **mode)
            session.commit(path.name)
        return partial(_stored_digest, target)

    return build


def add_one(origin: str, folder: str, runs: int) -> Callable[[], Callable[[], int]]:
    """One run added to a store of ``runs`` that is kept between the samples."""
    _import_all()
    target = tempfile.mkdtemp()
    shutil.copytree(_kept(origin, folder, runs), target, dirs_exist_ok=True)

    def add() -> Callable[[], int]:
        _write(origin, folder, target, runs + 1, 1)
        return lambda: shutil.rmtree(target) or 1

    return add


def open_kept(origin: str, folder: str, runs: int) -> Callable[[], int]:
    _import_all()
    target = _kept(origin, folder, runs)
    return lambda: int(_opened(target).sizes["run"])


def one_series(origin: str, folder: str, runs: int) -> Callable[[], int]:
    """One series over all runs."""
    _import_all()
    series = _opened(_kept(origin, folder, runs))["zone_mean_air_temperature"].isel(zone=1)
    return lambda: len(series.to_numpy())


def _write(origin: str, folder: str, target: str, runs: int, jobs: int) -> None:
    from simstac.storage import LocalPath
    from simstac.studies import Parameters, Run, Study
    from simstac.write import Parallel, write_study

    found = tuple(Run(path.name, path, path.name) for path in _made(folder, runs))
    write_study(Study(found, Parameters(), Scaled(origin)), target, LocalPath(), parallel=Parallel(jobs))


def _made(folder: str, runs: int) -> list[Path]:
    paths = [Path(folder, f"run-{number:05}") for number in range(runs)]
    for number, path in enumerate(paths):
        if not path.exists():
            path.write_text(str(1 + number / 8192))
    return paths


def _kept(origin: str, folder: str, runs: int) -> str:
    target = cache_folder() / "scale" / str(runs)
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=_parent(target)) as building:
            _write(origin, folder, f"{building}/store", runs, 2)
            Path(building, "store").rename(target)
    return str(target)


def _parent(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.parent


def _opened(target: str) -> xr.Dataset:
    import icechunk
    import xarray as xr

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(target))
    return xr.open_zarr(repository.readonly_session("main").store, consolidated=False, chunks=None)


def _import_all() -> None:
    import dask.array  # noqa: F401  # xarray imports it with the first dataset
    import icechunk
    import xarray as xr

    import simstac.write  # noqa: F401

    icechunk.set_logs_filter("error")
    xr.backends.list_engines()


def _stored_digest(target: str) -> Digest:
    """How many numbers the first few runs have, and the exclusive or of their bits; the store is removed."""
    count, bits = 0, np.int64(0)
    for variable in _opened(target).isel(run=slice(COMPARED)).data_vars.values():
        if {"run", "time"} <= set(variable.dims):
            values = np.ascontiguousarray(variable.to_numpy()).reshape(-1) + 0.0
            count += values.size
            bits ^= np.bitwise_xor.reduce(values.view(np.int64))
    shutil.rmtree(target)
    return [count, int(bits)]


def main(runs: int) -> None:
    origin, folder = str(run_engine(boxes(3))), str(cache_folder() / "scale" / "factors")
    Path(folder).mkdir(parents=True, exist_ok=True)
    peers, few = min(PEER_RUNS, runs), max(COMPARED, runs // 10)
    loop = measure(build_peer, origin, folder, peers)
    loop = replace(loop, seconds=loop.seconds / peers * runs)
    one, two = compare(*((build_ours, (origin, folder, runs, jobs)) for jobs in (1, 2)), repeats=TURNS)
    tenth = measure(build_ours, origin, folder, few, 1)
    for side in (one, two, tenth):
        if side.result != loop.result:
            raise SystemExit(f"the stores differ: {side.result}, {loop.result}")
    first, last = (measure(add_one, origin, folder, count) for count in (10, runs))
    opened, series = (measure(side, origin, folder, runs) for side in (open_kept, one_series))
    name = "a loop of `pandas.read_sql` and `to_icechunk`"
    rows = [
        Row(f"{runs:,} runs, one process", one, name, loop, "≥ 10x"),
        Row(f"{runs:,} runs, two processes", two, "one process", one, "≥ 1.7x"),
        Row(f"{runs:,} runs, memory", one, f"{few:,} runs", tenth, "the same memory"),
        Row(f"run {runs + 1:,} added", last, "run 11 added", first, "≤ 1.5x the time"),
    ]
    opening = f"Opening the ensemble of {runs:,} runs: {opened.seconds * 1000:.0f} ms (target 300 ms)"
    text = f"""
Runs of 63 hourly series over a year (4.4 MB each), read from one real SQL file and scaled; what tells that a run
changed is a small file of its own, so growing costs no hashing here: with content hashes it costs the reading of all
results besides. The loop is measured on {peers} runs and multiplied; memory is that of the process that commits.
One process and two took {TURNS} turns each, the other rows one.

{opening}; one series over all runs: {series.seconds * 1000:.0f} ms (target 500 ms)."""
    write_section("scale", "A thousand runs", f"{table(rows)}\n{text}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
