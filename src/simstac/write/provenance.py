"""Which file each part of a store came from: a small table in the store, of which appending writes the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from simstac.sources.attributes import SAID, said_in
from simstac.sources.cf.axes import Axis
from simstac.sources.cf.facts import VariableFacts
from simstac.sources.cf.times import EPOCH
from simstac.write.arrays import array_at, dimensions
from simstac.write.encoding import compressors

if TYPE_CHECKING:
    import zarr

GROUP = "provenance"
DIMENSION = "source_file"
COLUMNS = ("source_file", "version", "variables", "regions")
FILES_IN_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Record:
    """What a file contributed.

    Attributes:
        name: The file's name.
        version: What differed from other versions of its bytes.
        variables: The variables it has.
        regions: The runs of its labels on each axis, each its first position and the one after its last.
    """

    name: str
    version: str
    variables: tuple[str, ...]
    regions: Mapping[str, Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """What a store that files were combined into holds.

    Attributes:
        records: What each file contributed, by name.
        axes: The axes along which files are appended.
        said: What was written down about them.
        variables: The variables by name.
        attrs: The attributes of the dataset.
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, VariableFacts] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)


def read_combined(root: zarr.Group | None) -> Combined:
    """What a store holds; nothing where files were not combined into it, or there is none."""
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    if root is None:
        return Combined()
    attrs: dict[str, Any] = root.attrs.asdict()
    said = said_in(attrs)
    attrs.pop(SAID, None)
    if GROUP not in root or not said:
        return Combined()
    columns = [_texts(array_at(root, f"{GROUP}/{name}")) for name in COLUMNS]
    records = {
        name: Record(name, version, tuple(variables.split("\n")), orjson.loads(regions))
        for name, version, variables, regions in zip(*columns, strict=True)
    }
    axes = {dim: _axis(dim, array_at(root, variable)) for dim, variable in dict(said.get("labels", {})).items()}
    packing = dict(said.get("packing", {}))
    variables = {
        name: _facts(name, node, packing.get(name, "")) for name, node in root.members() if isinstance(node, zarr.Array)
    }
    return Combined(records, axes, said, variables, attrs)


def put_records(root: zarr.Group, records: Sequence[Record], before: Iterable[Record]) -> None:
    """Write the table where it differs from what is there.

    Args:
        root: The store.
        records: The table as it shall be.
        before: The table as it is.
    """
    group = root.require_group(GROUP)
    attrs: dict[str, Any] = {
        "comment": "the files that this dataset was combined from, and where their data are on each axis"
    }
    if dict(group.attrs) != attrs:
        group.attrs.put(attrs)
    old = _columns(before)
    for name, values in _columns(records).items():
        _put_texts(group, name, np.array(values, dtype=object), old[name])


def _columns(records: Iterable[Record]) -> dict[str, list[str]]:
    rows = list(records)
    return {
        "source_file": [row.name for row in rows],
        "version": [row.version for row in rows],
        "variables": ["\n".join(row.variables) for row in rows],
        "regions": [orjson.dumps(row.regions, option=orjson.OPT_SORT_KEYS).decode() for row in rows],
    }


def _put_texts(group: zarr.Group, name: str, values: NDArray[Any], before: list[str]) -> None:
    if name not in group:
        group.create_array(
            name,
            shape=values.shape,
            chunks=(FILES_IN_CHUNK,),
            dtype=str,
            fill_value="",
            compressors=compressors(values.dtype),
            dimension_names=(DIMENSION,),
        )[...] = values
        return
    array = array_at(group, name)
    if len(values) != len(before):
        array.resize(values.shape)
    for start in range(0, len(values), FILES_IN_CHUNK):
        rows = slice(start, start + FILES_IN_CHUNK)
        if before[rows] != values[rows].tolist():
            array[rows] = values[rows]


def _texts(array: zarr.Array[Any]) -> list[str]:
    return [str(value) for value in np.asarray(array[...]).tolist()]


def _axis(dim: str, array: zarr.Array[Any]) -> Axis:
    values = np.asarray(array[...])
    values = values.astype(object) if values.dtype.kind == "T" else values
    return Axis(dim, str(array.basename), values, str(array.attrs.get("calendar", "")) if _is_time(array) else "")


def _facts(name: str, array: zarr.Array[Any], packing: str) -> VariableFacts:
    dtype = np.dtype(object) if array.dtype.kind in "OT" else array.dtype
    attrs = array.attrs.asdict()
    return VariableFacts(name, dimensions(array), array.shape, dtype, attrs, packing, is_time=_is_time(array))


def _is_time(array: zarr.Array[Any]) -> bool:
    return array.attrs.get("units") == EPOCH
