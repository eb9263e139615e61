"""Longitudes, bounding boxes and GeoJSON footprints on the sphere, WGS 84 degrees; no dataset in sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DIGITS = 6
FULL_CIRCLE = 360.0
MAX_LONGITUDE = 180.0
MAX_LATITUDE = 90.0
PAD = 0.05

type Bbox = tuple[float, float, float, float]
type Geometry = dict[str, Any]


def wrapped(longitude: float) -> float:
    """A longitude in [-180, 180]; both ends stay as they are."""
    if -MAX_LONGITUDE <= longitude <= MAX_LONGITUDE:
        return longitude
    return (longitude + MAX_LONGITUDE) % FULL_CIRCLE - MAX_LONGITUDE


def rounded(value: float) -> float:
    """A coordinate to a tenth of a metre, without negative zero."""
    return round(float(value), DIGITS) + 0.0


def point(longitude: float, latitude: float) -> Geometry:
    """A GeoJSON Point."""
    return {"type": "Point", "coordinates": [rounded(wrapped(longitude)), rounded(latitude)]}


def rectangle(bbox: Bbox) -> Geometry:
    """A bounding box as a GeoJSON Polygon, as a MultiPolygon split at 180° where it crosses the antimeridian.

    A box without width or height is a Point or a LineString.
    """
    west, south, east, north = bbox
    if west > east:
        halves = ((west, south, 180.0, north), (-180.0, south, east, north))
        return {"type": "MultiPolygon", "coordinates": [[ring(half)] for half in halves]}
    if west == east and south == north:
        return {"type": "Point", "coordinates": [west, south]}
    if west == east or south == north:
        return {"type": "LineString", "coordinates": [[west, south], [east, north]]}
    return {"type": "Polygon", "coordinates": [ring(bbox)]}


def ring(bbox: Bbox) -> list[list[float]]:
    """The closed ring of a box, counter-clockwise."""
    west, south, east, north = bbox
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def box_of(item: Mapping[str, Any]) -> Bbox:
    """The bounding box of an Item."""
    west, south, east, north = item["bbox"]
    return west, south, east, north


def enclosing_bbox(boxes: Iterable[Bbox]) -> Bbox:
    """The smallest box around some boxes; it crosses the antimeridian where that is the shorter way round."""
    known = list(dict.fromkeys(boxes))
    south, north = min(box[1] for box in known), max(box[3] for box in known)
    west, east = enclosing_arc([(box[0], box[2]) for box in known])
    return (west, south, east, north)


def enclosing_arc(arcs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The smallest arc (west, east) around arcs of longitudes in ±180: what the widest gap leaves.

    It has west > east where it crosses the antimeridian, and is the full circle where there is no gap.
    """
    spans = sorted((west, east if east >= west else east + FULL_CIRCLE) for west, east in arcs)
    reach = max(east for _, east in spans) - FULL_CIRCLE
    widest, found = 0.0, (-180.0, 180.0)
    for west, east in spans:
        if west - reach > widest:
            widest, found = west - reach, (west, reach)
        reach = max(reach, east)
    return (rounded(wrapped(found[0])), rounded(wrapped(found[1])))


def padded(bbox: Bbox, margin: float = PAD) -> Bbox:
    """A box with a margin on every side that has no extent, so that a map of it is not empty."""
    west, south, east, north = bbox
    if south == north:
        south, north = max(south - margin, -90.0), min(north + margin, 90.0)
    if west == east:
        west, east = wrapped(west - margin), wrapped(east + margin)
    return (rounded(west), rounded(south), rounded(east), rounded(north))


def boxes_of(bbox: Bbox) -> list[Bbox]:
    """The boxes of a Collection: its own, or where that crosses the antimeridian a whole circle, then both halves.

    STAC Browser draws no map of a first box with west > east, and would mirror a picture over a lone one.
    """
    west, south, east, north = bbox
    if west <= east:
        return [bbox]
    halves = [(west, south, MAX_LONGITUDE, north), (-MAX_LONGITUDE, south, east, north)]
    return [(-MAX_LONGITUDE, south, MAX_LONGITUDE, north), *halves]


def overall_box(boxes: Sequence[Bbox]) -> Bbox:
    """The box that `boxes_of` was given."""
    if len(boxes) == 1:
        return boxes[0]
    _, west_half, east_half = boxes
    return (west_half[0], west_half[1], east_half[2], east_half[3])


def geometry_bbox(geometry: Geometry) -> Bbox:
    """The box around a GeoJSON geometry; parts of a multi-geometry may lie on both sides of the antimeridian."""
    if geometry["type"] == "GeometryCollection":
        return enclosing_bbox([geometry_bbox(part) for part in geometry["geometries"]])
    multiple = geometry["type"].startswith("Multi")
    parts = geometry["coordinates"] if multiple else [geometry["coordinates"]]
    return enclosing_bbox([_positions_bbox(list(_positions(part))) for part in parts])


def _positions(coordinates: Any) -> Iterable[Sequence[float]]:
    if isinstance(coordinates[0], int | float):
        yield coordinates
        return
    for entry in coordinates:
        yield from _positions(entry)


def _positions_bbox(positions: Sequence[Sequence[float]]) -> Bbox:
    longitudes, latitudes = [position[0] for position in positions], [position[1] for position in positions]
    return (min(longitudes), min(latitudes), max(longitudes), max(latitudes))
