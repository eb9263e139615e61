"""Where a dataset is: its horizontal coordinates by CF, its box and footprint, and its spatial cube dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import MetadataError
from simstac.stac.crs import dataset_crs, projection_fields, reference_system
from simstac.stac.document import Document, plain, text
from simstac.stac.footprint import (
    Array,
    cell_edges,
    cell_spacing,
    cells_geometry,
    curvilinear_bbox,
    projected_footprint,
    rectilinear_bbox,
    scattered_bbox,
)
from simstac.stac.geometry import FULL_CIRCLE, MAX_LATITUDE, Bbox, Geometry, geometry_bbox, point, rectangle
from simstac.stac.numbers import number, regular_step

if TYPE_CHECKING:
    import pyproj
    import xarray as xr

    from simstac.stac.metadata import Overrides

WGS84 = 4326
MAX_STATIONS = 100
METRES = {"km": 1000.0, "kilometre": 1000.0, "kilometer": 1000.0, "kilometres": 1000.0, "kilometers": 1000.0}
LONGITUDE_UNITS = frozenset({"degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee"})
LATITUDE_UNITS = frozenset({"degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen"})
LONGITUDE_NAMES = frozenset({"lon", "longitude", "nav_lon", "xlong"})
LATITUDE_NAMES = frozenset({"lat", "latitude", "nav_lat", "xlat"})
SAY_WHERE = "set metadata: {bbox: [west, south, east, north]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizontal:
    """Where a dataset is.

    Attributes:
        geometry: The footprint, GeoJSON.
        bbox: West, south, east, north in ±180 and ±90.
        dimensions: The cube dimensions that are spatial.
        projection: Fields of the projection extension; empty for latitudes and longitudes.
    """

    geometry: Geometry
    bbox: Bbox
    dimensions: Mapping[str, Document] = field(default_factory=dict)
    projection: Mapping[str, Any] = field(default_factory=dict)


def find_horizontal(dataset: xr.Dataset, overrides: Overrides) -> Horizontal:
    """Where a dataset is, from its coordinates; the configured box or geometry wins over them.

    Raises:
        MetadataError: If there are no horizontal coordinates or several candidates, bounds disagree with their
            coordinate, or the CRS is missing or unknown, and the configuration does not settle it.
    """
    settled = overrides.bbox is not None or overrides.geometry is not None
    try:
        found = _from_coordinates(dataset, overrides)
    except MetadataError:
        if not settled:
            raise
        found = None
    if not settled:
        if found is None:
            raise MetadataError("dataset", "has no horizontal coordinates", SAY_WHERE)
        return found
    geometry = overrides.geometry or rectangle(overrides.bbox or (0, 0, 0, 0))
    bbox = overrides.bbox or geometry_bbox(geometry)
    dimensions = found.dimensions if found else {}
    return Horizontal(geometry=geometry, bbox=bbox, dimensions=dimensions, projection=found.projection if found else {})


def horizontal_axes(dataset: xr.Dataset, overrides: Overrides) -> tuple[xr.DataArray, xr.DataArray] | None:
    """The one-dimensional x and y of a grid along the axes of its CRS or along meridians; None of any other.

    Raises:
        MetadataError: If there are several candidates, and the configuration does not settle it.
    """
    for is_x, is_y in ((_is_x, _is_y), (is_longitude, is_latitude)):
        x, y = _chosen(dataset, overrides.x, is_x, "x"), _chosen(dataset, overrides.y, is_y, "y")
        if x is not None and y is not None and x.ndim == y.ndim == 1 and x.dims != y.dims:
            return x, y
    return None


def _from_coordinates(dataset: xr.Dataset, overrides: Overrides) -> Horizontal | None:
    projected = _projected(dataset, overrides)
    if projected is not None:
        return projected
    longitude = _chosen(dataset, overrides.x, is_longitude, "x")
    latitude = _chosen(dataset, overrides.y, is_latitude, "y")
    if longitude is None and latitude is None:
        return None
    if longitude is None or latitude is None:
        alone, missing, key = (latitude, "longitude", "x") if longitude is None else (longitude, "latitude", "y")
        problem = f"there is no {missing} to go with it"
        raise MetadataError(
            str(alone.name if alone is not None else ""), problem, f"set metadata: {{{key}: …}}, or bbox"
        )
    if longitude.ndim == latitude.ndim == 0:
        return _single(longitude, latitude)
    if longitude.ndim == latitude.ndim == 1 and longitude.dims != latitude.dims:
        return _rectilinear(dataset, longitude, latitude)
    if longitude.dims == latitude.dims and longitude.ndim == 1:
        return _scattered(dataset, longitude, latitude)
    if set(longitude.dims) == set(latitude.dims) and longitude.ndim == 2:  # noqa: PLR2004  # a curvilinear grid
        return _curvilinear(dataset, longitude, latitude.transpose(*longitude.dims))
    problem = f"lies on {longitude.dims}, and {latitude.name} on {latitude.dims}"
    raise MetadataError(str(longitude.name), problem, "set metadata: {x: …, y: …}, or bbox")


def _single(longitude: xr.DataArray, latitude: xr.DataArray) -> Horizontal | None:
    x, y = float(longitude), float(latitude)
    if not (np.isfinite(x) and np.isfinite(y)):
        return None
    geometry = point(x, y)
    west, south = geometry["coordinates"]
    return Horizontal(geometry=geometry, bbox=(west, south, west, south))


def _rectilinear(dataset: xr.Dataset, longitude: xr.DataArray, latitude: xr.DataArray) -> Horizontal:
    if np.abs(_floats(latitude)).max(initial=0.0) > MAX_LATITUDE + 1:
        raise MetadataError(
            str(latitude.name), "leaves ±90 degrees", "set metadata: {crs: …} for projected coordinates"
        )
    box = rectilinear_bbox(_edges(dataset, longitude, period=FULL_CIRCLE), _edges(dataset, latitude))
    dimensions = {
        str(longitude.dims[0]): _axis(longitude, "x", WGS84, "degrees_east"),
        str(latitude.dims[0]): _axis(latitude, "y", WGS84, "degrees_north"),
    }
    return Horizontal(geometry=rectangle(box), bbox=box, dimensions=dimensions)


def _scattered(dataset: xr.Dataset, longitude: xr.DataArray, latitude: xr.DataArray) -> Horizontal:
    name = str(longitude.dims[0])
    _refuse_without_values(str(longitude.name), _floats(longitude) + _floats(latitude))
    cells = _bounds(dataset, longitude), _bounds(dataset, latitude)
    lon, lat = (
        _floats(part if part is not None else centre).ravel()
        for part, centre in zip(cells, (longitude, latitude), strict=True)
    )
    stations = cells[0] is None and (has_stations(dataset) or longitude.size < MAX_STATIONS)
    box = scattered_bbox(lon, lat, spacing=0.0 if stations else cell_spacing(longitude.size))
    dimension: Document = {
        "type": "geometry",
        "description": "stations" if stations else "cells of an unstructured grid",
        "axes": ["x", "y"],
        "bbox": list(box),
        "geometry_types": ["Point" if stations else "Polygon"],
        "reference_system": WGS84,
    }
    labels = dataset[name] if name in dataset.coords else None
    if labels is not None and labels.dtype.kind in "OUT" and labels.size <= MAX_STATIONS:
        dimension["values"] = [str(plain(label)) for label in labels.values]
    geometry = cells_geometry(box, lon, lat) if stations else rectangle(box)
    return Horizontal(geometry=geometry, bbox=box, dimensions={name: dimension})


def _curvilinear(dataset: xr.Dataset, longitude: xr.DataArray, latitude: xr.DataArray) -> Horizontal:
    bounds = _bounds(dataset, longitude), _bounds(dataset, latitude)
    _refuse_without_values(str(longitude.name), _floats(longitude) + _floats(latitude))
    box = curvilinear_bbox(_floats(longitude), _floats(latitude))
    if bounds[0] is not None and bounds[1] is not None and box[0] != -180.0:  # noqa: PLR2004
        corners = scattered_bbox(_floats(bounds[0]).ravel(), _floats(bounds[1]).ravel())
        box = corners if _width(corners) >= _width(box) / 2 else box
    return Horizontal(geometry=rectangle(box), bbox=box)


def _projected(dataset: xr.Dataset, overrides: Overrides) -> Horizontal | None:
    """A grid along the axes of a CRS; None where there is none, or latitudes and longitudes say more."""
    x, y = _chosen(dataset, overrides.x, _is_x, "x"), _chosen(dataset, overrides.y, _is_y, "y")
    if x is None or y is None or x.ndim != 1 or y.ndim != 1 or x.dims == y.dims or is_longitude(str(x.name), x):
        return None
    crs = dataset_crs(dataset, overrides)
    if crs is None:
        if overrides.x is not None or any(is_longitude(str(name), array) for name, array in dataset.variables.items()):
            return None
        raise MetadataError(str(x.name), "is a projected coordinate without a CRS", "set metadata: {crs: EPSG:…}")
    x_edges = _edges(dataset, x) * METRES.get(text(x.attrs.get("units")), 1.0)
    y_edges = _edges(dataset, y) * METRES.get(text(y.attrs.get("units")), 1.0)
    geometry, box = projected_footprint(crs, x_edges, y_edges)
    system = reference_system(crs)
    dimensions = {
        str(x.dims[0]): _axis(x, "x", system, text(x.attrs.get("units"))),
        str(y.dims[0]): _axis(y, "y", system, text(y.attrs.get("units"))),
    }
    return Horizontal(geometry=geometry, bbox=box, dimensions=dimensions, projection=_projection(crs, x_edges, y_edges))


def _projection(crs: pyproj.CRS, x_edges: Array, y_edges: Array) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **projection_fields(crs),
        "proj:bbox": [number(edge) for edge in (x_edges.min(), y_edges.min(), x_edges.max(), y_edges.max())],
        "proj:shape": [y_edges.size - 1, x_edges.size - 1],
    }
    dx, dy = regular_step(x_edges), regular_step(y_edges)
    if dx is not None and dy is not None:
        fields["proj:transform"] = [dx, 0, number(x_edges[0]), 0, dy, number(y_edges[0])]
    return fields


def _axis(coordinate: xr.DataArray, axis: str, system: int | str, unit: str) -> Document:
    values = coordinate.values
    entry: Document = {
        "type": "spatial",
        "axis": axis,
        "description": text(coordinate.attrs.get("long_name")) or str(coordinate.name),
        "extent": [number(values.min()), number(values.max())],
        "step": regular_step(values),
        "reference_system": system,
    }
    return entry | ({"unit": unit} if unit else {})


def _edges(dataset: xr.Dataset, coordinate: xr.DataArray, *, period: float | None = None) -> Array:
    """The cell edges of a 1-D coordinate, in its order: its bounds where it has them, else half-way between its values.

    Raises:
        MetadataError: If its values are not finite or not monotonic, or lie outside of its bounds.
    """
    name, centres = str(coordinate.name), _floats(coordinate)
    _refuse_without_values(name, centres)
    turned = np.unwrap(centres, period=period) if period else centres
    steps = np.diff(turned)
    if not np.isfinite(centres).all() or not ((steps > 0).all() or (steps < 0).all()):
        raise MetadataError(name, "has missing or unordered values", SAY_WHERE)
    bounds = _bounds(dataset, coordinate)
    if bounds is None:
        return cell_edges(turned)
    pairs = _floats(bounds)
    if pairs.shape != (centres.size, 2):
        raise MetadataError(name, f"has bounds of shape {pairs.shape}", SAY_WHERE)
    if not np.isfinite(pairs).all():
        raise MetadataError(name, f"has missing values in its bounds {bounds.name}", SAY_WHERE)
    if period:
        pairs = pairs + np.round((turned - pairs.mean(axis=1)) / period)[:, np.newaxis] * period
    slack = np.abs(steps).max(initial=0.0) * 1e-3
    if (turned < pairs.min(axis=1) - slack).any() or (turned > pairs.max(axis=1) + slack).any():
        raise MetadataError(name, f"lies outside of its bounds {bounds.name}", SAY_WHERE)
    lower, upper = pairs.min(axis=1), pairs.max(axis=1)
    return np.append(lower, upper[-1]) if turned[-1] >= turned[0] else np.append(upper, lower[-1])


def _refuse_without_values(name: str, values: Array) -> None:
    if not np.isfinite(values).any():
        raise MetadataError(name, "has no values", SAY_WHERE)


def _bounds(dataset: xr.Dataset, coordinate: xr.DataArray) -> xr.DataArray | None:
    name = coordinate.attrs.get("bounds") or coordinate.encoding.get("bounds")
    if name in dataset.variables:
        found: xr.DataArray = dataset[name]
        return found
    return None


def _chosen(
    dataset: xr.Dataset, named: str | None, wanted: Callable[[str, xr.Variable], bool], key: str
) -> xr.DataArray | None:
    """The one variable that is wanted: the configured one, else the only candidate, coordinates before data.

    Raises:
        MetadataError: If the configured one is missing, or there are several candidates.
    """
    if named is not None:
        if named not in dataset.variables:
            raise MetadataError(named, "is no variable of the dataset", f"correct metadata: {{{key}: …}}")
        return dataset[named]
    bounds = bounds_names(dataset)
    for pool in (_mesh_coordinates(dataset), list(dataset.coords), list(dataset.data_vars)):
        found = sorted(str(name) for name in pool if name not in bounds and wanted(str(name), dataset.variables[name]))
        if len(found) == 1:
            return dataset[found[0]]
        if found:
            problem = f"{key} could be any of {', '.join(found)}"
            raise MetadataError(found[0], problem, f"set metadata: {{{key}: {found[0]}}}")
    return None


def _mesh_coordinates(dataset: xr.Dataset) -> list[str]:
    """The node coordinates of a UGRID mesh, which reach as far as its faces do."""
    for array in dataset.variables.values():
        if array.attrs.get("cf_role") == "mesh_topology":
            return [name for name in str(array.attrs.get("node_coordinates", "")).split() if name in dataset.variables]
    return []


def bounds_names(dataset: xr.Dataset) -> set[Any]:
    """The variables that are bounds of others, and None."""
    return {array.attrs.get("bounds") or array.encoding.get("bounds") for array in dataset.variables.values()}


def has_stations(dataset: xr.Dataset) -> bool:
    """Whether a dataset says that its points are stations and no cells."""
    roles = {array.attrs.get("cf_role") for array in dataset.variables.values()}
    return bool(roles & {"timeseries_id", "trajectory_id", "profile_id"}) or "featureType" in dataset.attrs


def is_longitude(name: str, array: xr.Variable | xr.DataArray) -> bool:
    """Whether a variable holds longitudes, by CF or by its name."""
    return _says(name, array, "longitude", LONGITUDE_UNITS, LONGITUDE_NAMES)


def is_latitude(name: str, array: xr.Variable | xr.DataArray) -> bool:
    """Whether a variable holds latitudes, by CF or by its name."""
    return _says(name, array, "latitude", LATITUDE_UNITS, LATITUDE_NAMES)


def _says(
    name: str, array: xr.Variable | xr.DataArray, standard_name: str, units: frozenset[str], names: frozenset[str]
) -> bool:
    if array.dtype.kind not in "iuf":
        return False
    said, unit = text(array.attrs.get("standard_name")), text(array.attrs.get("units")).lower()
    if said or unit in LONGITUDE_UNITS | LATITUDE_UNITS:
        return said == standard_name or (not said and unit in units)
    return unit in {"", "degrees", "degree"} and name.lower() in names


def _is_x(name: str, array: xr.Variable) -> bool:
    return _says_axis(name, array, "X", {"projection_x_coordinate", "grid_longitude"})


def _is_y(name: str, array: xr.Variable) -> bool:
    return _says_axis(name, array, "Y", {"projection_y_coordinate", "grid_latitude"})


def _says_axis(name: str, array: xr.Variable, axis: str, standard_names: set[str]) -> bool:
    if array.dtype.kind not in "iuf":
        return False
    said = text(array.attrs.get("standard_name"))
    if said in standard_names:
        return True
    unit = text(array.attrs.get("units"))
    plain_axis = name.lower() == axis.lower() and (unit == "m" or unit in METRES)
    return not said and (text(array.attrs.get("axis")).upper() == axis or plain_axis)


def _floats(array: xr.DataArray) -> Array:
    return np.asarray(array.values, dtype=np.float64)


def _width(box: Bbox) -> float:
    return (box[2] - box[0]) % FULL_CIRCLE
