"""The CSV files that the specs of an experiment left → arrays of (spec, time), a file in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.scythe.tables import arrow_errors, is_number, numbers, texts

if TYPE_CHECKING:
    import pyarrow as pa

READERS = min(8, (os.cpu_count() or 1) + 2)
AXIS_NAMES = frozenset({"", "index", "time", "date", "datetime", "timestamp", "hour", "date/time", "unnamed: 0"})


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The files of one field.

    Attributes:
        axis: The labels of the rows: moments, numbers or texts; None where they have none but their order.
        length: How many rows there are.
        columns: Values of shape (spec, row) by column, NaN where a spec has none; they lie on the disk.
    """

    axis: NDArray[Any] | None
    length: int
    columns: Mapping[str, NDArray[np.float64]]

    @property
    def has_times(self) -> bool:
        """Whether the rows are moments."""
        return self.axis is not None and self.axis.dtype.kind == "M"


def read_series(files: Mapping[int, Path], count: int, scratch: Path) -> Series:
    """The files of one field, read as CSV.

    The first column labels the rows where it holds moments, or numbers or texts under a name such as ``time`` or
    ``index``; files with other labels than the rest are joined by label.

    Args:
        files: The file of each spec that has one, by the spec's position.
        count: How many specs there are.
        scratch: A folder for the arrays, which may be larger than the memory.

    Raises:
        SourceError: If a file is no CSV, none has a column of numbers, or a column has numbers in some of them alone.
    """
    with ThreadPoolExecutor(READERS) as pool:
        shapes = [shape for shape in pool.map(_shape, files.values()) if shape.length]
    names = list(dict.fromkeys(name for shape in shapes for name in shape.numbers))
    where = next(iter(files.values())).name
    if not names:
        raise SourceError(where, "has no column of numbers, as the others", "write numbers to make them series")
    if mixed := sorted({name for shape in shapes for name in shape.texts} & set(names)):
        problem = f"or another one has words in the column {mixed[0]!r}, which has numbers elsewhere"
        raise SourceError(where, problem, "write numbers alone")
    axis, length = _joined([shape.axis for shape in shapes], [shape.length for shape in shapes])
    columns = {
        name: np.lib.format.open_memmap(scratch / f"{number}.npy", "w+", np.dtype(np.float64), (count, length))
        for number, name in enumerate(names)
    }
    for values in columns.values():
        values[...] = np.nan

    def fill(item: tuple[int, Path]) -> None:
        spec, path = item
        own, table = _table(path)
        rows = slice(0, table.num_rows) if axis is None or own is None else _rows(axis, own)
        for name in columns.keys() & set(table.column_names if table.num_rows else ()):
            values, known = numbers(table.column(name))
            columns[name][spec, rows] = np.where(known, values, np.nan)

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(fill, files.items()))
    return Series(axis, length, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What is known of a file before its values are kept: labels, rows, and columns by what they hold."""

    axis: NDArray[Any] | None
    length: int
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def _shape(path: Path) -> _Shape:
    import pyarrow as pa  # noqa: PLC0415  # an extra

    axis, table = _table(path)
    kinds = {field.name: field.type for field in table.schema if not pa.types.is_null(field.type)}
    numeric = tuple(name for name, kind in kinds.items() if is_number(kind))
    if axis is not None and len(np.unique(axis)) != len(axis):
        axis = None
    return _Shape(axis, table.num_rows, numeric, tuple(kinds.keys() - set(numeric)))


def _table(path: Path) -> tuple[NDArray[Any] | None, pa.Table]:
    """The labels of a file's rows, and its other columns."""
    with arrow_errors(path.name, "CSV"):
        from pyarrow import csv  # noqa: PLC0415  # an extra

        table = csv.read_csv(path, convert_options=csv.ConvertOptions(strings_can_be_null=True))
    if len(set(table.column_names)) < table.num_columns:
        raise SourceError(path.name, "has two columns of one name", "give each column its own")
    axis = _labels(table) if table.num_columns else None
    return axis, table if axis is None else table.select(table.column_names[1:])


def _labels(table: pa.Table) -> NDArray[Any] | None:
    import pyarrow as pa  # noqa: PLC0415  # as above

    name, column = table.column_names[0], table.column(0)
    if column.null_count:
        return None
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        naive = pa.types.is_date(column.type) or column.type.tz is None
        fine = column.cast(pa.timestamp("us", tz=None if naive else column.type.tz))
        return np.asarray(fine.cast(pa.int64()).to_numpy()).astype("datetime64[us]")
    if name.strip().casefold() not in AXIS_NAMES:
        return None
    return numbers(column)[0] if is_number(column.type) else texts(column)


def _joined(axes: Sequence[NDArray[Any] | None], lengths: Sequence[int]) -> tuple[NDArray[Any] | None, int]:
    """All labels of some files, sorted where files differ; None where any file has none."""
    first, length = axes[0], max(lengths)
    known = [axis for axis in axes if axis is not None]
    if first is None or len(known) < len(axes) or len({axis.dtype.kind for axis in known}) > 1:
        return None, length
    if all(np.array_equal(axis, first) for axis in known):
        return first, length
    union = np.unique(np.concatenate(known))
    return union, len(union)


def _rows(axis: NDArray[Any], own: NDArray[Any]) -> NDArray[np.intp] | slice:
    if len(axis) == len(own) and np.array_equal(axis, own):
        return slice(0, len(own))
    order = np.argsort(axis, kind="stable")
    return order[np.searchsorted(axis, own, sorter=order)]
