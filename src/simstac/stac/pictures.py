"""What to draw of a dataset: a chart of a study or a series, a map of a grid (extra ``plot``).

The drawing itself is done by `simstac.stac.draw` in a process of its own, which can be killed.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import SimstacError
from simstac.stac.crs import dataset_crs
from simstac.stac.document import Document, Documents, declare, groups_of, text
from simstac.stac.extensions import file
from simstac.stac.horizontal import find_horizontal, horizontal_axes
from simstac.stac.temporal import named_time

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.metadata import Metadata

SECONDS = 60.0
MIN_WIDTH, MAX_WIDTH, MAX_HEIGHT = 180, 720, 720
MAX_COLOURS = 6
MAX_POINTS = 4_000
PNG = "image/png"


class PictureError(SimstacError):
    """A picture that cannot be drawn; a build goes on without it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture.

    Attributes:
        key: The key of its asset, and the name of its file without ``.png``.
        content: PNG.
        asset: The fields of its asset.
    """

    key: str
    content: bytes
    asset: Document


def draw_picture(data: xr.Dataset | xr.DataTree, metadata: Metadata, *, seconds: float = SECONDS) -> Picture:
    """The picture that fits a store: a chart of a study's results, a map of a grid, else a chart of a series.

    Args:
        data: The store, opened lazily.
        metadata: What people say about it.
        seconds: How long drawing may take.

    Raises:
        PictureError: If nothing in the data can be drawn, or drawing fails or takes too long.
    """
    root = groups_of(data)[""]
    layout = root.attrs.get("simstac")
    if isinstance(layout, Mapping) and str(layout.get("layout", "")).startswith("study/"):
        return _chart(*_study_arrays(root, layout, metadata), metadata, seconds)
    grid = _map_arrays(root, metadata)
    if grid is not None:
        values, box = grid
        asset = {
            "title": f"Map of {metadata.name}",
            "roles": ["thumbnail", "overview"],
            "proj:code": "EPSG:4326",
            "proj:bbox": box,
            "proj:shape": list(values.shape),
        }
        return _picture("thumbnail", _drawn("map", {"values": values}, metadata.id, seconds), asset)
    return _chart("lines", _series_arrays(root, metadata), metadata, seconds)


def with_picture(documents: Documents, picture: Picture) -> Documents:
    """The documents of a Collection with a picture beside it."""
    collection = {**documents.collection, "assets": dict(documents.collection["assets"])}
    file.ship(collection, picture.key, picture.asset, picture.content)
    if "proj:code" in picture.asset:
        declare(collection, "projection")
    files = {**documents.files, f"{picture.key}.png": picture.content}
    return replace(documents, collection=collection, files=files)


def _chart(kind: str, arrays: Mapping[str, Any], metadata: Metadata, seconds: float) -> Picture:
    content = _drawn(kind, arrays, metadata.id, seconds)
    return _picture("chart", content, {"title": f"Chart of {metadata.name}", "roles": ["graphic"]})


def _picture(key: str, content: bytes, asset: Document) -> Picture:
    return Picture(key, content, {"href": f"./{key}.png", "type": PNG, **asset})


def _drawn(kind: str, arrays: Mapping[str, Any], where: str, seconds: float) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    command = [sys.executable, "-m", "simstac.stac.draw", kind]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, with our own arguments
            command, input=sink.getvalue(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PictureError(
            where, f"the picture was not drawn in {seconds:g} s", "the build goes on without it"
        ) from error
    if done.returncode != 0 or not done.stdout.startswith(b"\x89PNG"):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        problem = f"the picture cannot be drawn ({said[-1] if said else f'exit status {done.returncode}'})"
        raise PictureError(where, problem, "install simstac[plot], or go on without it")
    return done.stdout


def _study_arrays(root: xr.Dataset, layout: Mapping[str, Any], metadata: Metadata) -> tuple[str, dict[str, Any]]:
    """The first result over the number that explains most of it, in colours by what explains it next."""
    results = [name for name in layout.get("results", ()) if np.isfinite(root[name].values.astype(float)).any()]
    if not results:
        raise PictureError(metadata.id, "no run has a result to draw", "the build goes on without a picture")
    result = root[next((name for name in results if name.startswith(("eui", "energy_use_intensity"))), results[0])]
    known = np.isfinite(result.values.astype(float))
    arrays: dict[str, Any] = {"y": result.values[known], "y_label": _label(result)}
    varied = [root[name] for name in layout.get("parameters", ()) if len(set(root[name].values[known].tolist())) > 1]
    values = result.values[known].astype(float)
    varied.sort(key=lambda parameter: -_effect(parameter.values[known], values))
    numbers = [parameter for parameter in varied if parameter.dtype.kind in "iuf"]
    if not numbers:
        return "histogram", arrays
    arrays |= {"x": numbers[0].values[known], "x_label": _label(numbers[0])}
    for parameter in varied:
        levels, index = np.unique(parameter.values[known].astype(object), return_inverse=True)
        if parameter.name != numbers[0].name and len(levels) <= MAX_COLOURS:
            arrays |= {"levels": np.array([_level(level) for level in levels]), "level": index}
            arrays["levels_label"] = _label(parameter)
            break
    return "points", arrays


def _effect(parameter: np.ndarray[Any, Any], result: np.ndarray[Any, Any]) -> float:
    """How much of a result's variance a parameter explains: by a line for a number, by group means for labels."""
    total = result.var()
    if not total:
        return 0.0
    if parameter.dtype.kind in "iuf":
        return float(np.corrcoef(parameter.astype(float), result)[0, 1] ** 2)
    _, index = np.unique(parameter.astype(object), return_inverse=True)
    means = np.bincount(index, result) / np.bincount(index)
    return float(means[index].var() / total)


def _level(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _map_arrays(root: xr.Dataset, metadata: Metadata) -> tuple[np.ndarray[Any, Any], list[float]] | None:
    """The first field of a grid on a plate carrée over its box, northernmost row first; None where there is none."""
    axes = horizontal_axes(root, metadata)
    if axes is None:
        return None
    x, y = axes
    field = next((array for _, array in sorted(root.data_vars.items()) if {*x.dims, *y.dims} <= set(array.dims)), None)
    box = find_horizontal(root, metadata).bbox
    west, south, east, north = box
    if field is None or field.dtype.kind not in "iuf" or west >= east or south >= north:
        return None
    field = field.isel({name: 0 for name in field.dims if name not in (*x.dims, *y.dims)}).transpose(*y.dims, *x.dims)
    strides = {name: max(1, size // (MAX_WIDTH * 2)) for name, size in field.sizes.items()}
    steps = {name: slice(None, None, stride) for name, stride in strides.items()}
    field = field.isel(steps)
    x, y = x.isel({x.dims[0]: steps[x.dims[0]]}), y.isel({y.dims[0]: steps[y.dims[0]]})
    width = int(np.clip(max(field.sizes.values()) * 2, MIN_WIDTH, MAX_WIDTH))
    height = int(np.clip(round(width * (north - south) / (east - west)), 1, MAX_HEIGHT))
    longitude = west + (np.arange(width) + 0.5) * (east - west) / width
    latitude = north - (np.arange(height) + 0.5) * (north - south) / height
    places = np.meshgrid(longitude, latitude)
    rows, columns = _nearest(root, metadata, (x.values, y.values), (places[0], places[1]))
    values = np.where((rows < 0) | (columns < 0), np.nan, field.values.astype(float)[rows, columns])
    return values, [float(edge) for edge in box]


def _nearest(
    root: xr.Dataset, metadata: Metadata, axes: tuple[Any, Any], wanted: tuple[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The row and column of the cell at each longitude and latitude; -1 outside of the grid."""
    x, y = wanted
    crs = dataset_crs(root, metadata)
    if crs is not None and (crs.is_derived or not crs.is_geographic):
        import pyproj  # noqa: PLC0415  # most datasets need none

        x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(x, y)
    elif np.abs(axes[0]).max() > 180:  # noqa: PLR2004
        x = x % 360
    return _index(axes[1], y), _index(axes[0], x)


def _index(centres: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    order = np.argsort(centres)
    ordered = centres[order].astype(float)
    middles = (ordered[:-1] + ordered[1:]) / 2
    half = (ordered[-1] - ordered[0]) / max(ordered.size - 1, 1) / 2
    index = order[np.searchsorted(middles, wanted)]
    inside = (wanted >= ordered[0] - half) & (wanted <= ordered[-1] + half)
    return np.where(inside, index, -1)


def _series_arrays(root: xr.Dataset, metadata: Metadata) -> dict[str, Any]:
    time = named_time(root, metadata)
    if time is None or time.ndim != 1 or time.dtype.kind != "M":
        raise PictureError(metadata.id, "there is neither a grid nor a series to draw", "the build goes on without it")
    fields = (array for _, array in sorted(root.data_vars.items()) if array.dims == time.dims)
    field = next((array for array in fields if array.dtype.kind in "iuf"), None)
    if field is None:
        raise PictureError(metadata.id, "there is neither a grid nor a series to draw", "the build goes on without it")
    step = max(1, time.size // MAX_POINTS)
    return {"x": time.values[::step], "y": field.values[::step], "y_label": _label(field)}


def _label(array: xr.DataArray) -> str:
    name, unit = text(array.attrs.get("long_name")) or str(array.name), text(array.attrs.get("units"))
    name = name.replace("_", " ")
    return f"{name} ({unit})" if unit else name
