"""Records of an ESO or MTR file, decoded in bulk: its dictionary, its time stamps, and all values with their stamp.

A file is a dictionary of numbered series, then lines ``number,value`` (some with the moments of minimum and maximum
behind the value) below time stamps, which are lines with the numbers 1 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.energyplus.btree import Rows

BLOCK_BYTES = 1 << 19  # the temporary arrays of a block fit into a processor's cache

_END_OF_DICTIONARY, _END = b"End of Data Dictionary", b"End of Data"
_DECLARED = re.compile(
    r"(?P<number>\d+),\d+,(?P<body>.*) \[(?P<units>[^\[\]]*)\] !"
    r"(?P<frequency>Each Call|TimeStep|Hourly|Daily|Monthly|RunPeriod|Annual)(?: \[[^\]]*\])? ?(?:,(?P<schedule>.*))?"
)
_STAMP_NUMBERS = range(1, 7)
_NEWLINE, _COMMA, _SPACE, _OPEN, _CLOSE = b"\n, []"
_MARGIN = 8  # bytes before the text: a word of 8 bytes can be loaded that ends in it
_MAX_DIGITS = 8
_REMEDY = "run the simulation again"


@dataclass(frozen=True, slots=True)
class Declared:
    """A series as the dictionary declares it.

    Attributes:
        number: What its lines begin with.
        body: ``key,name`` of a variable, or the name of a meter.
        units: The engine's unit.
        frequency: The engine's word for the reporting frequency.
        schedule: The schedule that says when values are reported, or None.
    """

    number: int
    body: str
    units: str
    frequency: str
    schedule: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """What a file holds.

    Attributes:
        path: The file.
        declared: The dictionary, in its order.
        stamps: The lines of the time stamps.
        blocks: Rows by index of the stamp, number of the series, and value.
        complete: Whether the file goes on to its end mark; that of a killed run does not.
    """

    path: Path
    declared: tuple[Declared, ...]
    stamps: list[bytes]
    blocks: list[Rows]
    complete: bool

    @property
    def largest_number(self) -> int:
        """The largest number of a series; 0 where there is none."""
        return max((declared.number for declared in self.declared), default=0)


def read_records(path: Path, *, block_bytes: int = BLOCK_BYTES) -> Records:
    """Everything in the file, but for a last line that is cut off.

    Raises:
        SourceError: If the file is not what EnergyPlus writes.
    """
    with path.open("rb") as file:
        declared = tuple(_dictionary(path, file))
        stamps: list[bytes] = []
        blocks: list[Rows] = []
        complete = False
        known = np.zeros(max((entry.number for entry in declared), default=0) + 1, dtype=bool)
        known[[entry.number for entry in declared]] = True
        for text in _texts(file, block_bytes):
            rows, complete = _decode(path, text, stamps)
            if np.any(rows.first < 0) or np.any(rows.second >= len(known)) or not known[rows.second].all():
                raise SourceError(path, "holds a value of an unknown series or time", _REMEDY)
            blocks.append(rows)
            if complete:
                break
    return Records(path, declared, stamps, blocks, complete)


def _dictionary(path: Path, file: BinaryIO) -> Iterator[Declared]:
    for line in file:
        if line.startswith(_END_OF_DICTIONARY):
            return
        number, _, _ = line.partition(b",")
        if number.isdigit() and int(number) not in _STAMP_NUMBERS:
            match = _DECLARED.fullmatch(line.decode("utf-8", errors="replace").rstrip())
            if match is None:
                raise SourceError(path, f"declares a series in an unknown way: {line!r}", "report this as a bug")
            yield Declared(
                int(number), match["body"], match["units"].strip(), match["frequency"], match["schedule"] or None
            )
    raise SourceError(path, "ends within its dictionary", _REMEDY)


def _texts(file: BinaryIO, block_bytes: int) -> Iterator[NDArray[np.uint8]]:
    """Whole lines in blocks, each after a margin, and with Unix line ends."""
    rest = b""
    while chunk := file.read(block_bytes):
        lines, newline, tail = chunk.rpartition(b"\n")
        if newline:
            block = bytearray().join((b" " * _MARGIN, rest, lines, newline))
            yield np.frombuffer(block.replace(b"\r\n", b"\n") if b"\r" in block else block, dtype=np.uint8)
            rest = b""
        rest += tail


def _decode(path: Path, text: NDArray[np.uint8], stamps: list[bytes]) -> tuple[Rows, bool]:
    """The rows in ``text``, which becomes JSON on the way, and whether it holds the end mark; adds to ``stamps``."""
    separators = np.flatnonzero((text == _NEWLINE) | (text == _COMMA))
    last = np.flatnonzero(text[separators] == _NEWLINE)
    first = np.concatenate(([0], last[:-1] + 1))
    ends = separators[last]
    starts = np.concatenate(([_MARGIN], ends[:-1] + 1))
    commas = separators[first]
    short = np.flatnonzero(commas == starts + 1)
    is_stamp = np.zeros(len(ends), dtype=bool)
    is_stamp[short] = (text[starts[short]] >= ord("1")) & (text[starts[short]] <= ord("6"))
    is_row = last > first
    is_row &= ~is_stamp
    row_stamps = np.cumsum(is_stamp, dtype=np.int32)
    row_stamps += len(stamps) - 1
    complete = False
    for line in np.flatnonzero(~is_row).tolist():
        content = text[starts[line] : ends[line]].tobytes()
        text[starts[line] : ends[line] + 1] = _SPACE
        if is_stamp[line]:
            stamps.append(content)
        elif content == _END:
            complete = True
            is_row[line:] = False
            text[starts[line] :] = _SPACE
            break
        elif content.strip():
            raise SourceError(path, f"holds a line that is no record: {content[:40]!r}", _REMEDY)
    numbers = _numbers(path, text, starts[is_row], commas[is_row])
    values = _values(path, text, separators[first[is_row] + 1], ends[is_row])
    return Rows(row_stamps[is_row], numbers, values), complete


def _numbers(
    path: Path, text: NDArray[np.uint8], starts: NDArray[np.int64], commas: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The integers from ``starts`` to ``commas``, which become blank; eight digits at once in a word of 8 bytes."""
    lengths = commas - starts
    if len(lengths) and (lengths.min() < 1 or lengths.max() > _MAX_DIGITS):
        raise SourceError(path, "holds a line that does not begin with a number", _REMEDY)
    words = np.ndarray((len(text) - 7,), dtype="<u8", buffer=text, strides=(1,))
    unused = (64 - 8 * lengths).astype(np.uint64)
    digits = (words[commas - 8] ^ np.uint64(0x3030303030303030)) >> unused << unused
    if np.any(digits & np.uint64(0xF0F0F0F0F0F0F0F0)):
        raise SourceError(path, "holds a line that does not begin with a number", _REMEDY)
    pairs = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    numbers = (fours * np.uint64(10000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    text[commas] = _SPACE
    short_lengths = lengths.astype(np.uint8)
    for place in range(1, int(lengths.max(initial=0)) + 1):
        text[commas[short_lengths >= place] - place] = _SPACE
    return numbers.astype(np.int32)


def _values(
    path: Path, text: NDArray[np.uint8], stops: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The numbers before ``stops`` in a text that is blank otherwise, but for what lies between stops and ends."""
    if not len(stops):
        return np.array([], dtype=np.float64)
    tails = np.flatnonzero(ends > stops)
    lengths = ends[tails] - stops[tails]
    text[np.arange(lengths.sum()) + np.repeat(ends[tails] + 1 - np.cumsum(lengths), lengths)] = _SPACE
    text[stops] = _COMMA
    text[stops[-1]] = _CLOSE
    text[_MARGIN - 1] = _OPEN
    json = text[_MARGIN - 1 :].data
    try:
        return np.fromiter(orjson.loads(json), dtype=np.float64, count=len(stops))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return _unusual_values(path, bytes(json))


def _unusual_values(path: Path, json: bytes) -> NDArray[np.float64]:
    """The same for numbers that are none in JSON, such as ``nan`` and ``inf``."""
    try:
        return np.array([float(number) for number in json.strip().strip(b"[]").split(b",")])
    except ValueError as error:
        raise SourceError(path, f"holds a value that is no number ({error})", _REMEDY) from error
