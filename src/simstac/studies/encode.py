"""xarray variables as the arrays and attributes that are stored: by CF, exactly, and always in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.attributes import json_attrs

if TYPE_CHECKING:
    import xarray as xr

MICROSECONDS = "microseconds since 1970-01-01"
MICROSECONDS_IN = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1}
MISSING_TIME = np.iinfo(np.int64).min
DECODED = frozenset({"_FillValue", "missing_value", "scale_factor", "add_offset", "dtype"})
"""Attributes of another encoding than ours."""


def fill_value(dtype: np.dtype[Any]) -> Any:
    """What stands in the store where a run has no value: NaN, "", or the extreme integer of the type."""
    match dtype.kind:
        case "f":
            return dtype.type(np.nan)
        case "i":
            return np.iinfo(dtype).min
        case "u":
            return np.iinfo(dtype).max
        case _:
            return ""


def encoded(variable: xr.Variable, where: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """The values as they are stored where some may be missing, and the attributes that decode them.

    Numbers stay as they are, integers and booleans with a ``_FillValue``; times become int64 microseconds, NaT being
    the smallest integer; strings become Python's.

    Raises:
        SourceError: If the values are neither numbers, times nor strings.
    """
    values = np.asarray(variable.values)
    attrs = cf_attrs(variable)
    kind = values.dtype.kind
    if kind == "f":
        return values, attrs
    if kind in "iu":
        return values, {**attrs, "_FillValue": int(fill_value(values.dtype))}
    if kind == "b":
        return values.astype(np.int8), {**attrs, "_FillValue": int(fill_value(np.dtype(np.int8)))}
    if is_time(variable, values):
        times, calendar = microseconds_of(variable, values, where)
        return times, {**attrs, "units": MICROSECONDS, "calendar": calendar}
    if kind in "UTO":
        return texts(values), attrs
    raise SourceError(
        where, f"is of type {values.dtype}, which no store keeps", "leave it out, or convert it to numbers"
    )


def texts(values: NDArray[Any]) -> NDArray[Any]:
    """Texts as Python's strings; a missing one is empty."""
    import pandas as pd  # noqa: PLC0415  # with xarray, which --help need not load

    plain = values.astype(object)
    return np.where(pd.isna(plain), "", plain).astype(str).astype(object)


def beside_missing(values: NDArray[Any], attrs: dict[str, Any], where: str) -> tuple[NDArray[Any], dict[str, Any]]:
    """Encoded integers in the next wider type where one of them is what stands for missing ones in their own.

    Raises:
        SourceError: If there is no wider type.
    """
    while "_FillValue" in attrs and (values == values.dtype.type(attrs["_FillValue"])).any():
        if values.dtype.itemsize == np.dtype(np.int64).itemsize:
            problem = f"holds {attrs['_FillValue']}, which stands for missing values"
            raise SourceError(where, problem, "convert it to float64, or leave it out")
        values = values.astype(f"{values.dtype.kind}{2 * values.dtype.itemsize}")
        attrs = {**attrs, "_FillValue": int(fill_value(values.dtype))}
    return values, attrs


def is_time(variable: xr.Variable, values: NDArray[Any]) -> bool:
    """Whether the values are dates, of any calendar."""
    return values.dtype.kind == "M" or (variable.dtype == object and values.size > 0 and _is_cftime(values.flat[0]))


def microseconds_of(variable: xr.Variable, values: NDArray[Any], where: str) -> tuple[NDArray[np.int64], str]:
    """Dates as int64 microseconds since 1970 in their calendar, and the calendar.

    Raises:
        SourceError: If a date is finer than a microsecond.
    """
    if values.dtype.kind != "M":
        return _cftime_microseconds(variable), str(values.flat[0].calendar)
    fine = values.astype("datetime64[us]")
    known = ~np.isnat(values)
    if not np.array_equal(fine[known].astype(values.dtype), values[known]):
        raise SourceError(where, "has times finer than a microsecond", "round them")
    return fine.astype(np.int64), str(variable.encoding.get("calendar", "proleptic_gregorian"))


def coarsest_unit(*times: NDArray[np.int64]) -> str:
    """The coarsest unit, from seconds down, that holds all of these microseconds exactly."""
    known = [each[each != MISSING_TIME] for each in times]
    return next(unit for unit, factor in MICROSECONDS_IN.items() if not any((each % factor).any() for each in known))


def in_unit(times: NDArray[np.int64], unit: str) -> NDArray[np.int64]:
    """Microseconds in another unit, NaT staying itself."""
    return np.where(times == MISSING_TIME, MISSING_TIME, times // MICROSECONDS_IN[unit])


def cf_attrs(variable: xr.Variable) -> dict[str, Any]:
    """A variable's attributes without those that its former encoding needed."""
    return {name: value for name, value in json_attrs(variable.attrs).items() if name not in DECODED}


def _is_cftime(value: object) -> bool:
    return hasattr(value, "calendar") and hasattr(value, "timetuple")


def _cftime_microseconds(variable: xr.Variable) -> NDArray[np.int64]:
    from xarray.conventions import encode_cf_variable  # noqa: PLC0415  # dates of other calendars are rare

    bare = variable.copy(deep=False)
    bare.encoding = {"units": MICROSECONDS, "dtype": np.dtype(np.int64)}
    return np.asarray(encode_cf_variable(bare).values)
