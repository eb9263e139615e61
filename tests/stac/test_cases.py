"""Every kind of dataset, described in memory; `test_whole_path` takes each through the whole path."""

from __future__ import annotations

import numpy as np
import pytest

from simstac.stac.dataset import describe_dataset
from simstac.stac.placement import place_store

from .cases import CASES


@pytest.mark.parametrize("name", CASES)
def test_described_in_memory_as_written(name, stored, metadata):
    """Attributes of any kind, as only a dataset in memory has them."""
    dataset, bbox, _ = CASES[name]
    documents = describe_dataset(dataset, stored(), metadata(name, title=""), place_store(name))
    item = next(iter(documents.items))
    assert item["bbox"] == pytest.approx(list(bbox), abs=2e-3)
    variables = item["properties"]["cube:variables"]
    assert set(variables) == set(map(str, dataset.variables)) - set(map(str, dataset.dims))
    if name == "untidy":
        assert "unit" not in variables["größe 7"]
        assert variables["größe 7"]["description"] == "bytes \N{REPLACEMENT CHARACTER}"


def test_the_geometry_of_each_kind(stored, metadata):
    kinds = {}
    for name in ("antimeridian", "rotated-pole", "polar-stereographic", "stations", "building"):
        documents = describe_dataset(CASES[name][0], stored(), metadata(name), place_store(name))
        kinds[name] = next(iter(documents.items))["geometry"]["type"]
    assert kinds == {
        "antimeridian": "MultiPolygon",
        "rotated-pole": "Polygon",
        "polar-stereographic": "Polygon",
        "stations": "MultiPoint",
        "building": "Point",
    }


def test_cube_dimensions_of_each_kind(stored, metadata):
    def dimensions(name):
        return next(iter(describe_dataset(CASES[name][0], stored(), metadata(name), place_store(name)).items))[
            "properties"
        ]["cube:dimensions"]

    assert dimensions("global-360")["lon"] == {
        "type": "spatial",
        "axis": "x",
        "description": "lon",
        "extent": [0, 357.5],
        "step": 2.5,
        "unit": "degrees_east",
        "reference_system": 4326,
        "size": 144,
    }
    assert dimensions("polar-stereographic")["x"]["reference_system"] == 3031
    assert dimensions("calendar-360-day")["time"] == {
        "type": "temporal",
        "description": "time (360_day calendar)",
        "extent": [29, 60],
        "unit": "days since 2000-01-01",
        "reference_system": "360_day",
        "size": 32,
    }
    assert dimensions("calendar-noleap")["time"]["calendar"] == "noleap"
    assert dimensions("forecast")["lead_time"] == {
        "type": "other",
        "description": "lead time",
        "extent": [0, 24],
        "step": 6,
        "values": [0, 6, 12, 18, 24],
        "unit": "h",
        "size": 5,
    }
    assert dimensions("members")["member"] == {
        "type": "ensemble",
        "description": "member",
        "values": ["r1i1p1f1", "r2i1p1f1"],
        "size": 2,
    }
    assert dimensions("stations")["station"]["values"] == ["Zürich", "Genève", "Łódź", "東京"]
    assert dimensions("cells")["cell"]["geometry_types"] == ["Polygon"]
    assert dimensions("curvilinear")["y"] == {"type": "other", "description": "y", "extent": [0, 9], "size": 10}


def test_projected_grid_has_its_crs_on_the_asset(stored, metadata):
    documents = describe_dataset(CASES["polar-stereographic"][0], stored(), metadata("polar"), place_store("polar"))
    asset = documents.collection["assets"]["icechunk"]
    assert asset["proj:code"] == "EPSG:3031"
    assert asset["proj:bbox"] == [-3050000, -3050000, 3050000, 3050000]
    assert asset["proj:shape"] == [61, 61]
    assert asset["proj:transform"] == [100000, 0, -3050000, 0, -100000, 3050000]


def test_float32_coordinates_are_written_in_their_own_precision(stored, metadata):
    dataset = CASES["members"][0].assign_coords(lon=("lon", np.array([0.1, 0.2], "f4"), {"units": "degrees_east"}))
    documents = describe_dataset(dataset, stored(), metadata(), place_store("office"))
    assert next(iter(documents.items))["properties"]["cube:dimensions"]["lon"]["extent"] == [0.1, 0.2]
