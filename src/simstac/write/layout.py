"""Where the series and axes of an ensemble lie in its store: groups, names, dimensions, shapes and chunks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.studies.encode import MICROSECONDS, MICROSECONDS_IN, coarsest_unit, in_unit
from simstac.studies.structure import Axis, AxisKey, AxisKind, Structure, VariableKey
from simstac.write.arrays import ArraySpec, Coordinate
from simstac.write.encoding import series_chunks

PRIMARY_SERIES = ("hourly", "timestep", "daily", "monthly", "runperiod", "annual")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The store of an ensemble.

    Attributes:
        primary: The series that lies in the root; empty without one.
        arrays: The variables' arrays, ``run`` their first dimension.
        coordinates: Those of the shared axes, by group.
        axes: The axes as they lie in the store, where axes with the same labels are one.
    """

    primary: str
    arrays: Mapping[VariableKey, ArraySpec] = field(default_factory=dict)
    coordinates: Mapping[str, Mapping[str, Coordinate]] = field(default_factory=dict)
    axes: Mapping[AxisKey, Axis] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups, the root first."""
        return tuple(sorted({"", *(spec.group for spec in self.arrays.values())}))


def lay_out(
    structure: Structure,
    runs: int,
    run_chunk: int,
    *,
    taken: Collection[str] = (),
    wished: Mapping[str, int] | None = None,
    kept: Mapping[VariableKey, ArraySpec] | None = None,
) -> Layout:
    """Lay out an ensemble.

    A variable whose name is taken by a parameter, result, fact or coordinate gets the series' name behind it. So do
    the time axes outside the root, and other axes there whose labels differ from those of the root's axis of that
    name: a `xarray.DataTree` takes no group whose indexes differ from its parent's.

    Args:
        structure: The shape of the ensemble.
        runs: How many runs it has.
        run_chunk: How many runs a chunk spans.
        taken: Names of the columns on ``run``.
        wished: Chunk lengths by dimension that the user asks for.
        kept: Arrays that exist, whose chunks stay unless ``wished`` differs.
    """
    primary = primary_series(structure)
    names, axes = _placed_axes(structure, primary)
    reserved = {"run", *taken, *names.values(), *(f"{name}_bounds" for name in names.values())}
    arrays: dict[VariableKey, ArraySpec] = {}
    for key in sorted(structure.variables):
        series, name = key
        variable, group = structure.variables[key], _group(series, primary)
        dims = ("run", *(names[dim] for dim in variable.dims))
        shape = (runs, *(len(axes[dim]) for dim in variable.dims))
        chunks = series_chunks(dims, shape, max(variable.dtype.itemsize, 1), run_chunk, wished or {})
        if kept and key in kept and len(kept[key].chunks) == len(chunks):
            chunks = _kept_chunks(dims, chunks, kept[key].chunks, wished or {})
        in_root = {array.name for array in arrays.values() if not array.group} if not group else set()
        own = f"{name}_{series.rpartition('/')[2] or 'value'}" if name in reserved | in_root else name
        arrays[key] = ArraySpec(group, own, dims, shape, chunks, variable.dtype, variable.attrs)
    return Layout(primary, arrays, _coordinates(structure, primary, names, axes), axes)


def primary_series(structure: Structure) -> str:
    """The series that lies in the root beside the scalars; none if the root of the runs has times of its own."""
    if any(series == "" and axis.kind is AxisKind.TIMES for (series, _), axis in structure.axes.items()):
        return ""
    present = {series for series, _ in structure.variables}
    return next((series for series in PRIMARY_SERIES if series in present), "")


def time_coordinate(axis: Axis, name: str, dims: tuple[str, ...], values: NDArray[np.int64]) -> Coordinate:
    """Times or their bounds in the coarsest unit, from seconds down, that holds all of the axis exactly."""
    unit = coarsest_unit(axis.labels, *(() if axis.bounds is None else (axis.bounds,)))
    attrs = {**axis.attrs, "units": f"{unit} since 1970-01-01"}
    if values.ndim > 1:
        return Coordinate(dims, in_unit(values, unit), {})
    if axis.bounds is not None:
        attrs["bounds"] = f"{name}_bounds"
    return Coordinate(dims, in_unit(values, unit), attrs)


def microseconds(values: NDArray[Any], units: str) -> NDArray[np.int64]:
    """Stored times as int64 microseconds since 1970."""
    return np.asarray(values, dtype=np.int64) * MICROSECONDS_IN[units.partition(" ")[0]]


def time_attrs(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a stored time coordinate as an `Axis` has them."""
    return {**attrs, "units": MICROSECONDS}


def _group(series: str, primary: str) -> str:
    return "" if series == primary else series


def _placed_axes(structure: Structure, primary: str) -> tuple[dict[AxisKey, str], dict[AxisKey, Axis]]:
    """How each axis is called in the store, and the axis with the labels in the order that they have there."""
    names: dict[AxisKey, str] = {}
    axes: dict[AxisKey, Axis] = {}
    root: dict[str, Axis] = {}
    for key in sorted(structure.axes, key=lambda key: (key[0] != primary, key)):
        series, dim = key
        axis, is_root = structure.axes[key], series in ("", primary)
        shared = root.get(dim)
        if shared is not None and axis.kind is not AxisKind.TIMES and _same_set(axis, shared):
            names[key], axes[key] = dim, shared
            continue
        renamed = shared is not None or (axis.kind is AxisKind.TIMES and not is_root)
        names[key], axes[key] = f"{dim}_{series.rpartition('/')[2] or 'value'}" if renamed else dim, axis
        if is_root:
            root[names[key]] = axis
    return names, axes


def _same_set(one: Axis, other: Axis) -> bool:
    return one.kind is other.kind and len(one) == len(other) and bool(np.isin(one.labels, other.labels).all())


def _kept_chunks(
    dims: tuple[str, ...], chunks: tuple[int, ...], kept: tuple[int, ...], wished: Mapping[str, int]
) -> tuple[int, ...]:
    lengths = zip(dims[1:], chunks[1:], kept[1:], strict=True)
    return (chunks[0], *(length if dim in wished else old for dim, length, old in lengths))


def _coordinates(
    structure: Structure, primary: str, names: Mapping[AxisKey, str], axes: Mapping[AxisKey, Axis]
) -> dict[str, dict[str, Coordinate]]:
    coordinates: dict[str, dict[str, Coordinate]] = {"": {}}
    for (series, _), variable in structure.variables.items():
        here = coordinates.setdefault(_group(series, primary), {})
        for key in variable.dims:
            axis, name = axes[key], names[key]
            if axis.kind is AxisKind.INDEX or name in here:
                continue
            if axis.kind is not AxisKind.TIMES:
                here[name] = Coordinate((name,), axis.labels, axis.attrs)
                continue
            here[name] = time_coordinate(axis, name, (name,), axis.labels)
            if axis.bounds is not None:
                here[f"{name}_bounds"] = time_coordinate(axis, name, (name, "bounds"), axis.bounds)
    return coordinates
