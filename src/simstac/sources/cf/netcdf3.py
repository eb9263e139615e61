"""The header of a NetCDF3 file, by the grammar of the classic formats CDF-1, CDF-2 and CDF-5.

The attributes keep their types, which tell whether packed values are decoded in 32 or in 64 bits. The library itself
gives whatever it likes for values behind the end of a file; here that is an error.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np

from simstac.errors import SourceError

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
NETCDF3 = b"CDF"
UNKNOWN = -1
"""The number of records in a file whose writer did not finish its header."""


@dataclass(frozen=True, slots=True)
class Entry:
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


@dataclass(frozen=True, slots=True)
class Header:
    """A header.

    Attributes:
        entries: The variables by name.
        attrs: The global attributes.
        record: The dimension of the records; empty where there is none.
        stride: Bytes from one record to the next.
    """

    entries: Mapping[str, Entry]
    attrs: Mapping[str, Any]
    record: str
    stride: int

    @property
    def end(self) -> int:
        """The byte behind the last value."""
        return max((self._end(entry) for entry in self.entries.values()), default=0)

    def _end(self, entry: Entry) -> int:
        if not entry.is_record:
            return entry.begin + entry.piece_bytes
        return entry.begin + (self.stride * (entry.shape[0] - 1) + entry.piece_bytes if entry.shape[0] else 0)


def read_header(file: BinaryIO, where: str) -> Header:
    """The header of a file that is whole.

    Args:
        file: The file.
        where: What it is called in errors.

    Raises:
        SourceError: If it ends within its header or before its last value, or is of none of the formats.
    """
    try:
        header = _header(file)
    except (EOFError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise SourceError(where, f"has a damaged header ({error})", "check that the file is whole") from error
    size = file.seek(0, io.SEEK_END)
    if size < header.end:
        problem = f"has {size} bytes of the {header.end} that its header tells of"
        raise SourceError(where, problem, "check that the file is whole")
    return header


def _header(file: BinaryIO) -> Header:
    file.seek(0)
    version = _read(file, 4)[3]
    if version not in {1, 2, WIDE}:
        raise KeyError(f"CDF-{version} is none of the classic formats")

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
        entries[name] = Entry(dims, shape, dtype, own, number(version != 1), bool(dims) and dims[0] == record)
    grow = [entry for entry in entries.values() if entry.is_record]
    stride = (
        grow[0].piece_bytes if len(grow) == 1 else sum(entry.piece_bytes + -entry.piece_bytes % 4 for entry in grow)
    )
    if records == UNKNOWN and grow:
        records = (file.seek(0, io.SEEK_END) - min(entry.begin for entry in grow)) // max(1, stride)
    for name, entry in entries.items():
        if entry.is_record:
            entries[name] = replace(entry, shape=(records, *entry.shape[1:]))
    return Header(entries, attrs, record, stride)


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
