"""A variable of a file as it is stored: numbers as they are or unpacked, times as int64, texts as strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.attributes import json_attrs
from simstac.sources.cf.times import EPOCH, MISSING, PLAIN_CALENDARS, calendar_of, is_time_unit, microseconds

if TYPE_CHECKING:
    import xarray as xr

PACKED = ("scale_factor", "add_offset", "_Unsigned")
MASKS = ("_FillValue", "missing_value")
VALID = ("valid_min", "valid_max", "valid_range")
"""Attributes that are in packed units where they are of the packed type."""
OURS = frozenset(
    {
        *PACKED,
        *MASKS,
        "_ChunkSizes",
        "_Encoding",
        "_Netcdf4Coordinates",
        "_Netcdf4Dimid",
        "calendar",
        "dtype",
        "units",
    }
)
"""Attributes of the encoding in the file."""
REFERRING = (
    "coordinates",
    "bounds",
    "climatology",
    "grid_mapping",
    "ancillary_variables",
    "cell_measures",
    "formula_terms",
)
"""Attributes that name other variables."""

type Slab = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A variable as it is stored.

    Attributes:
        dims: Its dimensions.
        shape: Its shape.
        dtype: What is stored; object for strings.
        attrs: Its attributes in the store.
        packing: How its file packs it; empty where the values are stored as they are.
        chunks: Its chunk shape in the file; empty where it is not chunked.
        read: The stored values of a slab.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    packing: str
    chunks: tuple[int, ...]
    read: Callable[[Slab], NDArray[Any]]

    @property
    def is_time(self) -> bool:
        """Whether it holds times."""
        return self.attrs.get("units") == EPOCH


def decoded(name: str, raw: xr.Variable, inherited: Mapping[str, Any], where: str, *, calendar: str = "") -> Decoded:
    """A variable as it is stored.

    Args:
        name: Its name.
        raw: The variable as its file has it, undecoded and lazy.
        inherited: Attributes of the variable whose bounds it is.
        where: The file and the variable, for errors.
        calendar: The calendar of times that name none.

    Raises:
        SourceError: If it is of a type that no store keeps, or its times say no date. Reading raises it too.
    """
    said = said_of_time(raw.attrs, inherited)
    if raw.dtype.kind in "fiu" and is_time_unit(said.get("units")):
        return _time(raw, {**said, "calendar": said.get("calendar") or calendar}, where)
    if raw.dtype.kind in "SUOT":
        return _text(name, raw)
    if raw.dtype.kind not in "fiub":
        raise SourceError(where, f"is of type {raw.dtype}, which no store keeps", "leave it out with variables")
    return _number(name, raw)


def said_of_time(attrs: Mapping[str, Any], inherited: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a variable, with unit and calendar of that whose bounds it is."""
    return {**{key: inherited[key] for key in ("units", "calendar") if key in inherited}, **attrs}


def owners_of_bounds(attrs: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The attributes of the variable that each variable of bounds belongs to."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in attrs:
        for key in ("bounds", "climatology"):
            if isinstance(each.get(key), str):
                found[each[key]] = each
    return found


def masks_of(raw: xr.Variable) -> tuple[Any, ...]:
    """The numbers that stand for missing ones, each once; those that its type cannot hold mark nothing."""
    found: dict[Any, None] = {}
    for key in MASKS:
        found |= dict.fromkeys(np.atleast_1d(np.asarray(raw.attrs.get(key, ()))).tolist())
    return tuple(each for each in found if holds(raw.dtype, each))


def holds(dtype: np.dtype[Any], value: Any) -> bool:
    """Whether a value is a number that an array of this type may have."""
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, int | float) or dtype.kind not in "iu":
        return isinstance(number, int | float)
    limits = np.iinfo(dtype)
    return limits.min <= number <= limits.max and number == int(number)


def mask_floats(values: NDArray[Any], masks: tuple[Any, ...]) -> NDArray[Any]:
    """Put NaN in place of each of some values, where the values are floats; return the array itself."""
    if values.dtype.kind == "f":
        for mask in masks:
            if mask == mask:  # noqa: PLR0124  # NaN needs no replacing
                values[values == values.dtype.type(mask)] = np.nan
    return values


def is_packed(raw: xr.Variable) -> bool:
    """Whether the values are not what the file holds."""
    return any(key in raw.attrs for key in PACKED)


def _time(raw: xr.Variable, said: Mapping[str, Any], where: str) -> Decoded:
    from xarray.conventions import decode_cf_variable  # noqa: PLC0415  # 1.8 s that --help need not pay

    units, calendar = str(said["units"]), calendar_of(said.get("calendar"))
    masked = is_packed(raw) or (bool(masks_of(raw)) and raw.dtype.kind == "f")
    plain = decode_cf_variable("time", raw, decode_times=False) if masked else raw
    missing = [] if masked else [raw.dtype.type(each) for each in masks_of(raw)]

    def read(slab: Slab) -> NDArray[Any]:
        values = np.asarray(plain[slab].values)
        if missing:
            values = np.where(np.isin(values, missing), MISSING, values.astype(np.int64))
        times = microseconds(values, units, calendar, where)
        if calendar not in PLAIN_CALENDARS and (times == MISSING).any():
            problem = f"has missing times, which xarray cannot read in the calendar {calendar}"
            raise SourceError(where, problem, "fill them in, or leave it out with variables")
        return times

    attrs = {**_attrs(raw), "units": EPOCH, "calendar": calendar}
    return Decoded(_dims(raw), raw.shape, np.dtype(np.int64), attrs, "", _chunks(raw), read)


def _text(name: str, raw: xr.Variable) -> Decoded:
    from xarray.conventions import decode_cf_variable  # noqa: PLC0415  # as above

    bare = raw.copy(deep=False)
    bare.attrs = {key: value for key, value in raw.attrs.items() if key not in MASKS}
    variable = decode_cf_variable(name, bare, decode_times=False)

    def read(slab: Slab) -> NDArray[Any]:
        return _strings(np.asarray(variable[slab].values))

    return Decoded(_dims(variable), variable.shape, np.dtype(object), _attrs(raw, "units"), "", (), read)


def _number(name: str, raw: xr.Variable) -> Decoded:
    from xarray.conventions import decode_cf_variable  # noqa: PLC0415  # as above

    masks, attrs, packing = masks_of(raw), _attrs(raw, "units"), ""
    if str(raw.attrs.get("dtype", "")).startswith("timedelta64"):
        attrs["dtype"] = str(raw.attrs["dtype"])
    if is_packed(raw):
        said = {key: np.asarray(raw.attrs[key]).tolist() for key in (*PACKED, *MASKS) if key in raw.attrs}
        packing = f"{raw.dtype.name} " + " ".join(f"{key}={value}" for key, value in said.items())
        variable, masks = decode_cf_variable(name, raw, decode_times=False, decode_timedelta=False), ()
        for key in VALID:
            if key in raw.attrs and np.asarray(raw.attrs[key]).dtype == raw.dtype:
                attrs.pop(key, None)
    else:
        bare = raw.copy(deep=False)
        bare.attrs = {key: value for key, value in raw.attrs.items() if key not in MASKS}
        variable = decode_cf_variable(name, bare, decode_times=False, decode_timedelta=False)
    dtype = variable.dtype.newbyteorder("=")
    if dtype.kind in "iu" and masks:
        attrs["_FillValue"], *others = masks
        attrs |= {"missing_value": others[0] if len(others) == 1 else others} if others else {}

    def read(slab: Slab) -> NDArray[Any]:
        values = np.array(variable[slab].values, dtype=dtype)
        return mask_floats(values, masks)

    return Decoded(_dims(raw), raw.shape, dtype, attrs, packing, _chunks(raw), read)


def _attrs(raw: xr.Variable, *kept: str) -> dict[str, Any]:
    return json_attrs({key: value for key, value in raw.attrs.items() if key not in OURS - {*kept}})


def _dims(variable: xr.Variable) -> tuple[str, ...]:
    return tuple(map(str, variable.dims))


def _chunks(raw: xr.Variable) -> tuple[int, ...]:
    said = raw.encoding.get("chunksizes") or raw.encoding.get("preferred_chunks") or ()
    lengths = tuple(said.values()) if isinstance(said, Mapping) else tuple(said)
    return tuple(int(length) for length in lengths) if len(lengths) == raw.ndim else ()


def _strings(values: NDArray[Any]) -> NDArray[Any]:
    texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in values.reshape(-1)]
    return np.array(texts, dtype=object).reshape(values.shape)
