"""The picture of a store: a chart of a study or a series, a map of a grid (extra ``plot``).

It is drawn by `simstac.stac.draw` in another process, which can be killed; what it shows of a dataset is found there
too (see `simstac.stac.preview`).
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import SimstacError
from simstac.sources.attributes import said_in
from simstac.stac.document import Document, Documents, declare, groups_of
from simstac.stac.draw import NOTHING_TO_DRAW
from simstac.stac.drawers import DRAWERS, DrawingError
from simstac.stac.extensions import file
from simstac.stac.geometry import FULL_CIRCLE, Bbox
from simstac.stac.metadata import Overrides
from simstac.stac.preview import label

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.metadata import Metadata

SECONDS = 60.0
MAX_COLOURS = 6
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


def draw_picture(data: xr.Dataset | xr.DataTree, metadata: Metadata, box: Bbox, *, seconds: float = SECONDS) -> Picture:
    """The picture that fits a store: a chart of a study's results, a map of a grid, else a chart of a series.

    Args:
        data: The store, opened lazily.
        metadata: What people say about it.
        box: What a map covers: the box over which a browser lays it; west > east crosses the antimeridian.
        seconds: How long reading and drawing may take.

    Raises:
        PictureError: If nothing in the data can be drawn, or drawing fails or takes too long.
    """
    groups = groups_of(data)
    root = groups[""]
    layout = said_in(root.attrs)
    if str(layout.get("layout", "")).startswith("study/"):
        return _chart(*_study_arrays(root, layout, metadata), metadata, seconds)
    overrides = Overrides.model_validate(metadata.model_dump(include=set(Overrides.model_fields)))
    said, _, content = _drawn("dataset", pickle.dumps((groups, overrides, box)), metadata.id, seconds).partition(b"\n")
    if said != b"map":
        return _picture("chart", content, {"title": f"Chart of {metadata.name}", "roles": ["graphic"]})
    height, width = int.from_bytes(content[20:24]), int.from_bytes(content[16:20])
    west, south, east, north = box
    asset = {
        "title": f"Map of {metadata.name}",
        "roles": ["thumbnail", "overview"],
        "proj:code": "EPSG:4326",
        "proj:bbox": [west, south, east if east > west else east + FULL_CIRCLE, north],
        "proj:shape": [height, width],
    }
    return _picture("thumbnail", content, asset)


def beside_the_map(picture: Picture, box: Bbox) -> Picture:
    """The picture of an Item: over a box across the antimeridian a browser lays none rightly, so that is a graphic."""
    if picture.key != "thumbnail" or box[0] <= box[2]:
        return picture
    return Picture("map", picture.content, {**picture.asset, "href": "./map.png", "roles": ["graphic"]})


def with_picture(documents: Documents, picture: Picture) -> Documents:
    """The documents of a Collection with a picture beside it."""
    collection = {**documents.collection, "assets": dict(documents.collection["assets"])}
    attach(collection, picture)
    files = {**documents.files, f"{picture.key}.png": picture.content}
    return replace(documents, collection=collection, files=files)


def attach(document: Document, picture: Picture) -> None:
    """Add the picture to a document as an asset, with the extensions that it needs."""
    file.ship(document, picture.key, picture.asset, picture.content)
    if "proj:code" in picture.asset:
        declare(document, "projection")


def _chart(kind: str, arrays: Mapping[str, Any], metadata: Metadata, seconds: float) -> Picture:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    content = _drawn(kind, sink.getvalue(), metadata.id, seconds)
    return _picture("chart", content, {"title": f"Chart of {metadata.name}", "roles": ["graphic"]})


def _picture(key: str, content: bytes, asset: Document) -> Picture:
    return Picture(key, content, {"href": f"./{key}.png", "type": PNG, **asset})


def _drawn(kind: str, given: bytes, where: str, seconds: float) -> bytes:
    request = pickle.dumps((kind, dict(os.environ), Path.cwd(), given))
    try:
        answer = DRAWERS.ask(request, seconds)
    except TimeoutError as error:
        raise PictureError(
            where, f"the picture was not drawn in {seconds:g} s", "the build goes on without it"
        ) from error
    except DrawingError as error:
        problem = f"the picture cannot be drawn ({error})"
        raise PictureError(where, problem, "install simstac[plot], or go on without it") from error
    if answer.startswith(NOTHING_TO_DRAW):
        raise PictureError(where, answer[1:].decode(), "the build goes on without a picture")
    return answer[1:]


def _study_arrays(root: xr.Dataset, layout: Mapping[str, Any], metadata: Metadata) -> tuple[str, dict[str, Any]]:
    """The first result over the number that explains most of it, in colours by what explains it next."""
    results = [name for name in layout.get("results", ()) if np.isfinite(root[name].values.astype(float)).any()]
    if not results:
        raise PictureError(metadata.id, "no run has a result to draw", "the build goes on without a picture")
    result = root[next((name for name in results if name.startswith(("eui", "energy_use_intensity"))), results[0])]
    known = np.isfinite(result.values.astype(float))
    arrays: dict[str, Any] = {"y": result.values[known], "y_label": label(result)}
    varied = [root[name] for name in layout.get("parameters", ()) if len(set(root[name].values[known].tolist())) > 1]
    values = result.values[known].astype(float)
    varied.sort(key=lambda parameter: -_effect(parameter.values[known], values))
    numbers = [parameter for parameter in varied if parameter.dtype.kind in "iuf"]
    if not numbers:
        return "histogram", arrays
    arrays |= {"x": numbers[0].values[known], "x_label": label(numbers[0])}
    for parameter in varied:
        levels, index = np.unique(parameter.values[known].astype(object), return_inverse=True)
        if parameter.name != numbers[0].name and len(levels) <= MAX_COLOURS:
            arrays |= {"levels": np.array([_level(level) for level in levels]), "level": index}
            arrays["levels_label"] = label(parameter)
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
