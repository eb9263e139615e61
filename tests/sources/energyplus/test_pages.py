import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import run_energyplus
from tests.sources.energyplus.sqlite_tables import DEFINITION, Row, Table, regular_rows

from simstac.errors import SourceError
from simstac.sources.energyplus.pages import Layout, ReportData, _check_count, read_report_data


def layout_of(rows: list[Row] | tuple[Row, ...], left_out: frozenset[int] = frozenset()) -> Layout:
    """Two kinds of series, by even and odd index, each with an axis of the times that it has rows for."""
    times, series = max(row[1] for row in rows) + 1, sorted({row[2] for row in rows})
    kind = (np.arange(series[-1] + 1) % 2).astype(np.int8)
    column = np.full((2, times), -1, dtype=np.int32)
    for parity in (0, 1):
        axis = sorted({row[1] for row in rows if row[2] % 2 == parity} - left_out)
        column[parity, axis] = np.arange(len(axis))
    origin = np.full(len(kind), -1)
    lengths = column.max(axis=1)[kind[series]] + 1
    origin[series] = np.cumsum(lengths) - lengths
    return Layout(origin, kind, column, int(lengths.sum()))


def expected_data(rows: list[Row] | tuple[Row, ...], layout: Layout) -> ReportData:
    values, present = np.full(layout.size, np.nan), np.zeros(layout.column.shape, dtype=bool)
    for _, time, series, value in rows:
        column = layout.column[layout.kind[series], time]
        present[layout.kind[series], time] = True
        if column >= 0:
            values[layout.origin[series] + column] = np.nan if value is None else value
    return ReportData(values, present)


def assert_same(data: ReportData, expected: ReportData) -> None:
    np.testing.assert_array_equal(data.values, expected.values)
    np.testing.assert_array_equal(data.present, expected.present)


def as_written(path: Path) -> None:
    """Leave the database to the leaf pages."""


def with_write_ahead_log(path: Path) -> None:
    """Make the leaf pages give up, and SQLite answer."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


@settings(max_examples=60, deadline=None)
@given(
    pattern=st.lists(
        st.tuples(st.integers(1, 300), st.integers(7, 300), st.none() | st.floats(allow_nan=False)), min_size=1
    ),
    left_out=st.frozensets(st.integers(1, 300)),
    prepare=st.sampled_from([as_written, with_write_ahead_log]),
)
def test_rows_land_in_their_places(
    pattern: list[tuple], left_out: frozenset[int], prepare: Callable[[Path], None]
) -> None:
    rows = [(number, *row) for number, row in enumerate(pattern, 1)]
    layout = layout_of(rows, left_out)
    with TemporaryDirectory() as folder:
        path = Path(folder, "eplus out#1.sql")
        Table(tuple(rows)).write(path)
        prepare(path)
        assert_same(read_report_data(path, layout), expected_data(rows, layout))


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (DEFINITION, None),
        (DEFINITION.replace("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY DESC"), "other columns"),
        (DEFINITION.rstrip() + " WITHOUT ROWID", "another type"),
        (DEFINITION.replace("Value REAL", "Value NUMERIC"), "other columns"),
        (DEFINITION.replace("Value REAL", "Value REAL, Note TEXT"), "other columns"),
    ],
)
def test_both_ways_of_reading_agree(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, definition: str, reason: str | None
) -> None:
    path, rows = tmp_path / "eplusout.sql", regular_rows(20_000)
    Table(rows, definition=definition).write(path)
    layout = layout_of(rows)
    with caplog.at_level(logging.DEBUG):
        assert_same(read_report_data(path, layout), expected_data(rows, layout))
    assert [reason in message for message in caplog.messages] == ([] if reason is None else [True])


def test_sqlite_takes_over_where_a_page_cannot_be_decoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "eplusout.sql"
    rows = tuple((number, time, series, number / 7) for number, time, series, _ in regular_rows(60_000))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(DEFINITION.replace("Value REAL,", ""))
        connection.executemany("INSERT INTO ReportData VALUES (?, ?, ?)", (row[:3] for row in rows))
        connection.execute("ALTER TABLE ReportData ADD COLUMN Value REAL DEFAULT 4.5")
        connection.execute("UPDATE ReportData SET Value = ReportDataIndex / 7.0 WHERE ReportDataIndex <= 50000")
        connection.commit()
    layout = layout_of(rows)
    with caplog.at_level(logging.DEBUG):
        data = read_report_data(path, layout)
    assert_same(data, expected_data([(*row[:3], row[3] if row[0] <= 50_000 else 4.5) for row in rows], layout))
    assert "reading it through SQLite" in caplog.text


def test_deleted_rows_and_empty_tables(tmp_path: Path) -> None:
    path, rows = tmp_path / "deleted.sql", regular_rows(10_000)
    layout = layout_of(rows)
    Table(rows, deleted_every=3, page_size=512).write(path)
    assert_same(read_report_data(path, layout), expected_data([row for row in rows if row[0] % 3], layout))
    Table(()).write(tmp_path / "empty.sql")
    assert_same(read_report_data(tmp_path / "empty.sql", layout), expected_data((), layout))


@pytest.mark.parametrize("row", [(9, 2, 8, 1.0), (9, 2, 10_000, 1.0), (9, -1, 7, 1.0), (9, 10_000, 7, 1.0)])
@pytest.mark.parametrize("prepare", [as_written, with_write_ahead_log])
def test_unknown_series_and_times_are_errors(tmp_path: Path, row: Row, prepare: Callable[[Path], None]) -> None:
    path, rows = tmp_path / "eplusout.sql", ((1, 1, 7, 1.0), (2, 2, 10, 2.0))
    Table((*rows, row)).write(path)
    prepare(path)
    with pytest.raises(SourceError, match="unknown series"):
        read_report_data(path, layout_of(rows))


@pytest.mark.parametrize("row", [(9, None, 7, 1.0), (9, 2, "seven", 1.0), (9, 2, 7, "warm")])
def test_rows_that_are_not_numeric_are_errors(tmp_path: Path, row: Row) -> None:
    path, rows = tmp_path / "eplusout.sql", regular_rows(100, first_id=10)
    Table((*rows, row)).write(path)
    with pytest.raises(SourceError, match="not numeric"):
        read_report_data(path, layout_of(rows))


def test_damaged_files_are_errors(tmp_path: Path) -> None:
    path, rows = tmp_path / "eplusout.sql", regular_rows(10_000)
    Table(rows).write(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=r"cannot be read as SQLite .*; "):
        read_report_data(path, layout_of(rows))
    path.write_bytes(b"Program Version,EnergyPlus" * 100)
    with pytest.raises(SourceError, match="cannot be read as SQLite"):
        read_report_data(path, layout_of(rows))
    with pytest.raises(SourceError, match="cannot be read as SQLite"):
        read_report_data(tmp_path / "missing.sql", layout_of(rows))


def test_a_count_that_disagrees_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "eplusout.sql"
    Table(regular_rows(100), deleted_every=10).write(path)
    with closing(sqlite3.connect(path)) as connection:
        _check_count(path, connection, 90)
        with pytest.raises(SourceError, match="91 rows of ReportData where SQLite counts 90"):
            _check_count(path, connection, 91)


def test_the_engine_s_own_file_is_read_from_its_pages(caplog: pytest.LogCaptureFixture) -> None:
    outputs = (output("Zone Mean Air Temperature"), output("Zone Mean Air Temperature", "Monthly"))
    meters = (meter("Electricity:Facility"), meter("Electricity:Facility", "RunPeriod"))
    model = building(run_period("January", "1/1", "1/31"), *outputs, *meters, zones=("One", "Two"))
    path = run_energyplus(model) / "eplusout.sql"
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT ReportDataIndex, TimeIndex, ReportDataDictionaryIndex, Value FROM ReportData ORDER BY 1"
        rows = connection.execute(query).fetchall()
    layout = layout_of(rows)
    with caplog.at_level(logging.DEBUG):
        assert_same(read_report_data(path, layout), expected_data(rows, layout))
    assert not caplog.messages
    assert len(rows) == 3 * 744 + 2 + 1
