"""Whether files can be referred to as one dataset: what they must share, and how the steps of one follow another's.

Where they cannot, they are combined by copying, which says what may be combined and what is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.index import FileIndex, Variable

MEANING = ("units", "calendar")
PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
LONGEST_STEP = 1.5
"""How many times the usual step the next file may begin after the last; months differ by a tenth."""


def refuse_disagreement(first: tuple[str, FileIndex], other: tuple[str, FileIndex]) -> None:
    """Compare a file with the first one of its dataset.

    Args:
        first: The name and the index of the first file.
        other: Those of another one.

    Raises:
        UnfitError: If they differ in variables, grid, units, calendar, packing or type; it names both.
    """
    (one, ours), (two, theirs) = first, other
    for name in sorted(ours.variables.keys() ^ theirs.variables.keys()):
        lacks, has = (two, one) if name in ours.variables else (one, two)
        raise UnfitError(f"{lacks} lacks the variable {name} that {has} has")
    for name, variable in ours.variables.items():
        _refuse_variable(name, (one, variable), (two, theirs.variables[name]), ours.along)


def refuse_disorder(names: Sequence[str], labels: Sequence[NDArray[Any]], along: str, *, gaps: bool) -> None:
    """Check that files follow one another: each grows, none overlaps the next, and no steps are missing between them.

    Only times can have a gap. The usual step is the median of those within the files, else of those between
    them.

    Args:
        names: Of the files, in the order of their first labels.
        labels: Those of each along the dimension that grows.
        along: The dimension.
        gaps: Whether steps may be missing.

    Raises:
        UnfitError: If they do not; it names both files.
    """
    if len(names) == 1 or not _can_subtract(labels[0]):
        return
    nothing = labels[0][0] - labels[0][0]
    inside = [own[1:] - own[:-1] for own in labels]
    for name, steps in zip(names, inside, strict=True):
        if (steps <= nothing).any():
            raise UnfitError(f"{name} has steps of {along} that do not grow")
    between = [after[0] - before[-1] for before, after in pairwise(labels)]
    steps = np.sort(np.concatenate([*inside, between] if not sum(map(len, inside)) else inside))
    for (before, after), (ended, begun), step in zip(pairwise(names), pairwise(labels), between, strict=True):
        if step <= nothing:
            raise UnfitError(f"{after} begins at {along} {begun[0]}, where {before} reaches {ended[-1]}")
        if not gaps and are_times(begun) and step > steps[(len(steps) - 1) // 2] * LONGEST_STEP:
            raise UnfitError(
                f"{after} begins at {along} {begun[0]}, and {before} ends at {ended[-1]}: steps are missing"
            )


def _refuse_variable(name: str, first: tuple[str, Variable], other: tuple[str, Variable], along: str) -> None:
    (one, ours), (two, theirs) = first, other
    if ours.dims != theirs.dims:
        raise UnfitError(f"{two} has {name} on {theirs.dims}, and {one} on {ours.dims}")
    fixed = [axis for axis, dim in enumerate(ours.dims) if dim != along]
    if any(ours.shape[axis] != theirs.shape[axis] for axis in fixed):
        raise UnfitError(f"{two} has {name} in the shape {theirs.shape}, and {one} in {ours.shape}")
    times = " since " in str(ours.attrs.get("units", ""))
    for key in MEANING[1:] if times else MEANING:
        if _differ(ours.attrs.get(key), theirs.attrs.get(key)):
            said = f"{key} {theirs.attrs.get(key)!r}, and {one} with {ours.attrs.get(key)!r}"
            raise UnfitError(f"{two} has {name} with {said}")
    if along not in ours.dims and not times and ours.values is not None and _differ(ours.values, theirs.values):
        raise UnfitError(f"{two} has another {name} than {one}")
    for key in PACKING:
        if ours.chunks is not None and _differ(ours.attrs.get(key), theirs.attrs.get(key)):
            said = f"{key} {theirs.attrs.get(key)}, {ours.attrs.get(key)} in {one}"
            raise UnfitError(f"{two} packs {name} differently ({said})")
    if ours.chunks is not None and ours.dtype != theirs.dtype:
        raise UnfitError(f"{two} keeps {name} as {theirs.dtype}, and {one} as {ours.dtype}")


def _differ(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is not other
    ours, theirs = np.asarray(one), np.asarray(other)
    return not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f" and theirs.dtype.kind == "f")


def are_times(labels: NDArray[Any]) -> bool:
    """Whether labels are dates, of any calendar."""
    return labels.dtype.kind == "M" or (labels.dtype.kind == "O" and len(labels) > 0 and hasattr(labels[0], "calendar"))


def _can_subtract(labels: NDArray[Any]) -> bool:
    return labels.dtype.kind in "iufM" or are_times(labels)
