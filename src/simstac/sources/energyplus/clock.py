"""The table Time of the SQL file: which rows are real, which steps a frequency can have, and their bounds."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simstac.sources.energyplus.eio import Eio
from simstac.sources.energyplus.series import Frequency
from simstac.sources.energyplus.times import (
    UNKNOWN,
    Span,
    Times,
    moments,
    month_bounds,
    nominal_year,
    period_span,
    year_bounds,
)

_DAILY, _MONTHLY = 2, 3
_TYPES = {
    Frequency.HVAC: (-1, 0),
    Frequency.TIMESTEP: (-1, 0),
    Frequency.HOURLY: (1,),
    Frequency.DAILY: (2,),
    Frequency.MONTHLY: (3,),
    Frequency.RUNPERIOD: (4,),
    Frequency.ANNUAL: (5,),
}
_COLUMNS = (
    "TimeIndex",
    "Year",
    "Month",
    "Day",
    "Hour",
    "Minute",
    "Interval",
    "IntervalType",
    "SimulationDays",
    "EnvironmentPeriodIndex",
)
_HALF_DAY = 720  # minutes
_MONTHS = 12
_LAST_YEAR = 2261  # of datetime64[ns]


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """The rows of Time in their order.

    Attributes:
        index: TimeIndex.
        kind: IntervalType: -1 steps of zone and HVAC, 1 hours, 2 days, 3 months, 4 run periods, 5 years.
        environment: EnvironmentPeriodIndex.
        year: Year; the nominal one where there is none.
        month: Month, 1 to 12.
        start: Start of the interval as the engine states it, ``datetime64[ms]``.
        end: Its end, likewise.
        length: Minutes of the interval.
        warmup: Whether the row belongs to the warmup days before its environment begins.
        zone_step: Minutes of a zone timestep.
        spans: First and last moment of each environment.
    """

    index: NDArray[np.int64]
    kind: NDArray[np.int64]
    environment: NDArray[np.int64]
    year: NDArray[np.int64]
    month: NDArray[np.int64]
    start: Times
    end: Times
    length: NDArray[np.int64]
    warmup: NDArray[np.bool_]
    zone_step: int
    spans: Mapping[int, Span]

    def steps(self, frequency: Frequency, *, all_lengths: bool = False) -> NDArray[np.int64]:
        """The rows that a series of ``frequency`` may have values at.

        Zone and HVAC steps share their rows; those shorter than a zone timestep are of the HVAC alone, unless
        ``all_lengths`` says otherwise.
        """
        rows = np.isin(self.kind, _TYPES[frequency]) & ~self.warmup
        if frequency == Frequency.TIMESTEP and not all_lengths:
            rows &= self.length == self.zone_step
        return np.flatnonzero(rows)

    def bounds(self, frequency: Frequency, rows: NDArray[np.int64]) -> tuple[Times, Times]:
        """Start and end of the intervals of rows of one environment, clipped to it."""
        span = self.spans[int(self.environment[rows[0]])]
        match frequency:
            case Frequency.MONTHLY:
                return month_bounds(self.year[rows], self.month[rows], span)
            case Frequency.RUNPERIOD:
                return np.full(len(rows), span.start), np.full(len(rows), span.end)
            case Frequency.ANNUAL:
                return year_bounds(self.year[rows], span)
            case _:
                return self.start[rows], self.end[rows]


def read_clock(connection: sqlite3.Connection, names: Mapping[int, str], eio: Eio) -> Clock:
    """The table Time of a run whose environments have ``names`` by EnvironmentPeriodIndex.

    Raises:
        ValueError: If it holds something else than dates of our calendar.
    """
    listed = ", ".join(f"coalesce({column}, 0)" for column in _COLUMNS)
    query = f"SELECT {listed} FROM Time ORDER BY TimeIndex"  # noqa: S608  # constants of this module
    table = np.fromiter(connection.execute(query), dtype=[(column, np.int64) for column in _COLUMNS])
    if len(table) and not (table["Year"].max() <= _LAST_YEAR and table["Month"].max() <= _MONTHS):
        raise ValueError("the table Time holds no dates")
    nominal = nominal_year([*np.unique(table["Year"]).tolist(), *(period.first.year or 0 for period in eio.periods)])
    year = np.where(table["Year"] > 0, table["Year"], nominal)
    month = np.maximum(table["Month"], 1)
    minute = table["Hour"] * 60 + table["Minute"]
    end = moments(year, month, np.maximum(table["Day"], 1), minute)
    start = end - (table["Interval"] * 60_000).astype("m8[ms]")
    environment, kind, days = table["EnvironmentPeriodIndex"], table["IntervalType"], table["SimulationDays"]
    warmup = _warmup(environment, kind, days, minute)
    spans = {}
    for index, name in names.items():
        real = (environment == index) & ~warmup
        listed_span = period_span(eio, name, nominal)
        spans[index] = listed_span or _span(kind[real], start[real], end[real], days[real])
    return Clock(
        index=table["TimeIndex"],
        kind=kind,
        environment=environment,
        year=year,
        month=month,
        start=start,
        end=end,
        length=table["Interval"],
        warmup=warmup,
        zone_step=_zone_step(connection),
        spans=spans,
    )


def _warmup(
    environment: NDArray[np.int64], kind: NDArray[np.int64], days: NDArray[np.int64], minute: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which rows are of warmup days: those before the last return to the first day of their environment.

    The column WarmupFlag does not tell: it keeps the value of the row before, and is NULL where no timestep is written.
    """
    warmup = np.zeros(len(kind), dtype=bool)
    for period in np.unique(environment):
        for of_type in (kind < 1, kind == 1, kind == _DAILY):
            rows = np.flatnonzero(of_type & (environment == period))
            step = np.diff(days[rows])
            again = (step == 0) & ((kind[rows[1:]] == _DAILY) | (np.diff(minute[rows]) < -_HALF_DAY))
            returns = np.flatnonzero((step < 0) | again)
            if len(returns):
                warmup[rows[: returns[-1] + 1]] = True
    return warmup


def _span(kind: NDArray[np.int64], start: Times, end: Times, days: NDArray[np.int64]) -> Span:
    """The span of an environment from its own real rows; months tell it by the days simulated so far."""
    short = kind <= _DAILY
    if short.any():
        return Span(start[short].min(), end[short].max())
    months = kind == _MONTHLY
    if months.sum() > 1:
        first = end[months][0] - _days(days[months][0])
        return Span(first, first + _days(days[months][-1]))
    return UNKNOWN


def _days(count: np.int64) -> np.timedelta64:
    return np.timedelta64(int(count), "D")


def _zone_step(connection: sqlite3.Connection) -> int:
    """Minutes of a zone timestep."""
    (steps,) = connection.execute("SELECT max(NumTimestepsPerHour) FROM Simulations").fetchone()
    return 60 // (steps or 60)
