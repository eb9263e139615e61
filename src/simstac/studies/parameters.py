"""The parameter table of a study: one row a run, read from CSV, Parquet, a mapping or a DataFrame."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simstac.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

KEY_COLUMNS = ("run", "name", "id")
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,?\d+(?:[eE][+-]?\d+)?\s*")
_QUOTED = re.compile(r'"[^"]*"')
RESERVED = frozenset({"run", "time", "time_bounds", "step", "bounds"})


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One column of the table.

    Attributes:
        name: A name that CF allows: letters, digits and underscores.
        values: bool, int64, float64 (NaN where empty) or object (str, "" where empty), of shape (run,).
        attrs: ``long_name``, the column's own name, and ``units`` where it ends with them in brackets.
    """

    name: str
    values: NDArray[Any]
    attrs: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """The table.

    Attributes:
        where: What to call it in messages.
        runs: The run names, in the table's order.
        columns: The parameters, in the table's order.
    """

    where: str = "parameters"
    runs: tuple[str, ...] = ()
    columns: tuple[Parameter, ...] = ()


type Table = str | Path | Mapping[str, Mapping[str, Any]] | pd.DataFrame


def read_parameters(table: Table) -> Parameters:
    """Read a parameter table.

    Runs are named by the first column called ``run``, ``name`` or ``id`` (in that order, any case), else by the first
    column; in a mapping by its keys; in a DataFrame without such a column by its index, and so in Parquet, unless the
    index numbers the rows. A column's name becomes a CF name (``"U value [W m-2 K-1]"`` → ``U_value`` with these units)
    and is kept in ``long_name``. Columns of whole numbers that int64 holds, numbers and true/false keep their kind, all
    others are strings; only an empty cell is a missing value.

    Args:
        table: A ``.csv`` or ``.parquet`` file, ``{run: {parameter: value}}``, or a DataFrame.

    Raises:
        SourceError: If the file cannot be read, or a run or column is named twice, or not at all.
    """
    import pandas as pd  # noqa: PLC0415  # 0.4 s that a study without a table need not pay

    if isinstance(table, str | Path):
        where, frame = str(table), _keyed(_read_frame(Path(table)), str(table))
    elif isinstance(table, Mapping):
        rows: Mapping[str, Any] = table
        if wrong := next((run for run, row in rows.items() if not isinstance(row, Mapping)), None):
            raise SourceError("parameters", f"has no mapping for {wrong!r}", "write {run: {parameter: value}}")
        where, frame = "parameters", pd.DataFrame.from_dict(dict(rows), orient="index")
    else:
        where, frame = "parameters", _keyed(table, "parameters") if _key_column(table.columns) else table
    runs = [str(name).strip() for name in frame.index]
    if not all(runs):
        raise SourceError(where, f"has no run name in row {runs.index('') + 1}", "name every run, or remove the row")
    _refuse_twice(runs, where, "names the run", "keep one row a run")
    columns = tuple(_parameter(str(label), frame.iloc[:, index], where) for index, label in enumerate(frame.columns))
    _refuse_twice([column.name.casefold() for column in columns], where, "has the parameter", "rename one of them")
    return Parameters(where, tuple(runs), columns)


def cf_name(label: str) -> str:
    """A name of letters, digits and underscores that begins with a letter, as CF asks; empty if nothing is left."""
    ascii_only = unicodedata.normalize("NFKD", label.replace("ß", "ss")).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", ascii_only).strip("_")
    return f"p_{name}" if name[:1].isdigit() else name


def _read_frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise SourceError(path, "does not exist", "check the path of the parameter table")
    try:
        return _read_parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else _read_csv(path)
    except ImportError as error:
        raise SourceError(path, "is Parquet, which needs pyarrow", "pip install 'simstac[parquet]'") from error
    except (ValueError, OSError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(path, f"cannot be read: {reason}", "write it as UTF-8 CSV or as Parquet") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    """The columns of a Parquet file, the index among them where it names the runs."""
    import pandas as pd  # noqa: PLC0415  # as above

    frame = pd.read_parquet(path)
    is_numbered = isinstance(frame.index, pd.RangeIndex)
    return frame if is_numbered or _key_column(frame.columns) is not None else frame.reset_index()


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415  # as above

    separator, header = _csv_header(path)
    key = _key_column(header) or header[0]
    frame = pd.read_csv(
        path,
        sep=separator,
        encoding="utf-8-sig",
        header=0,
        names=[name if name.strip() else f"column {number}" for number, name in enumerate(header)],
        usecols=[number for number, name in enumerate(header) if name.strip()],
        dtype={key: str},
        keep_default_na=False,
        na_values=[""],
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
    )
    if separator == ",":
        return frame
    numbers = frame.drop(columns=[key]).apply(_without_decimal_commas)
    return frame.assign(**{str(name): column for name, column in numbers.items()})


def _without_decimal_commas(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column as numbers where every cell is one that is written with a decimal comma."""
    known = column.dropna()
    if known.empty or not all(isinstance(cell, str) and DECIMAL_COMMA.fullmatch(cell) for cell in known):
        return column
    return column.str.replace(",", ".").astype(float)


def _csv_header(path: Path) -> tuple[str, list[str]]:
    """The separator and the header of a CSV file all of whose rows are as long as it.

    A column without a name has an empty one, and no cells; the first is called ``run`` then, if none names the runs.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        separator = max(",;\t", key=_QUOTED.sub("", file.readline()).count)
        file.seek(0)
        rows = csv.reader(file, delimiter=separator)
        header = next(rows, [])
        if not header:
            raise SourceError(path, "has no header", "write a line of column names, and one for each run")
        if not header[0].strip() and _key_column(header) is None:
            header[0] = KEY_COLUMNS[0]
        for number, row in enumerate(rows, start=1):
            if row and len(row) != len(header):
                problem = f"has {len(row)} cells in row {number} and {len(header)} in the header"
                raise SourceError(path, problem, "write a cell for every column, in quotes if it has a separator")
            if said := next((cell for name, cell in zip(header, row, strict=False) if cell and not name.strip()), ""):
                raise SourceError(path, f"has {said!r} in row {number} under no name", "name the column, or empty it")
    _refuse_twice([name for name in header if name], str(path), "has the column", "rename one of them")
    return separator, header


def _key_column(labels: Iterable[Any]) -> Any:
    by_name = {str(label).strip().casefold(): label for label in reversed(list(labels))}
    return next((by_name[key] for key in KEY_COLUMNS if key in by_name), None)


def _keyed(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if frame.shape[1] == 0:
        raise SourceError(where, "has no columns", "give it a column of run names and one for each parameter")
    label = _key_column(frame.columns)
    key = frame.columns[0] if label is None else label
    keyed = frame.drop(columns=[key])
    keyed.index = frame[key].map(lambda value: "" if value != value else value)  # noqa: PLR0124  # NaN
    return keyed


def _parameter(label: str, column: pd.Series[Any], where: str) -> Parameter:
    matched = re.fullmatch(r"\s*(?P<title>.*?)\s*(?:\[(?P<units>[^\[\]]*)\])?\s*", label)
    title, units = (matched["title"], matched["units"]) if matched else (label, None)
    name = cf_name(title)
    if not name:
        raise SourceError(where, f"has the column {label!r}, whose name has no letter", "name it in ASCII letters")
    if name.casefold() in RESERVED:
        raise SourceError(where, f"has a parameter called {name!r}, which is a dimension", "rename the column")
    return Parameter(name, _values(column), {"long_name": title, **({"units": units} if units else {})})


def _values(column: pd.Series[Any]) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415  # as above

    kinds, dtype, some_missing = pd.api.types, column.dtype, column.isna().any()
    if kinds.is_bool_dtype(dtype):
        if not some_missing:
            return column.to_numpy(dtype=np.bool_)
    elif kinds.is_integer_dtype(dtype) and not some_missing:
        if column.max() <= np.iinfo(np.int64).max:
            return column.to_numpy(dtype=np.int64)
    elif kinds.is_numeric_dtype(dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(["" if pd.isna(value) else str(value) for value in column], dtype=object)


def _refuse_twice(names: list[str], where: str, problem: str, remedy: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SourceError(where, f"{problem} {name!r} twice", remedy)
        seen.add(name)
