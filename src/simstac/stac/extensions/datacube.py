"""Data cube extension 2.3.0: every dimension and variable of every group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import MetadataError
from simstac.stac.document import Document, Subject, declare, fields, plain, text, timestamp
from simstac.stac.numbers import number, regular_step
from simstac.stac.temporal import (
    UNREAL_CALENDARS,
    bounds_of,
    is_lead,
    is_time,
    lead_hours,
    moments_of,
    time_axis,
    to_utc,
)

if TYPE_CHECKING:
    import xarray as xr

MAX_VALUES = 100
DAY_SECONDS = 86_400
ENSEMBLE_NAMES = frozenset({"run", "member", "realization", "ensemble", "ensemble_member", "number"})
RESERVED_TYPES = frozenset({"spatial", "temporal", "geometry", "bands"})
DATA_TYPES = frozenset({
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
})  # fmt: skip

type Cube = tuple[dict[str, Document], dict[str, Document]]


def apply(document: Document, subject: Subject) -> None:
    """Add ``cube:dimensions`` and ``cube:variables``."""
    dimensions, variables = cube(subject)
    if dimensions:
        fields(document).update({"cube:dimensions": dimensions, "cube:variables": variables})
        declare(document, "datacube")


def cube(subject: Subject) -> Cube:
    """The dimensions and the variables of all groups; a child group's are prefixed by its path where names collide."""
    dimensions: dict[str, Document] = {}
    variables: dict[str, Document] = {}
    for path, dataset in subject.groups.items():
        own = {str(name): _dimension(dataset, str(name), subject) for name in sorted(dataset.dims, key=str)}
        keys: dict[str, str] = {}
        for name, entry in own.items():
            known = dimensions.get(name)
            keys[name] = name if known in (None, entry) else f"{path}/{name}"
            dimensions[keys[name]] = entry
        auxiliary = subject.auxiliary | set(map(str, dataset.coords)) | _bounds_names(dataset)
        for key, variable in sorted(dataset.variables.items(), key=lambda entry: str(entry[0])):
            name = str(key)
            entry = _variable(name, variable, keys, auxiliary)
            repeated = name in dataset.coords and variables.get(name) == entry
            if name not in dataset.dims and not repeated:
                variables[f"{path}/{name}" if path else name] = entry
    return dimensions, variables


def _dimension(dataset: xr.Dataset, name: str, subject: Subject) -> Document:
    size = int(dataset.sizes[name])
    horizontal = subject.horizontal
    if horizontal is not None and name in horizontal.dimensions:
        return horizontal.dimensions[name] | {"size": size}
    coordinate = dataset[name] if name in dataset.coords else None
    by_position: Document = {"type": "other", "description": name, "extent": [0, max(size - 1, 0)], "size": size}
    if coordinate is None or size == 0:
        return by_position
    description = text(coordinate.attrs.get("long_name")) or name.replace("_", " ")
    if is_time(coordinate):
        return (_temporal_or_settled(dataset, coordinate, description, subject) or by_position) | {"size": size}
    if is_lead(coordinate):
        return _numeric(lead_hours(coordinate), description, "h") | {"size": size}
    if coordinate.dtype.kind not in "iuf":
        return _labels(coordinate, name, description) | {"size": size}
    unit = text(coordinate.attrs.get("units"))
    if is_vertical(coordinate) or name == subject.metadata.z:
        return _numeric(coordinate.values, description, unit) | {"type": "spatial", "axis": "z", "size": size}
    entry = _numeric(coordinate.values, description, unit)
    return entry | {"type": "ensemble" if name in ENSEMBLE_NAMES else "other", "size": size}


def is_vertical(coordinate: xr.DataArray) -> bool:
    """Whether a coordinate is a height, a depth, a pressure or another vertical one, as CF tells."""
    attrs = coordinate.attrs
    standard = str(attrs.get("standard_name", ""))
    return (
        str(attrs.get("axis", "")).upper() == "Z"
        or str(attrs.get("positive", "")).lower() in {"up", "down"}
        or standard in {"height", "altitude", "depth", "air_pressure"}
        or standard.endswith(("sigma_coordinate", "sigma_pressure_coordinate", "model_level_number"))
    )


def _temporal_or_settled(
    dataset: xr.Dataset, coordinate: xr.DataArray, description: str, subject: Subject
) -> Document | None:
    """A time coordinate; None for one without moments, or one that only the configuration can place."""
    said = subject.metadata
    try:
        if not moments_of(coordinate, said.calendar).size:
            return None
        return _temporal(dataset, coordinate, description, subject)
    except MetadataError:
        if said.datetime is None and said.start_datetime is None:
            raise
        return None


def _temporal(dataset: xr.Dataset, coordinate: xr.DataArray, description: str, subject: Subject) -> Document:
    axis = time_axis(coordinate, bounds_of(dataset, coordinate), calendar=subject.metadata.calendar)
    if axis.calendar in UNREAL_CALENDARS:
        return _numeric_time(axis.first, axis.last, axis.calendar, description)
    west, east = subject.utc_offsets
    extent = [to_utc(axis.first, east, where=axis.name), to_utc(axis.last, west, where=axis.name)]
    if zone := _zone(west, east):
        said = description if "local standard time" in description else f"{description}, local standard time ({zone})"
        description = f"{said}; UTC here"
    return {
        "type": "temporal",
        "description": description,
        "extent": [timestamp(edge) for edge in extent],
        "step": axis.step,
        "calendar": axis.calendar,
    }


def _zone(west: float, east: float) -> str:
    """Offsets in words; empty where the times are UTC."""
    if west == east == 0:
        return ""
    return _offset(west) if west == east else f"{_offset(west)} to {_offset(east)}, by run"


def _offset(hours: float) -> str:
    whole, minutes = divmod(round(abs(hours) * 60), 60)
    return f"UTC{'-' if hours < 0 else '+'}{whole:02d}:{minutes:02d}"


def _numeric_time(first: Any, last: Any, calendar: str, description: str) -> Document:
    origin = first.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    unit = f"days since {first.year:04d}-01-01"
    extent = [number(np.float64((moment - origin).total_seconds() / DAY_SECONDS)) for moment in (first, last)]
    return {
        "type": "temporal",
        "description": f"{description} ({calendar} calendar)",
        "extent": extent,
        "unit": unit,
        "reference_system": calendar,
    }


def _labels(coordinate: xr.DataArray, name: str, description: str) -> Document:
    values = [label if (label := plain(value)) is not None else "" for value in coordinate.values]
    known = values[:MAX_VALUES]
    if len(values) > MAX_VALUES:
        description = f"{description}; the first {MAX_VALUES} of {len(values)} are listed"
    kind = "ensemble" if name in ENSEMBLE_NAMES else name
    return {"type": "other" if kind in RESERVED_TYPES else kind, "description": description, "values": known}


def _numeric(values: np.ndarray[Any, Any], description: str, unit: str) -> Document:
    finite = values[np.isfinite(values)]
    extent = [number(finite.min()), number(finite.max())] if finite.size else [None, None]
    entry: Document = {"type": "other", "description": description, "extent": extent, "step": regular_step(values)}
    if finite.size == values.size and values.size <= MAX_VALUES:
        entry["values"] = [number(value) for value in values]
    return entry | ({"unit": unit} if unit else {})


def _variable(name: str, variable: xr.Variable, keys: Mapping[str, str], auxiliary: AbstractSet[str]) -> Document:
    attrs = variable.attrs
    standard_name = text(attrs.get("standard_name"))
    serves_others = "grid_mapping_name" in attrs or "crs_wkt" in attrs or attrs.get("cf_role") == "mesh_topology"
    entry: Document = {
        "type": "auxiliary" if name in auxiliary or serves_others else "data",
        "dimensions": [keys[str(dimension)] for dimension in variable.dims],
        "description": text(attrs.get("long_name")) or standard_name or name,
        "data_type": _data_type(variable),
        "shape": list(variable.shape),
    }
    if unit := text(attrs.get("units")):
        entry["unit"] = unit
    if chunks := variable.encoding.get("chunks"):
        entry["chunks"] = [int(length) for length in chunks]
    if (nodata := _nodata(variable)) is not None:
        entry["nodata"] = nodata
    if standard_name:
        entry["cf:standard_name"] = standard_name
    if methods := _cell_methods(text(attrs.get("cell_methods")), [str(dimension) for dimension in variable.dims]):
        entry["cf:cell_methods"] = methods
    return entry


def _bounds_names(dataset: xr.Dataset) -> set[str]:
    variables = dataset.variables.values()
    named = (variable.attrs.get("bounds", variable.encoding.get("bounds")) for variable in variables)
    return {name for name in named if isinstance(name, str)}


def _data_type(array: xr.Variable) -> str:
    kind = str(np.dtype(array.encoding["dtype"]) if _has_plain_dtype(array) else array.dtype)
    return kind if kind in DATA_TYPES else "other"


def _has_plain_dtype(array: xr.Variable) -> bool:
    return isinstance(array.encoding.get("dtype"), np.dtype) and array.dtype.kind in "iuf"


def _nodata(array: xr.Variable) -> float | int | str | None:
    value = array.encoding.get("_FillValue", array.attrs.get("_FillValue"))
    if value is None or array.dtype.kind not in "iuf":
        return None
    fill = np.asarray(value)
    if fill.ndim or fill.dtype.kind not in "iuf":
        return None
    if np.isfinite(fill):
        return number(fill.dtype.type(fill))
    return "nan" if np.isnan(fill) else ("inf" if fill > 0 else "-inf")


def _cell_methods(said: str, dimensions: list[str]) -> list[str | None] | None:
    """CF ``cell_methods`` as one entry for each dimension; None where it says nothing about any of them."""
    found: dict[str, str] = {}
    for names, method in re.findall(r"((?:[\w./-]+\s*:\s*)+)([A-Za-z_]+)", re.sub(r"\([^)]*\)", " ", said)):
        found.update(dict.fromkeys(re.findall(r"[\w./-]+", names), method))
    methods = [found.get(dimension) for dimension in dimensions]
    return methods if any(methods) else None


def without_dimension(document: Document, name: str) -> None:
    """Take a dimension out of a cube, with the variables that lie on it alone, as after selecting one of its values."""
    holder = fields(document)
    dimensions = {key: entry for key, entry in holder["cube:dimensions"].items() if key != name}
    variables = {
        key: _without(entry, name) for key, entry in holder["cube:variables"].items() if entry["dimensions"] != [name]
    }
    holder.update({"cube:dimensions": dimensions, "cube:variables": variables})


def _without(entry: Document, name: str) -> Document:
    kept = [index for index, dimension in enumerate(entry["dimensions"]) if dimension != name]
    per_dimension = {"dimensions", "shape", "chunks", "cf:cell_methods"}
    return {key: [value[index] for index in kept] if key in per_dimension else value for key, value in entry.items()}
