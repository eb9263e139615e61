"""A part of a variable by the text of a request, matched against the coordinates and never evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import SimstacError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

RANGE = ".."


class BadRequestError(SimstacError):
    """A request that the data cannot answer."""


def variable_of(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """A variable with numbers.

    Raises:
        BadRequestError: If there is none of that name, or it has no numbers.
    """
    if name not in dataset.variables:
        known = ", ".join(sorted(map(str, dataset.data_vars))[:20])
        raise BadRequestError(name, "is no variable", f"the variables are {known}")
    if dataset[name].dtype.kind not in "fiub":
        raise BadRequestError(name, f"holds {dataset[name].dtype}, no numbers", "choose another variable")
    return dataset[name]


def selected(array: xr.DataArray, selections: Sequence[str]) -> xr.DataArray:
    """The part of an array that selections such as ``time=2017-01-01..2017-02-01`` or ``zone=CORE`` name.

    A number selects the nearest label of a coordinate of numbers; on a dimension without a coordinate it is a position.

    Raises:
        BadRequestError: If a selection names no dimension, or no label of it.
    """
    for selection in selections:
        dim, mark, wanted = selection.partition("=")
        if not mark or dim not in array.dims:
            raise BadRequestError(selection, "selects nothing", f"write one of {_dims(array)}=LABEL or =FROM..TO")
        try:
            array = _selected(array, dim, wanted)
        except (KeyError, ValueError, IndexError, OverflowError, TypeError) as error:
            remedy = f"it goes from {_end(array, dim, 0)} to {_end(array, dim, -1)}"
            raise BadRequestError(selection, f"{wanted!r} is not on {dim}", remedy) from error
    return array


def _selected(array: xr.DataArray, dim: str, wanted: str) -> xr.DataArray:
    start, is_range, stop = wanted.partition(RANGE)
    if dim not in array.indexes:
        return array.isel({dim: slice(int(start), int(stop) + 1) if is_range else int(start)})
    kind = array[dim].dtype
    if is_range:
        return array.sel({dim: slice(_label(start, kind), _label(stop, kind))})
    label = _label(start, kind)
    return array.sel({dim: label}, method="nearest" if kind.kind in "fiu" else None)


def _label(said: str, dtype: np.dtype[Any]) -> Any:
    match dtype.kind:
        case "M":
            return np.datetime64(said.removesuffix("Z"))
        case "f" | "i" | "u":
            return float(said)
        case "m":
            return np.timedelta64(int(said), "h")
        case _:
            return said


def _dims(array: xr.DataArray) -> str:
    return ", ".join(map(str, array.dims))


def _end(array: xr.DataArray, dim: str, index: int) -> str:
    if not array.sizes[dim]:
        return "nowhere"
    return str(array[dim].values[index] if dim in array.coords else range(array.sizes[dim])[index])
