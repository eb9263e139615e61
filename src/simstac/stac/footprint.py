"""From arrays of coordinates to a bounding box and a footprint on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.stac.geometry import (
    FULL_CIRCLE,
    MAX_LATITUDE,
    MAX_LONGITUDE,
    Bbox,
    Geometry,
    rectangle,
    rounded,
    wrapped,
)

if TYPE_CHECKING:
    import pyproj

type Array = np.ndarray[Any, np.dtype[np.float64]]

EDGE_POINTS = 201
RING_STRIDE = 20
NEARLY = 1e-6
ROUNDED = 1e-3
"""How much of a cell's width the rounding of 32-bit longitudes may take from a full circle."""
NEAR_POLE = 2.0
"""How many cells a pole may be away from the nearest one to lie inside of a grid that runs around it."""
MANY_POINTS = 100
WORLD_SQUARE_DEGREES = 41_253.0
FULL_WINDING = 180.0


def cell_edges(centres: Array) -> Array:
    """The edges of cells around evenly or unevenly spaced centres: midpoints, and half a cell beyond both ends."""
    if centres.size == 1:
        return np.array([centres[0], centres[0]])
    middles = (centres[:-1] + centres[1:]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def rectilinear_bbox(longitude_edges: Array, latitude_edges: Array) -> Bbox:
    """The box of a grid along meridians and parallels; longitudes may run over any turn of the circle."""
    turned = np.unwrap(longitude_edges, period=FULL_CIRCLE)
    south = max(float(latitude_edges.min()), -MAX_LATITUDE)
    north = min(float(latitude_edges.max()), MAX_LATITUDE)
    west, east = float(turned.min()), float(turned.max())
    if FULL_CIRCLE - (east - west) < ROUNDED * (east - west) / (turned.size - 1):
        east = west + FULL_CIRCLE
    west, east = _arc(west, east)
    return west, rounded(south), east, rounded(north)


def projected_footprint(crs: pyproj.CRS, x_edges: Array, y_edges: Array) -> tuple[Geometry, Bbox]:
    """The footprint of a grid in a CRS, from its densified edges; a pole inside it is found."""
    import pyproj  # noqa: PLC0415  # most datasets need none

    transformer = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    x = np.linspace(x_edges.min(), x_edges.max(), EDGE_POINTS)
    y = np.linspace(y_edges.min(), y_edges.max(), EDGE_POINTS)
    around_x = np.concatenate([x, np.full(EDGE_POINTS, x[-1]), x[::-1], np.full(EDGE_POINTS, x[0])])
    around_y = np.concatenate([np.full(EDGE_POINTS, y[0]), y, np.full(EDGE_POINTS, y[-1]), y[::-1]])
    longitude, latitude = transformer.transform(around_x, around_y)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        inside = transformer.transform(*np.meshgrid(x, y))
        box = scattered_bbox(inside[0].ravel(), inside[1].ravel(), spacing=FULL_CIRCLE / EDGE_POINTS)
        return rectangle(box), box
    box = ring_bbox(longitude, latitude)
    turned = np.unwrap(longitude, period=FULL_CIRCLE)
    encloses_pole = abs(turned[-1] - turned[0]) > FULL_WINDING
    west, _, east, _ = box
    if encloses_pole or west > east or east - west >= FULL_CIRCLE - NEARLY:
        return rectangle(box), box
    return polygon(longitude, latitude), box


def ring_bbox(longitude: Array, latitude: Array) -> Bbox:
    """The box of the area inside a closed ring; one that winds around the globe encloses the pole it is nearer to."""
    turned = np.unwrap(longitude, period=FULL_CIRCLE)
    south, north = float(latitude.min()), float(latitude.max())
    if abs(turned[-1] - turned[0]) > FULL_WINDING:
        return (
            (-MAX_LONGITUDE, rounded(south), MAX_LONGITUDE, MAX_LATITUDE)
            if latitude.mean() > 0
            else (-MAX_LONGITUDE, -MAX_LATITUDE, MAX_LONGITUDE, rounded(north))
        )
    west, east = _arc(float(turned.min()), float(turned.max()))
    return west, rounded(south), east, rounded(north)


def curvilinear_bbox(longitude: Array, latitude: Array) -> Bbox:
    """The box of a grid of cell centres (y, x), half a cell beyond its rim; a pole inside it is found.

    The centres themselves count too: in a grid of few wide cells, all of them rim, they may lie farther out.
    """
    vectors = _beyond_rim(_unit_vectors(longitude, latitude))
    lon, lat = _angles(vectors)
    rim = np.concatenate([np.arange(lon.size).reshape(lon.shape)[part].ravel() for part in _RIM])
    known = np.isfinite(lon) & np.isfinite(lat)
    if known.ravel()[rim].all():
        box = ring_bbox(lon.ravel()[rim], lat.ravel()[rim])
        if box[0] == -MAX_LONGITUDE and box[2] == MAX_LONGITUDE:
            south, north = _reach(vectors, np.append(lat[known], latitude[np.isfinite(latitude)]))
            return (box[0], south, box[2], north)
    turns = np.abs(np.diff(np.unwrap(lon[lon.shape[0] // 2][known[lon.shape[0] // 2]], period=FULL_CIRCLE)))
    x, y = (np.concatenate([each.ravel() for each in pair]) for pair in ((lon, longitude), (lat, latitude)))
    return scattered_bbox(x, y, spacing=float(np.median(turns)) if turns.size else 0.0)


def scattered_bbox(longitude: Array, latitude: Array, *, spacing: float = 0.0) -> Bbox:
    """The box around points; a full circle where no gap between longitudes is wider than two spacings."""
    known = np.isfinite(longitude) & np.isfinite(latitude)
    lon, lat = np.unique(_into_range(longitude[known])), latitude[known]
    south, north = rounded(lat.min()), rounded(lat.max())
    gaps = np.diff(lon, append=lon[0] + FULL_CIRCLE)
    widest = int(gaps.argmax())
    if gaps[widest] <= 2 * spacing:
        reach = MAX_LATITUDE - 2 * spacing
        return (
            -MAX_LONGITUDE,
            -MAX_LATITUDE if south <= -reach else south,
            MAX_LONGITUDE,
            MAX_LATITUDE if north >= reach else north,
        )
    return rounded(lon[(widest + 1) % lon.size]), south, rounded(lon[widest]), north


def cell_spacing(count: int) -> float:
    """The spacing of so many cells spread over the globe, in degrees; 0 for so few that they are stations."""
    return (WORLD_SQUARE_DEGREES / count) ** 0.5 if count >= MANY_POINTS else 0.0


def polygon(longitude: Array, latitude: Array) -> Geometry:
    """A ring of points as a GeoJSON Polygon, thinned, counter-clockwise, longitudes in ±180."""
    keep = np.arange(0, longitude.size, RING_STRIDE)
    points = [[rounded(wrapped(x)), rounded(y)] for x, y in zip(longitude[keep], latitude[keep], strict=True)]
    points = [point for index, point in enumerate(points) if index == 0 or point != points[index - 1]]
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))
    points = points if area > 0 else points[::-1]
    return {"type": "Polygon", "coordinates": [points if points[0] == points[-1] else [*points, points[0]]]}


def cells_geometry(box: Bbox, longitude: Array, latitude: Array) -> Geometry:
    """Stations as a MultiPoint, while they are few; else the box around all points."""
    if longitude.size >= MANY_POINTS:
        return rectangle(box)
    points = [[rounded(wrapped(x)), rounded(y)] for x, y in zip(longitude, latitude, strict=True)]
    return {"type": "MultiPoint", "coordinates": points}


_RIM = (
    (slice(0, 1), slice(None)),
    (slice(None), slice(-1, None)),
    (slice(-1, None), slice(None, None, -1)),
    (slice(None, None, -1), slice(0, 1)),
)


def _arc(west: float, east: float) -> tuple[float, float]:
    if east - west >= FULL_CIRCLE - NEARLY:
        return -MAX_LONGITUDE, MAX_LONGITUDE
    start, end = rounded(wrapped(west)), rounded(wrapped(east))
    if end == -MAX_LONGITUDE and start > end:
        end = MAX_LONGITUDE
    if start == MAX_LONGITUDE and end < start:
        start = -MAX_LONGITUDE
    return start, end


def _into_range(longitude: Array) -> Array:
    inside = np.abs(longitude) <= MAX_LONGITUDE
    turned: Array = np.where(inside, longitude, (longitude + MAX_LONGITUDE) % FULL_CIRCLE - MAX_LONGITUDE)
    return turned


def _unit_vectors(longitude: Array, latitude: Array) -> Array:
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _beyond_rim(vectors: Array) -> Array:
    """The grid with its outer rows and columns moved out by half a cell."""
    moved = vectors.copy()
    if vectors.shape[0] > 1:
        moved[0], moved[-1] = 1.5 * vectors[0] - 0.5 * vectors[1], 1.5 * vectors[-1] - 0.5 * vectors[-2]
    if vectors.shape[1] > 1:
        first, last = moved[:, 0].copy(), moved[:, -1].copy()
        moved[:, 0] = 1.5 * first - 0.5 * moved[:, 1]
        moved[:, -1] = 1.5 * last - 0.5 * moved[:, -2]
    return moved


def _reach(vectors: Array, latitude: Array) -> tuple[float, float]:
    """The southernmost and northernmost latitude of a grid around the globe; a pole that its cells come near is in it.

    A rim alone does not tell which pole it encloses: that of a tripolar grid runs along both.
    """
    sides = [np.linalg.norm(np.diff(vectors, axis=axis), axis=-1) for axis in (0, 1)]
    near = NEAR_POLE * float(np.degrees(np.nanmedian(np.concatenate([side.ravel() for side in sides]))))
    south, north = float(latitude.min()), float(latitude.max())
    return (
        -MAX_LATITUDE if south <= near - MAX_LATITUDE else rounded(south),
        MAX_LATITUDE if north >= MAX_LATITUDE - near else rounded(north),
    )


def _angles(vectors: Array) -> tuple[Array, Array]:
    longitude = np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0]))
    latitude = np.degrees(np.arctan2(vectors[..., 2], np.hypot(vectors[..., 0], vectors[..., 1])))
    return longitude, latitude
