"""What an ensemble's store holds already, read back into the values that writing works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.sources.attributes import said_in
from simstac.studies.read import OURS
from simstac.studies.structure import Axis, AxisKey, AxisKind, Structure, Variable, VariableKey
from simstac.write.arrays import ArraySpec, dimensions
from simstac.write.layout import Layout, microseconds, time_attrs
from simstac.write.table import Column, Role, RunTable

if TYPE_CHECKING:
    import icechunk
    import zarr

STUDY_LAYOUT = "study/1"


@dataclass(frozen=True, slots=True, eq=False)
class Previous:
    """The ensemble as it is in a store.

    Attributes:
        table: The run table.
        structure: The shape.
        layout: Where everything lies.
        run_chunk: How many runs a chunk spans; 0 without arrays.
    """

    table: RunTable = field(default_factory=RunTable)
    structure: Structure = field(default_factory=Structure)
    layout: Layout = field(default_factory=lambda: Layout(""))
    run_chunk: int = 0


def read_previous(href: str, store: icechunk.IcechunkStore) -> Previous:
    """Read the table and the shape of an ensemble, no series.

    Raises:
        StorageError: If the store holds something else than a study.
    """
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    root = zarr.open_group(store, mode="r")
    said = said_in(root.attrs)
    if said.get("layout") != STUDY_LAYOUT:
        raise StorageError(
            href, "holds something else than a study of this layout", "choose another place for the store"
        )
    nodes = dict(root.members(max_depth=None))
    members = {path: node for path, node in nodes.items() if isinstance(node, zarr.Array)}
    table = _table(members, said)
    structure, layout = _structure(members, said, {"run", *table.columns})
    groups = {path: node for path, node in nodes.items() if isinstance(node, zarr.Group)}
    groups[layout.primary] = root
    structure = replace(structure, groups={path: _group_attrs(node) for path, node in groups.items() if path})
    run_chunk = max((spec.chunks[0] for spec in layout.arrays.values()), default=0)
    return Previous(table, structure, layout, run_chunk)


def read_texts(store: icechunk.IcechunkStore, *names: str) -> tuple[dict[str, str], ...]:
    """Columns of strings by run name, read alone."""
    import zarr  # noqa: PLC0415  # as above

    root = zarr.open_group(store, mode="r")
    runs = [str(run) for run in _values(root["run"])]
    return tuple(dict(zip(runs, map(str, _values(root[name])), strict=True)) for name in names)


def _group_attrs(group: zarr.Group) -> dict[str, Any]:
    return {name: value for name, value in group.attrs.items() if name not in OURS}


def _table(members: Mapping[str, zarr.Array[Any]], said: Mapping[str, Any]) -> RunTable:
    columns = {
        name: Column(role, _values(members[name]), dict(members[name].attrs)) for role in Role for name in said[role]
    }
    return RunTable(tuple(map(str, _values(members["run"]))), columns)


def _structure(
    members: Mapping[str, zarr.Array[Any]], said: Mapping[str, Any], table: set[str]
) -> tuple[Structure, Layout]:
    primary = str(said.get("primary") or "")
    static, own_names = set(said.get("static", ())), dict(said.get("own_names", {}))
    axes: dict[AxisKey, Axis] = {}
    variables: dict[VariableKey, Variable] = {}
    specs: dict[VariableKey, ArraySpec] = {}
    for path, array in members.items():
        group, _, name = path.rpartition("/")
        dims = dimensions(array)
        if dims[:1] != ("run",) or name in table:
            continue
        series = group or ("" if name in static else primary)
        keys = tuple((series, _own_dim(dim, series)) for dim in dims[1:])
        for key, dim, size in zip(keys, dims[1:], array.shape[1:], strict=True):
            if key not in axes:
                axes[key] = _axis(members, f"{group}/{dim}".strip("/"), size)
        variable = (series, own_names.get(path, name))
        dtype = np.dtype(object) if array.dtype.kind in "OT" else array.dtype
        variables[variable] = Variable(keys, dtype, dict(array.attrs))
        specs[variable] = ArraySpec(group, name, dims, array.shape, array.chunks, dtype, dict(array.attrs))
    return Structure(axes, variables), Layout(primary, specs, {}, axes)


def _axis(members: Mapping[str, zarr.Array[Any]], path: str, size: int) -> Axis:
    """The axis whose coordinate lies at ``path``; positions where there is none."""
    array = members.get(path)
    if array is None:
        return Axis(AxisKind.INDEX, np.arange(size))
    values, attrs = _values(array), dict(array.attrs)
    if "calendar" not in attrs:
        return Axis(AxisKind.KEYS if values.dtype.kind == "O" else AxisKind.NUMBERS, values, attrs)
    units, bounds = str(attrs["units"]), attrs.pop("bounds", None)
    edges = members.get(f"{path.rpartition('/')[0]}/{bounds}".strip("/"))
    times = None if edges is None else microseconds(_values(edges), units)
    return Axis(AxisKind.TIMES, microseconds(values, units), time_attrs(attrs), times)


def _own_dim(name: str, series: str) -> str:
    """A dimension's name in the runs, without the series' name that the layout put behind it."""
    return name.removesuffix(f"_{series.rpartition('/')[2] or 'value'}")


def _values(array: Any) -> NDArray[Any]:
    values = np.asarray(array[...])
    return values.astype(object) if values.dtype.kind == "T" else values
