from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simstac.stac.geometry import (
    boxes_of,
    enclosing_arc,
    enclosing_bbox,
    geometry_bbox,
    overall_box,
    padded,
    point,
    rectangle,
    wrapped,
)

longitudes = st.integers(-180, 179).map(float)
arcs = st.tuples(longitudes, st.integers(0, 120)).map(lambda arc: (arc[0], wrapped(arc[0] + arc[1])))


def covers(outer: tuple[float, float], longitude: float) -> bool:
    west, east = outer
    return west <= longitude <= east if west <= east else longitude >= west or longitude <= east


@given(st.lists(arcs, min_size=1, max_size=6))
def test_an_enclosing_arc_holds_every_arc_and_no_smaller_one_does(given_arcs):
    found = enclosing_arc(given_arcs)
    inside = [wrapped(west + step) for west, east in given_arcs for step in range(int((east - west) % 360) + 1)]
    assert all(covers(found, longitude) for longitude in inside)
    width = (found[1] - found[0]) % 360 if found != (-180.0, 180.0) else 360
    free = sorted(set(inside))
    gaps = [(after - before) % 360 for before, after in zip(free, [*free[1:], free[0]], strict=True)]
    widest = 360 if len(free) == 1 else max(gaps)
    assert width == (360 if widest <= 1 else 360 - widest)


def test_a_box_around_both_sides_of_the_antimeridian():
    assert enclosing_bbox([(178.0, -20.0, 179.0, -18.0), (-176.0, -14.0, -175.0, -13.0)]) == (178, -20, -175, -13)


def test_boxes_that_cross_are_split_at_180():
    geometry = rectangle((170.0, -20.0, -170.0, -10.0))
    assert geometry["type"] == "MultiPolygon"
    assert [polygon[0][0] for polygon in geometry["coordinates"]] == [[170, -20], [-180, -20]]
    assert all(ring[0] == ring[-1] for polygon in geometry["coordinates"] for ring in polygon)
    assert geometry_bbox(geometry) == (170, -20, -170, -10)


@pytest.mark.parametrize(
    ("given_longitude", "expected"), [(190, -170), (360, 0), (-190, 170), (180, 180), (-180, -180)]
)
def test_wrapped(given_longitude, expected):
    assert wrapped(given_longitude) == expected


def test_points_and_padding():
    assert point(272.25, 41.98) == {"type": "Point", "coordinates": [-87.75, 41.98]}
    assert padded((-87.75, 41.98, -87.75, 41.98)) == (-87.8, 41.93, -87.7, 42.03)
    assert padded((180.0, 90.0, 180.0, 90.0)) == (179.95, 89.95, -179.95, 90.0)
    assert rectangle((1.0, 2.0, 1.0, 2.0))["type"] == "Point"
    assert rectangle((1.0, 2.0, 1.0, 3.0))["type"] == "LineString"


def test_the_box_of_a_collection_of_geometries():
    parts = [{"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[3, 4], [5, 0]]}]
    assert geometry_bbox({"type": "GeometryCollection", "geometries": parts}) == (1, 0, 5, 4)


def test_a_collection_across_the_antimeridian_has_a_circle_and_both_halves():
    crossing = (170.0, -5.0, -170.0, 5.0)
    boxes = boxes_of(crossing)
    assert boxes == [(-180, -5, 180, 5), (170, -5, 180, 5), (-180, -5, -170, 5)]
    assert overall_box(boxes) == crossing
    assert overall_box(boxes_of((-10, -5, 10, 5))) == (-10, -5, 10, 5)
