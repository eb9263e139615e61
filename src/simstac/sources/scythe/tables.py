"""Parquet frames as Scythe writes them: their columns as arrays, and which of them were the index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_EXACT = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame that is held in memory.

    Attributes:
        where: Its address, for messages.
        table: Its columns, those of the index among them.
        index: The names of the columns that were its index.
    """

    where: str
    table: pa.Table
    index: tuple[str, ...]

    def __len__(self) -> int:
        """The number of rows."""
        return int(self.table.num_rows)

    def __contains__(self, name: str) -> bool:
        """Whether there is such a column, in the index or not."""
        return name in self.table.column_names

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are not of the index."""
        return tuple(name for name in self.table.column_names if name not in self.index)

    def column(self, name: str) -> pa.ChunkedArray:
        """A column.

        Raises:
            SourceError: If there is none, or more than one of this name.
        """
        if self.table.column_names.count(name) != 1:
            problem = f"has {self.table.column_names.count(name)} columns {name!r}"
            raise SourceError(self.where, problem, "write the frame with one column of each name")
        return self.table.column(name)


def read_frame(content: bytes, where: str) -> Frame:
    """A frame from the bytes of its Parquet file.

    Raises:
        SourceError: If pyarrow is missing, or it is no Parquet file.
    """
    with arrow_errors(where, "Parquet"):
        import pyarrow as pa  # noqa: PLC0415  # an extra
        from pyarrow import parquet  # noqa: PLC0415  # as above

        table = parquet.read_table(pa.BufferReader(content))
    said = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    index = tuple(name for name in said.get("index_columns", ()) if isinstance(name, str))
    return Frame(where, table, index)


@contextmanager
def arrow_errors(where: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises for a file that it cannot read into `SourceError`.

    Raises:
        SourceError: If pyarrow is missing, or the file is not of its kind.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise SourceError(where, "needs pyarrow to be read", "pip install simstac[scythe]") from error
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(where, f"cannot be read as {kind}: {reason}", "write it anew") from error


def indices(frame: Frame, name: str) -> NDArray[np.int64]:
    """A column of whole numbers, such as ``sort_index``.

    Raises:
        SourceError: If it has other values, or lacks some.
    """
    values, known = numbers(frame.column(name))
    if not known.all() or values.dtype.kind not in "iu":
        raise SourceError(frame.where, f"has values other than whole numbers in {name!r}", "write the frame anew")
    return values.astype(np.int64)


def numbers(column: pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The values of a column of numbers or truths, and where there are some; what is missing is 0 or NaN there."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    whole = column.combine_chunks()
    known = np.asarray(whole.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    if pa.types.is_null(whole.type):
        return np.full(len(whole), np.nan), known
    if pa.types.is_decimal(whole.type):
        whole = whole.cast(pa.float64())
    filled = whole if known.all() else whole.fill_null(pa.scalar(0, whole.type))
    return np.asarray(filled.to_numpy(zero_copy_only=False)), known


def texts(column: pa.ChunkedArray) -> NDArray[Any]:
    """The values of a column as strings, what is missing as ``""``; lists and mappings are JSON, dates ISO 8601."""
    return np.array([_text(value) for value in column.to_pylist()], dtype=object)


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type are numbers or truths; a column without any value counts as one."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    tests: tuple[Callable[[pa.DataType], bool], ...] = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def placed(values: NDArray[Any], known: NDArray[np.bool_], rows: NDArray[np.intp], shape: tuple[int, ...]) -> Any:
    """Values at their rows of an array of missing values: NaN, ``""``; numbers keep their type where none is missing.

    Args:
        values: One value a row, of shape (n, …).
        known: Where there is a value, of shape (n,).
        rows: Where each goes along the flattened leading dimensions of the array.
        shape: The array's shape.
    """
    count = int(np.prod(shape[: len(shape) - values.ndim + 1]))
    flat = (count, *values.shape[1:])
    if values.dtype.kind == "O":
        out = np.full(flat, "", dtype=object)
    elif values.dtype.kind == "M":
        out = np.full(flat, np.datetime64("NaT"), dtype=values.dtype)
    elif values.dtype.kind == "f" or len(np.unique(rows[known])) < count:
        out = np.full(flat, np.nan, dtype=values.dtype if values.dtype.kind == "f" else np.float64)
    else:
        out = np.zeros(flat, dtype=values.dtype)
    out[rows[known]] = values[known]
    return out.reshape(shape)


def exact(values: NDArray[Any]) -> bool:
    """Whether whole numbers stay what they are as float64."""
    if values.dtype.kind not in "iu" or not values.size:
        return True
    return int(values.min()) >= -LARGEST_EXACT and int(values.max()) <= LARGEST_EXACT


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
