from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from simstac.errors import MetadataError
from simstac.sources.attributes import SAID, said_as_text, said_in
from simstac.stac.document import canonical_json
from simstac.stac.placement import Route, place_store
from simstac.stac.releases import Release
from simstac.stac.study import describe_study
from simstac.storage import AwsS3

PLACEMENT = place_store("office", public_url="https://data.example.org/stac")


@pytest.fixture
def described(study, stored, metadata):
    return describe_study(study(), stored(), metadata(), PLACEMENT)


def test_an_item_for_each_run(described):
    items = list(described.items)
    assert [item["id"] for item in items] == ["run-0000", "run-0001", "run-0002", "run-0003"]
    item = items[2]
    assert item["geometry"] == {"type": "Point", "coordinates": [-87.75, 41.98]}
    assert item["bbox"] == [-87.75, 41.98, -87.75, 41.98]
    properties = item["properties"]
    assert properties["title"] == "run-0002: u value 0.2, system vav"
    assert (properties["sim:u_value"], properties["sim:system"], properties["sim:eui"]) == (0.2, "vav", 52)
    assert (properties["sim:status"], properties["sim:run_id"], properties["sim:warnings"]) == (
        "completed",
        "run-0002",
        2,
    )
    assert properties["processing:software"] == {"EnergyPlus": "25.2.0"}
    assert (properties["start_datetime"], properties["end_datetime"]) == (
        "2017-01-01T06:00:00Z",
        "2017-01-03T06:00:00Z",
    )
    assert properties["datetime"] is None
    assert properties["version"] == "1.0.0"
    assert properties["updated"] == "2026-11-22T08:30:00Z"


def test_a_failed_run_is_listed_and_marked(described):
    failed = list(described.items)[1]
    properties = failed["properties"]
    assert properties["sim:status"] == "failed"
    assert properties["title"].endswith("(failed)")
    assert "sim:eui" not in properties
    assert "processing:software" not in properties
    assert properties["sim:message"] == "cannot open a.idf"
    assert properties["description"].startswith(
        "Run run-0001 of Small office, failed: u value 0.1 W m-2 K-1, system cav. cannot open a.idf"
    )
    assert failed["geometry"] == {"type": "Point", "coordinates": [-87.75, 41.98]}
    assert properties["start_datetime"] == "2017-01-01T06:00:00Z"


def test_the_cube_of_a_run_has_no_run_dimension(described):
    properties = next(iter(described.items))["properties"]
    assert sorted(properties["cube:dimensions"]) == ["bounds", "node", "step", "time", "time_monthly", "zone"]
    assert properties["cube:variables"]["zone_mean_air_temperature"] == {
        "type": "data",
        "dimensions": ["zone", "time"],
        "description": "Zone Mean Air Temperature",
        "unit": "degC",
        "data_type": "float32",
        "shape": [2, 48],
        "cf:cell_methods": [None, "mean"],
    }
    assert properties["cube:variables"]["hvac/time_hvac"]["dimensions"] == ["step"]
    assert "eui" not in properties["cube:variables"]


def test_the_collection_holds_the_ensemble(described):
    collection = described.collection
    assert collection["extent"]["spatial"]["bbox"] == [[-87.8, 41.93, -87.7, 42.03]]
    assert collection["extent"]["temporal"]["interval"] == [["2017-01-01T06:00:00Z", "2017-01-03T06:00:00Z"]]
    assert collection["cube:dimensions"]["run"]["type"] == "ensemble"
    assert collection["cube:dimensions"]["time"] == {
        "type": "temporal",
        "description": "end of the hour, local standard time (UTC-06:00); UTC here",
        "extent": ["2017-01-01T06:00:00Z", "2017-01-03T06:00:00Z"],
        "step": "PT1H",
        "calendar": "proleptic_gregorian",
        "size": 48,
    }
    assert collection["cube:dimensions"]["zone"]["values"] == ["CORE", "SÜD, 1"]
    variables = collection["cube:variables"]
    assert (variables["eui"]["type"], variables["status"]["type"], variables["u_value"]["type"]) == (
        "data",
        "auxiliary",
        "auxiliary",
    )
    assert "monthly/u_value" not in variables
    assert variables["monthly/energy"]["dimensions"] == ["run", "zone", "time_monthly"]
    asset = collection["assets"]["icechunk"]
    assert (asset["version"], asset["roles"]) == ("1.0.0", ["data", "latest-version"])
    assert asset["href"] == "../data/office.icechunk"
    assert asset["processing:software"] == {"EnergyPlus": "25.2.0"}


def test_summaries_are_ranges_or_values(described):
    assert described.collection["summaries"] == {
        "sim:eui": {"minimum": 50, "maximum": 53},
        "sim:system": ["cav", "vav"],
        "sim:location": ["Chicago"],
        "sim:severe_errors": {"minimum": 0, "maximum": 1},
        "sim:software": ["EnergyPlus 25.2.0"],
        "sim:status": ["completed", "failed"],
        "sim:u_value": {"minimum": 0, "maximum": 0.3},
        "sim:warnings": {"minimum": 0, "maximum": 3},
    }


def test_amazon_schemes_stand_where_xpystac_and_the_specification_look(study, stored, metadata):
    target = Route("s3://bucket/stac", AwsS3(bucket="bucket", region="us-east-1"))
    documents = describe_study(study(), stored(), metadata(), place_store("office", targets=[target]))
    item = next(iter(documents.items))
    assert item["storage:schemes"] == item["properties"]["storage:schemes"]
    assert item["storage:schemes"]["aws"]["platform"] == "https://{bucket}.s3.{region}.amazonaws.com"
    asset = item["assets"]["icechunk"]
    assert (asset["href"], asset["storage:refs"]) == ("s3://bucket/stac/data/office.icechunk", ["aws"])
    assert asset["alternate"] == {
        "site": {"href": "../../data/office.icechunk", "alternate:name": "Beside the catalog"}
    }


def test_runs_in_several_places_and_time_zones(study, stored, metadata):
    tree = study(longitude=[179.0, np.nan, -178.0, 179.0], latitude=[-18.0, np.nan, -14.0, -18.0])
    tree = study(
        longitude=[179.0, np.nan, -178.0, 179.0],
        latitude=[-18.0, np.nan, -14.0, -18.0],
        time_zone=[12.0, np.nan, 13.0, 12.0],
    )
    documents = describe_study(tree, stored(), metadata(), PLACEMENT)
    boxes = [[-180, -18, 180, -14], [179, -18, 180, -14], [-180, -18, -178, -14]]
    assert documents.collection["extent"]["spatial"]["bbox"] == boxes
    assert documents.collection["cube:dimensions"]["time"]["extent"] == ["2016-12-31T11:00:00Z", "2017-01-02T12:00:00Z"]
    items = list(documents.items)
    assert items[1]["geometry"]["type"] == "MultiPolygon"
    assert items[2]["properties"]["start_datetime"] == "2016-12-31T11:00:00Z"


def test_runs_without_a_place_need_the_configuration(study, stored, metadata):
    tree = study(longitude=np.full(4, np.nan))
    with pytest.raises(MetadataError, match=r"no run says where it is; set metadata: \{bbox"):
        describe_study(tree, stored(), metadata(), PLACEMENT)
    documents = describe_study(tree, stored(), metadata(bbox=(8, 47, 9, 48)), PLACEMENT)
    assert next(iter(documents.items))["bbox"] == [8, 47, 9, 48]


def test_names_that_give_one_id_are_told_apart(study, stored, metadata):
    tree = study()
    names = np.array(["Büro A", "büro-a", "東京", "plain"], dtype=object)
    tree = tree.map_over_datasets(lambda dataset: dataset.assign_coords(run=("run", names)))
    ids = [item["id"] for item in describe_study(tree, stored(), metadata(), PLACEMENT).items]
    assert len(set(ids)) == 4
    assert ids[3] == "plain"
    assert ids[2].startswith("run-")


def test_an_all_failed_study_takes_the_moment_of_its_commit(study, stored, metadata):
    missing = np.full(4, np.datetime64("NaT", "s"))
    documents = describe_study(study(time_start=missing, time_end=missing), stored(), metadata(), PLACEMENT)
    assert next(iter(documents.items))["properties"]["datetime"] == "2026-11-22T08:30:00Z"


def test_a_store_of_another_layout_is_refused(stored, metadata):
    with pytest.raises(MetadataError, match="is not the store of a study"):
        describe_study(xr.Dataset(), stored(), metadata(), PLACEMENT)


def test_a_column_called_run_id_is_refused(study, stored, metadata):
    tree = study()
    root = tree.to_dataset().rename(u_value="run_id")
    root.attrs[SAID] = said_as_text(said_in(root.attrs) | {"parameters": ["run_id"]})
    with pytest.raises(MetadataError, match="rename the column"):
        describe_study(root, stored(), metadata(), PLACEMENT)


def test_the_same_store_gives_the_same_bytes(study, stored, metadata):
    def build():
        documents = describe_study(study(), stored(), metadata(), PLACEMENT)
        return [canonical_json(document) for document in (documents.collection, *documents.items)]

    first, second = build(), build()
    assert first == second


def test_an_older_version_is_an_item_that_links_the_collection_as_the_latest(study, stored, metadata):
    older = Release(stored("1.0.0", snapshot_id="OLD"), study(3))
    documents = describe_study(study(4), stored("1.1.0"), metadata(), PLACEMENT, releases=[older])
    item = list(documents.items)[-1]
    assert (item["id"], item["properties"]["version"]) == ("office-1.0.0", "1.0.0")
    assert item["assets"]["icechunk"]["icechunk:snapshot_id"] == "OLD"
    assert "latest-version" not in item["assets"]["icechunk"]["roles"]
    assert {(link["rel"], link["href"]) for link in item["links"]} == {
        ("successor-version", "../collection.json"),
        ("latest-version", "../collection.json"),
    }
    assert [(link["rel"], link["href"]) for link in documents.collection["links"]] == [
        ("predecessor-version", "./office-1.0.0/office-1.0.0.json")
    ]
    assert item["properties"]["cube:dimensions"]["run"]["size"] == 3


def test_only_a_run_with_software_declares_processing(described):
    declared = [any("processing" in uri for uri in item["stac_extensions"]) for item in described.items]
    assert declared == [True, False, True, True]
