"""Variables of a dataset as arrays of a store: created, resized, and walked slab by slab of whole chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import StorageError
from simstac.write.arrays import array_at, dimensions
from simstac.write.encoding import compressors

if TYPE_CHECKING:
    import zarr

METADATA = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})
"""Files that tell what lies in a folder of Zarr."""

type Slab = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A variable as it shall lie in the store.

    Attributes:
        path: Its path from the root.
        dims: Its dimensions.
        shape: Its shape.
        dtype: What is stored; object for strings.
        attrs: Its attributes.
        chunks: The chunk shape of a new array.
        wished: The chunk lengths among them that the user asks for, by axis.
    """

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    chunks: tuple[int, ...]
    wished: Mapping[int, int]

    @property
    def mark(self) -> Any:
        """The integer that stands for a missing one; None where none does."""
        kind = self.dtype.kind
        if kind in "iu" and "_FillValue" in self.attrs:
            return self.dtype.type(self.attrs["_FillValue"])
        return np.iinfo(self.dtype).min if kind == "i" and "calendar" in self.attrs else None

    @property
    def missing(self) -> Any:
        """What stands for a missing value."""
        return blank(self.dtype) if self.mark is None else self.mark


def blank(dtype: np.dtype[Any]) -> Any:
    """What values of a type are where none says another: NaN, 0, False or an empty string."""
    return {"O": "", "f": np.nan, "b": False}.get(dtype.kind, 0)


def kept_array(root: zarr.Group, variable: Variable) -> zarr.Array[Any] | None:
    """The array that is there; None if it is of another kind, or its chunks are not those wished."""
    if variable.path not in root:
        return None
    array = array_at(root, variable.path)
    dtype = np.dtype(object) if array.dtype.kind == "T" else array.dtype
    if (dimensions(array), dtype) != (variable.dims, variable.dtype):
        return None
    if any(array.chunks[axis] != length for axis, length in variable.wished.items()):
        return None
    return array


def resized(array: zarr.Array[Any], variable: Variable) -> zarr.Array[Any]:
    """The array in the variable's shape and with its attributes."""
    if array.shape != variable.shape:
        array.resize(variable.shape)
    if dict(array.attrs) != variable.attrs:
        array.attrs.put(dict(variable.attrs))
    return array


def refuse_name(path: str) -> None:
    """Refuse a name that Zarr has another use for.

    Raises:
        StorageError: If a variable is called so.
    """
    name = path.rpartition("/")[2]
    if name in {"", ".", ".."} or name in METADATA:
        raise StorageError(path or "a variable", f"is called {name!r}, a name that no store keeps", "rename it")


def created(root: zarr.Group, variable: Variable, fill_value: Any) -> zarr.Array[Any]:
    """A new array that holds one value, in place of any that is there.

    Raises:
        StorageError: If no array can have its name.
    """
    refuse_name(variable.path)
    return root.create_array(
        variable.path,
        shape=variable.shape,
        chunks=variable.chunks,
        dtype=str if variable.dtype.kind == "O" else variable.dtype,
        fill_value=fill_value,
        compressors=compressors(variable.dtype),
        dimension_names=variable.dims,
        attributes=dict(variable.attrs),
        overwrite=True,
    )


def slabs_of(variable: Variable, chunks: Sequence[int], limit: int, cover: Sequence[int] = ()) -> Iterator[Slab]:
    """Whole chunks of at most about a number of bytes, in order; the last dimensions whole where they fit.

    Args:
        variable: The variable.
        chunks: The chunk shape of its array.
        limit: How many bytes a slab may have, if a chunk has no more.
        cover: The chunk shape that the values come in; a slab spans whole ones of them where it may.
    """
    shape, itemsize, lengths = variable.shape, max(1, variable.dtype.itemsize), list(chunks)
    wanted = [math.ceil(each / own) * own for each, own in zip(cover or chunks, chunks, strict=True)]
    if math.prod(wanted) * itemsize <= limit:
        lengths = wanted
    for axis in range(len(lengths) - 1, -1, -1):
        others = math.prod(lengths) // lengths[axis] * itemsize
        fitting = max(lengths[axis] // chunks[axis], limit // (others * chunks[axis])) * chunks[axis]
        lengths[axis] = min(fitting, max(1, math.ceil(shape[axis] / chunks[axis])) * chunks[axis])
    starts = [range(0, size, length) for size, length in zip(shape, lengths, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(start, min(start + length, size)) for start, length, size in zip(corner, lengths, shape, strict=True)
        )
