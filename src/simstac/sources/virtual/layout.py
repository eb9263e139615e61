"""How each large variable lies in the files, and in the one array that refers to them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simstac.sources.virtual.filters import Codec, UnfitError
from simstac.sources.virtual.index import Chunks, Variable
from simstac.sources.virtual.places import PlacedFile
from simstac.sources.virtual.references import Block, Copy, IndexedFile, ReferencedArray

PIECE_BYTES = 8 << 20
"""At most this much of an unencoded array is fetched at once, where its rows can be cut so."""
PACKED_BY = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")


@dataclass(frozen=True, slots=True)
class Placed:
    """A file in the order of the dataset.

    Attributes:
        file: The file.
        start: Its first step along the dimension that grows.
        length: How many steps it has.
        indexed: What it holds; None where the store holds it already.
    """

    file: PlacedFile
    start: int
    length: int
    indexed: IndexedFile | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How an array lies in the files that it refers to.

    Attributes:
        file: The name of a file that lies so.
        model: The variable there.
        name: The variable's name.
        axis: Which of its axes grows.
        chunks: The chunk shape.
        codecs: How a chunk is decoded.
    """

    file: str
    model: Variable
    name: str
    axis: int
    chunks: tuple[int, ...]
    codecs: tuple[Codec, ...]

    def why_not(self, variable: Variable, of: str) -> str:
        """Why a file's chunks cannot be chunks of the array; empty where they can."""
        stored = variable.chunks
        if stored is None:
            return (
                f"{of}: {self.name}: {variable.unfit}" if variable.unfit else f"{of} stores {self.name} in its header"
            )
        ours = _chunks_of(self.model)
        same = stored.shape == ours.shape or (ours.contiguous and stored.contiguous)
        if same and _decoding(stored.codecs) == _decoding(self.codecs) and variable.dtype == self.model.dtype:
            return ""
        if variable.dtype != self.model.dtype:
            return f"{of} stores {self.name} as {variable.dtype.str}, and {self.file} as {self.model.dtype.str}"
        return f"{of} stores {self.name} in {_words(stored)}, and {self.file} in {_words(ours)}"


def chosen_layout(name: str, files: Sequence[IndexedFile], lengths: Sequence[int], along: str) -> Layout:
    """The layout that most files have, of equally many the first one's.

    Args:
        name: The variable.
        files: Those to choose from.
        lengths: Those of all files along the dimension that grows.
        along: That dimension.

    Raises:
        UnfitError: If no file's chunks can be referred to.
    """
    groups: dict[Any, list[IndexedFile]] = {}
    for each in files:
        variable = each.index.variables[name]
        if variable.chunks is not None:
            shape = "one piece" if variable.chunks.contiguous else variable.chunks.shape
            key = (shape, repr(_decoding(variable.chunks.codecs)), variable.dtype.str)
            groups.setdefault(key, []).append(each)
    if not groups:
        reason = files[0].index.variables[name].unfit or "it lies within the file's header"
        raise UnfitError(f"{files[0].file.name}: {name}: {reason}")
    model = max(groups.values(), key=len)[0]
    variable = model.index.variables[name]
    axis = variable.dims.index(along) if along else 0
    stored = _chunks_of(variable)
    chunks = _cut(variable, axis, lengths if along else ())
    return Layout(model.file.name, variable, name, axis, chunks, stored.codecs)


def referenced_array(layout: Layout, placed: Sequence[Placed], along: str) -> tuple[ReferencedArray, dict[str, str]]:
    """The array, and why files are copied into it, by their addresses.

    Raises:
        UnfitError: If a file that does not fit cannot be copied into it either.
    """
    blocks, copies, reasons = [], [], {}
    total = placed[-1].start + placed[-1].length
    for each in placed:
        if along:
            _refuse_within_chunk(layout, each, total, along)
        if each.indexed is None:
            continue
        variable = each.indexed.index.variables[layout.name]
        reason = layout.why_not(variable, each.file.name)
        if not reason:
            blocks.append(_block(layout, each, variable))
            continue
        if variable.dtype.newbyteorder("=") != layout.model.dtype.newbyteorder("="):
            raise UnfitError(reason)
        copies.append(Copy(each.file, each.start, variable.shape))
        reasons[each.file.url] = reason
    shape = layout.model.shape
    array = ReferencedArray(
        dims=layout.model.dims,
        shape=tuple(total if along and axis == layout.axis else size for axis, size in enumerate(shape)),
        dtype=layout.model.dtype,
        chunks=layout.chunks,
        codecs=layout.codecs,
        fill=layout.model.fill,
        attrs=layout.model.attrs,
        blocks=tuple(blocks),
        copies=tuple(copies),
        is_complete=all(each.indexed is not None for each in placed),
    )
    return array, reasons


def _refuse_within_chunk(layout: Layout, each: Placed, total: int, along: str) -> None:
    steps, end = layout.chunks[layout.axis], each.start + each.length
    if each.start % steps or (end % steps and end != total):
        problem = f"begins or ends within a chunk of {layout.name}, of {steps} steps of {along}"
        raise UnfitError(f"{each.file.name} {problem}")


def refuse_other_packing(layout: Layout, files: Sequence[IndexedFile]) -> None:
    """Refuse files whose stored numbers mean something else than those of the array.

    Raises:
        UnfitError: If there is one.
    """
    for each in files:
        for key in PACKED_BY:
            ours, theirs = layout.model.attrs.get(key), each.index.variables[layout.name].attrs.get(key)
            if _differ(ours, theirs):
                said = f"{key} {theirs}, {ours} in {layout.file}"
                raise UnfitError(f"{each.file.name} packs {layout.name} differently ({said})")


def _differ(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is not other
    ours, theirs = np.asarray(one), np.asarray(other)
    return not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f" and theirs.dtype.kind == "f")


def _cut(variable: Variable, axis: int, lengths: Sequence[int]) -> tuple[int, ...]:
    """The chunk shape; of an array in one piece, pieces of a length that all files are whole numbers of."""
    stored = _chunks_of(variable)
    if not stored.contiguous:
        return stored.shape
    shape, length = stored.shape, stored.shape[axis]
    if math.prod(shape[:axis]) == 1:
        row = math.prod(shape[axis + 1 :]) * variable.dtype.itemsize
        length = _piece(math.gcd(length, *lengths), row)
    return (*shape[:axis], length, *shape[axis + 1 :])


def _piece(length: int, row_bytes: int) -> int:
    """The longest divisor of a length with which a piece has at most `PIECE_BYTES`."""
    small = [each for each in range(1, math.isqrt(length) + 1) if length % each == 0]
    divisors = {1, *small, *(length // each for each in small)}
    return max(each for each in divisors if each == 1 or each * row_bytes <= PIECE_BYTES)


def _block(layout: Layout, each: Placed, variable: Variable) -> Block:
    stored, axis, chunks = _chunks_of(variable), layout.axis, layout.chunks
    offsets, lengths = stored.offsets, stored.lengths
    if stored.contiguous and chunks[axis] != variable.shape[axis] and offsets.size:
        count = variable.shape[axis] // chunks[axis]
        grid = tuple(count if number == axis else 1 for number in range(len(chunks)))
        piece = lengths.ravel()[0] // np.uint64(count)
        offsets = (offsets.ravel()[0] + piece * np.arange(count, dtype="u8")).reshape(grid)
        lengths = np.full(grid, piece, "u8")
    origin = tuple(each.start // chunks[axis] if number == axis else 0 for number in range(len(chunks)))
    return Block(each.file.url, each.file.checksum, origin, offsets, lengths, variable.shape)


def _chunks_of(variable: Variable) -> Chunks:
    assert variable.chunks is not None  # noqa: S101  # a file without chunks is no model, and has no block
    return variable.chunks


def _decoding(codecs: Sequence[Codec]) -> list[Mapping[str, Any]]:
    """The codecs without what only encoding needs."""
    return [
        {**codec, "configuration": {key: value for key, value in codec["configuration"].items() if key != "level"}}
        for codec in codecs
    ]


def _words(chunks: Chunks) -> str:
    how = "+".join(codec["name"].removeprefix("numcodecs.") for codec in chunks.codecs)
    shape = "x".join(map(str, chunks.shape))
    return f"chunks of {shape} ({how or 'not encoded'})" if not chunks.contiguous else "one piece"
