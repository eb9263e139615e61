"""Indexed files as one dataset: their order along the dimension that grows, the small variables, and the references."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.virtual.agreement import refuse_disagreement, refuse_disorder
from simstac.sources.virtual.filters import Codec, UnfitError
from simstac.sources.virtual.index import DECODING, Chunks, FileIndex, Variable

if TYPE_CHECKING:
    import xarray as xr

PIECE_BYTES = 8 << 20
"""At most this much of an unencoded array is fetched at once, where its rows can be cut so."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A file of the dataset.

    Attributes:
        name: What it is called in errors.
        url: Its address, as references carry it.
        version: What differs when its bytes do.
        checksum: What a reader checks: its ETag, or the time of its last change.
        index: What it holds.
    """

    name: str
    url: str
    version: str
    checksum: datetime | str | None
    index: FileIndex


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Files that a store refers to already, and that are as they were.

    Attributes:
        urls: The files, in order.
        versions: What they were.
        lengths: The length of each along the dimension that grows.
        along: The dimension that they continue.
        small: Their copied variables, decoded, one file after the other.
    """

    urls: tuple[str, ...]
    versions: tuple[str, ...]
    lengths: tuple[int, ...]
    along: str
    small: xr.Dataset

    def only(self, urls: Collection[str]) -> Kept:
        """Some of them."""
        ends = np.cumsum(self.lengths)
        taken = [index for index, url in enumerate(self.urls) if url in urls]
        rows = [np.arange(ends[index] - self.lengths[index], ends[index]) for index in taken]
        return Kept(
            tuple(self.urls[index] for index in taken),
            tuple(self.versions[index] for index in taken),
            tuple(self.lengths[index] for index in taken),
            self.along,
            self.small.isel({self.along: np.concatenate(rows)}) if self.along in self.small.dims else self.small,
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
    is_complete: bool


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """A dataset whose large variables stay in files.

    Attributes:
        along: The dimension that files continue; empty for a single file without one.
        small: The variables that are copied, decoded, with the global attributes.
        arrays: Those that are referenced.
        urls: The files, in order.
        versions: What they are.
        starts: Where each begins along the dimension.
        lengths: How far each reaches.
    """

    along: str
    small: xr.Dataset
    arrays: Mapping[str, ReferencedArray]
    urls: tuple[str, ...]
    versions: tuple[str, ...]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file in the order of the dataset; without its part where the store refers to it already."""

    name: str
    url: str
    version: str
    length: int
    part: Part | None = None


def combine(parts: Sequence[Part], kept: Kept | None = None, *, gaps: bool = False) -> References:
    """Join files along the dimension that grows, in the order of its labels.

    Args:
        parts: The files that are new or changed; the first one's structure is that of the dataset.
        kept: The others.
        gaps: Whether steps may be missing between two files.

    Raises:
        UnfitError: If they cannot be referred to as one dataset: it names the files that disagree, overlap, leave steps
            out or are stored differently.
    """
    first = parts[0]
    for part in parts[1:]:
        refuse_disagreement((first.name, first.index), (part.name, part.index))
    for part in parts:
        if part.index.along and not part.index.length:
            raise UnfitError(f"{part.name} has no steps along {part.index.along}")
    along, count = first.index.along, len(parts) + (len(kept.urls) if kept else 0)
    if not along and count > 1:
        raise UnfitError(f"{first.name} has no dimension along which another file could continue it")
    placed, small = _ordered(parts, kept, along, gaps)
    starts = [int(start) for start in np.cumsum([0, *(each.length for each in placed)])]
    return References(
        along=along,
        small=small,
        arrays={
            name: _array(name, variable, placed, starts, along)
            for name, variable in first.index.variables.items()
            if variable.chunks is not None
        },
        urls=tuple(each.url for each in placed),
        versions=tuple(each.version for each in placed),
        starts=tuple(starts[:-1]),
        lengths=tuple(each.length for each in placed),
    )


def _ordered(parts: Sequence[Part], kept: Kept | None, along: str, gaps: bool) -> tuple[list[_Placed], xr.Dataset]:
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    groups = _alike(parts, along)
    datasets = [_decoded(group, along) for group in groups]
    placed = [
        _Placed(part.name, part.url, part.version, part.index.length if along else 1, part)
        for group in groups
        for part in group
    ]
    if kept is not None and kept.urls:
        datasets.append(kept.small)
        placed += map(_Placed, kept.urls, kept.urls, kept.versions, kept.lengths)
    if len(datasets) == 1:
        return _sorted(placed, datasets[0], along, gaps) if along else (placed, datasets[0])
    joined = xr.concat(datasets, along, data_vars="minimal", coords="minimal", compat="override", join="override")
    return _sorted(placed, joined, along, gaps)


def _sorted(placed: Sequence[_Placed], small: xr.Dataset, along: str, gaps: bool) -> tuple[list[_Placed], xr.Dataset]:
    ends = np.cumsum([each.length for each in placed])
    rows = [np.arange(end - each.length, end) for each, end in zip(placed, ends, strict=True)]
    if along in small.variables:
        labels = np.asarray(small[along].values)
        ranks = sorted(range(len(placed)), key=lambda index: labels[rows[index][0]])
        names = [placed[rank].name for rank in ranks]
        refuse_disorder(names, [labels[rows[rank]] for rank in ranks], along, gaps=gaps)
    else:
        ranks = sorted(range(len(placed)), key=lambda index: placed[index].name)
    after = [placed[rank] for rank in ranks]
    if ranks == list(range(len(placed))):
        return after, small
    return after, small.isel({along: np.concatenate([rows[rank] for rank in ranks])})


def _alike(parts: Sequence[Part], along: str) -> list[list[Part]]:
    """Files whose small variables are decoded alike, together."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        meaning = [
            (name, str(variable.dtype), {key: str(each) for key, each in variable.attrs.items() if key in DECODING})
            for name, variable in part.index.variables.items()
            if variable.values is not None and along in variable.dims
        ]
        groups.setdefault(json.dumps(meaning), []).append(part)
    return list(groups.values())


def _decoded(parts: Sequence[Part], along: str) -> xr.Dataset:
    """The small variables of files that are decoded alike, one file after the other."""
    import xarray as xr  # noqa: PLC0415  # as above

    first = parts[0].index
    raw = {}
    for name, variable in first.variables.items():
        if variable.values is None:
            continue
        values = variable.values
        if len(parts) > 1 and along in variable.dims:
            own = [np.asarray(part.index.variables[name].values) for part in parts]
            values = np.concatenate(own, axis=variable.dims.index(along))
        raw[name] = xr.Variable(variable.dims, values, dict(variable.attrs))
    named = {word for each in first.variables.values() for word in str(each.attrs.get("coordinates", "")).split()}
    decoded = xr.decode_cf(xr.Dataset(raw, attrs=dict(first.attrs)))
    decoded = decoded.assign(
        {name: _storable(each) for name, each in decoded.variables.items() if each.dtype.kind in "MS"}
    )
    return decoded.set_coords([name for name in named if name in decoded.variables])


def _storable(variable: xr.Variable) -> xr.Variable:
    """Dates to the nearest microsecond, and bytes as text."""
    values = np.asarray(variable.values)
    if values.dtype.kind == "S":
        return variable.copy(data=np.char.decode(values, "utf-8", "replace"))
    known = ~np.isnat(values)
    rounded = values.astype("datetime64[us]")
    late = known & ((values - rounded) * 2 >= np.timedelta64(1, "us"))
    return variable.copy(data=rounded + np.where(late, np.timedelta64(1, "us"), np.timedelta64(0, "us")))


def _array(name: str, first: Variable, placed: Sequence[_Placed], starts: Sequence[int], along: str) -> ReferencedArray:
    axis = first.dims.index(along) if along else 0
    fresh = [(each.part, start) for each, start in zip(placed, starts, strict=False) if each.part is not None]
    chunks = _common_chunks(name, [part for part, _ in fresh], [each.length for each in placed] if along else [], axis)
    for each, start, end in zip(placed, starts, starts[1:], strict=False) if along else ():
        if start % chunks[axis] or (end % chunks[axis] and end != starts[-1]):
            raise UnfitError(f"{each.name} begins or ends within a chunk of {name}, of {chunks[axis]} steps of {along}")
    return ReferencedArray(
        dims=first.dims,
        shape=tuple(starts[-1] if along and number == axis else size for number, size in enumerate(first.shape)),
        dtype=first.dtype,
        chunks=chunks,
        codecs=_stored_chunks(fresh[0][0], name).codecs,
        fill=first.fill,
        attrs=first.attrs,
        blocks=tuple(_block(part, chunks, name, start, axis) for part, start in fresh),
        is_complete=len(fresh) == len(placed),
    )


def _common_chunks(name: str, parts: Sequence[Part], lengths: Sequence[int], axis: int) -> tuple[int, ...]:
    """The chunk shape that all files have; pieces of a common length where all lie in one piece."""
    first, ours = parts[0], _stored_chunks(parts[0], name)
    for part in parts[1:]:
        theirs = _stored_chunks(part, name)
        same = theirs.shape == ours.shape or (ours.contiguous and theirs.contiguous)
        if not same or _decoding(theirs.codecs) != _decoding(ours.codecs):
            raise UnfitError(f"{part.name} stores {name} in {_words(theirs)}, and {first.name} in {_words(ours)}")
    if not ours.contiguous:
        return ours.shape
    shape, length = ours.shape, ours.shape[axis]
    if math.prod(shape[:axis]) == 1:
        row = math.prod(shape[axis + 1 :]) * first.index.variables[name].dtype.itemsize
        length = _piece(math.gcd(length, *lengths), row)
    return (*shape[:axis], length, *shape[axis + 1 :])


def _piece(length: int, row_bytes: int) -> int:
    """The longest divisor of a length with which a piece has at most `PIECE_BYTES`."""
    small = [each for each in range(1, math.isqrt(length) + 1) if length % each == 0]
    divisors = {1, *small, *(length // each for each in small)}
    return max(each for each in divisors if each == 1 or each * row_bytes <= PIECE_BYTES)


def _block(part: Part, chunks: tuple[int, ...], name: str, start: int, axis: int) -> Block:
    variable = part.index.variables[name]
    stored = _stored_chunks(part, name)
    offsets, lengths = stored.offsets, stored.lengths
    if stored.contiguous and chunks[axis] != variable.shape[axis] and offsets.size:
        count = variable.shape[axis] // chunks[axis]
        grid = tuple(count if number == axis else 1 for number in range(len(chunks)))
        piece = lengths.ravel()[0] // np.uint64(count)
        offsets = (offsets.ravel()[0] + piece * np.arange(count, dtype="u8")).reshape(grid)
        lengths = np.full(grid, piece, "u8")
    origin = tuple(start // chunks[axis] if number == axis else 0 for number in range(len(chunks)))
    return Block(part.url, part.checksum, origin, offsets, lengths, variable.shape)


def _stored_chunks(part: Part, name: str) -> Chunks:
    chunks = part.index.variables[name].chunks
    if chunks is None:
        raise UnfitError(f"{part.name} stores {name} within its header, where others have it in chunks")
    return chunks


def _decoding(codecs: Sequence[Codec]) -> list[Codec]:
    """The codecs without what only encoding needs."""
    return [
        {**codec, "configuration": {key: value for key, value in codec["configuration"].items() if key != "level"}}
        for codec in codecs
    ]


def _words(chunks: Chunks) -> str:
    how = "+".join(codec["name"].removeprefix("numcodecs.") for codec in chunks.codecs)
    shape = "x".join(map(str, chunks.shape))
    return f"chunks of {shape} ({how or 'not encoded'})" if not chunks.contiguous else "one piece"
