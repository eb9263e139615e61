"""What shape an ensemble has: its axes and per-run variables, and how those of differing runs unite.

Values are kept encoded as they are stored, times as int64 microseconds since 1970; so uniting and storing never
depends on a calendar or on how a dataset was opened.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.studies.encode import fill_value

type Labels = NDArray[Any]
type AxisKey = tuple[str, str]
"""(series, dimension name)."""
type VariableKey = tuple[str, str]
"""(series, variable name)."""


class AxisKind(StrEnum):
    """What the labels of an axis are, and so how two axes unite."""

    KEYS = "keys"
    """Strings in the order in which they were first seen."""
    NUMBERS = "numbers"
    """Sorted numbers."""
    TIMES = "times"
    """Sorted times, int64 microseconds."""
    INDEX = "index"
    """Positions 0 … n-1, without a coordinate."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A dimension that all runs share.

    Attributes:
        kind: What the labels are.
        labels: object (str), number or int64 of shape (n,), unique.
        attrs: The coordinate's attributes; of times with their ``units`` and ``calendar``.
        bounds: Of a time axis, int64 of shape (n, 2), or None.
    """

    kind: AxisKind
    labels: Labels
    attrs: Mapping[str, Any] = field(default_factory=dict)
    bounds: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """How many labels there are."""
        return len(self.labels)

    def union(self, other: Axis) -> Axis:
        """This axis with the labels of the other; itself where it has them all."""
        if same_labels(self.labels, other.labels):
            return self
        missing = ~np.isin(other.labels, self.labels)
        if not missing.any():
            return self
        labels = np.concatenate([self.labels, other.labels[missing]])
        bounds = None
        if self.bounds is not None:
            more = other.bounds if other.bounds is not None else np.repeat(other.labels[:, None], 2, axis=1)
            bounds = np.concatenate([self.bounds, more[missing]])
        if self.kind is not AxisKind.KEYS:
            order = np.argsort(labels, kind="stable")
            labels, bounds = labels[order], None if bounds is None else bounds[order]
        return replace(self, labels=labels, bounds=bounds)

    def positions(self, labels: Labels) -> NDArray[np.intp]:
        """Where each of ``labels``, all of which this axis has, stands on it."""
        if same_labels(self.labels, labels):
            return np.arange(len(labels))
        order = np.argsort(self.labels, kind="stable")
        return order[np.searchsorted(self.labels, labels, sorter=order)]


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A variable that every run may have; the store adds the dimension ``run`` in front.

    Attributes:
        dims: Its axes.
        dtype: What is stored; object for strings.
        attrs: CF attributes, with those that decoding needs.
    """

    dims: tuple[AxisKey, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """The shape of a run, or of an ensemble.

    Attributes:
        axes: By series and dimension.
        variables: By series and name.
        groups: Attributes of each series' group; those of the first run that has it.
    """

    axes: Mapping[AxisKey, Axis] = field(default_factory=dict)
    variables: Mapping[VariableKey, Variable] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def run_bytes(self) -> int:
        """Memory that the series of one run take, strings counted as pointers."""
        sizes = {key: len(axis) for key, axis in self.axes.items()}
        return sum(
            math.prod((sizes[dim] for dim in each.dims), start=each.dtype.itemsize) for each in self.variables.values()
        )

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal over its axes' labels and its variables; equal for runs of one shape."""
        digest = hashlib.sha256()
        for key, axis in sorted(self.axes.items()):
            labels = "\0".join(axis.labels).encode() if axis.kind is AxisKind.KEYS else axis.labels.tobytes()
            digest.update(repr((key, str(axis.kind), len(axis))).encode() + labels)
        for key, variable in sorted(self.variables.items()):
            digest.update(repr((key, variable.dims, str(variable.dtype))).encode())
        return digest.hexdigest()

    def union(self, other: Structure) -> Structure:
        """This structure with all that the other has; itself where it has it all.

        Raises:
            MismatchError: If a variable or a dimension of the other is of another kind than here.
        """
        axes = {key: _union_axis(key, self.axes.get(key), axis) for key, axis in other.axes.items()}
        variables = {
            key: _union_variable(key, self.variables.get(key), variable) for key, variable in other.variables.items()
        }
        same_axes = all(axis is self.axes.get(key) for key, axis in axes.items())
        if same_axes and all(variable is self.variables.get(key) for key, variable in variables.items()):
            return self
        groups = {**other.groups, **self.groups}
        return Structure({**self.axes, **axes}, {**self.variables, **variables}, groups)


class MismatchError(Exception):
    """A run whose variable or dimension is of another kind than in the runs before it."""


def convert(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Encoded values in a wider type, missing ones still missing."""
    if values.dtype == dtype:
        return values
    converted = values.astype(dtype)
    if values.dtype.kind in "iu":
        converted[values == fill_value(values.dtype)] = fill_value(dtype)
    return converted


def differences(runs: Mapping[str, Structure], whole: Structure) -> tuple[str, ...]:
    """What some runs lack that others have, one line for each thing and the same set of runs."""
    lacking: dict[str, list[str]] = {}
    lacks = {
        id(structure): _lacks(structure, whole) for structure in {id(each): each for each in runs.values()}.values()
    }
    for name, structure in runs.items():
        for what in lacks[id(structure)]:
            lacking.setdefault(what, []).append(name)
    return tuple(f"{what} in {_runs(names, len(runs))}" for what, names in sorted(lacking.items()))


def refuse_other_units(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Refuse what is in another unit than in other runs, but for times, whose unit is that of a store.

    Raises:
        MismatchError: If it is.
    """
    unit, other = theirs.get("units"), ours.get("units")
    if unit and other and unit != other and "calendar" not in theirs:
        raise MismatchError(f"{what} is in {unit} where other runs have {other}")


def same_labels(one: Labels, other: Labels) -> bool:
    """Whether two label arrays are equal."""
    return one is other or (one.shape == other.shape and bool(np.array_equal(one, other)))


def _union_axis(key: AxisKey, ours: Axis | None, theirs: Axis) -> Axis:
    if ours is None:
        return theirs
    if ours.kind is not theirs.kind:
        raise MismatchError(f"dimension {key[1]!r} has {theirs.kind} where other runs have {ours.kind}")
    if ours.attrs.get("calendar") != theirs.attrs.get("calendar"):
        raise MismatchError(f"dimension {key[1]!r} of {key[0]!r} is in another calendar than in other runs")
    refuse_other_units(f"dimension {key[1]!r}", ours.attrs, theirs.attrs)
    if not same_labels(ours.labels, theirs.labels) and not (
        _are_distinct(ours.labels) and _are_distinct(theirs.labels)
    ):
        raise MismatchError(f"dimension {key[1]!r} has a label twice, or one that is no number, and not as other runs")
    return ours.union(theirs)


def _are_distinct(labels: Labels) -> bool:
    return len(np.unique(labels, equal_nan=False)) == len(labels) and bool((labels == labels).all())  # noqa: PLR0124  # NaN


def _union_variable(key: VariableKey, ours: Variable | None, theirs: Variable) -> Variable:
    if ours is None:
        return theirs
    if ours.dims != theirs.dims:
        theirs_text, ours_text = (tuple(dim for _, dim in each.dims) for each in (theirs, ours))
        raise MismatchError(f"variable {key[1]!r} has the dimensions {theirs_text} where other runs have {ours_text}")
    refuse_other_units(f"variable {key[1]!r}", ours.attrs, theirs.attrs)
    if ours.dtype == theirs.dtype:
        return ours
    if "O" in (ours.dtype.kind, theirs.dtype.kind) or "calendar" in {*ours.attrs, *theirs.attrs}:
        raise MismatchError(f"variable {key[1]!r} is {theirs.dtype} where other runs have {ours.dtype}")
    wider = np.promote_types(ours.dtype, theirs.dtype)
    return ours if wider == ours.dtype else replace(ours, dtype=wider, attrs=_widened(ours.attrs, wider))


def _widened(attrs: Mapping[str, Any], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Attributes that decode a wider type: another integer, or NaN, stands for missing values in it."""
    kept = {name: value for name, value in attrs.items() if name != "_FillValue"}
    return kept | ({"_FillValue": int(fill_value(dtype))} if "_FillValue" in attrs and dtype.kind in "iu" else {})


def _lacks(structure: Structure, whole: Structure) -> list[str]:
    variables = [f"no {'/'.join(filter(None, key))}" for key in whole.variables if key not in structure.variables]
    axes = []
    for key, axis in structure.axes.items():
        union = whole.axes[key]
        if axis.kind is AxisKind.INDEX or len(axis) == len(union):
            continue
        if axis.kind is AxisKind.KEYS:
            absent = [str(label) for label in union.labels[~np.isin(union.labels, axis.labels)]]
            shown = ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")  # noqa: PLR2004
            axes.append(f"{key[0] or 'root'}: no {key[1]} {shown}")
        else:
            axes.append(f"{key[0] or 'root'}: {len(axis)} of {len(union)} steps of {key[1]}")
    return variables + axes


def _runs(names: Sequence[str], total: int) -> str:
    if len(names) > 3:  # noqa: PLR2004  # as many as one reads in a line
        return f"{len(names)} of {total} runs ({', '.join(names[:2])} …)"
    return ", ".join(names)
