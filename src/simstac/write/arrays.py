"""Zarr arrays in a session: created, grown, written and read back; no array is touched that need not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.studies.encode import fill_value
from simstac.write.encoding import TABLE_CHUNK, compressors

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True, slots=True, eq=False)
class ArraySpec:
    """A stored variable of many runs.

    Attributes:
        group: Its group; empty for the root.
        name: Its name in the group.
        dims: Its dimensions, ``run`` first.
        shape: Its shape.
        chunks: Its chunk shape.
        dtype: What is stored; object for strings.
        attrs: Its attributes.
    """

    group: str
    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Its path from the root."""
        return f"{self.group}/{self.name}" if self.group else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate:
    """A small array, held whole: a coordinate of an axis, or a column of the run table.

    Attributes:
        dims: Its dimensions.
        values: Encoded values.
        attrs: Its attributes.
    """

    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


def array_at(root: zarr.Group, path: str) -> zarr.Array[Any]:
    """The array at a path.

    Raises:
        StorageError: If a group is there.
    """
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    node = root[path]
    if not isinstance(node, zarr.Array):
        raise StorageError(path, "is a group where an array belongs", "choose another place for the store")
    return node


def dimensions(array: zarr.Array[Any]) -> tuple[str, ...]:
    """The names of an array's dimensions; none where they have no names."""
    names = array.metadata.to_dict().get("dimension_names")
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def create_array(root: zarr.Group, spec: ArraySpec) -> zarr.Array[Any]:
    """An array of missing values, in place of any that is there."""
    return root.create_array(
        spec.path,
        shape=spec.shape,
        chunks=spec.chunks,
        dtype=str if spec.dtype.kind == "O" else spec.dtype,
        fill_value=fill_value(spec.dtype),
        compressors=compressors(spec.dtype),
        dimension_names=spec.dims,
        attributes=dict(spec.attrs),
        overwrite=True,
    )


def write_rows(array: zarr.Array[Any], start: int, block: NDArray[Any]) -> None:
    """Write whole chunks of rows, and read them back.

    Args:
        array: The array.
        start: The first row; the beginning of a chunk.
        block: The rows, up to the end of a chunk or of the array.

    Raises:
        StorageError: If other values come back than were written.
    """
    stop, length = start + len(block), array.chunks[0]
    if start % length or (stop % length and stop != array.shape[0]):
        raise StorageError(array.path, f"rows {start} to {stop} cut chunks of {length} runs", "report this as a bug")
    if _every_chunk_has_values(array, block):
        array = array.with_config({"write_empty_chunks": True})
    array[start:stop] = block
    if not same_values(np.asarray(array[start:stop]), block):
        raise StorageError(array.path, f"rows {start} to {stop} came back changed", "check the disk or the bucket")


def put(group: zarr.Group, name: str, coordinate: Coordinate) -> None:
    """Write a small array where it differs from what is there: chunk by chunk, or anew if its form changed."""
    values, attrs = coordinate.values, dict(coordinate.attrs)
    array = _resized(array_at(group, name), coordinate) if name in group else None
    if array is None:
        group.create_array(
            name,
            shape=values.shape,
            chunks=tuple(TABLE_CHUNK if dim == "run" else max(1, size) for dim, size in _sizes(coordinate)),
            dtype=str if values.dtype.kind == "O" else values.dtype,
            fill_value="" if values.dtype.kind == "O" else values.dtype.type(0),
            compressors=compressors(values.dtype),
            dimension_names=coordinate.dims,
            attributes=attrs,
            overwrite=True,
        )[...] = values
        return
    if dict(array.attrs) != attrs:
        array.attrs.put(attrs)
    stored = np.asarray(array[...])
    for start in range(0, len(values), array.chunks[0]):
        rows = slice(start, start + array.chunks[0])
        if not same_values(stored[rows], values[rows]):
            array[rows] = values[rows]


def remove_others(group: zarr.Group, kept: set[str]) -> None:
    """Delete the arrays of a group that are not named."""
    for name in [name for name in group.array_keys() if name not in kept]:
        del group[name]


def same_values(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays are equal bit for bit, NaN being equal to NaN."""
    if one.shape != other.shape:
        return False
    if "O" in (one.dtype.kind, other.dtype.kind) or "T" in (one.dtype.kind, other.dtype.kind):
        return bool(np.array_equal(one.astype(object), other.astype(object)))
    if one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return bool(np.array_equal(one, other))
    one, other = np.atleast_1d(one), np.atleast_1d(other)
    ours, theirs = (np.ascontiguousarray(each).view(f"u{each.dtype.itemsize}") for each in (one, other))
    different = ours != theirs
    return not different.any() or bool((np.isnan(one[different]) & np.isnan(other[different])).all())


def _every_chunk_has_values(array: zarr.Array[Any], block: NDArray[Any]) -> bool:
    """Whether the first value of every chunk is known, so that none is empty and Zarr need not look at them all."""
    corners = block[tuple(slice(None, None, length) for length in array.chunks)]
    return corners.dtype.kind == "f" and not np.isnan(corners).any()


def _resized(array: zarr.Array[Any], wished: Coordinate) -> zarr.Array[Any] | None:
    """The array in the wished shape; None if it cannot get there by growing along ``run``."""
    values = wished.values
    same_kind = array.dtype == values.dtype or (array.dtype.kind == "T" and values.dtype.kind == "O")
    if not same_kind or dimensions(array) != wished.dims:
        return None
    if array.shape != values.shape:
        if wished.dims[0] != "run" or array.shape[1:] != values.shape[1:]:
            return None
        array.resize(values.shape)
    return array


def _sizes(coordinate: Coordinate) -> Sequence[tuple[str, int]]:
    return tuple(zip(coordinate.dims, coordinate.values.shape, strict=True))
