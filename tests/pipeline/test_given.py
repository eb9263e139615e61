"""What Python hands over, published into folders, buckets and configurations, with the real engine's results."""

import json
import shutil
from pathlib import Path

import psutil
import pystac
import pytest
import xarray as xr
from tests.study_folder import make_study_folder

import simstac
from simstac.errors import ConfigError, InvalidDocumentError, PublishError, SourceError
from simstac.idfkit import publish
from simstac.stac.validate import validate_tree

ABOUT = {"id": "rooms", "title": "Rooms", "license": "CC-BY-4.0"}
TABLE = {"i5": {"cm": 5}, "i10": {"cm": 10}, "i20": {"cm": 20}}


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()
    }


def opened(location: object) -> xr.Dataset:
    return xr.open_dataset(pystac.read_file(location).assets["icechunk"])


def test_a_folder_becomes_the_site(study_folder, tmp_path):
    site = tmp_path / "site"
    report = publish(study_folder / "runs", site, parameters=TABLE, collection=ABOUT, catalog={"title": "All"})
    assert report.ok
    assert report.build.collections[0].summary == "written, version 1, 3 runs (3 completed)"
    assert validate_tree(site).findings == ()
    assert opened(site / "rooms/collection.json")["cm"].values.tolist() == [5, 10, 20]
    before = files(site)
    again = publish(study_folder / "runs", site, parameters=TABLE, collection=ABOUT)
    assert (again.build.documents, again.build.collections[0].stored.changed) == ((), False)
    assert files(site) == before
    other = publish(study_folder / "runs" / "i5", site, collection={"id": "room", "license": "MIT"})
    assert other.ok
    root = json.loads((site / "catalog.json").read_text())
    assert (root["title"], [link["href"] for link in root["links"] if link["rel"] == "child"]) == (
        "All",
        ["./room/collection.json", "./rooms/collection.json"],
    )


def test_a_bucket_has_all_and_this_machine_keeps_nothing(s3, study_folder, tmp_path, monkeypatch):
    bucket = s3.make_bucket()
    to = {"url": f"s3://{bucket}/stac", "endpoint_url": s3.endpoint_url}
    monkeypatch.chdir(tmp_path)
    first = publish([study_folder / "runs" / name for name in ("i5", "i10")], to, collection=ABOUT)
    assert first.ok
    assert not first.build.site.exists()
    more = publish(study_folder / "runs" / "i20", to, collection=ABOUT)
    (built,) = more.build.collections
    assert built.summary == "written, version 2, 3 runs (3 completed)"
    assert [line for line in built.differences if "gone" in line] == [
        f"{name} is gone from the source and kept; --drop-vanished drops it" for name in ("i5", "i10")
    ]
    objects = [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket)["Contents"]]
    documents = [key for key in objects if key.endswith(".json") and "/.simstac/" not in key]
    assert {"stac/catalog.json", "stac/rooms/collection.json", "stac/rooms/i5/i5.json"} <= set(documents)
    for key in documents:
        path = tmp_path / "copy" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.client().download_file(bucket, key, str(path))
    monkeypatch.setenv("SIMSTAC_TRUST", s3.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    data = opened(tmp_path / "copy/stac/rooms/collection.json")
    assert data["run"].values.tolist() == ["i5", "i10", "i20"]
    assert float(data["zone_mean_air_temperature"].sel(run="i5").mean()) > 15
    dropped = publish(study_folder / "runs" / "i20", to, collection=ABOUT, drop_vanished=True)
    assert dropped.build.collections[0].summary == "written, version 3, 1 run (1 completed)"
    assert publish(study_folder / "runs" / "i5", to, collection={"id": "halls", "license": "MIT"}).ok
    again = publish(study_folder / "runs" / "i20", to, collection=ABOUT, drop_vanished=True)
    assert not any(outcome.changes for outcome in again.outcomes)
    root = json.loads(s3.client().get_object(Bucket=bucket, Key="stac/catalog.json")["Body"].read())
    assert [link["title"] for link in root["links"] if link["rel"] == "child"] == ["halls", "Rooms"]


def test_a_configuration_says_what_the_runs_are_of(study_folder, tmp_path):
    config = study_folder / "buildings.yaml"
    config.write_text(config.read_text() + f"targets: [{{type: local, path: {tmp_path / 'www'}}}]\n")
    for name in ("runs", "elsewhere"):
        if name == "elsewhere":
            shutil.move(study_folder / "runs", study_folder / name)
        report = publish(study_folder / name, config, parameters=study_folder / name / "params.csv")
        assert report.ok
    assert report.build.collections[0].summary == "unchanged, version 1.0.0, 3 runs (3 completed)"
    assert (tmp_path / "www/office-study/collection.json").is_file()
    project = simstac.load_project(config)
    assert publish(study_folder / "elsewhere" / "i5", project, collection="office-study").ok


def test_runs_are_read_by_the_processes_that_are_asked_for(study_folder, monkeypatch):
    monkeypatch.setattr("simstac.write.workers.CONNECT_SECONDS", 1)
    config = study_folder / "buildings.yaml"
    config.write_text(config.read_text() + "    store: {chunks: {run: 1}}\n")
    with pytest.raises(ConfigError, match=r"tcp://127.0.0.1:9: is no Dask scheduler that answers"):
        publish(study_folder / "runs", config, dask="tcp://127.0.0.1:9")
    here, seen = psutil.Process(), []
    before = len(here.children())
    assert publish(study_folder / "runs", config, jobs=2, on_progress=lambda _: seen.append(len(here.children()))).ok
    assert max(seen) >= before + 2


def test_runs_in_the_folder_to_publish_are_refused(study_folder):
    with pytest.raises(SourceError, match=r"lies in the site .*; publish to a folder that holds no results"):
        publish(study_folder / "runs", study_folder, collection=ABOUT)
    assert not (study_folder / "catalog.json").exists()


@pytest.mark.parametrize(
    ("collection", "problem"),
    [
        (None, "collections.license: Field required; the keys are those of a configuration, for example"),
        ({"license": "CC-BY-4.0", "licence": "x"}, "collections.licence: Extra inputs are not permitted"),
        ({"license": "CC-BY-4.0", "id": "Not an id"}, "collections.id: String should match pattern"),
        ("rooms", "collection: 'rooms' is an id, and no configuration describes it; give its keys"),
    ],
)
def test_what_a_configuration_could_not_say(study_folder, tmp_path, collection, problem):
    with pytest.raises(ConfigError) as caught:
        publish(study_folder / "runs", tmp_path / "site", collection=collection)
    assert str(caught.value).startswith(problem)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ({"endpoint_url": "http://127.0.0.1"}, "to: is no bucket; write {'url': 's3://bucket/prefix'"),
        ({"type": "local", "path": "www"}, "to: is no bucket"),
        ({"url": "s3://bucket/stac", "key": "secret"}, "targets.s3.key: Extra inputs are not permitted"),
        ({"url": "https://bucket/stac"}, "targets.s3.url: is not of the form s3://bucket/prefix"),
        ("gs://bucket/stac", "to: gs://bucket/stac is neither a folder nor in a bucket; write a path, or s3://"),
        ("none.yaml", "none.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_destination(study_folder, tmp_path, monkeypatch, to, problem):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        publish(study_folder / "runs", to, collection=None if isinstance(to, str) else ABOUT)
    assert str(caught.value).startswith(problem)
    assert "secret" not in str(caught.value)


def test_which_collection_of_a_configuration(study_folder):
    config = study_folder / "buildings.yaml"
    with pytest.raises(ConfigError, match="has no study 'other'; it has office-study"):
        publish(study_folder / "runs", config, collection="other")
    with pytest.raises(ConfigError, match="describes its collections itself; name one by its id"):
        publish(study_folder / "runs", config, collection=ABOUT)
    text = config.read_text()
    config.write_text(text + text.partition("collections:\n")[2].replace("office-study", "second"))
    with pytest.raises(ConfigError, match="has 2 collections of a study; say which with collection="):
        publish(study_folder / "runs", config)


def test_a_destination_that_refuses_is_an_error_and_nothing_is_lost(s3, study_folder, tmp_path, monkeypatch):
    to = {"url": "s3://no-such-bucket/stac", "endpoint_url": s3.endpoint_url}
    with pytest.raises(PublishError, match="there is no such bucket"):
        publish(study_folder / "runs", to, collection=ABOUT)
    site = tmp_path / "site"
    publish(study_folder / "runs", site, parameters=TABLE, collection=ABOUT)
    before = files(site)
    for run in (study_folder / "runs").glob("i*"):
        (run / "eplusout.end").unlink()
    with pytest.raises(SourceError, match="no run of the study completed"):
        publish(study_folder / "runs", site, parameters=TABLE, collection=ABOUT)
    assert files(site) == before
    (site / "catalog.json").write_text("{torn")
    with pytest.raises(InvalidDocumentError, match=r"catalog\.json: is not JSON .*; repair or remove it"):
        publish(study_folder / "runs", site, parameters=TABLE, collection=ABOUT)


def test_the_one_bad_run_is_named(three_runs, tmp_path):
    folder = make_study_folder(tmp_path / "study", three_runs)
    (folder / "runs" / "i10" / "eplusout.sql").write_bytes(b"torn")
    report = publish(folder / "runs", tmp_path / "site", parameters=TABLE, collection=ABOUT)
    assert not report.ok
    (line,) = report.build.collections[0].problems
    assert line.startswith("i10: incomplete: eplusout.sql: ")
