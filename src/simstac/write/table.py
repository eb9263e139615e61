"""The run table of an ensemble: parameters, results and facts, one value a run, kept encoded as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.studies import Parameters
from simstac.studies.read import RunData, Scalar
from simstac.studies.structure import MismatchError, refuse_other_units
from simstac.write.arrays import Coordinate

LONG_NAMES = {
    "status": "How the run ended",
    "message": "First fatal or severe message, or why the run has no data",
    "source": "Path of the run's results",
    "fingerprint": "SHA-256 of the run's results and reader",
    "warnings": "Number of warnings",
    "severe_errors": "Number of severe errors",
    "software": "Simulation engine",
}


class Role(StrEnum):
    """What a column says of a run."""

    PARAMETER = "parameters"
    RESULT = "results"
    FACT = "facts"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column.

    Attributes:
        role: What it says of a run.
        values: bool, integer, float or object (str), of shape (run,).
        attrs: CF attributes, with those that decoding needs.
    """

    role: Role
    values: NDArray[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """All columns.

    Attributes:
        runs: The run names, in the order of the store.
        columns: By name.
    """

    runs: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)

    def named(self, role: Role) -> list[str]:
        """The names of the columns with a role, sorted."""
        return sorted(name for name, column in self.columns.items() if column.role is role)

    def texts(self, name: str) -> dict[str, str]:
        """A column of strings by run name."""
        column = self.columns.get(name)
        return {} if column is None else dict(zip(self.runs, map(str, column.values), strict=True))

    def coordinates(self) -> dict[str, Coordinate]:
        """``run`` and the columns as arrays."""
        runs = np.array(self.runs, dtype=object)
        columns = {name: Coordinate(("run",), column.values, column.attrs) for name, column in self.columns.items()}
        return {"run": Coordinate(("run",), runs, {"long_name": "Run"}), **columns}


def updated_table(old: RunTable, runs: Sequence[str], read: Mapping[str, RunData], parameters: Parameters) -> RunTable:
    """The table of ``runs``: rows of the runs just read, other rows as they were, parameters as the study has them.

    Args:
        old: The table so far.
        runs: The runs, in the order of the store.
        read: What was read, by run name.
        parameters: The study's parameter table; a run that is not in it keeps the values that it had.

    Raises:
        SourceError: If a parameter is called like a result or a fact, or runs have a result in different units.
    """
    columns = {}
    scalars = _scalars(read)
    measured: dict[str, Role] = {
        name: each.role for name, each in old.columns.items() if each.role in {Role.RESULT, Role.FACT}
    }
    measured |= {name: role for name, (role, _, _) in scalars.items()}
    for name, role in measured.items():
        _, attrs, values = scalars.get(name, (role, {}, {}))
        if name in old.columns and {*old.runs} & {*runs} - {*read}:
            _refuse_other_units(name, name, old.columns[name].attrs, attrs)
        if not attrs and name in old.columns:
            attrs = old.columns[name].attrs
        columns[name] = _column(role, old, name, runs, {run: values.get(run) for run in read}, attrs)
    for parameter in parameters.columns:
        if parameter.name in columns:
            kind = "result" if columns[parameter.name].role is Role.RESULT else "fact"
            problem = f"has a parameter called {parameter.name!r}, which is also a {kind} of the runs"
            raise SourceError(parameters.where, problem, "rename the column")
        values = dict(zip(parameters.runs, parameter.values.tolist(), strict=True))
        columns[parameter.name] = _column(Role.PARAMETER, old, parameter.name, runs, values, parameter.attrs)
    return RunTable(tuple(runs), columns)


def _scalars(read: Mapping[str, RunData]) -> dict[str, tuple[Role, Mapping[str, Any], dict[str, Any]]]:
    """Name → role, attributes and values by run; the attributes of the first run that has them."""
    scalars: dict[str, tuple[Role, Mapping[str, Any], dict[str, Any]]] = {}
    for run, data in read.items():
        own = {
            "status": data.status,
            "message": data.message,
            "source": data.run.source,
            "fingerprint": data.fingerprint,
        }
        facts = {name: Scalar(value, is_fact=True) for name, value in own.items()}
        for name, scalar in {**data.scalars, **facts}.items():
            role = Role.FACT if scalar.is_fact else Role.RESULT
            known, attrs, values = scalars.setdefault(name, (role, scalar.attrs, {}))
            _refuse_other_units(data.run.source, name, attrs, scalar.attrs)
            scalars[name] = (known, attrs or scalar.attrs, values)
            values[run] = scalar.value.item() if isinstance(scalar.value, np.generic) else scalar.value
    return {name: (role, attrs or _named(name), values) for name, (role, attrs, values) in scalars.items()}


def _refuse_other_units(where: str, name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    try:
        refuse_other_units(f"the result {name!r}", ours, theirs)
    except MismatchError as error:
        raise SourceError(where, str(error), "give it the same unit in all runs") from error


def _named(name: str) -> dict[str, str]:
    return {"long_name": LONG_NAMES[name]} if name in LONG_NAMES else {}


def _column(
    role: Role, old: RunTable, name: str, runs: Sequence[str], updates: Mapping[str, Any], attrs: Mapping[str, Any]
) -> Column:
    """A column of ``runs``; where an update is None, the run has no value any more."""
    before = old.columns.get(name)
    known: dict[str, Any] = {} if before is None else dict(zip(old.runs, before.values.tolist(), strict=True))
    known |= updates
    values = [known.get(run) for run in runs]
    given = [value for value in values if value is not None]
    kinds = {type(value) for value in given} or {float}
    if str in kinds:
        return Column(role, np.array(["" if value is None else str(value) for value in values], dtype=object), attrs)
    if "calendar" in attrs:
        missing = np.iinfo(np.int64).min
        return Column(role, np.array([missing if value is None else value for value in values], dtype=np.int64), attrs)
    plain = {key: value for key, value in attrs.items() if key != "_FillValue"}
    if len(given) == len(values) or (role is Role.FACT and kinds == {int}):
        filled = [0 if value is None else value for value in values]
        return Column(role, np.array(filled, dtype=_dtype(kinds)), plain)
    return Column(role, np.array([np.nan if value is None else value for value in values], dtype=np.float64), plain)


def _dtype(kinds: set[type]) -> type[np.generic]:
    if kinds == {bool}:
        return np.bool_
    return np.int64 if kinds <= {bool, int} else np.float64
