"""Reading EnergyPlus results, and storing them, beside pandas and idfkit.

The input is made by the real engine: 100 zones, 23 outputs, 8760 hours, 17.5 million values, as SQL and as ESO.
"""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from energyplus_model import METERS, ZONE_VARIABLES, boxes, run_engine
from harness import Row, compare, table, write_section

SAMPLED_SERIES = 5
JOIN = """
SELECT Time.Year, Time.Month, Time.Day, Time.Hour, Time.Minute, Name, KeyValue, Value
FROM ReportData JOIN Time USING (TimeIndex) JOIN ReportDataDictionary USING (ReportDataDictionaryIndex)
"""

type Digest = list[int]


def digest(arrays: Iterable[np.ndarray]) -> Digest:
    """How many numbers there are, and the exclusive or of their bits, in whatever order they are."""
    count, bits = 0, np.int64(0)
    for array in arrays:
        values = np.ascontiguousarray(array, dtype=np.float64).reshape(-1) + 0.0
        values = values[~np.isnan(values)]
        count += values.size
        bits ^= np.bitwise_xor.reduce(values.view(np.int64))
    return [count, int(bits)]


def sql_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    from simstac.sources.energyplus.files import find_run
    from simstac.sources.energyplus.sql import read_sql

    def read() -> Callable[[], Digest]:
        blocks = read_sql(find_run(folder)).blocks
        return lambda: digest(block.values for block in blocks)

    return read


def sql_pandas(folder: str) -> Callable[[], Callable[[], Digest]]:
    import sqlite3

    import pandas as pd

    def read() -> Callable[[], Digest]:
        with closing(sqlite3.connect(Path(folder, "eplusout.sql"))) as connection:
            query = "SELECT TimeIndex, ReportDataDictionaryIndex, Value FROM ReportData"
            frame = pd.read_sql(query, connection)
        return lambda: digest([frame["Value"].to_numpy()])

    return read


def series_ours(folder: str, count: int) -> Callable[[], Callable[[], Digest]]:
    from simstac.sources.energyplus.files import find_run
    from simstac.sources.energyplus.sql import read_sql

    def read() -> Callable[[], Digest]:
        (block,) = read_sql(find_run(folder)).blocks
        by_name = {(series.name, series.key): values for series, values in zip(block.series, block.values, strict=True)}
        return lambda: digest(by_name[name, key] for name, key in _sampled(folder, count))

    return read


def series_idfkit(folder: str, count: int) -> Callable[[], Callable[[], Digest]]:
    from idfkit.simulation.parsers.sql import SQLResult

    sampled = _sampled(folder, count)

    def read() -> Callable[[], Digest]:
        with SQLResult(Path(folder, "eplusout.sql")) as result:
            series = [result.get_timeseries(name, key or "*", "Hourly") for name, key in sampled]
        return lambda: digest(np.array(each.values) for each in series)

    return read


def eso_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    from simstac.sources.energyplus.eso import read_eso
    from simstac.sources.energyplus.files import find_run

    def read() -> Callable[[], Digest]:
        blocks = read_eso(find_run(folder)).blocks
        return lambda: digest(block.values for block in blocks)

    return read


def eso_idfkit(folder: str) -> Callable[[], Callable[[], Digest]]:
    from idfkit.simulation.parsers.eso import ESOResult

    def read() -> Callable[[], Digest]:
        columns = ESOResult.from_file(Path(folder, "eplusout.eso"), eager=True).columns
        return lambda: digest(np.array(column.values) for column in columns)

    return read


def tree_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    import dask.array  # noqa: F401  # xarray imports it with the first dataset, where it is installed
    import xarray as xr

    xr.backends.list_engines()

    def read() -> Callable[[], Digest]:
        hourly = xr.open_datatree(folder, engine="energyplus")["hourly"].load()
        return lambda: digest(
            variable.to_numpy() for variable in hourly.data_vars.values() if "bounds" not in variable.name
        )

    return read


def store_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    import dask.array  # noqa: F401  # xarray imports it with the first dataset; before the clock starts on both sides
    import icechunk  # noqa: F401
    import xarray as xr
    import zarr  # noqa: F401

    from simstac.storage import LocalPath
    from simstac.studies import find_study
    from simstac.write import write_study

    xr.backends.list_engines()

    def write() -> Callable[[], Digest]:
        target = tempfile.TemporaryDirectory()
        study = find_study(f"{folder[:-1]}?")
        write_study(study, target.name, LocalPath())
        return partial(_stored_digest, target)

    return write


def store_pandas(folder: str) -> Callable[[], Callable[[], Digest]]:
    import sqlite3

    import dask.array  # noqa: F401
    import icechunk
    import pandas as pd
    import xarray as xr
    from icechunk.xarray import to_icechunk

    def write() -> Callable[[], Digest]:
        target = tempfile.TemporaryDirectory()
        with closing(sqlite3.connect(Path(folder, "eplusout.sql"))) as connection:
            rows = pd.read_sql(JOIN, connection)
        days = pd.to_datetime(rows[["Year", "Month", "Day"]].rename(columns=str.lower))
        rows["time"] = days + pd.to_timedelta(rows["Hour"] * 60 + rows["Minute"], unit="min")
        rows["KeyValue"] = rows["KeyValue"].fillna("meter")
        wide = rows.pivot(index="time", columns=["Name", "KeyValue"], values="Value")
        variables = {}
        for name in wide.columns.unique("Name"):
            part = wide[name]
            key = f"key_{part.shape[1]}"
            variables[name] = xr.DataArray(
                part.to_numpy(), {"time": part.index, key: list(part.columns)}, ("time", key)
            )
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(target.name))
        session = repository.writable_session("main")
        to_icechunk(xr.Dataset(variables), session)
        session.commit("results")
        return partial(_stored_digest, target)

    return write


def _stored_digest(target: tempfile.TemporaryDirectory[str]) -> Digest:
    """The digest of the series in a store, which is removed."""
    with target:
        return digest(_stored_series(target.name))


def _stored_series(href: str) -> Iterator[np.ndarray]:
    import icechunk
    import xarray as xr

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(href))
    dataset = xr.open_zarr(repository.readonly_session("main").store, consolidated=False, chunks=None)
    for variable in dataset.data_vars.values():
        if "time" in variable.dims and variable.dtype.kind == "f":
            yield variable.to_numpy()


def _sampled(folder: str, count: int) -> list[tuple[str, str | None]]:
    """Every so many of the series, as name and key."""
    import sqlite3

    with closing(sqlite3.connect(Path(folder, "eplusout.sql"))) as connection:
        query = "SELECT Name, KeyValue FROM ReportDataDictionary WHERE NOT IsMeter ORDER BY ReportDataDictionaryIndex"
        series = connection.execute(query).fetchall()
    return series[:: len(series) // count][:count]


def main() -> None:
    large = str(run_engine(boxes(100)))
    small = str(run_engine(boxes(1, variables=ZONE_VARIABLES[:12])))
    rows: list[Row] = []

    def measure(what: str, target: str, ours: Any, name: str, peer: Any, *arguments: Any, repeats: int) -> None:
        sides = compare((ours, arguments), (peer, arguments), repeats=repeats)
        rows.append(Row(what, sides[0], name, sides[1], target))

    measure("`.sql` → dense arrays", "≥ 12x, ≤ 600 MB", sql_ours, "`pandas.read_sql`", sql_pandas, large, repeats=3)
    name = "`get_timeseries` of idfkit in a loop"
    arguments = (large, SAMPLED_SERIES)
    measure("`.sql` → all series", "≥ 300x", series_ours, name, series_idfkit, *arguments, repeats=3)
    series = len(ZONE_VARIABLES) * 100 + len(METERS)
    sampled = rows[-1].peer
    rows[-1] = replace(rows[-1], peer=replace(sampled, seconds=sampled.seconds / SAMPLED_SERIES * series))
    measure("`.eso` → dense arrays", "≥ 6x", eso_ours, "idfkit's eager ESO parser", eso_idfkit, large, repeats=3)
    name = "`pandas.read_sql`, the values alone"
    measure("a small run (131,400 values) → DataTree", "≤ 100 ms", tree_ours, name, sql_pandas, small, repeats=7)
    name = "pandas join → pivot → xarray → Icechunk"
    measure("`.sql` → committed store", "≥ 30x, ≥ 12x less", store_ours, name, store_pandas, large, repeats=1)
    about = f"""
A year of {series} hourly series, 17.5 million values, from EnergyPlus 25.2: 376 MB of SQL, 312 MB of ESO.
The loop over all series is {SAMPLED_SERIES} of them, multiplied. The last line is one run of each side."""
    write_section("energyplus", "EnergyPlus results", f"{table(rows)}\n{about}")


if __name__ == "__main__":
    main()
