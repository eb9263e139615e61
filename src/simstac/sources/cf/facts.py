"""What is known of a file before its data are read: its variables, the labels of its axes, its fixed fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.calendars import is_checked, refuse_doubtful
from simstac.sources.cf.decode import REFERRING, Decoded, Slab
from simstac.sources.cf.files import SourceFile
from simstac.sources.cf.opened import OpenFile
from simstac.sources.cf.times import MISSING

TIMES = frozenset({"time", "forecast_reference_time", "forecast_period"})
"""Standard names of axes along which files are appended."""
MEMBERS = frozenset({"realization"})
MEMBER_NAMES = frozenset({"member", "realization", "ensemble", "number", "ens", "member_id", "realisation"})
LEAD_NAMES = frozenset({"step", "lead_time", "lead", "prediction_timedelta", "forecast_period", "leadtime"})
BLOCK_BYTES = 16 << 20
SMALL_BYTES = 1 << 20
HELD_BYTES = 1 << 10


@dataclass(frozen=True, slots=True, eq=False)
class VariableFacts:
    """A variable, without its values.

    Attributes:
        name: Its name.
        dims: Its dimensions.
        shape: Its shape.
        dtype: What is stored; object for strings.
        attrs: Its attributes in the store.
        packing: How its file packs it; empty where values are stored as they are.
        chunks: Its chunk shape in the file; empty where it is not chunked.
        is_time: Whether it holds times.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    packing: str = ""
    chunks: tuple[int, ...] = ()
    is_time: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of an axis in one file.

    Attributes:
        variable: The coordinate that they are.
        values: Times in microseconds, numbers, or strings.
        calendar: The calendar of times; empty for others.
        is_scalar: Whether it is a scalar coordinate, and not yet a dimension.
    """

    variable: str
    values: NDArray[Any]
    calendar: str = ""
    is_scalar: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FileFacts:
    """A file, without its data.

    Attributes:
        file: The file.
        attrs: Its attributes.
        variables: Its variables by name.
        coordinates: The variables that others refer to, and those of dimensions.
        labels: The labels of the axes along which files may be appended, by dimension or scalar coordinate.
        fixed: A digest of each small variable that has no such axis.
        others: The names of all data variables that the file has, wanted or not.
        assumed: Its times whose calendar nobody says, and their units.
        held: The values of variables that are so small that they are read with the facts.
    """

    file: SourceFile
    attrs: Mapping[str, Any]
    variables: Mapping[str, VariableFacts]
    coordinates: frozenset[str]
    labels: Mapping[str, Labels]
    fixed: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    others: frozenset[str] = frozenset()
    assumed: Mapping[str, str] = field(default_factory=dict)


class Opened(Protocol):
    """A file whose coordinates can be read."""

    @property
    def where(self) -> str:
        """Its address, for errors."""

    @property
    def variables(self) -> Mapping[str, Decoded]:
        """Its variables by name."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Its attributes."""

    def values(self, name: str) -> NDArray[Any]:
        """All values of a small variable."""


def file_header(
    opened: Opened, file: SourceFile, along: tuple[str, ...], known: MutableMapping[str, VariableFacts]
) -> FileFacts:
    """What is known of a file by its header and its labels.

    Args:
        opened: The file.
        file: The same file.
        along: The axes along which files are appended, where somebody says so.
        known: Facts that other files share with it, so that thousands of files take little memory.

    Raises:
        SourceError: If a coordinate cannot be read, or has a label twice.
    """
    variables = {name: _shared(_facts(name, variable), known) for name, variable in opened.variables.items()}
    coordinates = _coordinates(variables, str(opened.attrs.get("coordinates", "")))
    return FileFacts(file, opened.attrs, variables, coordinates, _labels(opened, variables, coordinates, along))


def file_facts(
    opened: OpenFile, file: SourceFile, along: tuple[str, ...], known: MutableMapping[str, VariableFacts]
) -> FileFacts:
    """What is known of a file before its data are read; takes what `file_header` takes.

    Raises:
        SourceError: If a coordinate cannot be read, has a label twice, or names no calendar and may mean several.
    """
    for name, units in sorted(opened.assumed.items(), key=lambda item: len(opened.variables[item[0]].dims)):
        if is_checked(opened.variables[name].shape):
            refuse_doubtful(opened.values(name), units, f"{opened.where}: {name}")
    header = file_header(opened, file, along, known)
    variables, coordinates = header.variables, header.coordinates
    movable = {dim for dim, each in header.labels.items() if not each.is_scalar}
    scalars = {each.variable for each in header.labels.values() if each.is_scalar}
    fixed = {
        name: digest_of(opened, name, facts)
        for name, facts in variables.items()
        if not movable & {*facts.dims} and name not in scalars and (name in coordinates or _bytes(facts) <= SMALL_BYTES)
    }
    held = {name: opened.values(name) for name, facts in variables.items() if _bytes(facts) <= HELD_BYTES}
    assumed = {
        name: units
        for name, units in opened.assumed.items()
        if not (len(variables[name].dims) > 1 and name in coordinates)
    }
    return replace(header, fixed=fixed, held=held, others=opened.names, assumed=assumed)


def digest_of(opened: OpenFile, name: str, facts: VariableFacts) -> str:
    """SHA-256 of the values of a variable, read a block at a time."""
    digest = hashlib.sha256()
    for slab in _blocks(facts):
        shape = [stop - start for start, stop, _ in map(_indices, slab, facts.shape)]
        values = np.empty(shape, facts.dtype)
        opened.read(name, slab, values)
        digest.update(json.dumps(values.tolist()).encode() if facts.dtype.kind == "O" else (values + 0).tobytes())
    return digest.hexdigest()


def promoted(facts: FileFacts, along: tuple[str, ...]) -> FileFacts:
    """The same file with the scalar coordinates among ``along`` as leading dimensions of its data.

    Data variables get all of them; of the other scalar coordinates those that are times or lead times.
    """
    scalars = tuple(name for name in along if name in facts.labels and facts.labels[name].is_scalar)
    if not scalars:
        return facts
    coordinates, variables = facts.coordinates, {}
    for name, each in facts.variables.items():
        moves = name not in coordinates or (not each.dims and name not in along and _is_timely(each))
        dims = (name,) if name in scalars else scalars if moves and not _is_mapping(each) else ()
        variables[name] = replace(each, dims=(*dims, *each.dims), shape=(*(1,) * len(dims), *each.shape))
    fixed = {name: digest for name, digest in facts.fixed.items() if not {*scalars} & {*variables[name].dims}}
    return replace(facts, variables=variables, fixed=fixed)


def _facts(name: str, variable: Decoded) -> VariableFacts:
    return VariableFacts(
        name,
        variable.dims,
        variable.shape,
        variable.dtype,
        variable.attrs,
        variable.packing,
        variable.chunks,
        variable.is_time,
    )


def _shared(facts: VariableFacts, known: MutableMapping[str, VariableFacts]) -> VariableFacts:
    about = [facts.name, facts.dims, facts.shape, str(facts.dtype), dict(facts.attrs), facts.packing, facts.chunks]
    return known.setdefault(json.dumps(about, sort_keys=True, default=str), facts)


def _labels(
    opened: Opened, variables: Mapping[str, VariableFacts], coordinates: frozenset[str], along: tuple[str, ...]
) -> dict[str, Labels]:
    found: dict[str, Labels] = {}
    for dim in {dim: None for each in variables.values() for dim in each.dims}:
        facts = _label_variable(dim, variables)
        if facts is not None and (dim in along or _is_movable(facts)):
            found[dim] = _labels_of(opened, facts, is_scalar=False)
    taken = {each.variable for each in found.values()}
    for name, facts in variables.items():
        if not facts.dims and (name in along or (name in coordinates - taken and _is_movable(facts))):
            found.setdefault(name, _labels_of(opened, facts, is_scalar=True))
    return found


def _label_variable(dim: str, variables: Mapping[str, VariableFacts]) -> VariableFacts | None:
    """The coordinate of a dimension; where that is no time, the only time along the dimension, if there is one."""
    own = variables.get(dim)
    if own is not None and (own.is_time or own.dims != (dim,)):
        return own if own.dims == (dim,) else None
    times = [each for each in variables.values() if each.dims == (dim,) and each.is_time]
    named = [each for each in times if each.attrs.get("standard_name") == "time"]
    if own is not None and (_is_timely(own) or _is_member(own) or "units" in own.attrs or own.dtype.kind == "O"):
        return own
    return times[0] if len(times) == 1 else named[0] if len(named) == 1 else own


def _labels_of(opened: Opened, facts: VariableFacts, *, is_scalar: bool) -> Labels:
    values = np.atleast_1d(opened.values(facts.name))
    where = f"{opened.where}: {facts.name}"
    if facts.is_time and (values == MISSING).any():
        raise SourceError(where, "has steps without a time", "fill in the times, or leave the file out")
    if len(np.unique(values)) != len(values):
        raise SourceError(where, "has the same step twice", "remove one of them")
    calendar = str(facts.attrs.get("calendar", "")) if facts.is_time else ""
    return Labels(facts.name, values, calendar, is_scalar)


def _is_movable(facts: VariableFacts) -> bool:
    return _is_timely(facts) or _is_member(facts)


def _is_timely(facts: VariableFacts) -> bool:
    return facts.is_time or facts.attrs.get("standard_name") in TIMES or facts.name in LEAD_NAMES


def _is_member(facts: VariableFacts) -> bool:
    return facts.attrs.get("standard_name") in MEMBERS or facts.name in MEMBER_NAMES


def _is_mapping(facts: VariableFacts) -> bool:
    return "grid_mapping_name" in facts.attrs or "crs_wkt" in facts.attrs


def _coordinates(variables: Mapping[str, VariableFacts], more: str) -> frozenset[str]:
    """The variables that others refer to as coordinates, bounds and the like, and those of dimensions."""
    named = {dim for each in variables.values() for dim in each.dims} | {*more.split()}
    for each in variables.values():
        for key in REFERRING:
            named |= {*str(each.attrs.get(key, "")).split()}
    return frozenset(named & {*variables})


def _bytes(facts: VariableFacts) -> int:
    return int(np.prod(facts.shape)) * max(1, facts.dtype.itemsize)


def _blocks(facts: VariableFacts) -> list[Slab]:
    if not facts.shape:
        return [()]
    row = max(1, int(np.prod(facts.shape[1:])) * max(1, facts.dtype.itemsize))
    length = max(1, BLOCK_BYTES // row)
    rest = (slice(None),) * (len(facts.shape) - 1)
    return [(slice(start, start + length), *rest) for start in range(0, facts.shape[0], length)]


def _indices(part: slice, size: int) -> tuple[int, int, int]:
    return part.indices(size)
