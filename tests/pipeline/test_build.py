import json
import shutil
import subprocess
import sys
from pathlib import Path

import pystac
import pytest
import xarray as xr
from tests.virtual_files import write_steps

import simstac
from simstac.errors import ConfigError, SourceError
from simstac.stac.drawers import DRAWERS
from simstac.stac.validate import validate_tree


def build(folder, **options):
    return simstac.build(simstac.load_project(folder / "buildings.yaml"), **options)


def files(site):
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def test_the_site_is_valid_and_opens_as_what_was_simulated(study_folder):
    report = build(study_folder)
    assert report.ok
    assert report.collections[0].statuses == ("completed",) * 3
    site = study_folder / "site"
    assert validate_tree(site).findings == ()
    collection = pystac.Collection.from_file(str(site / "office-study" / "collection.json"))
    assert sorted(item.id for item in collection.get_items()) == ["i10", "i20", "i5"]
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        assert ds["run"].values.tolist() == ["i5", "i10", "i20"]
        assert ds["insulation_cm"].values.tolist() == [5, 10, 20]
        with xr.open_dataset(study_folder / "runs" / "i10", engine="energyplus", group="hourly") as run:
            one = ds["zone_mean_air_temperature"].sel(run="i10")
            assert one.dims == ("zone", "time") == run["zone_mean_air_temperature"].dims
            assert one.shape == (1, 48)
            xr.testing.assert_equal(one.drop_vars(["run", "insulation_cm"]), run["zone_mean_air_temperature"])


def test_a_second_build_writes_nothing(study_folder):
    first = build(study_folder)
    before = files(study_folder / "site")
    second = build(study_folder)
    assert not second.collections[0].stored.changed
    assert second.documents == ()
    assert second.collections[0].stored.snapshot_id == first.collections[0].stored.snapshot_id
    assert files(study_folder / "site") == before


def test_two_builds_in_two_processes_write_the_same_documents(study_folder, tmp_path):
    build(study_folder)
    whole = files(study_folder / "site")
    documents = {path: data for path, data in whole.items() if not path.startswith(("data/", ".simstac/"))}
    assert {path.rpartition(".")[2] for path in documents} >= {"json", "parquet", "png"}
    shutil.copytree(study_folder, tmp_path / "again")
    for path in documents:
        (tmp_path / "again" / "site" / path).unlink()
    script = "import simstac, sys; simstac.build(simstac.load_project(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(tmp_path / "again" / "buildings.yaml")]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7", "PATH": ""})
    again = files(tmp_path / "again" / "site")
    assert {path: again[path] for path in documents} == documents


def test_a_new_commit_changes_documents_of_its_collection_and_its_parents_alone(tmp_path):
    for name in "ab":
        write_steps(tmp_path / name / "0.nc", [0.0, 1.0])
    each = "  - {{id: {0}, title: Model {0}, license: MIT, version: 1.0.0, source: {{engine: cf, path: {0}/*.nc}}}}\n"
    text = "catalog: {id: models, title: Models}\ncollections:\n" + "".join(map(each.format, "ab"))
    (tmp_path / "models.yaml").write_text(text)
    project = simstac.load_project(tmp_path / "models.yaml")
    assert simstac.build(project).ok
    before = files(tmp_path / "site")
    write_steps(tmp_path / "a" / "1.nc", [2.0], seed=1)
    report = simstac.build(project)
    after = files(tmp_path / "site")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    documents = {path for path in changed if not path.startswith(("data/", ".simstac/"))}
    beside = ("data/a.icechunk/", ".simstac/versions/a.json")
    assert {path for path in changed - documents if not path.startswith(beside)} == set()
    assert documents == {
        "a/a-1.0.0/a-1.0.0.json",
        "a/a-1.0.0-2/a-1.0.0-2.json",
        "a/collection.json",
        "a/items.parquet",
    }
    assert set(report.documents) == documents


def test_a_picture_that_cannot_be_drawn_is_a_warning_in_the_report(tmp_path, monkeypatch):
    write_steps(tmp_path / "0.nc", [0.0, 1.0])
    each = "  - {id: a, title: Model, license: MIT, source: {engine: cf, path: 0.nc}}\n"
    (tmp_path / "models.yaml").write_text("catalog: {id: models}\ncollections:\n" + each)
    DRAWERS.close()
    monkeypatch.setattr(sys, "executable", "/bin/false")  # what draws is a process of its own
    report = simstac.build(simstac.load_project(tmp_path / "models.yaml"))
    assert report.ok
    assert "a: the picture cannot be drawn (exit status 1); install simstac[plot]" in str(
        report.collections[0].differences
    )
    assert not list(report.site.rglob("*.png"))
    assert validate_tree(report.site).findings == ()


def test_a_changed_run_changes_that_run_alone(study_folder, three_runs):
    build(study_folder)
    shutil.rmtree(study_folder / "runs" / "i20")
    shutil.copytree(three_runs["i5"], study_folder / "runs" / "i20")
    report = build(study_folder)
    assert report.collections[0].stored.tag == "1.0.0+2"
    with simstac.open(study_folder / "site" / "office-study" / "collection.json") as ds:
        temperature = ds["zone_mean_air_temperature"].load()
    assert (temperature.sel(run="i20") == temperature.sel(run="i5")).all()
    assert (temperature.sel(run="i10") != temperature.sel(run="i5")).any()


def test_a_new_run_is_appended_and_a_vanished_one_is_kept_unless_dropped(study_folder, three_runs):
    runs = study_folder / "runs"
    shutil.move(runs / "i20", study_folder / "later")
    table = (runs / "params.csv").read_text()
    (runs / "params.csv").write_text(table.replace("i20,20\n", ""))
    build(study_folder)
    shutil.move(study_folder / "later", runs / "i20")
    (runs / "params.csv").write_text(table)
    assert build(study_folder).collections[0].statuses == ("completed",) * 3
    shutil.rmtree(runs / "i5")
    (runs / "params.csv").write_text(table.replace("i5,5\n", ""))
    kept = build(study_folder)
    assert any("i5 is gone from the source and kept" in line for line in kept.collections[0].differences)
    assert (study_folder / "site" / "office-study" / "i5" / "i5.json").exists()
    dropped = build(study_folder, drop_vanished=True)
    assert "office-study/i5/i5.json" in dropped.documents
    assert not (study_folder / "site" / "office-study" / "i5").exists()
    with simstac.open(study_folder / "site" / "office-study" / "collection.json") as ds:
        assert ds["run"].values.tolist() == ["i10", "i20"]


def test_one_bad_run_is_reported_and_stops_no_other(study_folder):
    (study_folder / "runs" / "i10" / "eplusout.end").write_text(
        "EnergyPlus Terminated--Fatal Error Detected. 1 Warning; 1 Severe Errors; Elapsed Time=00hr 00min  0.2sec\n"
    )
    (study_folder / "runs" / "i20" / "eplusout.sql").write_bytes(b"SQLite format 3\0 and no more")
    report = build(study_folder)
    assert not report.ok
    assert report.errors == ()
    assert report.collections[0].statuses == ("completed", "failed", "incomplete")
    assert [line.partition(":")[0] for line in report.collections[0].problems] == ["i10", "i20"]
    with simstac.open(study_folder / "site" / "office-study" / "collection.json") as ds:
        missing = ds["zone_mean_air_temperature"].isnull().all(["zone", "time"])
        assert missing.values.tolist() == [False, True, True]
    item = json.loads((study_folder / "site" / "office-study" / "i10" / "i10.json").read_text())
    assert item["properties"]["sim:status"] == "failed"


def test_an_empty_or_lost_source_is_an_error_and_leaves_the_site_as_it_was(study_folder):
    build(study_folder)
    before = files(study_folder / "site")
    shutil.move(study_folder / "runs", study_folder / "elsewhere")
    report = build(study_folder)
    assert [type(error) for error in report.errors] == [SourceError]
    assert not report.ok
    assert files(study_folder / "site") == before
    (study_folder / "runs").mkdir()
    shutil.copy(study_folder / "elsewhere" / "params.csv", study_folder / "runs" / "params.csv")
    assert "matches no runs" in str(build(study_folder).errors[0])
    assert files(study_folder / "site") == before


def test_a_collection_that_left_the_configuration_leaves_the_site(study_folder):
    text = (study_folder / "buildings.yaml").read_text()
    second = text.split("collections:\n")[1].replace("office-study", "second-study")
    (study_folder / "buildings.yaml").write_text(text + second)
    build(study_folder)
    root = pystac.Catalog.from_file(str(study_folder / "site" / "catalog.json"))
    assert sorted(child.id for child in root.get_children()) == ["office-study", "second-study"]
    (study_folder / "buildings.yaml").write_text(text)
    report = build(study_folder)
    assert "second-study/collection.json" in report.documents
    root = pystac.Catalog.from_file(str(study_folder / "site" / "catalog.json"))
    assert [child.id for child in root.get_children()] == ["office-study"]
    assert (study_folder / "site" / "data" / "second-study.icechunk" / "repo").is_file()


def test_two_configurations_share_a_site_and_each_keeps_its_own(study_folder):
    text = (study_folder / "buildings.yaml").read_text()
    (study_folder / "other.yaml").write_text(text.replace("office-study", "other-study"))
    for name in ("buildings", "other", "buildings"):
        assert simstac.build(simstac.load_project(study_folder / f"{name}.yaml")).ok
    root = pystac.Catalog.from_file(str(study_folder / "site" / "catalog.json"))
    assert sorted(child.id for child in root.get_children()) == ["office-study", "other-study"]


def test_the_site_of_another_catalog_is_refused(study_folder):
    build(study_folder)
    text = (study_folder / "buildings.yaml").read_text()
    (study_folder / "other.yaml").write_text(text.replace("id: buildings", "id: others"))
    with pytest.raises(ConfigError, match=r"is the site of the catalog 'buildings', not of 'others'"):
        simstac.build(simstac.load_project(study_folder / "other.yaml"))


def test_a_store_that_no_reader_could_reach_is_refused(study_folder):
    text = (study_folder / "buildings.yaml").read_text()
    (study_folder / "buildings.yaml").write_text(
        text.replace("    version:", "    store: {url: ../stores/x}\n    version:")
    )
    with pytest.raises(ConfigError, match="lies outside the site"):
        build(study_folder)
    assert not (study_folder / "site").exists()


def test_a_store_whose_name_no_address_may_hold_is_refused(study_folder):
    text = (study_folder / "buildings.yaml").read_text()
    (study_folder / "buildings.yaml").write_text(
        text.replace("    version:", "    store: {url: site/data/my store}\n    version:")
    )
    with pytest.raises(ConfigError, match="data/my store holds a character that no address may hold"):
        build(study_folder)
    assert not (study_folder / "site").exists()


def test_the_site_is_no_run_though_it_lies_beside_them(study_folder, monkeypatch):
    config = study_folder / "runs" / "buildings.yaml"
    config.write_text((study_folder / "buildings.yaml").read_text().replace("runs/", ""))
    monkeypatch.chdir(study_folder)
    for path in ("runs/buildings.yaml", config):
        project = simstac.load_project(path)
        assert len(simstac.build(project).collections[0].statuses) == 3
        assert simstac.build(project).documents == ()


def test_a_site_that_cannot_be_written_is_said_so(study_folder):
    (study_folder / "site").write_text("in the way")
    with pytest.raises(simstac.SimstacError, match="site"):
        build(study_folder)
    assert Path(study_folder / "site").read_text() == "in the way"


def test_two_processes_build_the_same_site(study_folder):
    config = study_folder / "buildings.yaml"
    config.write_text(config.read_text() + "    store: {chunks: {run: 1}}\n")
    build(study_folder)
    alone = opened(study_folder)
    shutil.rmtree(study_folder / "site")
    report = build(study_folder, jobs=2)
    assert report.collections[0].statuses == ("completed",) * 3
    xr.testing.assert_identical(opened(study_folder), alone)
    assert build(study_folder, jobs=2).documents == ()


def opened(folder):
    collection = pystac.Collection.from_file(str(folder / "site" / "office-study" / "collection.json"))
    return xr.open_datatree(collection.assets["icechunk"], engine="simstac").load()
