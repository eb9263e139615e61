"""Times that name no calendar: CF takes the standard one, which is refused where they look like those of another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.times import MISSING, is_time_unit, origin

STANDARD = "standard"
REFORM = int(np.datetime64("1582-10-15", "us").astype(np.int64))
"""When the standard calendar passes from the Julian to the Gregorian one, in microseconds since 1970."""
ENOUGH_LABELS = 12
"""Fewer labels than those of a year say nothing."""
DAY = 86_400_000_000
MONTH_STARTS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
"""Days before each month of a year of 365 days."""
EDGES = 2
"""Bounds have a lower and an upper edge."""

type Moments = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Dates:
    """Moments as dates of a calendar.

    Attributes:
        months: Months since 1970.
        within: Microseconds since the month began.
        into_year: Microseconds since the year began.
    """

    months: Moments
    within: Moments
    into_year: Moments


def lacks_calendar(attrs: Mapping[str, Any]) -> bool:
    """Whether attributes are those of a time that names no calendar."""
    return is_time_unit(attrs.get("units")) and not attrs.get("calendar")


def note_of(name: str) -> str:
    """What a build says of a time that names no calendar."""
    return f"{name} names no calendar, and CF takes the standard one; metadata: {{calendar: …}} names another"


def refuse_doubtful(times: Moments, units: str, where: str) -> None:
    """Refuse times without a calendar where another than the standard one may be meant.

    They are doubtful if they, or the date that they count from, lie before the Gregorian calendar began, or if they
    are whole months or years in a calendar of 365 or of 360 days, and are not in the standard one.

    Args:
        times: Labels or bounds, as `microseconds` gives them in the standard calendar.
        units: Their units.
        where: What they are, for errors.

    Raises:
        SourceError: If they are doubtful.
    """
    labels = times[:, 0] if times.ndim == EDGES else np.atleast_1d(times)
    labels = labels[labels != MISSING]
    if not labels.size:
        return
    start, _ = origin(units, STANDARD, where)
    if min(start, int(labels.min())) < REFORM:
        problem = "names no calendar, and counts from or reaches a date before 1582-10-15, on which calendars differ"
        raise SourceError(where, problem, "set metadata: {calendar: standard}, or proleptic_gregorian")
    if _is_regular(labels, _gregorian):
        return
    for calendar, dates_of in _OTHERS.items():
        moments = labels - start + origin(units, calendar, where)[0]
        if _is_regular(moments, dates_of):
            problem = f"names no calendar, and its steps are whole months or years in {calendar} and not in standard"
            raise SourceError(where, problem, f"set metadata: {{calendar: {calendar}}}, or standard")


def refuse_doubtful_together(labels: Sequence[Moments], units: Collection[str], where: str) -> None:
    """Refuse labels of several files as `refuse_doubtful` does, such as years of which each file has a month.

    Args:
        labels: Those of each file.
        units: Their units; where files count from different dates, nothing is known of all together.
        where: What they are, for errors.

    Raises:
        SourceError: If they are doubtful.
    """
    if len({*units}) == 1:
        refuse_doubtful(np.unique(np.concatenate(labels)), next(iter(units)), where)


def is_checked(shape: tuple[int, ...]) -> bool:
    """Whether an array has the shape of labels or of their bounds."""
    return len(shape) < EDGES or (len(shape) == EDGES and shape[1] == EDGES)


def _is_regular(moments: Moments, dates_of: Callable[[Moments], _Dates]) -> bool:
    """Whether labels are as many whole months apart each time, or steps of a day or less that fill whole years."""
    if moments.size < ENOUGH_LABELS:
        return False
    steps = np.diff(moments)
    dates = dates_of(np.append(moments, moments[-1] + steps[0]))
    counts = np.diff(dates.months[:-1])
    if counts[0] > 0 and (counts == counts[0]).all():
        return bool((dates.within[:-1] == dates.within[0]).all())
    even = 0 < steps[0] <= DAY and (steps == steps[0]).all()
    return bool(even and dates.into_year[0] <= steps[0] and dates.into_year[-1] == dates.into_year[0])


def _gregorian(moments: Moments) -> _Dates:
    dates = moments.astype("datetime64[us]")
    months, years = (dates.astype(f"datetime64[{unit}]") for unit in "MY")
    within, into_year = ((dates - start.astype("datetime64[us]")).astype(np.int64) for start in (months, years))
    return _Dates(months.astype(np.int64), within, into_year)


def _noleap(moments: Moments) -> _Dates:
    years, into_year = np.divmod(moments, 365 * DAY)
    month = np.searchsorted(MONTH_STARTS * DAY, into_year, side="right") - 1
    return _Dates(12 * years + month, into_year - MONTH_STARTS[month] * DAY, into_year)


def _days_360(moments: Moments) -> _Dates:
    months, within = np.divmod(moments, 30 * DAY)
    return _Dates(months, within, moments % (360 * DAY))


_OTHERS: Mapping[str, Callable[[Moments], _Dates]] = {"noleap": _noleap, "360_day": _days_360}
