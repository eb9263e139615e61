"""Every value of every kind of grid lies where its cell is, and a series is found where there is no grid."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import xarray as xr

from simstac.errors import MetadataError
from simstac.stac.geometry import Bbox
from simstac.stac.metadata import Overrides
from simstac.stac.preview import NothingToDrawError, View, dataset_view
from simstac.stac.resample import cells_on_sphere, grid_on_sphere, index_of_cells

from .cases import CASES, EARTH, SMALL, building, curvilinear, grid, stations

GRIDS = {
    "global-360": 1.0,
    "global-float32": 1.0,
    "cyclic": 1.0,
    "antimeridian": 1.0,
    "antimeridian-wrapped": 1.0,
    "polar-stereographic": 0.75,
    "rotated-pole": 0.5,
    "lambert-conformal": 0.7,
    "kilometres": 0.9,
    "curvilinear": 0.9,
    "curvilinear-pole": 0.7,
    "curvilinear-antimeridian": 0.4,
    "cells": 0.9,
}
"""The part of each picture that at least has a value."""
TOLERANCE = {"cells": 6.0, "cyclic": 7.1, "global-float32": 2.5}


def view(dataset: xr.Dataset, box: Bbox, **said: object) -> View:
    return dataset_view({"": dataset}, Overrides.model_validate(said), box)


def with_field(dataset: xr.Dataset, values: np.ndarray) -> xr.Dataset:
    """A dataset whose first field is these values at every time."""
    name = next(name for name, array in dataset.data_vars.items() if array.ndim > 1)
    field = dataset[name]
    return dataset.assign({name: (field.dims, np.broadcast_to(values, field.shape), field.attrs)})


def places(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The longitude and latitude of each cell of a case, in the shape of its field without time."""
    dataset = CASES[name][0]
    if {"lon", "lat"} <= set(dataset.coords) and dataset.lon.ndim == 1:
        longitude, latitude = np.meshgrid(dataset.lon, dataset.lat)
        return longitude, latitude
    if "lon" in dataset.coords:
        return dataset.lon.values, dataset.lat.values
    if "clon" in dataset.coords:
        return dataset.clon.values, dataset.clat.values
    factor = 1000 if dataset.x.units == "km" else 1
    x, y = np.meshgrid(dataset.x * factor, dataset.y * factor)
    to_degrees = pyproj.Transformer.from_crs(pyproj.CRS.from_cf(dataset.crs.attrs), 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(x, y)
    return longitude, latitude


@pytest.mark.parametrize("name", GRIDS)
def test_every_value_lies_where_its_cell_is(name: str) -> None:
    """Fields that are the sine and cosine of the longitude, and the latitude, are so at every pixel of the picture."""
    dataset, box, _ = CASES[name]
    west, south, east, north = box
    east += 360 if west > east else 0
    longitude, latitude = places(name)
    fields = {"sin": np.sin(np.radians(longitude)), "cos": np.cos(np.radians(longitude)), "latitude": latitude}
    seen = {key: view(with_field(dataset, field), box).arrays["values"] for key, field in fields.items()}
    height, width = seen["sin"].shape
    x = np.radians(west + (np.arange(width) + 0.5) * (east - west) / width)[np.newaxis, :]
    y = (north - (np.arange(height) + 0.5) * (north - south) / height)[:, np.newaxis]
    known = np.isfinite(seen["sin"])
    assert known.mean() >= GRIDS[name]
    far_from_poles = known & (np.abs(y) < 85)
    turned = np.abs(np.angle(np.exp(1j * (np.arctan2(seen["sin"], seen["cos"]) - x))))
    distance = np.hypot(np.degrees(turned) * np.cos(np.radians(y)), seen["latitude"] - y)
    assert np.quantile(distance[far_from_poles], 0.99) < TOLERANCE.get(name, 2.0)


@pytest.mark.parametrize("name", ["lambert-conformal", "rotated-pole", "curvilinear", "curvilinear-antimeridian"])
def test_nothing_is_painted_outside_of_the_grid(name: str) -> None:
    dataset, box, _ = CASES[name]
    values = view(dataset, box).arrays["values"]
    assert np.isfinite(values[values.shape[0] // 2, values.shape[1] // 2])
    assert np.isnan(values[[0, 0, -1, -1], [0, -1, 0, -1]]).any()


def test_a_map_covers_the_given_box_and_not_its_own() -> None:
    """As where older versions reached farther."""
    values = view(grid(np.arange(0.5, 10), np.arange(0.5, 10)), (0, 0, 20, 10)).arrays["values"]
    width = values.shape[1]
    assert np.isfinite(values[:, : width // 2]).all()
    assert np.isnan(values[:, width // 2 + 1 :]).all()


def test_land_without_cells_stays_clear() -> None:
    """Ocean cells alone: half of the globe has none."""
    latitude, longitude = np.meshgrid(np.arange(-88.0, 90, 4), np.arange(2.0, 180, 4), indexing="ij")
    coords = {"lon": ("cell", longitude.ravel(), {"units": "degrees_east"})}
    coords["lat"] = ("cell", latitude.ravel(), {"units": "degrees_north"})
    dataset = xr.Dataset({"v": ("cell", np.zeros(longitude.size))}, coords)
    values = view(dataset, EARTH).arrays["values"]
    height, width = values.shape
    middle = slice(height // 4, -height // 4)
    assert np.isfinite(values[middle, width // 2 + 10 : -10]).all()
    assert np.isnan(values[middle, 20 : width // 2 - 20]).all()


def test_cells_whose_place_is_not_known_paint_nothing() -> None:
    dataset = curvilinear(32632, np.arange(4e5, 6e5, 1e4), np.arange(5.3e6, 5.2e6, -1e4))
    dataset["lon"][0, 0] = np.nan
    values = view(dataset, CASES["curvilinear"][1]).arrays["values"]
    assert np.isfinite(values).mean() > 0.9


def test_the_field_that_varies_is_shown_and_no_bounds_or_areas() -> None:
    dataset = grid(np.arange(5.0), np.arange(5.0))
    dataset["areacella"] = (("lat", "lon"), np.full((5, 5), 7.0))
    dataset["lat_bnds"] = (("lat", "bnds"), np.zeros((5, 2)))
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    assert view(dataset, (-0.5, -0.5, 4.5, 4.5)).arrays["values"].max() == 24


def test_a_field_that_begins_without_values_is_shown_where_it_has_some() -> None:
    dataset = grid(np.arange(5.0), np.arange(5.0))
    dataset["tas"][:2] = np.nan
    assert np.isfinite(view(dataset, (-0.5, -0.5, 4.5, 4.5)).arrays["values"]).all()


def test_a_grid_in_a_group_comes_before_a_series_in_the_root() -> None:
    groups = {"": building(), "atmosphere": grid(np.arange(5.0), np.arange(5.0))}
    assert dataset_view(groups, Overrides(), (-0.5, -0.5, 4.5, 4.5)).kind == "map"


@pytest.mark.parametrize("name", ["building", "calendar-360-day", "before-1678"])
def test_a_series_of_any_calendar(name: str) -> None:
    dataset, box, _ = CASES[name]
    if name != "building":
        dataset = dataset.isel(lat=0, lon=0, drop=True)
    arrays = view(dataset, box).arrays
    assert arrays["x"].dtype.kind == "M"
    assert arrays["x"].shape == arrays["y"].shape[-1:]


def test_a_line_for_each_of_the_first_stations() -> None:
    arrays = view(stations(), CASES["stations"][1]).arrays
    assert arrays["y"].shape == (4, 3)
    assert arrays["levels"].tolist() == ["Zürich", "Genève", "Łódź", "東京"]


def test_a_field_whose_chunks_are_long_is_not_read() -> None:
    dataset = grid()
    dataset["tas"].encoding["chunks"] = (200_000_000, 2, 2)
    with pytest.raises(NothingToDrawError, match=r"a picture of tas would read 3\.2 GB, for its chunks are long"):
        view(dataset, SMALL)


def test_ambiguity_is_an_error_that_the_configuration_settles() -> None:
    dataset = grid().assign_coords(longitude=("lon", [5.0, 6.0], {"units": "degrees_east"}))
    with pytest.raises(MetadataError, match=r"x could be any of lon, longitude; set metadata: \{x: lon\}"):
        view(dataset, SMALL)
    assert view(dataset, SMALL, x="lon").kind == "map"


def test_nothing_to_draw() -> None:
    with pytest.raises(NothingToDrawError, match="neither a grid nor a series"):
        view(grid().drop_vars("tas"), SMALL)


def test_positions_on_an_axis() -> None:
    assert index_of_cells(np.array([3.0, 1.0, 2.0]), np.array([0.4, 0.6, 2.4, 3.6])).tolist() == [-1, 1, 2, -1]
    assert index_of_cells(np.array([0.0, 90, 180, 270]), np.array([-40.0, 350, 181, 730]), period=360).tolist() == [
        0, 0, 2, 0,
    ]  # fmt: skip
    assert index_of_cells(np.array([5.0]), np.array([5.0, 6.0])).tolist() == [0, -1]


def test_a_lone_cell_reaches_nowhere() -> None:
    one, place = np.array([[7.0]]), (np.array([7.0, 9.0]), np.array([7.0, 7.0]))
    assert grid_on_sphere(one, one, *place).tolist() == [0, -1]
    assert cells_on_sphere(one[0], one[0], *place).tolist() == [0, -1]
