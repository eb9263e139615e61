"""``simstac.scythe.publish``: experiments that Scythe's own code made in SeaweedFS, to buckets and folders."""

from types import SimpleNamespace

import pystac
import pytest
import xarray as xr
import yaml
from tests.sources.scythe.written import TIME, run

import simstac
from simstac.errors import ConfigError, MetadataError, SourceError
from simstac.scythe import experiment_address

ABOUT = {"license": "CC-BY-4.0", "metadata": {"bbox": [-105.0, 39.7, -105.0, 39.7]}}


def scythes_objects(bucket, experiment_id):
    """What ``allocate`` returns, as far as it is looked at: Scythe itself is not installed here."""
    name, version, time = experiment_id.split("/")
    settings = SimpleNamespace(BUCKET=bucket, BUCKET_PREFIX="scythe")
    experiment = SimpleNamespace(storage_settings=settings, prefix=f"scythe/{name}/")
    versioned = SimpleNamespace(base_experiment=experiment, prefix=f"scythe/{name}/{version}/")
    whole = SimpleNamespace(versioned_experiment=versioned, prefix=f"scythe/{name}/{version}/{time}/")
    return experiment, versioned, whole


def objects(s3, bucket):
    """Every object and when it was written."""
    found = s3.client().list_objects_v2(Bucket=bucket)["Contents"]
    return {each["Key"]: each["LastModified"] for each in found}


def read(s3, bucket, key):
    return s3.client().get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_run_is_published_to_a_bucket_from_nowhere_and_then_the_rest(scythe, s3, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.chdir(tmp_path)
    bucket = s3.make_bucket("catalog")
    experiment, _, first = scythes_objects(scythe.bucket, scythe.office_box[0])
    to = {"url": f"s3://{bucket}/stac", "endpoint_url": s3.endpoint_url}
    report = simstac.scythe.publish(first, to, collection=ABOUT, catalog={"title": "Experiments"})
    assert report.ok
    assert report.build.collections[0].statuses == ("completed",)
    simstac.scythe.publish(experiment, to, collection=ABOUT)
    collection = pystac.Collection.from_dict(yaml.safe_load(read(s3, bucket, "stac/office_box/collection.json")))
    assert collection.title == "office_box"
    assert len([link for link in collection.links if link.rel == "item"]) == 3
    collection.clear_links()
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        assert ds["heating"].values[:2].tolist() == [101.0, 52.0]
    assert list(tmp_path.iterdir()) == []


def test_called_again_it_writes_nothing(scythe, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    bucket = s3.make_bucket("catalog")
    _, version, _ = scythes_objects(scythe.bucket, scythe.office_box[0])
    source = {"path": experiment_address(version), "endpoint_url": s3.endpoint_url}
    assert simstac.scythe.publish(version, f"s3://{bucket}/stac", collection=ABOUT).ok
    before = objects(s3, bucket)
    assert {key.split("/")[1] for key in before} == {".simstac", "catalog.json", "data", "office_box"}
    assert simstac.scythe.publish(source, f"s3://{bucket}/stac", collection=ABOUT).ok
    assert objects(s3, bucket) == before


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_experiment_a_version_and_a_run_of_scythe_have_an_address(which):
    given = scythes_objects("simulations", f"office_box/v1.0.0/{TIME}")[which]
    below = ["", "/v1.0.0", f"/v1.0.0/{TIME}"][which]
    assert experiment_address(given) == f"s3://simulations/scythe/office_box{below}"


def test_what_is_no_experiment_is_an_error():
    with pytest.raises(SourceError, match=r"int: is no experiment of Scythe; give an address such as s3://"):
        simstac.scythe.publish(3, "site")
    with pytest.raises(ConfigError, match="path: Field required"):
        simstac.scythe.publish({"endpoint_url": "http://127.0.0.1:1"}, "site")


def test_a_copy_in_a_folder_is_published_to_a_folder(tmp_path):
    run(tmp_path / "office")
    report = simstac.scythe.publish(tmp_path / "office", tmp_path / "site", collection=ABOUT)
    assert report.ok
    item = pystac.read_file(tmp_path / "site" / "office" / f"v1.0.0_{TIME}" / f"v1.0.0_{TIME}.json")
    assert item.datetime.isoformat() == "2025-07-23T12:59:51+00:00"
    assert sorted(item.assets) == ["icechunk"]
    with xr.open_dataset(item.assets["icechunk"]) as ds:
        assert ds["r_value"].values.tolist() == [1, 2, 3]
    run(tmp_path / "office", "v2.0.0")
    simstac.scythe.publish(tmp_path / "office" / "v2.0.0", tmp_path / "site", collection=ABOUT)
    collection = pystac.Collection.from_file(str(tmp_path / "site" / "office" / "collection.json"))
    assert len(list(collection.get_items())) == 2


def test_a_configuration_says_the_rest(tmp_path):
    run(tmp_path / "office")
    collection = {"id": "boxes", **ABOUT, "source": {"engine": "scythe", "path": "elsewhere"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"catalog": {"id": "boxes"}, "collections": [collection]}))
    assert simstac.scythe.publish(tmp_path / "office", tmp_path / "c.yaml").ok
    assert (tmp_path / "site" / "boxes" / "collection.json").exists()
    with pytest.raises(ConfigError, match="has no ScytheSource 'other'; it has boxes"):
        simstac.scythe.publish(tmp_path / "office", tmp_path / "c.yaml", collection="other")


def test_what_is_missing_is_said(tmp_path):
    run(tmp_path / "office")
    with pytest.raises(ConfigError, match="license"):
        simstac.scythe.publish(tmp_path / "office", tmp_path / "site")
    with pytest.raises(MetadataError, match=r"set metadata: \{bbox"):
        simstac.scythe.publish(tmp_path / "office", tmp_path / "site", collection={"license": "CC-BY-4.0"})
    with pytest.raises(SourceError, match="lies in the site"):
        simstac.scythe.publish(tmp_path / "office", tmp_path, collection=ABOUT)
    with pytest.raises(SourceError, match="holds no version of an experiment"):
        simstac.scythe.publish(tmp_path, tmp_path / "site", collection=ABOUT)
