"""Rows of an SQLite table decoded in bulk from its b-tree leaf pages, without the SQLite library.

It reads one kind of table: ``(id INTEGER PRIMARY KEY, INTEGER, INTEGER, REAL)`` in a database at rest. Whatever else
the pages hold raises `PageFormatError`, and the caller asks SQLite instead. The format is documented at
https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 19  # the temporary arrays of a block fit into a processor's cache

_INTERIOR, _LEAF = 5, 13
_MAX_DEPTH = 20
_FIRST_TABLE_PAGE = 2
_HEADER_BYTES = 100
_PAGE_SIZES = frozenset(1 << power for power in range(9, 17))
_CELL = 32  # bytes that are enough for any cell decoded here, and for a load of 8 bytes at its last value
_RECORD_HEADER = 5  # bytes, and their number as the first of them; the second is the type of the row id, NULL
_CONTINUATION_BITS = np.uint64(0x8080808080808080)

# By serial type 0 … 9: NULL, integers of 1, 2, 3, 4, 6 and 8 bytes, float, and the constants 0 and 1.
_NULL, _FLOAT, _ZERO, _ONE = 0, 7, 8, 9
_INDEX_TYPES = (1, 2, 3, 4, _ZERO, _ONE)
_WIDTH = np.array([0, 1, 2, 3, 4, 6, 8, 8, 0, 0], dtype=np.int64)
_SHIFT = np.minimum(64 - 8 * _WIDTH, 63)


class PageFormatError(Exception):
    """The file holds something that this module does not decode."""


class Rows(NamedTuple):
    """Consecutive rows by column; NULL in the last one is NaN."""

    first: NDArray[np.integer]
    second: NDArray[np.integer]
    third: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaf pages of a table.

    Attributes:
        numbers: Page numbers in the order of the rows.
        page_size: Bytes a page.
        usable: Bytes of a page that SQLite uses.
    """

    numbers: NDArray[np.int64]
    page_size: int
    usable: int


def find_leaves(path: Path, root: int) -> Leaves:
    """The leaf pages of the table whose b-tree begins at page ``root``.

    Raises:
        PageFormatError: If the file is no database at rest, is cut short, or the tree is not a table's.
    """
    with path.open("rb", buffering=0) as file:
        page_size, usable, page_count = _header(file, path)
        numbers = np.array([root], dtype=np.int64)
        for _depth in range(_MAX_DEPTH):
            if numbers.min() < _FIRST_TABLE_PAGE or numbers.max() > page_count or len(numbers) > page_count:
                raise PageFormatError("a page number is out of range")
            file.seek((int(numbers[0]) - 1) * page_size)
            if file.read(1) != bytes([_INTERIOR]):
                return Leaves(numbers, page_size, usable)
            numbers = _children(_read_pages(file, numbers, page_size), len(numbers), page_size, usable)
    raise PageFormatError("the tree is too deep")


def read_leaves(path: Path, leaves: Leaves, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Rows]:
    """The rows of the leaf pages, in order, in blocks of pages of about ``block_bytes``.

    Raises:
        PageFormatError: If a page holds anything but whole rows of two integers and a number or NULL.
    """
    step = max(1, block_bytes // leaves.page_size)
    with path.open("rb", buffering=0) as file:
        for start in range(0, len(leaves.numbers), step):
            numbers = leaves.numbers[start : start + step]
            buffer = _read_pages(file, numbers, leaves.page_size)
            offsets, _ = _cells(buffer, len(numbers), leaves.page_size, leaves.usable, _LEAF)
            for same, row_id_bytes in _by_row_id_length(buffer, offsets) if len(offsets) else ():
                yield _decode(buffer, same, row_id_bytes, leaves)


def _header(file: BinaryIO, path: Path) -> tuple[int, int, int]:
    """Page size, usable size and number of pages of a database at rest."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise PageFormatError("not an SQLite database")
    if header[18:20] != b"\1\1":
        raise PageFormatError("the database uses a write-ahead log")
    if any(path.with_name(path.name + suffix).exists() for suffix in ("-journal", "-wal")):
        raise PageFormatError("a transaction is under way")
    page_size = int.from_bytes(header[16:18])
    page_size = 65536 if page_size == 1 else page_size
    if page_size not in _PAGE_SIZES:
        raise PageFormatError("the page size is not one of SQLite")
    page_count, rest = divmod(file.seek(0, 2), page_size)
    declared = int.from_bytes(header[28:32])
    is_current = header[24:28] == header[92:96]
    if rest or (is_current and declared != page_count):
        raise PageFormatError("the file is not as long as its header says")
    return page_size, page_size - header[20], page_count


def _read_pages(file: BinaryIO, numbers: NDArray[np.int64], page_size: int) -> NDArray[np.uint8]:
    """The pages one after the other, and some padding; consecutive ones are read in one go."""
    buffer = np.zeros(len(numbers) * page_size + 2 * _CELL, dtype=np.uint8)
    view = memoryview(buffer)
    starts = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
    for start, stop in pairwise(starts):
        file.seek((int(numbers[start]) - 1) * page_size)
        target = view[start * page_size : stop * page_size]
        while target:
            count = file.readinto(target)  # type: ignore[attr-defined]  # a raw file has it
            if not count:
                raise PageFormatError("the file ends inside a page")
            target = target[count:]
    return buffer


def _cells(
    buffer: NDArray[np.uint8], count: int, page_size: int, usable: int, page_type: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets of all cells in the buffer of ``count`` pages, and the number of cells of each page."""
    pages = buffer[: count * page_size].reshape(count, page_size)
    if np.any(pages[:, 0] != page_type):
        raise PageFormatError("a page is of another type")
    cell_counts = pages[:, 3].astype(np.int64) << 8 | pages[:, 4]
    most = int(cell_counts.max())
    begin = 12 if page_type == _INTERIOR else 8
    if begin + 2 * most > usable:
        raise PageFormatError("a page holds more cells than fit")
    pointers = np.ndarray((count, most), dtype=">u2", buffer=buffer, offset=begin, strides=(page_size, 2))
    offsets = pointers + np.arange(0, count * page_size, page_size)[:, np.newaxis]
    is_cell = np.arange(most) < cell_counts[:, np.newaxis]
    if np.any(is_cell & (pointers >= usable)):
        raise PageFormatError("a cell lies outside its page")
    return offsets[is_cell], cell_counts


def _children(buffer: NDArray[np.uint8], count: int, page_size: int, usable: int) -> NDArray[np.int64]:
    """Page numbers that interior pages point to, in the order of the rows."""
    cells, cell_counts = _cells(buffer, count, page_size, usable, _INTERIOR)
    numbers = np.ndarray((len(buffer) - 3,), dtype=">u4", buffer=buffer, strides=(1,))
    rightmost = numbers[np.arange(count) * page_size + 8]
    return np.insert(numbers[cells].astype(np.int64), np.cumsum(cell_counts), rightmost)


def _by_row_id_length(buffer: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], int]]:
    """The cells in runs whose row ids take equally many bytes; as row ids ascend, a run is rarely interrupted."""
    words = _words(buffer)
    first, last = _varint_lengths(words[offsets[[0, -1]] + 1]).tolist()
    if first == last:
        yield offsets, first
        return
    lengths = _varint_lengths(words[offsets + 1])
    for run in np.split(np.arange(len(offsets)), np.flatnonzero(np.diff(lengths)) + 1):
        yield offsets[run], int(lengths[run[0]])


def _decode(buffer: NDArray[np.uint8], offsets: NDArray[np.int64], row_id_bytes: int, leaves: Leaves) -> Rows:
    """The rows of the cells that begin at the given offsets.

    A cell is the payload's length (one byte, as no row is longer than 21 bytes), the row id, the record's header (its
    length and four serial types, a byte each) and the values of the columns.
    """
    count = len(offsets)
    cells = np.ndarray((len(buffer) - _CELL + 1,), dtype=f"V{_CELL}", buffer=buffer, strides=(1,))[offsets]
    header_at = 1 + row_id_bytes
    headers = np.ndarray((count,), dtype="<i8", buffer=cells, offset=header_at, strides=(_CELL,)).copy()
    if np.any(headers & 0xF0F0F0FFFF != _RECORD_HEADER):
        raise PageFormatError("a row has other columns")
    types = headers >> 16 & 0xF | headers >> 20 & 0xF0 | headers >> 24 & 0xF00
    payloads = _PAYLOAD[types]
    if np.any(payloads != np.ndarray((count,), dtype=np.uint8, buffer=cells, strides=(_CELL,))):
        raise PageFormatError("a row is longer or shorter than its columns")
    if np.any((offsets & (leaves.page_size - 1)) + payloads > leaves.usable - header_at):
        raise PageFormatError("a row reaches over the end of its page")
    indices = np.ndarray((count,), dtype="<i8", buffer=cells, offset=header_at + 5, strides=(_CELL,)).byteswap()
    values_at = np.arange(header_at + 5, count * _CELL, _CELL)
    values_at += _VALUE_AT[types]
    return Rows(
        _integers(indices, types & 0xF),
        _integers(indices << _SECOND_AT[types], types >> 4 & 0xF),
        _numbers(_words(cells)[values_at].byteswap(), types >> 8),
    )


def _words(buffer: NDArray[Any]) -> NDArray[np.int64]:
    """The words of 8 bytes that begin at each byte."""
    return np.ndarray((buffer.nbytes - 7,), dtype="<i8", buffer=buffer, strides=(1,))


def _varint_lengths(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bytes the varints take that begin in the lowest byte of each word."""
    stops = ~words.view(np.uint64) & _CONTINUATION_BITS
    trailing_zeros = np.bitwise_count(~stops & (stops - np.uint64(1)))
    return (trailing_zeros >> 3).astype(np.int64) + 1


def _integers(words: NDArray[np.int64], types: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers of the given serial types, big-endian in the highest bytes of each word."""
    integers = words >> _SHIFT[types]
    constant = types >= _ZERO
    return np.where(constant, types - _ZERO, integers) if constant.any() else integers


def _numbers(words: NDArray[np.int64], types: NDArray[np.int64]) -> NDArray[np.float64]:
    """Floats; SQLite stores those that are whole numbers as integers."""
    numbers = words.view(np.float64)
    other = np.flatnonzero(types != _FLOAT)
    other_types = types[other]
    integers = _integers(words[other], other_types).astype(np.float64)
    numbers[other] = np.where(other_types == _NULL, np.nan, integers)
    return numbers


def _type_tables() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """By the three serial types as hexadecimal digits (the first column's is the lowest).

    Bytes of the payload (-1 where the types are not those of two small integers and a number), bytes before the third
    value, and bits before the second.
    """
    payload = np.full(0x1000, -1, dtype=np.int64)
    third_at = np.zeros(0x1000, dtype=np.int64)
    second_at = np.zeros(0x1000, dtype=np.int64)
    for first, second, third in product(_INDEX_TYPES, _INDEX_TYPES, range(_ONE + 1)):
        code = first | second << 4 | third << 8
        third_at[code] = _WIDTH[first] + _WIDTH[second]
        second_at[code] = 8 * _WIDTH[first]
        payload[code] = 5 + third_at[code] + _WIDTH[third]
    return payload, third_at, second_at


_PAYLOAD, _VALUE_AT, _SECOND_AT = _type_tables()
