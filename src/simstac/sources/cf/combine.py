"""Files combined by their coordinates: which file each part of each variable comes from, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.axes import Axis, refuse_gaps

NOBODY = -1


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one file contributes.

    Attributes:
        name: The file's name.
        where: Its address, for errors.
        variables: The variables it has.
        positions: Where its labels are on each axis that it has.
    """

    name: str
    where: str
    variables: frozenset[str]
    positions: Mapping[str, NDArray[np.intp]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is no error where a variable is put together.

    Attributes:
        allow_gaps: Nobody has a combination of labels.
        is_shared: Several files have the same one, as they may have the same coordinates.
    """

    allow_gaps: bool = False
    is_shared: bool = False


def owners_of(
    variable: str, dims: Sequence[str], parts: Sequence[Part], axes: Mapping[str, Axis], rule: Rule
) -> NDArray[np.int32]:
    """Which part each combination of labels of a variable comes from, as an index; `NOBODY` where none has it.

    Args:
        variable: The variable.
        dims: Those of its dimensions along which files are appended.
        parts: What the files contribute.
        axes: The axes.
        rule: What is no error.

    Raises:
        SourceError: If two files have the same combination, or none has it; it names both files.
    """
    owners = np.full(tuple(len(axes[dim].values) for dim in dims), NOBODY, np.int32)
    for index, part in enumerate(parts):
        if variable not in part.variables:
            continue
        region = _region([part.positions[dim] for dim in dims])
        taken = owners[region]
        if rule.is_shared:
            owners[region] = np.where(taken == NOBODY, index, taken)
            continue
        if (taken != NOBODY).any():
            first = np.argwhere(taken != NOBODY)[0]
            other = parts[int(taken[tuple(first)])]
            at = [int(part.positions[dim][step]) for dim, step in zip(dims, first, strict=True)]
            problem = f"has {variable} at {_at(dims, axes, at)}, as {other.where} has too"
            raise SourceError(
                part.where, problem, "remove one of them, or name the axis that tells them apart (source.along)"
            )
        owners[region] = index
    if not rule.allow_gaps and (owners == NOBODY).any():
        raise _hole(variable, dims, parts, axes, owners)
    return owners


def refuse_gaps_between(axes: Mapping[str, Axis], parts: Sequence[Part]) -> None:
    """Refuse a step between two files that is longer than the regular one.

    Raises:
        SourceError: If there is a gap; it names both files.
    """
    for dim, axis in axes.items():
        owners = np.full(len(axis.values), NOBODY, np.intp)
        for index in range(len(parts) - 1, -1, -1):
            if dim in parts[index].positions:
                owners[parts[index].positions[dim]] = index
        refuse_gaps(axis, owners, [part.where for part in parts])


def runs_of(positions: NDArray[np.intp]) -> list[list[int]]:
    """Positions as runs of consecutive ones, each its first and the one after its last."""
    ordered = np.sort(positions)
    if not len(ordered):
        return []
    cuts = np.flatnonzero(np.diff(ordered) != 1) + 1
    return [[int(run[0]), int(run[-1]) + 1] for run in np.split(ordered, cuts)]


def positions_of(runs: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """The positions that runs consist of."""
    if len(runs) == 1:
        return np.arange(runs[0][0], runs[0][1], dtype=np.intp)
    return np.concatenate([np.arange(start, stop, dtype=np.intp) for start, stop in runs] or [np.empty(0, np.intp)])


def _region(positions: Sequence[NDArray[np.intp]]) -> Any:
    """An index of all combinations of positions."""
    if len(positions) == 1:
        first, count = positions[0][0] if len(positions[0]) else 0, len(positions[0])
        is_run = count and positions[0][-1] - first == count - 1 and (count < 3 or (np.diff(positions[0]) == 1).all())  # noqa: PLR2004
        return slice(first, first + count) if is_run else positions[0]
    return np.ix_(*positions)


def _hole(
    variable: str, dims: Sequence[str], parts: Sequence[Part], axes: Mapping[str, Axis], owners: NDArray[Any]
) -> SourceError:
    at = [int(index) for index in np.argwhere(owners == NOBODY)[0]]
    lacking = next(
        (part for part in parts if any(at[0] in part.positions.get(dim, ()) for dim in dims[:1])),
        parts[0],
    )
    having = next(part for part in parts if variable in part.variables)
    problem = f"has no {variable} at {_at(dims, axes, at)}, as {having.where} has at other steps"
    return SourceError(lacking.where, problem, "add the file that has it, or allow holes (source.allow_gaps: true)")


def _at(dims: Sequence[str], axes: Mapping[str, Axis], at: Sequence[int]) -> str:
    return ", ".join(f"{dim} {axes[dim].text(position)}" for dim, position in zip(dims, at, strict=True))
