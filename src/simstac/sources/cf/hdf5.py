"""Chunks of HDF5 files read as bytes and decoded in threads, past the lock that the HDF5 library holds.

Only what is surely understood is read so: numbers in native chunks with no filters but shuffle and deflate.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.decode import Decoded, Slab, is_packed, mask_floats, masks_of

if TYPE_CHECKING:
    import h5py
    import xarray as xr

DEFLATE, SHUFFLE = 1, 2
NOT_A_COORDINATE = "_nc4_non_coord_"
"""What NetCDF4 puts before the name of a variable that is called like a dimension which it is not on."""
UNDERSTOOD = frozenset({DEFLATE, SHUFFLE})

type Corner = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the chunks of a variable lie in a file.

    Attributes:
        shape: The variable's shape.
        lengths: Its chunk shape.
        dtype: The type of its bytes.
        filters: The filters, in the order in which they were applied.
        fill: What chunks hold that are not there.
        places: First index of each chunk → its offset, size and filters that were skipped.
        masks: The values that stand for missing ones.
    """

    shape: tuple[int, ...]
    lengths: tuple[int, ...]
    dtype: np.dtype[Any]
    filters: tuple[int, ...]
    fill: Any
    places: Mapping[Corner, tuple[int, int, int]]
    masks: tuple[Any, ...]


class ChunkReader:
    """The chunks of one HDF5 file."""

    def __init__(self, path: Path, group: str | None, pool: Executor) -> None:
        """Open nothing yet."""
        self._path, self._group, self._pool = path, group, pool
        self._layouts: dict[str, Layout | None] = {}
        self._descriptor: int | None = None

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, name: str, variable: Decoded, raw: xr.Variable, slab: Slab, out: NDArray[Any]) -> bool:
        """Read a slab of a variable into an array; False, and nothing done, where this is left to xarray."""
        if name not in self._layouts:
            self._layouts[name] = self._layout(name, variable, raw)
        layout = self._layouts[name]
        if layout is None:
            return False
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDONLY)
        bounds = [each.indices(size)[:2] for each, size in zip(slab, layout.shape, strict=True)]
        descriptor = self._descriptor

        def place(corner: Corner) -> None:
            _place(descriptor, layout, corner, bounds, out)

        for _ in self._pool.map(place, _corners(layout, bounds)):
            pass
        return True

    def _layout(self, name: str, variable: Decoded, raw: xr.Variable) -> Layout | None:
        if variable.dtype.kind not in "fiu" or variable.is_time or is_packed(raw) or not hasattr(os, "pread"):
            return None
        try:
            import h5py  # noqa: PLC0415  # part of an extra
        except ImportError:
            return None
        with h5py.File(self._path, "r") as file:
            group = file[self._group] if self._group else file
            dataset = group.get(name_in_hdf5(group, name))
            return _layout(dataset, variable, raw) if isinstance(dataset, h5py.Dataset) else None


def name_in_hdf5(group: h5py.Group, name: str) -> str:
    """What a variable of NetCDF4 is called in HDF5."""
    other = f"{NOT_A_COORDINATE}{name}"
    return other if other in group else name


def _layout(dataset: h5py.Dataset, variable: Decoded, raw: xr.Variable) -> Layout | None:
    properties = dataset.id.get_create_plist()
    filters = tuple(properties.get_filter(index)[0] for index in range(properties.get_nfilters()))
    fits = dataset.chunks and dataset.shape == variable.shape and set(filters) <= UNDERSTOOD and dataset.size
    if not fits or dataset.dtype.newbyteorder("=") != variable.dtype or dataset.file.userblock_size:
        return None
    places: dict[Corner, tuple[int, int, int]] = {}

    def found(info: Any) -> None:
        places[tuple(info.chunk_offset)] = (info.byte_offset, info.size, info.filter_mask)

    dataset.id.chunk_iter(found)
    return Layout(dataset.shape, dataset.chunks, dataset.dtype, filters, dataset.fillvalue, places, masks_of(raw))


def _corners(layout: Layout, bounds: list[tuple[int, int]]) -> Iterator[Corner]:
    ranges = [
        range(start // length * length, stop, length)
        for (start, stop), length in zip(bounds, layout.lengths, strict=True)
    ]
    yield from product(*ranges)


def _place(descriptor: int, layout: Layout, corner: Corner, bounds: list[tuple[int, int]], out: NDArray[Any]) -> None:
    """Put the part of a chunk that lies in the slab into its place."""
    inside, target = [], []
    for first, length, (start, stop) in zip(corner, layout.lengths, bounds, strict=True):
        low, high = max(first, start), min(first + length, stop)
        inside.append(slice(low - first, high - first))
        target.append(slice(low - start, high - start))
    view = out[tuple(target)]
    place = layout.places.get(corner)
    view[...] = layout.fill if place is None else _chunk(descriptor, layout, place)[tuple(inside)]
    mask_floats(view, layout.masks)


def _chunk(descriptor: int, layout: Layout, place: tuple[int, int, int]) -> NDArray[Any]:
    offset, size, skipped = place
    data: bytes | NDArray[np.uint8] = os.pread(descriptor, size, offset)
    count = int(np.prod(layout.lengths)) * layout.dtype.itemsize
    for position in range(len(layout.filters) - 1, -1, -1):
        if skipped >> position & 1:
            continue
        if layout.filters[position] == DEFLATE:
            data = _inflated(data, count)
        else:
            data = _unshuffled(data, layout.dtype.itemsize)
    return np.frombuffer(data, layout.dtype).reshape(layout.lengths)


def _inflated(data: bytes | NDArray[np.uint8], count: int) -> bytes:
    """DEFLATE undone, by ISA-L where it is installed: twice as fast as zlib."""
    try:
        from isal import igzip_lib, isal_zlib  # noqa: PLC0415  # part of an extra
    except ImportError:
        return zlib.decompress(data, bufsize=count)
    try:
        inflated: bytes = isal_zlib.decompress(data, bufsize=count)
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub is no class
        raise zlib.error(str(error)) from error
    return inflated


def _unshuffled(data: bytes | NDArray[np.uint8], itemsize: int) -> NDArray[np.uint8]:
    planes = np.frombuffer(data, np.uint8).reshape(itemsize, -1)
    values = np.empty((planes.shape[1], itemsize), np.uint8)
    for byte in range(itemsize):
        values[:, byte] = planes[byte]
    return values.reshape(-1)
