"""Databases with a table ReportData, of every page size and with any values, as files and as Hypothesis strategies."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

DEFINITION = """
CREATE TABLE ReportData (ReportDataIndex INTEGER PRIMARY KEY, TimeIndex INTEGER, ReportDataDictionaryIndex INTEGER,
Value REAL, FOREIGN KEY(TimeIndex) REFERENCES Time(TimeIndex) ON DELETE CASCADE ON UPDATE CASCADE)
"""
PAGE_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
ROW_ID_EDGES = tuple(sign * (1 << 7 * size) - 20 for size in range(1, 9) for sign in (1, -1))

type Row = tuple[int, int | None, int | None, float | int | str | None]


@dataclass(frozen=True)
class Table:
    """Rows of ReportData and how the database stores them."""

    rows: tuple[Row, ...]
    page_size: int = 4096
    reserved: int = 0
    deleted_every: int = 0
    vacuum: bool = False
    definition: str = DEFINITION

    def write(self, path: Path) -> None:
        """Write the database, with a second table whose pages lie between those of ReportData."""
        reserve_bytes(path, self.page_size, self.reserved)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # a test's file need not outlive a power cut
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute(self.definition)
            connection.execute("CREATE TABLE Time (TimeIndex INTEGER PRIMARY KEY, DayType TEXT)")
            for start in range(0, len(self.rows), 500):
                connection.execute("INSERT INTO Time (DayType) VALUES (?)", ("Monday" * 200,))
                insert = "INSERT INTO ReportData (ReportDataIndex, TimeIndex, ReportDataDictionaryIndex, Value)"
                connection.executemany(f"{insert} VALUES (?, ?, ?, ?)", self.rows[start : start + 500])
            if self.deleted_every:
                connection.execute("DELETE FROM ReportData WHERE ReportDataIndex % ? = 0", (self.deleted_every,))
            connection.commit()
            if self.vacuum:
                connection.execute("VACUUM")


def reserve_bytes(path: Path, page_size: int, reserved: int) -> None:
    """Make an empty database whose pages keep ``reserved`` bytes at their end."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("VACUUM")
    data = bytearray(path.read_bytes())
    data[20] = reserved
    data[105:107] = ((page_size - reserved) % 65536).to_bytes(2)
    path.write_bytes(data)


def regular_rows(count: int, series: int = 300, first_id: int = 1) -> tuple[Row, ...]:
    """Rows as the engine writes them: all series of a time, then the next time; some values are whole or NULL."""
    values: Sequence[float | None] = (21.5, 0.0, 1.0, -3.0, 1234567.0, None, 1e-300, -7.25)
    return tuple(
        (first_id + n, 1 + n // series, 7 + 3 * (n % series), values[n % 7] if n % 50 else n / 7) for n in range(count)
    )


def tables() -> st.SearchStrategy[Table]:
    """Tables that leaf pages can be decoded from."""
    index = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 127, 128, 32767, 32768, 2**23])
    value = st.none() | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)
    pattern = st.lists(st.tuples(index, index, value), max_size=30)
    rows = st.builds(_repeated, pattern, st.integers(1, 40), st.sampled_from((1, *ROW_ID_EDGES)))
    return st.builds(
        Table,
        rows,
        page_size=st.sampled_from(PAGE_SIZES),
        reserved=st.sampled_from([0, 8, 32]),
        deleted_every=st.sampled_from([0, 0, 2, 3, 17]),
        vacuum=st.booleans(),
    )


def _repeated(pattern: list[tuple[int, int, float | None]], repeats: int, first_id: int) -> tuple[Row, ...]:
    return tuple((first_id + n, *row) for n, row in enumerate(pattern * repeats))
