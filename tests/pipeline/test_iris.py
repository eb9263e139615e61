"""A collection whose source is ``engine: iris``, from the files to the documents."""

import shutil
from pathlib import Path

import orjson
import pystac
import pytest
import xarray as xr
from tests.sources.iris.cases import SAMPLES, assert_same_cubes
from tests.sources.iris.fields_files import fields_file_of

import simstac
from simstac.browse import serve
from simstac.sources.iris import cubes
from simstac.sources.iris.files import load_with_notes

CONFIGURATION = """
catalog: {id: met, title: Weather}
collections:
  - id: wind
    license: CC-BY-4.0
    source: {engine: iris, path: 'wind/*.pp'NAMES}
"""


def configured(folder: Path, names: str = "") -> simstac.Project:
    (folder / "met.yaml").write_text(CONFIGURATION.replace("NAMES", names))
    return simstac.load_project(folder / "met.yaml")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wind").mkdir()
    shutil.copy(SAMPLES / "wind_speed_lake_victoria.pp", tmp_path / "wind" / "a.pp")
    return tmp_path


def test_build_writes_all_cubes_and_a_second_one_reads_no_file(folder, monkeypatch):
    project = configured(folder)
    report = simstac.build(project)
    assert report.ok, report.errors
    assert report.collections[0].summary == "written, version 1, 1 file (1 read)"
    item = orjson.loads((folder / "site/wind/wind-1/wind-1.json").read_bytes())
    assert item["properties"]["cube:variables"].keys() >= {"x_wind", "y_wind"}
    assert "derived_from" not in str(item["links"])
    item = pystac.Item.from_file(folder / "site/wind/wind-1/wind-1.json")
    tree = xr.open_datatree(item, engine="simstac", decode_cf=False)
    loaded, _ = load_with_notes([folder / "wind" / "a.pp"])
    assert_same_cubes(cubes(tree), loaded)
    monkeypatch.setattr("iris.load", None)
    again = simstac.build(project)
    assert again.ok, again.errors
    assert again.documents == ()
    assert again.collections[0].summary == "unchanged, version 1, 1 file (1 read)"


def test_a_changed_file_and_other_names_are_read_again(folder):
    simstac.build(configured(folder))
    shutil.copy(SAMPLES / "air_temp.pp", folder / "wind" / "b.pp")
    report = simstac.build(configured(folder))
    assert report.ok, report.errors
    assert report.collections[0].summary == "written, version 2, 2 files (2 read)"
    report = simstac.build(configured(folder, ", names: [air_temperature]"))
    assert report.ok, report.errors
    assert report.collections[0].stored.tag == "3"


def test_damaged_and_missing_files_stop_the_collection(folder):
    whole = (folder / "wind" / "a.pp").read_bytes()
    (folder / "wind" / "a.pp").write_bytes(whole[:1501])
    (error,) = simstac.build(configured(folder)).errors
    assert "cannot be read by Iris" in str(error)
    (folder / "wind" / "a.pp").unlink()
    (error,) = simstac.build(configured(folder)).errors
    assert "matches no files" in str(error)
    assert not (folder / "site" / "data").exists()


def test_fields_files_name_and_ugrid_are_published_and_come_back_as_cubes(tmp_path, monkeypatch):
    monkeypatch.setattr("simstac.pipeline.extras.find_spec", lambda _: None)  # four pictures take long
    originals = {
        "fields": (fields_file_of(SAMPLES / "air_temp.pp", tmp_path / "air_temp.ff"), SAMPLES / "air_temp.pp"),
        "winds": (
            fields_file_of(SAMPLES / "wind_speed_lake_victoria.pp", tmp_path / "winds_000"),
            SAMPLES / "wind_speed_lake_victoria.pp",
        ),
        "name": (SAMPLES / "NAME_output.txt", SAMPLES / "NAME_output.txt"),
        "mesh": (SAMPLES / "mesh_C4_synthetic_float.nc", SAMPLES / "mesh_C4_synthetic_float.nc"),
    }
    collections = [
        {"id": key, "license": "CC-BY-4.0", "source": {"engine": "iris", "path": str(path)}}
        for key, (path, _) in originals.items()
    ]
    collections[-1]["metadata"] = {"datetime": "2020-01-01"}
    targets = [{"type": "local", "path": "published"}]
    said = {"catalog": {"id": "met", "title": "Weather"}, "collections": collections, "targets": targets}
    (tmp_path / "met.yaml").write_bytes(orjson.dumps(said))
    project = simstac.load_project(tmp_path / "met.yaml")
    report = simstac.build(project)
    assert report.ok, report.errors
    simstac.publish(project)
    assert simstac.validate_tree(tmp_path / "published").findings == ()
    with serve(tmp_path / "published") as server:
        catalog = pystac.Catalog.from_file(f"{server.url}/catalog.json")
        for key, (_, original) in originals.items():
            asset = catalog.get_child(key).assets["icechunk"]
            tree = xr.open_datatree(asset, engine="simstac", decode_cf=False)
            loaded, _ = load_with_notes([original])
            assert_same_cubes(cubes(tree), loaded)
    (mesh,) = cubes(simstac.open(tmp_path / "published" / "mesh" / "collection.json", decode_cf=False))
    assert mesh.mesh.face_node_connectivity.indices.dtype.kind == "i"
