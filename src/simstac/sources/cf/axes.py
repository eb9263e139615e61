"""The axes along which files are appended: chosen, united, and checked for gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.facts import FileFacts
from simstac.sources.cf.times import time_text

GAP = 1.5
"""How many regular steps from one file to the next are a gap."""
REFERENCE_TIME = "forecast_reference_time"


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """An axis along which files are appended.

    Attributes:
        name: The dimension.
        variable: The coordinate that has its labels.
        values: Its labels, sorted, each once.
        calendar: The calendar of times; empty for others.
    """

    name: str
    variable: str
    values: NDArray[Any]
    calendar: str = ""

    def positions(self, labels: NDArray[Any]) -> NDArray[np.intp]:
        """Where labels are on the axis; all of them are there."""
        return np.searchsorted(self.values, labels).astype(np.intp)

    def text(self, position: int) -> str:
        """A label for people."""
        value = self.values[position]
        return time_text(int(value), self.calendar) if self.calendar else str(value)


def choose_along(files: Sequence[FileFacts], wished: Sequence[str]) -> tuple[str, ...]:
    """The axes along which these files are appended.

    As wished; else the dimensions of time, lead time or member whose labels differ from file to file; else such scalar
    coordinates; else the time that all of them share, to which later files may append.

    Raises:
        SourceError: If a file has no labels along an axis that is wished for.
    """
    for name in wished:
        for facts in files:
            if name not in facts.labels:
                has = ", ".join(sorted(facts.labels)) or "none"
                remedy = f"name one that has: {has}"
                raise SourceError(facts.file.where, f"has no coordinate along {name!r}, as source.along says", remedy)
    if wished:
        return tuple(wished)
    dims, scalars = _candidates(files, is_scalar=False), _candidates(files, is_scalar=True)
    if found := [name for name in dims if _differ(files, name)]:
        return tuple(found)
    if found := [name for name in scalars if _differ(files, name)]:
        return tuple(found)
    times = [name for name in (*dims, *scalars) if files[0].labels[name].calendar]
    return tuple(times[:1])


def united(name: str, variable: str, calendar: str, labels: Sequence[NDArray[Any]]) -> Axis:
    """The axis that has all labels."""
    values = np.unique(np.concatenate(labels)) if labels else np.empty(0)
    return Axis(name, variable, values, calendar)


def refuse_gaps(axis: Axis, owners: NDArray[np.intp], names: Sequence[str]) -> None:
    """Refuse a step from one file to the next that is longer than the regular one.

    The regular step is the median of those inside files, else of those between them, so that months may have 28 to 31
    days; longer is more than `GAP` times as long.

    Args:
        axis: A time axis.
        owners: The file that each label is from.
        names: The files.

    Raises:
        SourceError: If there is a gap; it names the files at both sides.
    """
    if not axis.calendar or len(axis.values) < 3:  # noqa: PLR2004  # two labels have one step, and nothing to compare
        return
    steps = np.diff(axis.values)
    between = owners[1:] != owners[:-1]
    inside = steps[~between]
    regular = np.quantile(inside if inside.size else steps, 0.5, method="lower")
    late = np.flatnonzero(between & (steps > GAP * regular))
    if late.size:
        at = int(late[0])
        ends, begins = axis.text(at), axis.text(at + 1)
        problem = f"begins at {begins}, but {names[owners[at]]} ends at {ends}: a gap of {_steps(steps[at], regular)}"
        remedy = "add the files between them, or allow it (source.allow_gaps: true)"
        raise SourceError(names[owners[at + 1]], problem, remedy)


def _candidates(files: Sequence[FileFacts], *, is_scalar: bool) -> list[str]:
    """The axes that every file with such a variable has.

    Of several scalar times one is an axis: the reference time beside a lead time that differs from file to file, else
    the one called ``time``.
    """
    first = files[0]
    names = [name for name, each in first.labels.items() if each.is_scalar is is_scalar]
    names = [name for name in names if all(name in facts.labels for facts in files if _has(facts, name))]
    if not is_scalar:
        return names
    said = {name: first.variables[first.labels[name].variable].attrs.get("standard_name") for name in names}
    times = [name for name in names if first.labels[name].calendar]
    reference = [name for name in times if said[name] == REFERENCE_TIME]
    others = [name for name in names if name not in times and _differ(files, name)]
    if reference and others:
        chosen = reference[:1]
    else:
        chosen = [name for name in times if name == "time"] or reference[:1] or times[:1]
    return [*chosen, *others]


def _has(facts: FileFacts, name: str) -> bool:
    return name in facts.variables or any(name in each.dims for each in facts.variables.values())


def _differ(files: Sequence[FileFacts], name: str) -> bool:
    known: Mapping[str, Any] = files[0].labels
    first = known[name].values
    return any(name in facts.labels and not np.array_equal(facts.labels[name].values, first) for facts in files[1:])


def _steps(step: Any, regular: Any) -> str:
    missing = round(float(step) / float(regular)) - 1
    return f"{missing} step{'' if missing == 1 else 's'}" if missing > 0 else "part of a step"
