"""What stands for masked values where arrays have no masks, and a count of what an array holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError

NUMBERS = "fiu"


@dataclass(frozen=True, slots=True)
class Contents:
    """What an array holds.

    Attributes:
        missing: How many values are masked.
        nans: How many values are NaN and not masked.
        total: The sum of the others.
        lowest: The smallest of them; NaN where there are none.
        highest: The largest of them; NaN where there are none.
    """

    missing: int
    nans: int
    total: float
    lowest: float
    highest: float


def may_be_masked(array: Any) -> bool:
    """Whether an array, lazy or not, has masked values, or might have some when it is read."""
    if is_lazy(array):
        return bool(np.ma.isMaskedArray(array._meta))  # noqa: SLF001  # dask says it nowhere else
    return bool(np.ma.is_masked(array))


def is_lazy(array: Any) -> bool:
    """Whether an array is dask's."""
    return hasattr(array, "dask")


def contents(arrays: Sequence[Any]) -> list[Contents]:
    """What each of these numeric arrays holds; lazy ones are read once, all together, a block at a time."""
    from dask.base import compute  # noqa: PLC0415  # reading Iris's cubes alone needs it

    parts = [_blocks(array) for array in arrays]
    return [_together(each) for each in compute(*parts)]


def same_contents(one: Contents, other: Contents) -> bool:
    """Whether two arrays hold the same, as far as these figures say."""
    return np.array_equal(astuple(one), astuple(other), equal_nan=True)


def filler(dtype: np.dtype[Any], holds: Contents | None = None, wished: Any = None) -> Any:
    """A value of this type that stands for masked ones and is none of those that an array holds.

    Args:
        dtype: The array's type.
        holds: What it holds; None for the value to try first: NaN, ``wished``, or the end of the integers.
        wished: What the source uses.

    Raises:
        SourceError: If the array leaves none.
    """
    if dtype.kind == "f":
        ends = [np.nan] if holds is None or not holds.nans else [float(np.finfo(dtype).max), float(np.finfo(dtype).min)]
    else:
        limits = np.iinfo(dtype)
        ends = (
            [limits.min, limits.max] if dtype.kind == "i" else [min(limits.max, 2**63), limits.max, 0]
        )  # as floats too
        ends = ends if wished is None else [int(wished), *ends]
    for value in ends:
        if holds is None or math.isnan(value) or not holds.lowest <= value <= holds.highest:
            return dtype.type(value)
    raise SourceError(f"values of type {dtype}", "fill the whole of their type beside masked ones", "widen the type")


def filled(array: Any, fill: Any) -> Any:
    """An array without a mask, lazy as it was; masked values become ``fill``."""
    if is_lazy(array):
        return array.map_blocks(_filled, fill, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))
    return _filled(array, fill)


def masked(array: Any, fill: Any) -> Any:
    """An array, lazy as it was, whose values equal to ``fill`` are masked; NaN equals NaN."""
    if is_lazy(array):
        return array.map_blocks(_masked, fill, dtype=array.dtype, meta=np.ma.empty((0,) * array.ndim, array.dtype))
    return _masked(array, fill)


def _filled(block: Any, fill: Any) -> NDArray[Any]:
    return np.asarray(np.ma.filled(block, fill)) if np.ma.isMaskedArray(block) else np.asarray(block)


def _masked(block: NDArray[Any], fill: Any) -> np.ma.MaskedArray[Any, Any]:
    mask = np.isnan(block) if block.dtype.kind == "f" and np.isnan(fill) else block == fill
    return np.ma.MaskedArray(block, mask=mask)


def _blocks(array: Any) -> list[Any]:
    from dask.delayed import delayed  # noqa: PLC0415  # as above

    if not is_lazy(array):
        return [_contents(array)]
    return [delayed(_contents)(block) for block in array.to_delayed(optimize_graph=False).ravel()]


def _contents(block: Any) -> Contents:
    mask = np.ma.getmaskarray(block).ravel()
    values = np.ma.getdata(block).ravel()[~mask]
    nans = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
    known = values[~np.isnan(values)] if nans else values
    if not known.size:
        return Contents(int(mask.sum()), nans, 0.0, math.nan, math.nan)
    with np.errstate(all="ignore"):  # infinities may meet
        total = float(known.sum(dtype=np.float64))
    return Contents(int(mask.sum()), nans, total, known.min().item(), known.max().item())


def _together(parts: Sequence[Contents]) -> Contents:
    known = [part for part in parts if not math.isnan(part.lowest)]
    return Contents(
        sum(part.missing for part in parts),
        sum(part.nans for part in parts),
        math.fsum(part.total for part in parts) if all(math.isfinite(part.total) for part in parts) else math.nan,
        min((part.lowest for part in known), default=math.nan),
        max((part.highest for part in known), default=math.nan),
    )
