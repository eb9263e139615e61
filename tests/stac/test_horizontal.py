from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from simstac.errors import MetadataError
from simstac.stac.horizontal import find_horizontal
from simstac.stac.metadata import Overrides

from .cases import CASES, building, curvilinear, grid, projected


def refused(dataset: xr.Dataset, overrides: Overrides | None = None) -> MetadataError:
    with pytest.raises(MetadataError) as caught:
        find_horizontal(dataset, overrides or Overrides())
    return caught.value


def test_two_candidate_longitudes_are_never_guessed():
    dataset = grid().assign_coords(lon_u=("lon", [0.5, 1.5], {"units": "degrees_east"}))
    error = refused(dataset)
    assert error.where == "lon"
    assert "lon, lon_u" in error.problem
    assert error.remedy == "set metadata: {x: lon}"
    assert find_horizontal(dataset, Overrides(x="lon")).bbox == (-0.5, -0.5, 1.5, 1.5)


def test_bounds_that_disagree_name_their_coordinate():
    dataset = grid().assign({"lat_bnds": (("lat", "bnds"), [[5.0, 6.0], [6.0, 7.0]])})
    dataset["lat"].attrs["bounds"] = "lat_bnds"
    error = refused(dataset)
    assert (error.where, "lat_bnds" in error.problem) == ("lat", True)
    assert "metadata: {bbox:" in error.remedy
    assert find_horizontal(dataset, Overrides(bbox=(0, 0, 1, 1))).bbox == (0, 0, 1, 1)


def test_bounds_are_the_cell_edges():
    dataset = grid([1.0, 3.0], [0.0, 1.0]).assign(
        {
            "lon_bnds": (("lon", "bnds"), [[0.0, 2.0], [2.0, 5.0]]),
            "lat_bnds": (("lat", "bnds"), [[0.0, 0.5], [0.5, 1.25]]),
        }
    )
    dataset["lon"].attrs["bounds"], dataset["lat"].attrs["bounds"] = "lon_bnds", "lat_bnds"
    assert find_horizontal(dataset, Overrides()).bbox == (0, 0, 5, 1.25)


@pytest.mark.parametrize(("longitudes", "latitudes"), [(1, -1), (-1, 1)])
@pytest.mark.parametrize(("lower", "upper"), [(-0.5, 0.5), (0.5, -0.5)])
def test_bounds_in_either_order_are_edges_of_an_axis_in_either_direction(longitudes, latitudes, lower, upper):
    dataset = grid([10.5, 11.5][::longitudes], [49.5, 50.5][::latitudes])
    for name in ("lon", "lat"):
        centres = dataset[name].values
        dataset[f"{name}_bnds"] = ((name, "bnds"), np.stack([centres + lower, centres + upper], axis=1))
        dataset[name].attrs["bounds"] = f"{name}_bnds"
    assert find_horizontal(dataset, Overrides()).bbox == (10, 49, 12, 51)


def test_bounds_on_another_turn_of_the_circle():
    dataset = grid([-10.0, -9.0]).assign({"lon_bnds": (("lon", "bnds"), [[349.5, 350.5], [350.5, 351.5]])})
    dataset["lon"].attrs["bounds"] = "lon_bnds"
    assert find_horizontal(dataset, Overrides()).bbox == (-10.5, -0.5, -8.5, 1.5)


def test_rounded_longitudes_still_go_all_the_way_round():
    edges = np.linspace(-1.875, 358.12493, 97, dtype=np.float32)
    dataset = grid(((edges[:-1] + edges[1:]) / 2).tolist(), [0.0, 1.0])
    assert find_horizontal(dataset, Overrides()).bbox[::2] == (-180.0, 180.0)
    assert find_horizontal(dataset.isel(lon=slice(0, 95)), Overrides()).bbox[::2] != (-180.0, 180.0)


def test_a_crs_that_pyproj_does_not_know():
    dataset = projected({"grid_mapping_name": "my_own_projection"}, [0, 1], [0, 1])
    error = refused(dataset)
    assert error.where == "crs"
    assert error.remedy == "set metadata: {crs: …}"
    assert find_horizontal(dataset, Overrides(crs="EPSG:32632")).projection["proj:code"] == "EPSG:32632"


def test_a_configured_crs_that_pyproj_does_not_know():
    assert refused(CASES["polar-stereographic"][0], Overrides(crs="EPSG:1")).where == "metadata.crs"


def test_projected_coordinates_without_a_crs():
    dataset = projected({}, [0, 1], [0, 1]).drop_vars("crs")
    del dataset["v"].attrs["grid_mapping"]
    assert refused(dataset).remedy == "set metadata: {crs: EPSG:…}"


def test_several_grid_mappings():
    dataset = CASES["polar-stereographic"][0].copy()
    dataset["other"], dataset["w"] = dataset["crs"], dataset["v"].assign_attrs(grid_mapping="other")
    assert "crs, other" in refused(dataset).problem


def test_no_space_at_all_takes_it_from_the_configuration():
    dataset = xr.Dataset({"v": ("n", np.zeros(2))})
    assert "set metadata: {bbox:" in refused(dataset).remedy
    found = find_horizontal(dataset, Overrides(geometry={"type": "Point", "coordinates": [8.5, 47.4]}))
    assert found.bbox == (8.5, 47.4, 8.5, 47.4)
    crossing = find_horizontal(dataset, Overrides(bbox=(170, -20, -170, -10)))
    assert crossing.geometry["type"] == "MultiPolygon"


def test_longitude_alone():
    assert refused(grid().drop_vars("lat")).problem == "there is no latitude to go with it"


def test_a_configured_name_that_is_not_there():
    assert refused(grid(), Overrides(x="lng")).where == "lng"


def test_latitudes_beyond_the_pole_are_not_degrees():
    assert "crs" in refused(grid([0.0, 1.0], [500.0, 501.0])).remedy


def test_unordered_longitudes():
    assert "unordered" in refused(grid([0.0, 5.0, 2.0])).problem


def test_a_building_nobody_knows_the_place_of():
    dataset = building().assign(latitude=((), np.nan, {"units": "degrees_north"}))
    assert "no horizontal coordinates" in refused(dataset).problem


def test_names_count_where_attributes_are_silent():
    dataset = grid().drop_attrs()
    assert find_horizontal(dataset, Overrides()).bbox == (-0.5, -0.5, 1.5, 1.5)


def test_masked_swath_takes_the_known_cells():
    dataset = curvilinear(32632, np.arange(4e5, 6e5, 1e4), np.arange(5.3e6, 5.2e6, -1e4))
    dataset["lon"][0, 0] = np.nan
    west, south, east, north = find_horizontal(dataset, Overrides()).bbox
    assert (west, south, east, north) == pytest.approx((7.6, 46.99, 10.27, 47.9), abs=0.02)


def test_few_wide_cells_are_all_inside_of_the_box():
    dataset = curvilinear(3035, [2.5e6, 6.5e6], np.arange(1.5e6, 5.5e6, 1e6))
    west, south, east, north = find_horizontal(dataset, Overrides()).bbox
    assert west <= dataset["lon"].min().round(6)
    assert east >= dataset["lon"].max().round(6)
    assert south <= dataset["lat"].min().round(6)
    assert north >= dataset["lat"].max().round(6)


def test_ugrid_mesh_takes_its_nodes():
    attrs = {"cf_role": "mesh_topology", "node_coordinates": "node_lon node_lat"}
    east, north = {"units": "degrees_east"}, {"units": "degrees_north"}
    dataset = xr.Dataset(
        {"mesh": ((), 0, attrs), "v": ("face", np.zeros(2))},
        {
            "node_lon": ("node", [0.0, 1.0, 0.0, 1.0], east),
            "node_lat": ("node", [0.0, 0.0, 1.0, 1.0], north),
            "face_lon": ("face", [0.3, 0.6], east),
            "face_lat": ("face", [0.3, 0.6], north),
        },
    )
    assert find_horizontal(dataset, Overrides()).bbox == (0, 0, 1, 1)


def test_many_stations_are_a_box_and_not_the_globe():
    random = np.random.default_rng(2)
    east, north = {"units": "degrees_east"}, {"units": "degrees_north"}
    coords = {"lon": ("obs", random.uniform(-10, 30, 500), east), "lat": ("obs", random.uniform(35, 60, 500), north)}
    dataset = xr.Dataset({"t": ("obs", np.zeros(500))}, coords, {"featureType": "point"})
    found = find_horizontal(dataset, Overrides())
    assert found.geometry["type"] == "Polygon"
    assert found.bbox == pytest.approx((-10, 35, 30, 60), abs=0.5)
    assert found.dimensions["obs"]["geometry_types"] == ["Point"]
