"""Times by CF: numbers since a date in a calendar, as whole microseconds since 1970 in that calendar, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError

EPOCH = "microseconds since 1970-01-01"
MISSING = np.iinfo(np.int64).min
SECOND, MILLISECOND = 1_000_000, 1_000
PLAIN_CALENDARS = frozenset({"standard", "gregorian", "proleptic_gregorian"})


def is_time_unit(units: object) -> bool:
    """Whether units are those of a time, such as ``days since 1850-01-01``."""
    return isinstance(units, str) and " since " in units


def calendar_of(said: object) -> str:
    """A calendar by its first name: ``gregorian`` is ``standard``, ``365_day`` is ``noleap``."""
    name = str(said or "standard").lower()
    return {"gregorian": "standard", "365_day": "noleap", "366_day": "all_leap"}.get(name, name)


def microseconds(values: NDArray[Any], units: str, calendar: str, where: str) -> NDArray[np.int64]:
    """Times as int64 microseconds since 1970 in their calendar; missing ones are the smallest integer.

    Whole numbers are exact. A float is the coarsest of a second, a millisecond and a microsecond that it cannot tell
    from its own value, so that 1/24 of a day is an hour.

    Args:
        values: Numbers in ``units``; NaN is missing.
        units: Such as ``hours since 1900-01-01``.
        calendar: A calendar of CF.
        where: What they are, for errors.

    Raises:
        SourceError: If the units are not understood, or a time is finer than a microsecond or too far away.
    """
    start, unit = origin(units, calendar, where)
    known = ~np.isnan(values) if values.dtype.kind == "f" else values != MISSING
    offsets = np.where(known, values, 0)
    if offsets.dtype.kind == "f":
        ticks = _snapped(offsets.astype(np.float64), np.spacing(np.abs(offsets)).astype(np.float64), unit)
    elif unit >= 1:
        ticks = offsets.astype(np.int64) * int(unit)
    else:
        finer = round(1 / unit)
        if (offsets.astype(np.int64) % finer).any():
            raise SourceError(where, "has times finer than a microsecond", "round them")
        ticks = offsets.astype(np.int64) // finer
    if known.any() and np.abs(offsets[known].astype(np.float64)).max() * unit > 2.0**62:
        raise SourceError(where, f"has times too far from {units.partition(' since ')[2]}", "check its units")
    return np.where(known, ticks + start, MISSING)


def origin(units: str, calendar: str, where: str) -> tuple[int, float]:
    """The date that units count from, in microseconds since 1970, and how many microseconds a unit has.

    Raises:
        SourceError: If the units are not understood.
    """
    try:
        return _start_and_unit(units, calendar)
    except (ValueError, OverflowError) as error:
        remedy = "give it units such as 'hours since 1970-01-01', or leave it out with variables"
        raise SourceError(
            where, f"has times in {units!r}, calendar {calendar!r}, that say no date: {error}", remedy
        ) from error


def time_text(value: int, calendar: str) -> str:
    """A time as ISO text."""
    if calendar in PLAIN_CALENDARS:
        text = str(np.datetime64(int(value), "us"))
    else:
        import cftime  # noqa: PLC0415  # dates of other calendars are rare

        text = str(cftime.num2date(int(value), EPOCH, calendar)).replace(" ", "T")
    return text.removesuffix(".000000").removesuffix(":00").removesuffix("T00:00")


@lru_cache(maxsize=256)
def _start_and_unit(units: str, calendar: str) -> tuple[int, float]:
    import cftime  # noqa: PLC0415  # as above

    word = units.split(maxsplit=1)[0].lower()
    nano = word in {"nanosecond", "nanoseconds", "ns"}
    asked = units.replace(units.split(maxsplit=1)[0], "microseconds", 1) if nano else units
    zero, one = (cftime.num2date(number, asked, calendar) for number in (0, 1))
    start = cftime.date2num(zero, EPOCH, calendar)
    step = one - zero
    unit = (step.days * 86_400 + step.seconds) * SECOND + step.microseconds
    return int(start), unit / 1000 if nano else float(unit)


def _snapped(offsets: NDArray[np.float64], spacing: NDArray[np.float64], unit: float) -> NDArray[np.int64]:
    exact, doubt = offsets * unit, spacing * unit
    ticks = np.round(exact)
    for step in (MILLISECOND, SECOND):
        coarse = np.round(exact / step) * step
        ticks = np.where(np.abs(coarse - exact) <= np.maximum(doubt, 0.5), coarse, ticks)
    return ticks.astype(np.int64)
