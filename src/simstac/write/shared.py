"""Coordinates that several files have for the same labels, such as bounds of time: they must be the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.agree import refuse_other_field
from simstac.sources.cf.combine import positions_of
from simstac.sources.cf.reading import FileReader
from simstac.write.combining import Contribution, Whole
from simstac.write.stored_fields import StoredFields


def refuse_other_coordinates(whole: Whole, reader: FileReader, stored: StoredFields) -> None:
    """Refuse files whose coordinates differ where their labels are the same.

    Raises:
        SourceError: If two files disagree; it names both.
    """
    labels = {axis.variable for axis in whole.axes.values()}
    for name in sorted(whole.coordinates - labels):
        moving = [dim for dim in whole.variables[name].dims if dim in whole.axes]
        if not moving:
            continue
        for index, each in enumerate(whole.contributions):
            if name not in each.part.variables:
                continue
            there = whole.owners[name][np.ix_(*(each.part.positions[dim] for dim in moving))]
            for number in np.unique(there[there != index]):
                other = whole.contributions[int(number)]
                if each.facts is not None or other.facts is not None:
                    _compare(name, whole, each, other, reader, stored)


def _compare(
    name: str, whole: Whole, one: Contribution, other: Contribution, reader: FileReader, stored: StoredFields
) -> None:
    values, others = (_values(name, whole, each, reader, stored) for each in (one, other))
    picks, other_picks = [], []
    for dim, size in zip(whole.variables[name].dims, values.shape, strict=True):
        pick = other_pick = np.arange(size, dtype=np.intp)
        if dim in whole.axes:
            ours, theirs = one.part.positions[dim], other.part.positions[dim]
            _, pick, other_pick = np.intersect1d(ours, theirs, return_indices=True)
        picks.append(pick)
        other_picks.append(other_pick)
    here, there = (one.part.where, values[np.ix_(*picks)]), (other.part.where, others[np.ix_(*other_picks)])
    refuse_other_field(here, there, name, is_coordinate=True)


def _values(name: str, whole: Whole, each: Contribution, reader: FileReader, stored: StoredFields) -> NDArray[Any]:
    """A file's values of a coordinate, with all dimensions that it has in the whole."""
    dims: Sequence[str] = whole.variables[name].dims
    if each.facts is None and each.before is not None:
        places = [
            positions_of(each.before.regions[dim]) if dim in whole.axes else np.arange(size)
            for dim, size in zip(dims, stored.shape(name), strict=True)
        ]
        return stored.values(name)[np.ix_(*places)]
    assert each.facts is not None  # noqa: S101  # a file that was not in the store was opened
    assert each.file is not None  # noqa: S101  # as above
    values = each.facts.held.get(name)
    values = reader.values(each.file, name) if values is None else values
    return values.reshape([1] * (len(dims) - values.ndim) + list(values.shape))
