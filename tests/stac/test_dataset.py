from __future__ import annotations

import numpy as np
import pystac
import pytest
import xarray as xr

from simstac.errors import MetadataError
from simstac.stac.dataset import build_collection, build_item, describe_dataset
from simstac.stac.placement import Placement, Route, place_store
from simstac.stac.releases import Release
from simstac.storage import AwsS3, Http

from .cases import grid


def test_a_free_standing_item_is_a_pystac_item(stored, metadata):
    item = build_item(
        grid(), id="tas", stored=stored(href="https://x.org/tas.icechunk", scheme=Http()), metadata=metadata()
    )
    assert isinstance(item, pystac.Item)
    assert item.assets["icechunk"].href == "https://x.org/tas.icechunk"
    assert item.assets["icechunk"].extra_fields["version"] == "1.0.0"
    assert item.bbox == [-0.5, -0.5, 1.5, 1.5]


def test_a_free_standing_collection_keeps_its_schemes(stored, metadata):
    there = stored(href="s3://b/tas.icechunk", scheme=AwsS3(bucket="b", region="us-west-2", anonymous=True))
    collection = build_collection(grid(), stored=there, metadata=metadata(doi="10.5281/zenodo.1", citation="A (2026)"))
    assert isinstance(collection, pystac.Collection)
    assert collection.extra_fields["storage:schemes"]["aws"]["region"] == "us-west-2"
    assert collection.extra_fields["sci:doi"] == "10.5281/zenodo.1"
    assert collection.get_single_link("cite-as").href == "https://doi.org/10.5281/zenodo.1"  # type: ignore[union-attr]


def test_versions_are_linked_both_ways(stored, metadata):
    releases = [Release(stored("1"), grid([0.0, 1.0])), Release(stored("2"), grid([0.0, 1.0]))]
    documents = describe_dataset(
        grid([0.0, 1.0, 2.0]), stored("3"), metadata(), place_store("office"), releases=releases
    )
    items = {item["id"]: item for item in documents.items}
    rels = {key: [(link["rel"], link["href"].split("/")[1]) for link in item["links"]] for key, item in items.items()}
    assert rels == {
        "office-1": [("successor-version", "office-2"), ("latest-version", "office-3")],
        "office-2": [
            ("predecessor-version", "office-1"),
            ("successor-version", "office-3"),
            ("latest-version", "office-3"),
        ],
        "office-3": [("predecessor-version", "office-2")],
    }
    assert [("latest-version" in item["assets"]["icechunk"]["roles"]) for item in items.values()] == [
        False,
        False,
        True,
    ]
    assert documents.collection["extent"]["spatial"]["bbox"] == [[-0.5, -0.5, 2.5, 1.5]]


def test_groups_of_a_tree_are_described_together(stored, metadata):
    fine = grid(np.arange(0.0, 2, 0.5)).rename(tas="tas_fine")
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"title": "both"}), "/coarse": grid(), "/fine": fine})
    item = next(iter(describe_dataset(tree, stored(), metadata(), place_store("office")).items))
    cube = item["properties"]
    assert set(cube["cube:variables"]) == {"coarse/tas", "fine/tas_fine"}
    assert cube["cube:variables"]["fine/tas_fine"]["dimensions"] == ["time", "lat", "fine/lon"]
    assert cube["cube:dimensions"]["fine/lon"]["size"] == 4
    assert cube["start_datetime"] == "2000-01-01T00:00:00Z"


def test_virtual_stores_name_where_their_chunks_lie(stored, metadata):
    aws = AwsS3(bucket="b", region="us-east-1")
    source = ("source-data", Route("s3://b/originals/", aws), "application/netcdf")
    placement = Placement(primary=Route("s3://b/v.icechunk", aws), containers=(source,))
    documents = describe_dataset(grid(), stored(), metadata(), placement)
    assets = documents.collection["assets"]
    assert assets["icechunk"]["vrt:hrefs"] == [{"key": "source-data", "href": "./collection.json#/assets/source-data"}]
    assert "virtual" in assets["icechunk"]["roles"]
    assert (assets["source-data"]["href"], assets["source-data"]["storage:refs"]) == ("s3://b/originals/", ["aws"])
    assert next(iter(documents.items))["assets"]["icechunk"]["vrt:hrefs"][0]["href"].startswith("./office-1.0.0.json#")


def test_plain_zarr_has_the_type_that_readers_open(stored, metadata):
    placement = Placement(primary=Route("https://x.org/a.zarr", Http()), media_type="application/vnd.zarr")
    collection = describe_dataset(grid(), stored(), metadata(), placement).collection
    assert collection["assets"]["zarr"]["type"] == "application/vnd.zarr"
    assert [link["type"] for link in collection["links"] if link["rel"] == "store"] == [
        "application/vnd.zarr; version=3"
    ]


def test_vertical_and_numeric_dimensions(stored, metadata):
    levels = {"plev": ("plev", [1000.0, 850.0], {"units": "hPa", "positive": "down"}), "band": ("band", [1, 2, 4])}
    dataset = grid().expand_dims(plev=2, band=3).assign_coords(levels)
    cube = next(iter(describe_dataset(dataset, stored(), metadata(), place_store("office")).items))["properties"]
    assert cube["cube:dimensions"]["plev"] | {"values": None} == {
        "type": "spatial",
        "axis": "z",
        "description": "plev",
        "extent": [850, 1000],
        "step": -150,
        "unit": "hPa",
        "values": None,
        "size": 2,
    }
    assert cube["cube:dimensions"]["band"] == {
        "type": "other",
        "description": "band",
        "extent": [1, 4],
        "step": None,
        "values": [1, 2, 4],
        "size": 3,
    }


def test_more_than_a_hundred_labels_are_capped(stored, metadata):
    names = np.array([f"m{index}" for index in range(150)], dtype=object)
    dataset = grid().expand_dims(member=names)
    member = next(iter(describe_dataset(dataset, stored(), metadata(), place_store("office")).items))["properties"][
        "cube:dimensions"
    ]["member"]
    assert len(member["values"]) == 100
    assert member["description"] == "member; the first 100 of 150 are listed"


def test_nodata_and_chunks_come_from_the_encoding(stored, metadata):
    dataset = grid()
    dataset["tas"].encoding = {"_FillValue": np.float32(np.nan), "chunks": (1, 2, 2), "dtype": np.dtype("int16")}
    tas = next(iter(describe_dataset(dataset, stored(), metadata(), place_store("office")).items))["properties"][
        "cube:variables"
    ]["tas"]
    assert (tas["nodata"], tas["chunks"], tas["data_type"]) == ("nan", [1, 2, 2], "int16")


def test_a_dataset_without_place_or_time_names_the_keys(stored, metadata):
    with pytest.raises(MetadataError, match=r"metadata: \{bbox"):
        build_item(xr.Dataset({"a": 1}), id="a", stored=stored(), metadata=metadata())
    with pytest.raises(MetadataError, match=r"metadata: \{datetime"):
        build_item(xr.Dataset({"a": 1}), id="a", stored=stored(), metadata=metadata(bbox=(0, 0, 1, 1)))
    settled = metadata(bbox=(0, 0, 1, 1), datetime="2020-01-01")
    assert build_item(xr.Dataset({"a": 1}), id="a", stored=stored(), metadata=settled).datetime is not None


def test_where_nothing_is_said_the_description_names_the_first_variables(stored, metadata):
    data = grid()
    (name,) = data.data_vars
    many = data.assign({f"v{number}": data[name].assign_attrs(long_name=f"field {number}") for number in range(9)})
    silent = metadata(title="Model")
    told = build_collection(many, stored=stored(), metadata=silent).description
    assert told.startswith("Model: air temperature, field 0, field 1, field 2, field 3, field 4 and 4 more.\n")
    told = build_item(data, id="a", stored=stored(), metadata=silent).properties["description"]
    assert told.startswith("Model: air temperature.\n\nVersion 1.0.0.\n")
