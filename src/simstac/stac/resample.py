"""Which cell of a grid lies at a place: along axes by order, on the sphere by the nearest centre."""

from __future__ import annotations

from typing import Any

import numpy as np

type Array = np.ndarray[Any, Any]

REACH_IN_MEDIANS = 3.0
NEIGHBOURS = 4
ROUNDING = 1.01


def index_of_cells(centres: Array, wanted: Array, *, period: float | None = None) -> Array:
    """The position on an axis of the cell around each wanted coordinate; -1 beyond half a cell outside of the axis.

    Args:
        centres: Coordinates of the cells, in any order.
        wanted: Coordinates of any shape.
        period: After how much coordinates repeat, such as 360 for longitudes.
    """
    turned = np.unwrap(centres.astype(float), period=period) if period else centres.astype(float)
    order = np.argsort(turned)
    ordered = turned[order]
    half = (ordered[-1] - ordered[0]) / max(ordered.size - 1, 1) / 2
    first, last = ordered[0] - half, ordered[-1] + half
    if period:
        wanted = first + (wanted - first) % period
    index = order[np.searchsorted((ordered[:-1] + ordered[1:]) / 2, wanted)]
    return np.where((wanted >= first) & (wanted <= last), index, -1)


def grid_on_sphere(longitude: Array, latitude: Array, x: Array, y: Array) -> Array:
    """The flat index of the curvilinear cell at each place; -1 farther away than the corners of a cell reach.

    Args:
        longitude: Of cell centres, shape (rows, columns), degrees; NaN where there is none.
        latitude: Likewise.
        x: Longitudes of places, degrees.
        y: Latitudes of places, of the same shape.
    """
    vectors = _unit_vectors(longitude, latitude)
    sides = [_lengths(vectors, axis) for axis in (0, 1) if vectors.shape[axis] > 1]
    reach = np.sqrt(sum(side**2 for side in sides)) / 2 if sides else np.zeros(longitude.shape)
    reach = np.minimum(reach, REACH_IN_MEDIANS * np.nanmedian(reach)).ravel() * ROUNDING
    index, distance, _ = _nearest(vectors.reshape(-1, 3), _unit_vectors(x, y))
    return np.where(distance <= reach[index], index, -1)


def cells_on_sphere(longitude: Array, latitude: Array, x: Array, y: Array) -> Array:
    """The index of the unstructured cell at each place; -1 farther away than its third neighbour.

    Args:
        longitude: Of cell centres, shape (cells,), degrees; NaN where there is none.
        latitude: Likewise.
        x: Longitudes of places, degrees.
        y: Latitudes of places, of the same shape.
    """
    index, distance, tree = _nearest(_unit_vectors(longitude, latitude), _unit_vectors(x, y))
    hit, back = np.unique(index, return_inverse=True)
    count = min(NEIGHBOURS, tree.n)
    apart = np.atleast_2d(tree.query(_unit_vectors(longitude[hit], latitude[hit]), k=count)[0].T).T[:, -1]
    return np.where(distance <= apart[back.reshape(index.shape)], index, -1)


def _nearest(cells: Array, places: Array) -> tuple[Array, Array, Any]:
    """The nearest cell of each place, its chord distance, and the tree of the cells that have a place."""
    from scipy.spatial import KDTree  # noqa: PLC0415  # an extra

    known = np.flatnonzero(np.isfinite(cells).all(axis=-1))
    tree = KDTree(cells[known])
    distance, found = tree.query(places)
    return known[found], distance, tree


def _lengths(vectors: Array, axis: int) -> Array:
    """The length of each cell along an axis: the larger step to a neighbour."""
    steps = np.linalg.norm(np.diff(vectors, axis=axis), axis=-1)
    edge = [(0, 0), (0, 0)]
    before, after = edge.copy(), edge.copy()
    before[axis], after[axis] = (1, 0), (0, 1)
    lengths: Array = np.fmax(
        np.pad(steps, before, constant_values=np.nan), np.pad(steps, after, constant_values=np.nan)
    )
    return lengths


def _unit_vectors(longitude: Array, latitude: Array) -> Array:
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
