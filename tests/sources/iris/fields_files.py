"""Fields files of the Unified Model, made from PP files: no package ships one, and Iris reads them only.

The layout is that of UM documentation paper F3: a header of 256 words, real constants, a lookup table with the headers
of all fields, and the fields; words of 64 bits, big-endian, and values of 32 bits, as Cray packed them.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

WORD = 8
HEADER, CONSTANTS, ENTRY = 256, 38, 64
INTEGERS = 45
LBLREC, LBPACK, LBEGIN, LBNREC = 14, 20, 28, 29
"""Places in a field's header, from 0."""
VERSION, STAGGERING, REALS, LOOKUP, DATA = 0, 8, 104, 149, 159
"""Places in the file's header, from 0; addresses in it count words from 1."""
AFTER_5_2, NEW_DYNAMICS, CRAY_32 = 20, 3, 2


def fields_file_of(pp: Path, path: Path) -> Path:
    """The fields of a PP file whose values are not packed, as a fields file."""
    fields = list(_records(pp.read_bytes()))
    header = np.full(HEADER, -32768, ">i8")
    header[[VERSION, STAGGERING]] = AFTER_5_2, NEW_DYNAMICS
    header[REALS : REALS + 2] = HEADER + 1, CONSTANTS
    table_at = HEADER + CONSTANTS
    header[LOOKUP : LOOKUP + 3] = table_at + 1, ENTRY, len(fields)
    begin = table_at + ENTRY * len(fields)
    header[DATA] = begin + 1
    table, data = b"", b""
    for integers, floats, values in fields:
        words = -(-len(values) // WORD)
        integers[[LBPACK, LBEGIN, LBNREC]] = CRAY_32, begin, words
        table += integers.tobytes() + floats.tobytes()
        data += values.ljust(words * WORD, b"\0")
        begin += words
    path.write_bytes(header.tobytes() + np.zeros(CONSTANTS, ">f8").tobytes() + table + data)
    return path


def _records(content: bytes):
    """The header of each field, its integers and its floats, and its values, as PP has them."""
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from(">i", content, at)
        assert length == ENTRY * 4
        integers = np.frombuffer(content, ">i4", INTEGERS, at + 4).astype(">i8")
        floats = np.frombuffer(content, ">f4", ENTRY - INTEGERS, at + 4 + INTEGERS * 4).astype(">f8")
        at += length + 8
        (length,) = struct.unpack_from(">i", content, at)
        assert integers[LBPACK] == 0
        assert integers[LBLREC] * 4 == length
        yield integers, floats, content[at + 4 : at + 4 + length]
        at += length + 8
