"""A folder of EP-Launch as a study."""

import os
import shutil

import pystac
import pytest
import xarray as xr
from eplaunch.utilities.cache import CacheFile
from tests.eplaunch_folder import IP, SI, eplaunch_folder  # noqa: F401  # the fixture

import simstac
from simstac import pipeline
from simstac.pipeline.launches import launch_status
from simstac.stac.validate import validate_tree

CONFIGURATION = """
catalog: {id: launches}
collections:
  - {id: office, license: CC-BY-4.0, source: {engine: eplaunch, path: launches}}
"""


@pytest.fixture
def project(eplaunch_folder):  # noqa: F811  # the fixture
    path = eplaunch_folder.parent / "launches.yaml"
    path.write_text(CONFIGURATION)
    return simstac.load_project(path)


def test_runs_become_a_study_with_what_eplaunch_remembers(project):
    report = simstac.build(project)
    (collection,) = report.collections
    assert sorted(collection.statuses) == ["completed", "completed", "failed", "missing", "superseded"]
    assert [line.partition(": ")[0] for line in collection.problems] == [
        f"house/bad.idf {SI}",
        f"house/never.idf {SI}",
    ]
    assert any(line.startswith(f"office.idf {SI}: superseded") for line in collection.differences)
    assert validate_tree(project.site).findings == ()
    catalogued = pystac.Collection.from_file(str(project.site / "office" / "collection.json"))
    with xr.open_dataset(catalogued.assets["icechunk"]) as ds:
        tight = ds.sel(run=f"house/tight.idf {SI}")
        assert (tight["input_file"].item(), tight["weather"].item()) == ("tight.idf", "golden.epw")
        assert (tight["workflow"].item(), tight["EP_Launch_Version"].item()) == (SI, "25.2")
        assert tight["EP_Launch_Runtime"].attrs["units"] == "s"
        assert tight["EP_Launch_Errors"].item() == 0
        source = project.folder / "launches" / "house" / "EPLaunchRun_tight" / "tight.sql"
        with xr.open_dataset(source, engine="energyplus", group="hourly") as run:
            mine = tight["zone_mean_air_temperature"].variable
            xr.testing.assert_equal(mine, run["zone_mean_air_temperature"].variable)
        assert ds.sel(run=f"office.idf {SI}")["zone_mean_air_temperature"].isnull().all()
    before = {path: path.read_bytes() for path in project.site.rglob("*") if path.is_file()}
    assert simstac.build(project).documents == ()
    assert before == {path: path.read_bytes() for path in project.site.rglob("*") if path.is_file()}


def test_columns_whose_names_differ_in_letters_alone_are_kept_apart(project):
    cache = CacheFile(project.folder / "launches" / "house")
    cache.add_result("EnergyPlus mine", "tight.idf", {"errors": 7, "Runtime [s]": 1.0, "Runtime": "short"})
    assert simstac.build(project).errors == ()
    collection = pystac.Collection.from_file(str(project.site / "office" / "collection.json"))
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        mine = ds.sel(run="house/tight.idf EnergyPlus mine")
        assert mine["EP_Launch_errors_2"].item() == 7


def test_names_that_are_not_utf8_are_borne_in_columns_and_told_of_files(project):
    house = project.folder / "launches" / "house"
    CacheFile(house).add_config(SI, "tight.idf", {"weather": os.fsdecode(b"K\xf6ln.epw"), "\udcff": "\udcff"})
    assert simstac.build(project).ok is False
    collection = pystac.Collection.from_file(str(project.site / "office" / "collection.json"))
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        assert ds["weather"].sel(run=f"house/tight.idf {SI}").item() == "K?ln.epw"
    CacheFile(house).add_config(SI, os.fsdecode(b"b\xfcro.idf"), {"weather": ""})
    assert [row.status for row in launch_status(house)[0]].count("missing") == 2
    (error,) = simstac.build(project).errors
    assert "which is not UTF-8; rename its folder" in str(error)


def test_a_folder_without_a_simulation_is_said_so(project):
    for path in (project.folder / "launches").rglob("EPLaunchRun_*"):
        shutil.rmtree(path)
    for path in (project.folder / "launches").rglob(".eplaunch"):
        path.write_text('{"workflows": {"Get Site:Location": {"files": {"office.idf": {"config": {}}}}}}')
    (error,) = simstac.build(project).errors
    assert "launches: holds no simulation of EP-Launch; run one of its files" in str(error)


def test_a_build_tells_results_that_are_not_of_their_input_any_more(project):
    simstac.build(project)
    path = project.folder / "launches" / "house" / "tight.idf"
    path.write_text(path.read_text() + "! more\n")
    (collection,) = simstac.build(project).collections
    assert f"house/tight.idf {SI}: stale: input: tight.idf changed" in collection.differences


def test_the_status_of_a_configuration_compares_with_the_store(project):
    simstac.build(project)
    shutil.rmtree(project.folder / "launches" / "house" / "EPLaunchRun_tight")
    rows = {row.run: (row.status, row.store) for row in pipeline.status(project.file)}
    assert rows[f"office.idf {IP}"] == ("completed", "current")
    assert rows[f"house/tight.idf {SI}"][0] == "missing"
