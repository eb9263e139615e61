"""Whether indexed files make one dataset, by the rules of `simstac.sources.cf`, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.agree import refuse_disagreement, refuse_other_field
from simstac.sources.cf.axes import Axis, choose_along, united
from simstac.sources.cf.combine import Part, Rule, owners_of, refuse_gaps_between
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.header import Headed
from simstac.sources.virtual.places import PlacedFile


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A file and its labels along the dimension that grows.

    Attributes:
        file: The file.
        labels: Them; times in microseconds.
    """

    file: PlacedFile
    labels: NDArray[Any]


def chosen_along(files: Sequence[Headed], options: CfOptions) -> str:
    """The dimension that files continue; empty for a single file without one.

    Raises:
        SourceError: If a file has no labels along the dimension that is wished for.
        UnfitError: If it is none, or more than one.
    """
    facts = [each.facts for each in files]
    along = choose_along(facts, options.along)
    if len(along) > 1:
        raise UnfitError(f"files are appended along {' and '.join(along)}, which is not one dimension")
    if len(files) == 1 and (not along or facts[0].labels[along[0]].is_scalar):
        return files[0].indexed.index.along
    if not along:
        raise UnfitError(f"{files[0].indexed.file.name} has no dimension along which another file could continue it")
    if facts[0].labels[along[0]].is_scalar:
        raise UnfitError(f"files are appended along {along[0]}, which is no dimension of theirs")
    return along[0]


def refuse_disagreements(files: Sequence[Headed], along: str, options: CfOptions) -> None:
    """Compare every file with the first one.

    Raises:
        SourceError: If two do not make one dataset; it names both.
        UnfitError: If a file lacks a variable that another has.
    """
    first = files[0]
    for other in files[1:]:
        _refuse_missing(first, other)
        for name, theirs in sorted(other.facts.variables.items()):
            ours = first.facts.variables[name]
            if theirs is not ours:
                one, two = (other.where, theirs), (first.where, ours)
                refuse_disagreement(one, two, (along,), mixed_packing=options.mixed_packing)
    for other in files[1:]:
        for name, variable in sorted(other.variables.items()):
            if along not in variable.dims and name in other.values and variable is not first.variables[name]:
                fixed = (other.where, other.values[name]), (first.where, first.values[name])
                refuse_other_field(*fixed, name, is_coordinate=name in other.facts.coordinates)


def ordered(files: Sequence[Labelled], first: Headed, along: str, options: CfOptions) -> list[int]:
    """The order of files along the dimension that grows, as indices.

    Args:
        files: All files, those that the store holds already too.
        first: One of them, with its header.
        along: The dimension.
        options: Whether steps may be missing between two files.

    Raises:
        SourceError: If two files have the same label, or there is a gap; it names both.
        UnfitError: If the labels of a file do not grow, or lie between those of another.
    """
    about = first.facts.labels[along]
    axis = united(along, about.variable, about.calendar, [each.labels for each in files])
    places = [axis.positions(each.labels) for each in files]
    growing = frozenset(name for name, each in first.facts.variables.items() if along in each.dims)
    parts = [
        Part(each.file.name, each.file.where, growing, {along: positions})
        for each, positions in sorted(zip(files, places, strict=True), key=lambda pair: pair[0].file.name)
    ]
    axes: Mapping[str, Axis] = {along: axis}
    if not options.allow_gaps:
        refuse_gaps_between(axes, parts)
    for name in (sorted(growing - first.facts.coordinates) or sorted(growing))[:1]:
        owners_of(name, (along,), parts, axes, Rule(allow_gaps=True))
    for each, positions in zip(files, places, strict=True):
        if not len(positions):
            raise UnfitError(f"{each.file.name} has no steps along {along}")
        if (np.diff(positions) != 1).any():
            raise UnfitError(f"{each.file.name} has steps of {along} that do not grow, or that others lie between")
    return sorted(range(len(files)), key=lambda index: int(places[index][0]))


def _refuse_missing(first: Headed, other: Headed) -> None:
    for name in sorted(first.variables.keys() ^ other.variables.keys()):
        lacks, has = (other, first) if name in first.variables else (first, other)
        raise UnfitError(f"{lacks.indexed.file.name} lacks the variable {name} that {has.indexed.file.name} has")
