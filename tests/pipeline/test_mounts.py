"""A collection read through a real s3fs mount, and stores that lie in one."""

import shutil

import orjson
import pytest
from tests.s3fs_mounts import mounted
from tests.sources.iris.cases import SAMPLES

import simstac
from simstac.errors import ConfigError
from simstac.pipeline.builders.order import Order
from simstac.pipeline.mounted import in_buckets
from simstac.pipeline.place import store_place, trusted_endpoints
from simstac.storage import CustomS3

pytestmark = pytest.mark.requires("s3fs")
CONFIGURATION = """
catalog: {id: met, title: Weather}
collections:
  - id: wind
    license: CC-BY-4.0
    source: {engine: iris, path: 'mnt one/in/*.pp'}
    store: {url: STORE}
"""


@pytest.fixture
def mounts(s3, tmp_path):
    with mounted(s3, tmp_path) as made:
        yield made


@pytest.fixture
def bucket(s3):
    name = s3.make_bucket()
    s3.client().upload_file(str(SAMPLES / "wind_speed_lake_victoria.pp"), name, "in/wind speed.pp")
    return name


def configured(folder, store):
    (folder / "met.yaml").write_text(CONFIGURATION.replace("STORE", store))
    return simstac.load_project(folder / "met.yaml")


def test_documents_name_the_bucket_and_the_store_is_written_to_it(mounts, bucket, tmp_path, s3, monkeypatch):
    point = mounts.mount(bucket, tmp_path / "mnt one")
    project = configured(tmp_path, "'mnt one/stores/wind.icechunk'")
    place = store_place(project, project.collections[0])
    assert (place.href, place.scheme) == (
        f"s3://{bucket}/stores/wind.icechunk",
        CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url),
    )
    assert trusted_endpoints(project) == (s3.endpoint_url,)
    report = simstac.build(project)
    assert report.ok, report.errors
    keys = [each["Key"] for each in s3.client().list_objects_v2(Bucket=bucket, Prefix="stores/")["Contents"]]
    assert "stores/wind.icechunk/repo" in keys
    text = (tmp_path / "site/wind/wind-1/wind-1.json").read_text()
    assert str(point) not in text
    item = orjson.loads(text)
    source = item["assets"]["wind speed.pp"]
    assert source["href"] == f"s3://{bucket}/in/wind%20speed.pp"
    assert source["roles"] == ["source"]
    assert source["file:size"] == (SAMPLES / "wind_speed_lake_victoria.pp").stat().st_size
    assert item["storage:schemes"][source["storage:refs"][0]]["platform"] == s3.endpoint_url
    assert item["assets"]["icechunk"]["href"].startswith(f"s3://{bucket}/stores/wind.icechunk")

    monkeypatch.setattr("iris.load", None)
    again = simstac.build(project)
    assert again.ok, again.errors
    assert again.documents == ()

    mounts.kill(point)
    (error,) = simstac.build(
        configured(tmp_path, f"s3://{bucket}/stores/wind.icechunk, endpoint_url: '{s3.endpoint_url}'")
    ).errors
    assert "is lost" in str(error)
    assert (tmp_path / "site/wind/wind-1/wind-1.json").read_text() == text


def test_site_in_a_mount_is_refused(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt one")
    shutil.copy(SAMPLES / "air_temp.pp", tmp_path / "a.pp")
    text = CONFIGURATION.replace("    store: {url: STORE}\n", "").replace("mnt one/in/*.pp", "a.pp")
    (tmp_path / "met.yaml").write_text(text.replace("title: Weather", f"title: Weather, site: '{point}/site'"))
    with pytest.raises(ConfigError, match="lies in a mount of s3://"):
        simstac.build(simstac.load_project(tmp_path / "met.yaml"))


def test_cf_files_in_a_mount_are_read_from_their_bucket(mounts, bucket, tmp_path, s3):
    s3.client().upload_file(str(SAMPLES / "SOI_Darwin.nc"), bucket, "cf/soi.nc")
    point = mounts.mount(f"{bucket}:/cf", tmp_path / "mnt one")
    text = CONFIGURATION.replace("    store: {url: STORE}\n", "").replace(
        "engine: iris, path: 'mnt one/in/*.pp'", "engine: cf, path: 'mnt one/*.nc'"
    )
    (tmp_path / "met.yaml").write_text(text + "    metadata: {bbox: [130.9, -12.4, 130.9, -12.4]}\n")
    project = simstac.load_project(tmp_path / "met.yaml")
    report = simstac.build(project)
    assert report.ok, report.errors
    order, source = in_buckets(Order(project=project, collection=project.collections[0]), project.collections[0].source)
    assert (source.paths, source.endpoint_url) == ((f"s3://{bucket}/cf/*.nc",), s3.endpoint_url)
    assert order.collection.source == source
    mounts.kill(point)
    (error,) = simstac.build(project).errors
    assert "is lost" in str(error)


def test_iris_reads_no_addresses(tmp_path):
    (tmp_path / "met.yaml").write_text(
        CONFIGURATION.replace("mnt one/in/*.pp", "s3://b/x.pp").replace("STORE", "site/data/x")
    )
    with pytest.raises(simstac.ConfigError, match="is an address, and Iris reads files"):
        simstac.load_project(tmp_path / "met.yaml")


def test_references_to_files_in_a_mount_lead_to_the_bucket(mounts, bucket, tmp_path, s3):
    s3.client().upload_file(str(SAMPLES / "SOI_Darwin.nc"), bucket, "cf/soi.nc")
    mounts.mount(f"{bucket}:/cf", tmp_path / "mnt one")
    text = CONFIGURATION.replace("    store: {url: STORE}\n", "").replace(
        "engine: iris, path: 'mnt one/in/*.pp'", "engine: cf, virtual: true, path: 'mnt one/*.nc'"
    )
    (tmp_path / "met.yaml").write_text(text + "    metadata: {bbox: [130.9, -12.4, 130.9, -12.4]}\n")
    report = simstac.build(simstac.load_project(tmp_path / "met.yaml"))
    assert report.ok, report.errors
    assert report.collections[0].statuses == ("referenced",)
    document = (tmp_path / "site/wind/wind-1/wind-1.json").read_text()
    assert f"s3://{bucket}/" in document
    assert "mnt one" not in document
