"""What one NetCDF3 file holds, and where: its header read by the grammar of the classic formats CDF-1, CDF-2 and CDF-5.

The attributes keep their types, which tell whether packed values are decoded in 32 or in 64 bits.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.index import (
    EVERYTHING,
    Chunks,
    FileIndex,
    Variable,
    along_of,
    copied_names,
    refuse_packing,
    shared_attrs,
    wanted_names,
)

TYPES = {
    1: np.dtype("i1"),
    2: np.dtype("S1"),
    3: np.dtype(">i2"),
    4: np.dtype(">i4"),
    5: np.dtype(">f4"),
    6: np.dtype(">f8"),
    7: np.dtype("u1"),
    8: np.dtype(">u2"),
    9: np.dtype(">u4"),
    10: np.dtype(">i8"),
    11: np.dtype(">u8"),
}
CHAR = 2
WIDE = 5
UNKNOWN = -1
"""The number of records in a file whose writer did not finish its header."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable as the header has it.

    Attributes:
        dims: The names of its dimensions.
        shape: Its shape, that of all records.
        dtype: Its type, big-endian.
        attrs: Its attributes.
        begin: Its first byte.
        is_record: Whether it grows with the records.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    begin: int
    is_record: bool

    @property
    def piece(self) -> tuple[int, ...]:
        """The shape of what lies together: a record, or all of it."""
        return (1, *self.shape[1:]) if self.is_record else self.shape

    @property
    def piece_bytes(self) -> int:
        """Bytes of that, without padding."""
        return math.prod(self.piece) * self.dtype.itemsize


def index_netcdf3(
    file: BinaryIO, where: str, *, first: FileIndex | None = None, options: CfOptions = EVERYTHING
) -> FileIndex:
    """Index a file as `index_hdf5` does.

    Args:
        file: The file, at its beginning.
        where: What it is called in errors.
        first: The first file of a dataset.
        options: What to read of it.

    Raises:
        SourceError: If it ends within its header.
        UnfitError: If a variable cannot be referenced where it is.
    """
    if options.group:
        raise SourceError(where, f"has no group {options.group!r}: NetCDF3 has none", "leave source.group out")
    try:
        entries, attrs, record, stride = _header(file)
    except (EOFError, KeyError, UnicodeDecodeError) as error:
        raise SourceError(where, f"has a damaged header ({error})", "check that the file is whole") from error
    dims = {name: entry.dims for name, entry in entries.items()}
    said = {
        name: shared_attrs(entry.attrs, None if first is None else first.variables.get(name))
        for name, entry in entries.items()
    }
    dims = {name: dims[name] for name in wanted_names(dims, said, options)}
    along = first.along if first is not None else along_of({record} - {""}, dims, said, options)
    numbers = {name for name, entry in entries.items() if entry.dtype.kind != "S"}
    copied = copied_names(dims, said, numbers, along)
    variables = {}
    for name, entry in ((name, entries[name]) for name in dims):
        chunks, told = _chunks(entry, stride), said[name]
        if name in copied:
            values = _values(file, entry, chunks, where)
            variables[name] = Variable(entry.dims, entry.shape, entry.dtype, told, values=values)
            continue
        try:
            refuse_packing(told)
        except UnfitError as error:
            raise UnfitError(f"{name}: {error}") from None
        variables[name] = Variable(entry.dims, entry.shape, entry.dtype, told, entry.dtype.type(0), chunks=chunks)
    return FileIndex(variables, attrs if first is None else first.attrs, along)


def _chunks(entry: _Entry, stride: int) -> Chunks:
    if not entry.is_record:
        grid = tuple(min(1, size) for size in entry.shape)
        offsets = np.full(grid, entry.begin, "u8")
        return Chunks(entry.shape, (), offsets, np.full(grid, entry.piece_bytes, "u8"), contiguous=True)
    grid = (entry.shape[0], *(min(1, size) for size in entry.shape[1:]))
    starts = entry.begin + stride * np.arange(entry.shape[0], dtype="u8")
    offsets = np.broadcast_to(starts.reshape(-1, *(1,) * (len(grid) - 1)), grid).copy()
    return Chunks(entry.piece, (), offsets, np.full(grid, entry.piece_bytes, "u8"))


def _values(file: BinaryIO, entry: _Entry, chunks: Chunks, where: str) -> NDArray[Any]:
    pieces = []
    for offset in chunks.offsets.ravel().tolist():
        file.seek(offset)
        content = file.read(entry.piece_bytes)
        if len(content) < entry.piece_bytes:
            raise SourceError(where, "ends before its last value", "check that the file is whole")
        pieces.append(content)
    return np.frombuffer(b"".join(pieces), entry.dtype).reshape(entry.shape)


def _header(file: BinaryIO) -> tuple[dict[str, _Entry], dict[str, Any], str, int]:
    """The variables, the global attributes, the dimension of the records, and the bytes from one record to the next."""
    file.seek(0)
    version = _read(file, 4)[3]
    if version not in {1, 2, WIDE}:
        raise UnfitError(f"its format is CDF-{version}, which is none of the classic ones")

    def number(wide: bool = version == WIDE) -> int:
        return int.from_bytes(_read(file, 8 if wide else 4), "big", signed=True)

    records = number()
    sizes: dict[str, int] = {}
    for _ in range(_count(file, number)):
        name = _text(file, number)
        sizes[name] = number()
    record = next((name for name, size in sizes.items() if size == 0), "")
    attrs = _attributes(file, number)
    entries = {}
    for _ in range(_count(file, number)):
        name = _text(file, number)
        dims = tuple(list(sizes)[number()] for _ in range(number()))
        own, dtype = _attributes(file, number), TYPES[number(False)]
        number()
        shape = tuple(sizes[dim] for dim in dims)
        entries[name] = _Entry(dims, shape, dtype, own, number(version != 1), bool(dims) and dims[0] == record)
    grow = [entry for entry in entries.values() if entry.is_record]
    stride = (
        grow[0].piece_bytes if len(grow) == 1 else sum(entry.piece_bytes + -entry.piece_bytes % 4 for entry in grow)
    )
    if records == UNKNOWN and grow:
        records = (file.seek(0, io.SEEK_END) - min(entry.begin for entry in grow)) // max(1, stride)
    for name, entry in entries.items():
        if entry.is_record:
            entries[name] = replace(entry, shape=(records, *entry.shape[1:]))
    return entries, attrs, record, stride


def _count(file: BinaryIO, number: Callable[..., int]) -> int:
    """How many entries a list has, behind the tag that says of what."""
    _read(file, 4)
    return number()


def _text(file: BinaryIO, number: Callable[..., int]) -> str:
    length = number()
    text = _read(file, length).decode()
    _read(file, -length % 4)
    return text


def _attributes(file: BinaryIO, number: Callable[..., int]) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    for _ in range(_count(file, number)):
        name, kind = _text(file, number), int.from_bytes(_read(file, 4), "big")
        count, dtype = number(), TYPES[kind]
        content = _read(file, count * dtype.itemsize)
        _read(file, -len(content) % 4)
        values = np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))
        text = content.decode("utf-8", "replace").rstrip("\0")
        attrs[name] = text if kind == CHAR else values[0] if count == 1 else values
    return attrs


def _read(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if count < 0 or len(content) < count:
        raise EOFError("it ends before its header does")
    return content
