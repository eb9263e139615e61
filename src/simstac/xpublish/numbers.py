"""Statistics of a variable by the groups of a coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simstac.stac.document import plain, text
from simstac.xpublish.select import BadRequestError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

type Reduction = Literal["mean", "min", "max", "sum", "std", "count"]

MOST_VALUES = 20_000_000
MOST_GROUPS = 10_000
COMPONENTS = frozenset({"year", "season", "month", "day", "dayofyear", "hour", "minute"})


def grouped(array: xr.DataArray, coordinate: str, reduction: Reduction) -> dict[str, Any]:
    """One number for each value of a coordinate, over everything else; missing values are left out.

    Args:
        array: The variable.
        coordinate: A coordinate of it, or a part of a time such as ``time.month``.
        reduction: The statistic; ``std`` is that of the population.

    Raises:
        BadRequestError: If there is no such coordinate, or it is too much work.
    """
    if array.size > MOST_VALUES:
        raise BadRequestError(str(array.name), f"has {array.size:,} values, of at most {MOST_VALUES:,}", "select fewer")
    labels = _labels(array, coordinate)
    groups, inverse = np.unique(
        labels.values.astype(str) if labels.dtype == object else labels.values, return_inverse=True
    )
    if groups.size > MOST_GROUPS:
        raise BadRequestError(coordinate, f"has {groups.size:,} values, of at most {MOST_GROUPS:,}", "select fewer")
    where = labels.copy(data=inverse.reshape(labels.shape)).broadcast_like(array).transpose(*array.dims)
    measured = np.asarray(array.values, dtype=np.float64).ravel()
    known = np.isfinite(measured)
    numbers = _reduced(measured[known], where.values.ravel()[known], groups.size, reduction)
    return {
        "variable": str(array.name),
        "units": text(array.attrs.get("units")) or None,
        "coordinate": coordinate,
        "reduction": reduction,
        "groups": plain(groups),
        "values": plain(numbers),
    }


def _labels(array: xr.DataArray, coordinate: str) -> xr.DataArray:
    name, _, component = coordinate.partition(".")
    if name not in array.coords:
        known = ", ".join(sorted(map(str, array.coords)))
        raise BadRequestError(coordinate, f"is no coordinate of {array.name}", f"its coordinates are {known}")
    labels = array[name]
    if not component:
        return labels
    if component not in COMPONENTS or not hasattr(labels, "dt"):
        raise BadRequestError(coordinate, "is no part of a time", f"the parts are {', '.join(sorted(COMPONENTS))}")
    part: xr.DataArray = getattr(labels.dt, component)
    return part


def _reduced(values: NDArray[Any], where: NDArray[Any], groups: int, reduction: Reduction) -> NDArray[Any]:
    count = np.bincount(where, minlength=groups)
    if reduction == "count":
        return count
    missing = np.where(count == 0, np.nan, 0.0)
    if reduction in {"min", "max"}:
        start, ufunc = (np.inf, np.minimum) if reduction == "min" else (-np.inf, np.maximum)
        found = np.full(groups, start)
        ufunc.at(found, where, values)
        return np.where(count == 0, np.nan, found)
    total = np.bincount(where, values, minlength=groups)
    if reduction == "sum":
        return total + missing
    mean = total / np.maximum(count, 1)
    if reduction == "mean":
        return mean + missing
    square = np.bincount(where, (values - mean[where]) ** 2, minlength=groups)
    return np.sqrt(square / np.maximum(count, 1)) + missing
