"""What a picture of a dataset shows: a field of its grid on a plate carrée over a box, or a series; nothing is drawn.

It runs in the process that draws (see `simstac.stac.draw`), where reading and computing may take too long or fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.stac.crs import dataset_crs
from simstac.stac.document import plain, text
from simstac.stac.geometry import FULL_CIRCLE, Bbox
from simstac.stac.horizontal import (
    MAX_STATIONS,
    bounds_names,
    has_stations,
    horizontal_axes,
    is_latitude,
    is_longitude,
)
from simstac.stac.resample import cells_on_sphere, grid_on_sphere, index_of_cells
from simstac.stac.temporal import named_time, to_utc

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.metadata import Overrides

MIN_WIDTH, MAX_WIDTH, MAX_HEIGHT = 360, 720, 720
MAX_SIDE = 2 * MAX_WIDTH
MAX_CELLS = 2_000_000
MAX_POINTS = 4_000
MAX_LINES = 6
MAX_READ = 500_000_000
CURVILINEAR = 2

type Array = np.ndarray[Any, Any]


class NothingToDrawError(Exception):
    """A dataset of which no picture can be made, and why."""


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows.

    Attributes:
        kind: ``map`` or ``lines``, as `simstac.stac.draw` names them.
        arrays: What is drawn.
    """

    kind: str
    arrays: dict[str, Any]


def dataset_view(groups: Mapping[str, xr.Dataset], overrides: Overrides, box: Bbox) -> View:
    """The first field of a grid over a box, else a series, from the first group that has one.

    Args:
        groups: The groups of a store by path, opened lazily.
        overrides: Answers of the configuration where the dataset is ambiguous.
        box: What a map covers; west > east crosses the antimeridian.

    Raises:
        NothingToDrawError: If there is neither, or reading it would move too many bytes.
        MetadataError: If its coordinates are ambiguous.
    """
    west, south, east, north = box
    east += FULL_CIRCLE if west > east else 0.0
    if west < east and south < north:
        for dataset in groups.values():
            values = _raster(dataset, overrides, (west, south, east, north))
            if values is not None:
                return View("map", {"values": values})
    for dataset in groups.values():
        if (arrays := _series(dataset, overrides)) is not None:
            return View("lines", arrays)
    raise NothingToDrawError("there is neither a grid nor a series to draw")


def _raster(dataset: xr.Dataset, overrides: Overrides, box: Bbox) -> Array | None:
    """Values on a plate carrée, the northernmost row first, NaN outside of the data; None without a grid."""
    axes = _axes(dataset, overrides)
    if axes is not None and (field := _field(dataset, {*axes[0].dims, *axes[1].dims})) is not None:
        return _of_axes(dataset, overrides, field, axes, box)
    for longitude, latitude in _cell_centres(dataset, overrides):
        if (field := _field(dataset, set(longitude.dims))) is not None:
            return _of_cells(field, longitude, latitude, box)
    return None


def _axes(dataset: xr.Dataset, overrides: Overrides) -> tuple[xr.DataArray, xr.DataArray] | None:
    """The axes of a grid whose CRS is known, or which runs along meridians."""
    axes = horizontal_axes(dataset, overrides)
    if axes is None or is_longitude(str(axes[0].name), axes[0]) or overrides.x is not None:
        return axes
    return axes if dataset_crs(dataset, overrides) is not None else None


def _cell_centres(dataset: xr.Dataset, overrides: Overrides) -> Iterator[tuple[xr.DataArray, xr.DataArray]]:
    """Pairs of longitudes and latitudes on the same one or two dimensions, but for those of stations."""
    skipped = bounds_names(dataset)
    names = [str(name) for name in dataset.variables if name not in skipped]
    eastward = [overrides.x] if overrides.x else [name for name in names if is_longitude(name, dataset[name])]
    northward = [overrides.y] if overrides.y else [name for name in names if is_latitude(name, dataset[name])]
    for x, y in ((dataset[x], dataset[y]) for x in sorted(eastward) for y in sorted(northward)):
        stations = x.ndim == 1 and (x.size < MAX_STATIONS or has_stations(dataset))
        known = 0 < x.ndim <= CURVILINEAR and set(x.dims) == set(y.dims) and bool(np.isfinite(x + y).any())
        if known and not stations:
            yield x, y.transpose(*x.dims)


def _field(dataset: xr.Dataset, dims: set[Any]) -> xr.DataArray | None:
    """The first field on some dimensions, rather one that has more of them than one that has no other."""
    skipped = bounds_names(dataset)
    fields = [
        array
        for name, array in sorted(dataset.data_vars.items(), key=lambda entry: str(entry[0]))
        if dims <= set(array.dims) and array.dtype.kind in "iuf" and name not in skipped and array.size
    ]
    return next((field for field in fields if set(field.dims) > dims), fields[0] if fields else None)


def _of_axes(
    dataset: xr.Dataset,
    overrides: Overrides,
    field: xr.DataArray,
    axes: tuple[xr.DataArray, xr.DataArray],
    box: Bbox,
) -> Array:
    x, y = axes
    steps = {name: slice(None, None, max(1, field.sizes[name] // MAX_SIDE)) for name in (*x.dims, *y.dims)}
    x, y = x.isel({x.dims[0]: steps[x.dims[0]]}), y.isel({y.dims[0]: steps[y.dims[0]]})
    values = _read(field, (*y.dims, *x.dims), steps)
    longitude, latitude = _pixels(box, max(values.shape))
    crs = dataset_crs(dataset, overrides)
    is_projected = crs is not None and (crs.is_derived or not crs.is_geographic)
    if crs is not None and is_projected:
        import pyproj  # noqa: PLC0415  # most datasets need none

        transformer = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        factor = 1000.0 if text(x.attrs.get("units")).startswith(("km", "kilomet")) else 1.0
        longitude, latitude = (np.asarray(each) / factor for each in transformer.transform(longitude, latitude))
    turns = None if is_projected and crs is not None and not crs.is_geographic else FULL_CIRCLE
    columns, rows = index_of_cells(x.values, longitude, period=turns), index_of_cells(y.values, latitude)
    return np.where((rows < 0) | (columns < 0), np.nan, values[rows, columns])


def _of_cells(field: xr.DataArray, longitude: xr.DataArray, latitude: xr.DataArray, box: Bbox) -> Array:
    stride = max(1, int((longitude.size / MAX_CELLS) ** (1 / longitude.ndim)))
    steps = {name: slice(None, None, stride) for name in longitude.dims}
    values = _read(field, longitude.dims, steps)
    lon, lat = (array.isel(steps).values.astype(float) for array in (longitude, latitude))
    pixels = _pixels(box, int(2 * values.size**0.5) if values.ndim == 1 else max(values.shape))
    nearest = grid_on_sphere if values.ndim == CURVILINEAR else cells_on_sphere
    index = nearest(lon, lat, *pixels)
    return np.where(index < 0, np.nan, values.ravel()[index])


def _pixels(box: Bbox, side: int) -> tuple[Array, Array]:
    """The longitude and latitude of each pixel's centre in a picture of a box, for a grid with so many cells a side."""
    west, south, east, north = box
    width = int(np.clip(side * 2, MIN_WIDTH, MAX_WIDTH))
    height = int(np.clip(round(width * (north - south) / (east - west)), 1, MAX_HEIGHT))
    longitude = west + (np.arange(width) + 0.5) * (east - west) / width
    latitude = north - (np.arange(height) + 0.5) * (north - south) / height
    grid = np.meshgrid(longitude, latitude)
    return grid[0], grid[1]


def _read(field: xr.DataArray, dims: tuple[Any, ...], steps: dict[Any, slice]) -> Array:
    """A field on some dimensions: of the others the first position, or else the last or middle, that has any value."""
    others = [name for name in field.dims if name not in dims]
    _refuse_large(field, dims)
    values = np.full([1] * len(dims), np.nan)
    for position in (0.0, 1.0, 0.5):
        where = {name: int((field.sizes[name] - 1) * position) for name in others}
        values = field.isel({**where, **steps}).transpose(*dims).values.astype(float)
        if np.isfinite(values).any() or not others:
            break
    return values


def _refuse_large(field: xr.DataArray, dims: tuple[Any, ...]) -> None:
    """Refuse a field whose chunks reach so far along other dimensions that one picture reads too much."""
    chunks = field.encoding.get("chunks")
    if not chunks:
        return
    lengths = dict(zip(field.dims, chunks, strict=True))
    count = np.prod([float(field.sizes[name] if name in dims else lengths[name]) for name in field.dims])
    if count * field.dtype.itemsize > MAX_READ:
        size = count * field.dtype.itemsize / 1e9
        raise NothingToDrawError(f"a picture of {field.name} would read {size:.1f} GB, for its chunks are long")


def _series(dataset: xr.Dataset, overrides: Overrides) -> dict[str, Any] | None:
    """A variable over time alone; else one over time and few labels, as a line for each; None without any."""
    time = named_time(dataset, overrides)
    if time is None or time.ndim != 1 or time.size == 0:
        return None
    dim = time.dims[0]
    fields = [array for _, array in sorted(dataset.data_vars.items(), key=lambda entry: str(entry[0]))]
    fields = [array for array in fields if dim in array.dims and array.dtype.kind in "iuf" and array.size]
    fields = [array for array in fields if str(array.name) not in bounds_names(dataset)]
    if not fields:
        return None
    field = min(fields, key=lambda array: array.ndim)
    field = field.isel({name: 0 for name in field.dims if name not in (dim, *_lined(field, dim))})
    lined, step = _lined(field, dim), slice(None, None, max(1, time.size // MAX_POINTS))
    _refuse_large(dataset[field.name], (dim, *lined))
    lines = field.isel({dim: step} | {name: slice(MAX_LINES) for name in lined}).transpose(*lined, dim)
    arrays = {"x": _moments(time[step]), "y": lines.values.astype(float), "y_label": label(field)}
    if lined:
        names = lines[lined[0]].values if lined[0] in lines.coords else np.arange(lines.sizes[lined[0]])
        arrays |= {"levels": np.array([str(plain(name)) for name in names]), "levels_label": lined[0].replace("_", " ")}
    return arrays


def _lined(field: xr.DataArray, time: Any) -> list[str]:
    """The last dimension besides time, of which each label becomes a line."""
    return [str(name) for name in field.dims if name != time][-1:]


def _moments(time: xr.DataArray) -> Array:
    if time.dtype.kind == "M":
        return np.asarray(time.values)
    moments = [to_utc(moment, 0.0, where=str(time.name)).replace(tzinfo=None) for moment in time.values]
    return np.array(moments, dtype="datetime64[us]")


def label(array: xr.DataArray) -> str:
    """The name and unit of a variable, for an axis."""
    name, unit = text(array.attrs.get("long_name")) or str(array.name), text(array.attrs.get("units"))
    name = name.replace("_", " ")
    return f"{name} ({unit})" if unit else name
