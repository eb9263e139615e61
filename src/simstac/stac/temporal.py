"""When a dataset is: its time coordinate, calendar, step, and the interval that it covers, as real moments in UTC."""

from __future__ import annotations

import calendar as gregorian
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import MetadataError
from simstac.stac.document import timestamp

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.metadata import Overrides

UNREAL_CALENDARS = frozenset({"360_day", "all_leap", "366_day"})
GREGORIAN_CALENDARS = frozenset({"standard", "gregorian", "proleptic_gregorian"})
HOUR = timedelta(hours=1)
SHORTEST_MONTH = 28 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """A time coordinate.

    Attributes:
        name: The coordinate's name.
        first: The first moment, of the first interval where the coordinate has bounds; in the calendar's own labels.
        last: The last moment, likewise.
        calendar: The CF calendar.
        step: The spacing as an ISO 8601 duration; None where it is irregular or there is but one value.
        size: The number of values.
    """

    name: str
    first: Any
    last: Any
    calendar: str
    step: str | None
    size: int


def interval(dataset: xr.Dataset, overrides: Overrides, *, utc_offset: float = 0.0) -> tuple[datetime, datetime]:
    """The first and the last moment of a dataset, UTC; equal where it is one moment.

    The configuration wins; then valid times, where there are any; then reference time plus lead time; then the time
    coordinate with its bounds.

    Raises:
        MetadataError: If there is no time and none in the configuration, or more than one candidate.
    """
    if overrides.start_datetime and overrides.end_datetime:
        return overrides.start_datetime, overrides.end_datetime
    if overrides.datetime:
        return overrides.datetime, overrides.datetime
    moments = list(_covered(dataset, overrides))
    if not moments:
        problem = "has no time coordinate with values"
        raise MetadataError("dataset", problem, "set metadata: {datetime: …} or {start_datetime: …, end_datetime: …}")
    first, last = min(moments), max(moments)
    return to_utc(first, utc_offset, where="time"), to_utc(last, utc_offset, where="time")


def temporal_properties(start: datetime, end: datetime) -> dict[str, str | None]:
    """The Item properties of an interval: one ``datetime``, or null with a start and an end."""
    if start == end:
        return {"datetime": timestamp(start)}
    return {"datetime": None, "start_datetime": timestamp(start), "end_datetime": timestamp(end)}


def period_of(item: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """The first and the last moment of an Item."""
    said = item["properties"]
    moments = [said.get(name) for name in ("start_datetime", "datetime", "end_datetime")]
    known = [datetime.fromisoformat(moment) for moment in moments if moment]
    return min(known), max(known)


def time_axis(coordinate: xr.DataArray, bounds: xr.DataArray | None, *, calendar: str | None = None) -> TimeAxis:
    """The description of a time coordinate with values.

    Raises:
        MetadataError: If it holds numbers with a unit but names no calendar.
    """
    name = str(coordinate.name)
    values = moments_of(coordinate, calendar)
    edges = _edges(coordinate, bounds, calendar)
    return TimeAxis(
        name=name,
        first=edges.min(),
        last=edges.max(),
        calendar=calendar_of(coordinate, calendar),
        step=_step(values),
        size=int(coordinate.size),
    )


def is_time(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether a variable holds moments: decoded dates, or numbers in a unit ``… since …``."""
    if variable.dtype.kind == "M":
        return True
    if variable.dtype.kind == "O":
        return variable.size > 0 and hasattr(variable.values.flat[0], "calendar")
    return " since " in str(variable.attrs.get("units", ""))


def moments_of(variable: xr.DataArray, calendar: str | None = None) -> np.ndarray[Any, Any]:
    """The valid moments of a time variable, flat: ``datetime64`` or cftime objects."""
    calendar_of(variable, calendar)
    if variable.dtype.kind not in "MO":
        variable = _decoded(variable, calendar)
    values = variable.values.ravel()
    return values[~np.isnat(values)] if values.dtype.kind == "M" else values


def calendar_of(variable: xr.DataArray, calendar: str | None = None) -> str:
    """The CF calendar of a time variable.

    Raises:
        MetadataError: If it has a unit but no calendar, and the configuration gives none.
    """
    if variable.dtype.kind == "O" and variable.size:
        return str(variable.values.flat[0].calendar)
    said = variable.attrs.get("calendar") or variable.encoding.get("calendar") or calendar
    units = variable.attrs.get("units") or variable.encoding.get("units")
    if said is None and units is not None:
        problem = f"has the unit {units!r} but names no calendar"
        raise MetadataError(str(variable.name), problem, "set metadata: {calendar: standard} or the one that is meant")
    said = str(said or "proleptic_gregorian").lower()
    if variable.dtype.kind == "M" and said not in GREGORIAN_CALENDARS:
        problem = f"was decoded as Gregorian dates, though its calendar is {said}"
        raise MetadataError(str(variable.name), problem, "open the dataset with decode_times=False")
    return said


def to_utc(moment: Any, utc_offset: float, *, where: str) -> datetime:
    """A ``datetime64`` or cftime moment as a real UTC moment; a day that does not exist becomes the month's last.

    Raises:
        MetadataError: If its year cannot be written in RFC 3339.
    """
    try:
        if isinstance(moment, np.datetime64):
            naive = datetime.fromisoformat(str(moment.astype("datetime64[us]")))
        else:
            last_day = gregorian.monthrange(moment.year, moment.month)[1]
            day = min(moment.day, last_day)
            clock = (moment.hour, moment.minute, moment.second, moment.microsecond)
            naive = datetime(moment.year, moment.month, day, *clock)  # noqa: DTZ001  # local standard time of the site
        return naive.replace(tzinfo=UTC) - utc_offset * HOUR
    except (ValueError, OverflowError) as error:
        problem = f"{moment} cannot be written as RFC 3339"
        raise MetadataError(where, problem, "set metadata: {start_datetime: …, end_datetime: …}") from error


def named_time(dataset: xr.Dataset, overrides: Overrides) -> xr.DataArray | None:
    """The one time coordinate of a dataset, or None.

    Raises:
        MetadataError: If there are several candidates, or the configured one is missing.
    """
    if overrides.time is not None:
        if overrides.time not in dataset.variables:
            raise MetadataError(overrides.time, "is no variable of the dataset", "correct metadata: {time: …}")
        chosen: xr.DataArray = dataset[overrides.time]
        return chosen
    times = {str(name): array for name, array in dataset.coords.items() if is_time(array)}
    plain_times = {name: array for name, array in times.items() if not _is_reference(array)}
    for wanted in (_says_time, _is_dimension, _is_any):
        found = sorted(name for name, array in plain_times.items() if wanted(array))
        if len(found) == 1:
            return dataset[found[0]]
        if len(found) > 1 and wanted is not _says_time:
            problem = f"time could be any of {', '.join(found)}"
            raise MetadataError(found[0], problem, f"set metadata: {{time: {found[0]}}}")
    return None


def bounds_of(dataset: xr.Dataset, coordinate: xr.DataArray) -> xr.DataArray | None:
    """The bounds that a time coordinate names, with its unit and calendar where they have none; or None."""
    name = coordinate.attrs.get("bounds") or coordinate.encoding.get("bounds")
    if name not in dataset.variables:
        return None
    inherited = {key: coordinate.attrs[key] for key in ("units", "calendar") if key in coordinate.attrs}
    bounds: xr.DataArray = dataset[name]
    return bounds.assign_attrs({**inherited, **bounds.attrs})


def is_lead(variable: xr.DataArray) -> bool:
    """Whether a coordinate is the lead time of a forecast."""
    name = str(variable.name)
    named = name == "step" or name.startswith("lead")
    return variable.attrs.get("standard_name") == "forecast_period" or (variable.dtype.kind == "m" and named)


def lead_hours(variable: xr.DataArray) -> np.ndarray[Any, Any]:
    """Lead times in hours.

    Raises:
        MetadataError: If their unit is not one of time.
    """
    if variable.dtype.kind == "m":
        return np.asarray(variable.values / np.timedelta64(1, "h"), dtype=float)
    unit = str(variable.attrs.get("units", "")).lower()
    factor = _HOURS_PER.get(unit)
    if factor is None:
        raise MetadataError(str(variable.name), f"has no unit of time ({unit!r})", "give it units such as 'hours'")
    return np.asarray(variable.values, dtype=float) * factor


_HOURS_PER: Mapping[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1 / 3600),
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 1.0),
    **dict.fromkeys(("d", "day", "days"), 24.0),
}


def _covered(dataset: xr.Dataset, overrides: Overrides) -> Iterable[Any]:
    coordinate = named_time(dataset, overrides)
    lead = next((array for _, array in sorted(dataset.coords.items()) if is_lead(array)), None)
    if coordinate is None:
        coordinate = next((array for _, array in sorted(dataset.coords.items()) if _is_reference(array)), None)
    if coordinate is None:
        return
    values = _edges(coordinate, bounds_of(dataset, coordinate), overrides.calendar)
    if not values.size:
        return
    if lead is None or set(lead.dims) & set(coordinate.dims):
        yield from (values.min(), values.max())
        return
    hours = lead_hours(lead)
    for start, offset in ((values.min(), hours.min()), (values.max(), hours.max())):
        seconds = round(float(offset) * 3600)
        yield start + (np.timedelta64(seconds, "s") if isinstance(start, np.datetime64) else timedelta(seconds=seconds))


def _edges(coordinate: xr.DataArray, bounds: xr.DataArray | None, calendar: str | None) -> np.ndarray[Any, Any]:
    """The moments of the bounds of a time; its own where it has none, or all of them are missing."""
    edges = moments_of(coordinate if bounds is None else bounds, calendar)
    return edges if edges.size else moments_of(coordinate, calendar)


def _is_reference(array: xr.DataArray) -> bool:
    return array.attrs.get("standard_name") == "forecast_reference_time" or (
        is_time(array) and str(array.name) in {"init_time", "forecast_reference_time", "reference_time"}
    )


def _says_time(array: xr.DataArray) -> bool:
    return array.attrs.get("standard_name") == "time" or str(array.attrs.get("axis", "")).upper() == "T"


def _is_dimension(array: xr.DataArray) -> bool:
    return array.dims == (array.name,)


def _is_any(_array: xr.DataArray) -> bool:
    return True


def _decoded(variable: xr.DataArray, calendar: str | None) -> xr.DataArray:
    import xarray as xr  # noqa: PLC0415

    attrs = {**variable.attrs, "calendar": calendar_of(variable, calendar)}
    coded = xr.Dataset({"moments": (variable.dims, variable.values, attrs)})
    try:
        return xr.decode_cf(coded)["moments"]
    except ValueError as error:
        said = f"{attrs.get('units')!r} in the calendar {attrs['calendar']!r}"
        problem = f"cannot be read as moments of the unit {said}"
        raise MetadataError(str(variable.name), problem, "set metadata: {datetime: …}, or mend the file") from error


def _step(values: np.ndarray[Any, Any]) -> str | None:
    if values.size < 2:  # noqa: PLR2004  # one value has no spacing
        return None
    steps = np.diff(values)
    first = steps[0]
    seconds = float(first / np.timedelta64(1, "s")) if values.dtype.kind == "M" else first.total_seconds()
    if seconds >= SHORTEST_MONTH and (months := _months(values)):
        return f"P{months // 12}Y" if months % 12 == 0 else f"P{months}M"
    return _duration(seconds) if (steps == steps[0]).all() else None


def _months(values: np.ndarray[Any, Any]) -> int:
    """The months between values on a calendar, where they are as many each time; else 0."""
    if values.dtype.kind == "M":
        months = values.astype("datetime64[M]").astype(np.int64)
    else:
        months = np.array([12 * value.year + value.month for value in values])
    counts = np.diff(months)
    return int(counts[0]) if counts[0] > 0 and (counts == counts[0]).all() else 0


def _duration(seconds: float) -> str | None:
    if seconds <= 0:
        return None
    if seconds % 86400 == 0:
        return f"P{seconds / 86400:.0f}D"
    for unit, length in (("H", 3600), ("M", 60)):
        if seconds % length == 0:
            return f"PT{seconds / length:.0f}{unit}"
    return f"PT{seconds:g}S"
