import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.energyplus.sqlite_tables import DEFINITION, PAGE_SIZES, Table, regular_rows, tables

from simstac.sources.energyplus.btree import PageFormatError, Rows, find_leaves, read_leaves


def root_page(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'ReportData'").fetchone()[0]


def decoded(path: Path, block_bytes: int = 1 << 19) -> Rows:
    blocks = list(read_leaves(path, find_leaves(path, root_page(path)), block_bytes=block_bytes))
    empty = Rows(np.array([], dtype=int), np.array([], dtype=int), np.array([]))
    return Rows(*(np.concatenate(column) for column in zip(*blocks, strict=True))) if blocks else empty


def assert_same_as_sqlite(path: Path, rows: Rows) -> None:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT TimeIndex, ReportDataDictionaryIndex, Value FROM ReportData ORDER BY ReportDataIndex"
        expected = connection.execute(query).fetchall()
    first, second, third = zip(*expected, strict=True) if expected else ((), (), ())
    np.testing.assert_array_equal(rows.first, np.array(first, dtype=np.int64))
    np.testing.assert_array_equal(rows.second, np.array(second, dtype=np.int64))
    np.testing.assert_array_equal(rows.third, np.array(third, dtype=np.float64))


@settings(max_examples=150, deadline=None)
@given(table=tables(), block_bytes=st.sampled_from([1, 5000, 1 << 19]))
def test_leaf_pages_hold_what_sqlite_says(table: Table, block_bytes: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "eplusout.sql")
        table.write(path)
        assert_same_as_sqlite(path, decoded(path, block_bytes))
        assert find_leaves(path, root_page(path)).usable == table.page_size - table.reserved


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_trees_of_several_levels(tmp_path: Path, page_size: int) -> None:
    path = tmp_path / "eplusout.sql"
    Table(regular_rows(60_000), page_size=page_size, deleted_every=11).write(path)
    assert_same_as_sqlite(path, decoded(path))
    assert len(decoded(path).third) == 60_000 - 60_000 // 11


@pytest.mark.parametrize(
    ("row", "definition"),
    [
        ((1, 2, 3, "long text " * 1000), DEFINITION),
        ((1, 2, 3, "abc"), DEFINITION),
        ((1, None, 3, 4.5), DEFINITION),
        ((1, 2, "seven", 4.5), DEFINITION),
        ((1, 2, 2**40, 4.5), DEFINITION),
        ((1, 2, 3, 4.5), DEFINITION.replace("Value REAL", "Value REAL, More INTEGER")),
        ((1, 2, 3, 4.5), DEFINITION.replace("INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY DESC")),
        ((1, 2, 3, 4.5), DEFINITION.rstrip() + " WITHOUT ROWID"),
    ],
    ids=["overflow", "text", "null index", "text index", "large index", "column", "no alias", "without rowid"],
)
def test_other_rows_are_refused(tmp_path: Path, row: tuple, definition: str) -> None:
    path = tmp_path / "eplusout.sql"
    Table((*regular_rows(100, first_id=2), row), definition=definition).write(path)
    with pytest.raises(PageFormatError):
        decoded(path)


def test_a_column_added_later_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "eplusout.sql"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ReportData (ReportDataIndex INTEGER PRIMARY KEY, TimeIndex INTEGER)")
        connection.execute("INSERT INTO ReportData VALUES (1, 2)")
        connection.execute("ALTER TABLE ReportData ADD COLUMN ReportDataDictionaryIndex INTEGER DEFAULT 3")
        connection.execute("ALTER TABLE ReportData ADD COLUMN Value REAL DEFAULT 4.5")
        connection.commit()
    with pytest.raises(PageFormatError, match="other columns"):
        decoded(path)


def test_databases_not_at_rest_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "eplusout.sql"
    Table(regular_rows(100)).write(path)
    root = root_page(path)
    (tmp_path / "eplusout.sql-journal").touch()
    with pytest.raises(PageFormatError, match="under way"):
        find_leaves(path, root)
    (tmp_path / "eplusout.sql-journal").unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(PageFormatError, match="write-ahead"):
        find_leaves(path, root)


def test_files_that_are_cut_short_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "eplusout.sql"
    Table(regular_rows(5000)).write(path)
    root, data = root_page(path), path.read_bytes()
    for cut in (0, 50, 4096 * 3, len(data) - 1, len(data) - 4096):
        path.write_bytes(data[:cut])
        with pytest.raises(PageFormatError):
            find_leaves(path, root)
    path.write_bytes(b"Program Version,EnergyPlus" * 100)
    with pytest.raises(PageFormatError, match="not an SQLite"):
        find_leaves(path, root)


@cache
def sound(page_size: int) -> tuple[int, bytes]:
    """The root page and the content of a database."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "eplusout.sql")
        Table(regular_rows(2500), page_size=page_size).write(path)
        return root_page(path), path.read_bytes()


@settings(max_examples=300, deadline=None)
@given(data=st.data(), page_size=st.sampled_from([512, 4096]))
def test_damage_is_never_a_crash(data: st.DataObject, page_size: int) -> None:
    root, content = sound(page_size)[0], bytearray(sound(page_size)[1])
    with TemporaryDirectory() as folder:
        path = Path(folder, "eplusout.sql")
        at_page_start = st.builds(
            lambda page, byte: page * page_size + byte,
            st.integers(1, len(content) // page_size - 1),
            st.integers(0, 30),
        )
        for position in data.draw(st.lists(st.integers(0, len(content) - 1) | at_page_start, min_size=1, max_size=5)):
            content[position] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            for rows in read_leaves(path, find_leaves(path, root)):
                assert len(rows.first) == len(rows.second) == len(rows.third)
        except PageFormatError:
            pass


def test_order_is_that_of_the_row_ids(tmp_path: Path) -> None:
    path = tmp_path / "eplusout.sql"
    table = Table(regular_rows(3000), page_size=512)
    replace(table, rows=tuple(sorted(table.rows, key=lambda row: row[0] * 7919 % 3001))).write(path)
    assert_same_as_sqlite(path, decoded(path))
