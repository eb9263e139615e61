"""The rows of ReportData scattered into dense arrays, straight from the table's leaf pages or through ``sqlite3``."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.energyplus.btree import PageFormatError, Rows, find_leaves, read_leaves

logger = logging.getLogger(__name__)

_COLUMNS = (
    ("ReportDataIndex", "INTEGER", 1),
    ("TimeIndex", "INTEGER", 0),
    ("ReportDataDictionaryIndex", "INTEGER", 0),
    ("Value", "REAL", 0),
)
_ROW = np.dtype([("first", np.int64), ("second", np.int64), ("third", np.float64)])
_CURSOR_ROWS = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where each row of ReportData goes in one flat array.

    A row (TimeIndex t, ReportDataDictionaryIndex d, Value) goes to ``origin[d] + column[kind[d], t]``.

    Attributes:
        origin: int64 of shape (largest dictionary index + 1,): where a series begins; -1 where there is none.
        kind: int8 of the same shape: which row of ``column`` a series uses.
        column: int32 of shape (kinds, largest TimeIndex + 1): the step on the kind's axis; -1 leaves a row out.
        size: How many values the flat array has.
    """

    origin: NDArray[np.int64]
    kind: NDArray[np.int8]
    column: NDArray[np.int32]
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """The values of ReportData in the places that a `Layout` gives.

    Attributes:
        values: float64 of shape (size,); NaN where there is no row, or where Value is NULL.
        present: bool of shape (kinds, largest TimeIndex + 1): whether any row has that kind and TimeIndex, also
            those that the layout leaves out.
    """

    values: NDArray[np.float64]
    present: NDArray[np.bool_]


def read_report_data(path: Path, layout: Layout) -> ReportData:
    """Read the table ReportData of ``path``.

    Raises:
        SourceError: If the file is not a readable database, or a row names a series or a time that is not listed.
    """
    data = ReportData(np.full(layout.size, np.nan), np.zeros(layout.column.shape, dtype=bool))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for rows in _rows(path, connection):
                scatter(path, rows, layout, data)
    except sqlite3.Error as error:
        raise SourceError(path, f"cannot be read as SQLite ({error})", "run the simulation again") from error
    return data


def _rows(path: Path, connection: sqlite3.Connection) -> Iterator[Rows]:
    """All rows from the leaf pages; where a page cannot be decoded, all of them once more from SQLite."""
    count = 0
    try:
        for rows in read_leaves(path, find_leaves(path, _root_page(connection))):
            yield rows
            count += len(rows.third)
    except PageFormatError as error:
        logger.debug("%s: %s; reading it through SQLite", path, error)
        yield from _cursor_rows(path, connection)
    else:
        _check_count(path, connection, count)


def _root_page(connection: sqlite3.Connection) -> int:
    """The root page of ReportData, if the table is exactly of the expected columns."""
    columns = connection.execute("SELECT name, type, pk FROM pragma_table_xinfo('ReportData') ORDER BY cid").fetchall()
    query = "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = 'ReportData'"
    found: tuple[int] | None = connection.execute(query).fetchone()
    if tuple(columns) != _COLUMNS or found is None:
        raise PageFormatError("ReportData has other columns")
    return found[0]


def _check_count(path: Path, connection: sqlite3.Connection, count: int) -> None:
    """Compare the number of rows found with what SQLite says; ids without a gap spare it the counting."""
    bounds = "SELECT (SELECT min(ReportDataIndex) FROM ReportData), (SELECT max(ReportDataIndex) FROM ReportData)"
    low, high = connection.execute(bounds).fetchone()
    if count == (0 if low is None else high - low + 1):
        return
    (expected,) = connection.execute("SELECT count(*) FROM ReportData NOT INDEXED").fetchone()
    if count != expected:
        problem = f"its pages hold {count} rows of ReportData where SQLite counts {expected}"
        raise SourceError(path, problem, "wait until the simulation has ended, or run it again")


def _cursor_rows(path: Path, connection: sqlite3.Connection) -> Iterator[Rows]:
    """The rows through SQLite, in the order of their ids."""
    cursor = connection.execute("SELECT TimeIndex, ReportDataDictionaryIndex, Value FROM ReportData NOT INDEXED")
    while True:
        try:
            rows = np.fromiter(islice(cursor, _CURSOR_ROWS), dtype=_ROW)
        except (TypeError, ValueError, OverflowError) as error:
            raise SourceError(
                path, f"a row of ReportData is not numeric ({error})", "run the simulation again"
            ) from error
        if not len(rows):
            return
        yield Rows(rows["first"], rows["second"], rows["third"])


def scatter(path: Path, rows: Rows, layout: Layout, data: ReportData) -> None:
    """Put the values of some rows of ``path`` (TimeIndex, ReportDataDictionaryIndex, Value) in their places.

    Raises:
        SourceError: If a row names a series or a time that the layout does not list.
    """
    time, series, values = rows
    times = layout.column.shape[1]
    if not (_within(time, times) and _within(series, len(layout.origin))):
        raise SourceError(path, "has a value of an unknown series or time", "run the simulation again")
    place = layout.origin[series]
    if len(place) and place.min() < 0:
        raise SourceError(path, "has a value of an unknown series", "run the simulation again")
    at = (layout.kind.astype(np.int64) * times)[series]
    at += time
    data.present.reshape(-1)[at] = True
    column = layout.column.reshape(-1)[at]
    place += column
    if len(column) and column.min() < 0:
        kept = column >= 0
        data.values[place[kept]] = values[kept]
    else:
        data.values[place] = values


def _within(indices: NDArray[np.integer], size: int) -> bool:
    """Whether all indices are in ``[0, size)``."""
    return not len(indices) or (int(indices.min()) >= 0 and int(indices.max()) < size)
