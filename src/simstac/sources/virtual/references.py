"""A dataset whose large variables stay in files: what of each array is referred to, and what has to be copied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.virtual.filters import Codec
from simstac.sources.virtual.index import FileIndex
from simstac.sources.virtual.places import PlacedFile

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True, eq=False)
class IndexedFile:
    """A file of the dataset.

    Attributes:
        file: Where it is.
        index: What it holds.
    """

    file: PlacedFile
    index: FileIndex


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Files that a store holds already, and that are as they were.

    Attributes:
        urls: The files, in order.
        versions: What they were.
        lengths: The length of each along the dimension that grows.
        copied: Why the large variables of each are copied; empty where the store refers to them.
        along: The dimension that they continue.
        reading: How they were read.
        small: The values of the variables that are copied from every file, as they are stored, one file after the
            other, with the axis that grows.
        calendars: The calendars of the times among these.
    """

    urls: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    copied: tuple[str, ...] = ()
    along: str = ""
    reading: str = ""
    small: Mapping[str, tuple[int, NDArray[Any]]] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)

    def only(self, urls: Collection[str]) -> Kept:
        """Some of them."""
        ends = np.cumsum(self.lengths)
        taken = [index for index, url in enumerate(self.urls) if url in urls]
        rows = np.concatenate([np.arange(ends[index] - self.lengths[index], ends[index]) for index in taken])
        return Kept(
            tuple(self.urls[index] for index in taken),
            tuple(self.versions[index] for index in taken),
            tuple(self.lengths[index] for index in taken),
            tuple(self.copied[index] for index in taken),
            self.along,
            self.reading,
            {name: (axis, np.take(values, rows, axis=axis)) for name, (axis, values) in self.small.items()},
            self.calendars,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The references of an array to one file; an empty length where no chunk is stored.

    Attributes:
        url: The file.
        checksum: What a reader checks.
        origin: The place of its first chunk on the array's grid of chunks.
        offsets: On the file's part of the grid; uint64.
        lengths: On the same.
        shape: The file's part of the array.
    """

    url: str
    checksum: datetime | str | None
    origin: tuple[int, ...]
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """The part of an array that is copied from one file, since its chunks are not stored as those of the array.

    Attributes:
        file: The file.
        start: Its first step along the dimension that grows; the beginning of a chunk.
        shape: The file's part of the array.
    """

    file: PlacedFile
    start: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ReferencedArray:
    """An array whose chunks lie in files.

    Attributes:
        dims: Its dimensions.
        shape: Its shape.
        dtype: The stored type, with its byte order.
        chunks: The shape of a chunk.
        codecs: How a chunk is decoded, in the order of encoding.
        fill: What is read where no chunk is stored.
        attrs: Its attributes, as the files have them.
        blocks: The references that are new.
        copies: What else is new.
        is_complete: Whether they are all.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]
    codecs: tuple[Codec, ...]
    fill: Any
    attrs: Mapping[str, Any]
    blocks: tuple[Block, ...]
    copies: tuple[Copy, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """A dataset whose large variables stay in files.

    Attributes:
        along: The dimension that files continue; empty for a single file without one.
        small: The variables that are copied, as they are stored, with the global attributes.
        arrays: Those that are referenced.
        urls: The files, in order.
        versions: What they are.
        starts: Where each begins along the dimension.
        lengths: How far each reaches.
        copied: Why the large variables of each are copied after all; empty where they are not.
    """

    along: str
    small: xr.Dataset
    arrays: Mapping[str, ReferencedArray]
    urls: tuple[str, ...]
    versions: tuple[str, ...]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    copied: tuple[str, ...]
