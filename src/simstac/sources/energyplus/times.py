"""The start and end of every interval, in local standard time: clipped to their period, with a year for design days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simstac.sources.energyplus.eio import Eio

type Times = NDArray[np.datetime64]

YEAR_OF_NO_WEATHER = 2001
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Span:
    """From the first moment of a period to its last, ``datetime64[ms]``; not-a-time where no file says."""

    start: np.datetime64
    end: np.datetime64


UNKNOWN = Span(np.datetime64("NaT", "ms"), np.datetime64("NaT", "ms"))


def nominal_year(weather_years: Iterable[int]) -> int:
    """The year in which design days, which have none, are placed: that of the first weather run, else 2001."""
    return min((year for year in weather_years if year > 0), default=YEAR_OF_NO_WEATHER)


def period_span(eio: Eio, name: str, year: int) -> Span | None:
    """The span of the environment ``name`` as the ``.eio`` file lists it, or None where it does not."""
    for period in eio.periods:
        if period.name == name:
            start, last = period.first.date(year), period.last.date(year)
            if last < start:
                last = period.last.date(year + 1)
            return Span(start.astype("M8[ms]"), (last + _DAY).astype("M8[ms]"))
    return None


def moments(
    year: NDArray[np.int64],
    month: NDArray[np.int64],
    day: NDArray[np.int64],
    minute: NDArray[np.int64] | NDArray[np.float64],
) -> Times:
    """``datetime64[ms]`` at ``minute`` minutes (may be fractional, or 1440 and more) into the days."""
    days: Times = _months(year, month).astype("M8[D]") + (day - 1).astype("m8[D]")
    milliseconds = np.rint(np.asarray(minute, np.float64) * 60_000).astype("m8[ms]")
    instants: Times = days.astype("M8[ms]") + milliseconds
    return instants


def month_bounds(year: NDArray[np.int64], month: NDArray[np.int64], span: Span) -> tuple[Times, Times]:
    """Start and end of whole months, clipped to ``span``."""
    return clip(_months(year, month), _months(year, month + 1), span)


def year_bounds(year: NDArray[np.int64], span: Span) -> tuple[Times, Times]:
    """Start and end of whole years, clipped to ``span``."""
    january = np.ones_like(year)
    return clip(_months(year, january), _months(year + 1, january), span)


def clip(start: Times, end: Times, span: Span) -> tuple[Times, Times]:
    """Intervals as ``datetime64[ms]``, cut where they reach out of ``span``; an unknown span cuts nothing."""
    start, end = start.astype("M8[ms]"), end.astype("M8[ms]")
    if not np.isnat(span.start):
        start = np.maximum(start, span.start)
    if not np.isnat(span.end):
        end = np.minimum(end, span.end)
    return start, end


def _months(year: NDArray[np.int64], month: NDArray[np.int64]) -> Times:
    """First moments of months, ``datetime64[M]``; month 13 is January of the next year."""
    months: Times = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    return months
