"""The SQL reader: ``eplusout.sql`` as blocks of series on their time axes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.energyplus.clock import Clock, read_clock
from simstac.sources.energyplus.dictionary import Entry, without_repeats
from simstac.sources.energyplus.eio import read_eio
from simstac.sources.energyplus.files import RunFiles
from simstac.sources.energyplus.pages import Layout, ReportData, read_report_data
from simstac.sources.energyplus.series import Block, Environment, EnvironmentKind, Frequency, Results, Series
from simstac.sources.energyplus.tables import floor_area, tabular_location, tabular_totals

_FREQUENCIES = {
    "Zone Timestep": Frequency.TIMESTEP,
    "Hourly": Frequency.HOURLY,
    "Daily": Frequency.DAILY,
    "Monthly": Frequency.MONTHLY,
    "Run Period": Frequency.RUNPERIOD,
    "Annual": Frequency.ANNUAL,
}
_DETAILED = "HVAC System Timestep"
_KINDS = dict(enumerate(EnvironmentKind, start=1))
_NAME_TABLES = {"zone": ("Zones", "ZoneName"), "surface": ("Surfaces", "SurfaceName")}
_LEFT_OUT = 0
"""The kind of the series that are left out: it has no step."""


def read_sql(files: RunFiles) -> Results:
    """Everything that the SQL file of a run reports.

    Raises:
        SourceError: If the file is no database, or is not what EnergyPlus writes.
    """
    path = files.sql
    if path is None:
        raise SourceError(files.directory, "holds no .sql file", "add Output:SQLite to the model")
    eio = read_eio(files.eio)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            environments = _environments(connection)
            clock = read_clock(connection, {index: item.name for index, item in environments.items()}, eio)
            entries = list(_entries(path, connection))
            names = _names(connection)
            location = eio.location or tabular_location(connection)
            area = floor_area(connection)
            totals = tabular_totals(connection, area)
    except (sqlite3.Error, ValueError) as error:
        remedy = "it is no result of EnergyPlus, or it was cut off: run the simulation again"
        raise SourceError(path, f"cannot be read as SQLite ({error})", remedy) from error
    blocks = _blocks(path, entries, clock, environments)
    return Results(blocks=blocks, names=names, location=location, floor_area=area, totals=totals)


def _environments(connection: sqlite3.Connection) -> dict[int, Environment]:
    query = "SELECT EnvironmentPeriodIndex, EnvironmentName, EnvironmentType FROM EnvironmentPeriods"
    return {
        index: Environment(name, _KINDS.get(kind, EnvironmentKind.WEATHER))
        for index, name, kind in connection.execute(query)
    }


def _entries(path: Path, connection: sqlite3.Connection) -> Iterator[Entry]:
    """The rows of the dictionary."""
    query = (
        "SELECT ReportDataDictionaryIndex, ReportingFrequency, TimestepType, Name, KeyValue, Units, Type, IsMeter,"
        " ScheduleName FROM ReportDataDictionary ORDER BY ReportDataDictionaryIndex"
    )
    for index, reported, step, name, key, units, kind, is_meter, schedule in connection.execute(query):
        detailed = reported == _DETAILED
        hvac = detailed and step == "HVAC System"
        frequency = Frequency.HVAC if hvac else Frequency.TIMESTEP if detailed else _FREQUENCIES.get(reported)
        if frequency is None:
            raise SourceError(path, f"reports {name!r} at an unknown frequency, {reported!r}", "report this as a bug")
        series = Series(
            name=name,
            key=None if is_meter else key,
            units=units or "",
            mean=kind == "Avg",
            meter=bool(is_meter),
            cumulative=bool(is_meter) and (key or "").strip() == "Cumulative",
            schedule=schedule or None,
        )
        yield Entry(index, frequency, detailed, series)


def _names(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """The names of zones and surfaces, upper case; none in a killed run."""
    names = {}
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for space, (table, column) in _NAME_TABLES.items():
        if table in tables:
            rows = connection.execute(f"SELECT {column} FROM {table}")  # noqa: S608  # constants of this module
            names[space] = frozenset(name.upper() for (name,) in rows if name)
    return names


def _blocks(
    path: Path, entries: Sequence[Entry], clock: Clock, environments: Mapping[int, Environment]
) -> tuple[Block, ...]:
    """The series by frequency and environment, each block on the steps that its series have rows for."""
    chosen = without_repeats(entries)
    steps = {frequency: clock.steps(frequency) for frequency in chosen}
    data = read_report_data(path, _layout(entries, chosen, steps, clock))
    if _has_rows_elsewhere(data, steps, clock):
        steps = {frequency: clock.steps(frequency, all_lengths=True) for frequency in chosen}
        data = read_report_data(path, _layout(entries, chosen, steps, clock))
        if _has_rows_elsewhere(data, steps, clock):
            raise SourceError(path, "has values at times of another frequency", "run the simulation again")
    return tuple(_cut(data, chosen, steps, clock, environments))


def _cut(
    data: ReportData,
    chosen: Mapping[Frequency, Sequence[Entry]],
    steps: Mapping[Frequency, NDArray[np.int64]],
    clock: Clock,
    environments: Mapping[int, Environment],
) -> Iterator[Block]:
    """The blocks of each environment in turn, on the steps that have rows."""
    arrays = {}
    begin = 0
    for frequency, members in chosen.items():
        shape = (len(members), len(steps[frequency]))
        arrays[frequency] = data.values[begin : begin + shape[0] * shape[1]].reshape(shape)
        begin += arrays[frequency].size
    for index, environment in environments.items():
        for kind, (frequency, members) in enumerate(chosen.items(), start=1):
            rows = steps[frequency]
            columns = np.flatnonzero((clock.environment[rows] == index) & data.present[kind, clock.index[rows]])
            if len(columns):
                series = tuple(entry.series for entry in members)
                start, end = clock.bounds(frequency, rows[columns])
                yield Block(frequency, environment, series, start, end, _columns(arrays[frequency], columns))


def _layout(
    entries: Sequence[Entry],
    chosen: Mapping[Frequency, Sequence[Entry]],
    steps: Mapping[Frequency, NDArray[np.int64]],
    clock: Clock,
) -> Layout:
    """Where each row goes: one dense (series, step) array a frequency, one after the other."""
    count = max((entry.index for entry in entries), default=0) + 1
    origin = np.full(count, -1, dtype=np.int64)
    kind = np.full(count, _LEFT_OUT, dtype=np.int8)
    origin[[entry.index for entry in entries]] = 0
    column = np.full((len(chosen) + 1, int(clock.index.max(initial=0)) + 1), -1, dtype=np.int32)
    size = 0
    for number, (frequency, members) in enumerate(chosen.items(), start=1):
        rows = steps[frequency]
        column[number, clock.index[rows]] = np.arange(len(rows))
        indices = [entry.index for entry in members]
        origin[indices] = size + np.arange(len(members)) * len(rows)
        kind[indices] = number
        size += len(members) * len(rows)
    return Layout(origin, kind, column, size)


def _has_rows_elsewhere(data: ReportData, steps: Mapping[Frequency, NDArray[np.int64]], clock: Clock) -> bool:
    """Whether a series has rows at times that were not foreseen for it, and that are no warmup."""
    real = np.zeros(data.present.shape[1], dtype=bool)
    real[clock.index[~clock.warmup]] = True
    for kind, rows in enumerate(steps.values(), start=1):
        foreseen = np.zeros_like(real)
        foreseen[clock.index[rows]] = True
        if np.any(data.present[kind] & real & ~foreseen):
            return True
    return False


def _columns(values: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Columns of ``values``, without a copy where they are consecutive."""
    first, last = int(columns[0]), int(columns[-1])
    if last - first + 1 == len(columns):
        return values[:, first : last + 1]
    return values[:, columns]
