"""Plain Zarr, virtual stores, and documents as others publish them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import icechunk
import numpy as np
import pystac
import pytest
import xarray as xr
import zarr

from simstac.browse import serve
from simstac.engine import open as open_stac
from simstac.engine.routes import asset_routes, resolve_scheme
from simstac.errors import StorageError
from simstac.storage import AwsS3, Azure, CustomS3, Gcs, Http

from .conftest import document, icechunk_asset, study, write_json, write_study

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


def grid() -> xr.Dataset:
    return xr.Dataset({"t": (("y", "x"), np.arange(6.0).reshape(2, 3))}, {"x": [1, 2, 3]})


def zarr_collection(folder: Path, href: str, media_type: str = "application/vnd.zarr", **fields: Any) -> Path:
    asset = {"href": href, "type": media_type, "roles": ["data"], **fields}
    return write_json(folder / "collection.json", document("Collection", "grid", assets={"data": asset}))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "media_type", ["application/vnd.zarr", "application/vnd.zarr; version={}", "application/vnd+zarr"]
)
@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
def test_plain_zarr_on_disk_and_over_http(tmp_path: Path, zarr_format: int, media_type: str) -> None:
    grid().to_zarr(tmp_path / "grid.zarr", zarr_format=zarr_format, consolidated=True)
    path = zarr_collection(tmp_path, "./grid.zarr", media_type.format(zarr_format), **{"zarr:zarr_format": zarr_format})
    xr.testing.assert_identical(open_stac(path).load(), grid())
    with serve(tmp_path) as server:
        dataset = open_stac(f"{server.url}/collection.json")
        xr.testing.assert_identical(dataset.load(), grid())
        assert dataset.encoding["source"] == f"{server.url}/grid.zarr"


def test_zarr_without_consolidated_metadata(tmp_path: Path) -> None:
    grid().to_zarr(tmp_path / "grid.zarr", zarr_format=3, consolidated=False)
    path = zarr_collection(tmp_path, "./grid.zarr", **{"zarr:consolidated": False, "zarr:zarr_format": 3})
    xr.testing.assert_identical(open_stac(path).load(), grid())


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
def test_plain_zarr_in_s3(s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.make_bucket()
    grid().to_zarr(tmp_path / "grid.zarr", zarr_format=3, consolidated=True)
    client = s3.client()
    for file in (tmp_path / "grid.zarr").rglob("*"):
        if file.is_file():
            client.put_object(Bucket=bucket, Key=file.relative_to(tmp_path).as_posix(), Body=file.read_bytes())
    schemes = {
        "custom": {"type": "custom-s3", "platform": s3.endpoint_url, "bucket": bucket, "region": "us-east-1"},
        "aws": {"type": "aws-s3", "bucket": bucket, "region": "us-east-1"},
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    for name in schemes:
        asset = {"href": f"s3://{bucket}/grid.zarr", "type": "application/vnd.zarr", "storage:refs": [name]}
        collection = document("Collection", "grid", assets={"data": asset}, **{"storage:schemes": schemes})
        xr.testing.assert_identical(open_stac(write_json(tmp_path / "collection.json", collection)).load(), grid())


def virtual_store(path: Path, sources: dict[str, tuple[str, icechunk.ObjectStoreConfig]]) -> None:
    """A store with one array per source, each a virtual chunk ``f.bin`` of 32 bytes below the source's prefix."""
    config = icechunk.RepositoryConfig.default()
    for name, (prefix, store) in sources.items():
        config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, store, name=name))
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path)), config)
    repository.save_config()
    session = repository.writable_session("main")
    group = zarr.create_group(session.store)
    for name, (prefix, _) in sources.items():
        group.create_array(name, shape=(4,), chunks=(4,), dtype="f8", compressors=None, dimension_names=["i"])
        location = f"{prefix}f.bin" if name == "web" else f"vcc://{name}/f.bin"
        session.store.set_virtual_ref(f"{name}/c/0", location, offset=0, length=32, validate_container=False)
    session.commit("virtual")


def test_virtual_store_with_several_containers(s3: SeaweedFS, tmp_path: Path) -> None:
    values = {name: np.arange(4.0) + i for i, name in enumerate(("s3", "web", "files"))}
    bucket = s3.make_bucket()
    s3.client().put_object(Bucket=bucket, Key="src/f.bin", Body=values["s3"].tobytes())
    for name in ("web", "files"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.bin").write_bytes(values[name].tobytes())
    write_json(tmp_path / "catalog.json", document("Catalog", "c"))
    with serve(tmp_path) as server:
        compatible = icechunk.s3_store(
            region="us-east-1", endpoint_url=s3.endpoint_url, allow_http=True, force_path_style=True, s3_compatible=True
        )
        sources: dict[str, Any] = {
            "s3": (f"s3://{bucket}/src/", compatible),
            "web": (f"{server.url}/web/", icechunk.http_store()),
            "files": (f"file://{tmp_path}/files/", icechunk.local_filesystem_store(f"{tmp_path}/files/")),
        }
        virtual_store(tmp_path / "v.icechunk", sources)
        hrefs = [{"key": name, "href": f"./collection.json#/assets/{name}"} for name in sources]
        assets: dict[str, Any] = {name: {"href": prefix, "roles": ["source"]} for name, (prefix, _) in sources.items()}
        assets["s3"]["storage:refs"] = ["main"]
        assets["icechunk"] = icechunk_asset("./v.icechunk", roles=["data", "virtual"], **{"vrt:hrefs": hrefs})
        del assets["icechunk"]["version"]
        scheme = {"type": "custom-s3", "platform": s3.endpoint_url, "bucket": bucket, "region": "us-east-1"}
        collection = document("Collection", "v", assets=assets, **{"storage:schemes": {"main": scheme}})
        path = write_json(tmp_path / "collection.json", collection)
        dataset = open_stac(path, trust=s3.endpoint_url).load()
        assert {name: dataset[name].values.tolist() for name in values} == {k: v.tolist() for k, v in values.items()}
        del assets["files"]
        write_json(path, collection)
        with pytest.raises(StorageError, match="its virtual chunks come from the asset 'files', which is not there"):
            open_stac(path)


def test_virtual_chunk_containers_as_dynamical_org_lists_them(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "f.bin").write_bytes(np.arange(4.0).tobytes())
    write_json(tmp_path / "catalog.json", document("Catalog", "c"))
    with serve(tmp_path) as server:
        virtual_store(tmp_path / "v.icechunk", {"web": (f"{server.url}/web/", icechunk.http_store())})
        listed = [{"url_prefix": f"{server.url}/web/", "credentials": {"type": "http"}}]
        asset = {"href": "./v.icechunk", "type": "application/x-icechunk", "icechunk:virtual_chunk_containers": listed}
        path = write_json(tmp_path / "collection.json", document("Collection", "v", assets={"icechunk": asset}))
        assert open_stac(path)["web"].values.tolist() == [0.0, 1.0, 2.0, 3.0]
        listed[0]["url_prefix"] = f"file://{tmp_path}/web/"
        write_json(path, document("Collection", "v", assets={"icechunk": asset}))
        with pytest.raises(StorageError, match="may not name a local path as a source of chunks"):
            open_stac(path)


def test_a_collection_as_dynamical_org_publishes_it(
    s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two assets, one store: the S3 one with ``xarray:storage_options`` is taken, ``icechunk-https`` by its key."""
    bucket = s3.make_bucket(public=True)
    storage = icechunk.s3_storage(
        bucket=bucket, prefix="v1.icechunk/", endpoint_url=s3.endpoint_url, region="us-east-1", allow_http=True,
        force_path_style=True, access_key_id=s3.access_key, secret_access_key=s3.secret_key,
    )  # fmt: skip
    write_study(storage)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    options = {"anon": True, "client_kwargs": {"region_name": "us-west-2"}}
    assets = {
        "icechunk": {
            "href": f"s3://{bucket}/v1.icechunk/",
            "type": "application/x-icechunk",
            "roles": ["data"],
            "xarray:open_kwargs": {"engine": "zarr"},
            "xarray:storage_options": options,
        },
        "icechunk-https": {
            "href": f"{s3.endpoint_url}/{bucket}/v1.icechunk",
            "type": "application/x-icechunk",
            "roles": ["data"],
            "xarray:open_kwargs": {"engine": "zarr"},
        },
    }
    path = write_json(tmp_path / "collection.json", document("Collection", "noaa", assets=assets, version="0.2.7"))
    assert open_stac(path)["heating"].values.tolist() == [20.0, 40.0, 60.0]
    over_http = open_stac(path, asset="icechunk-https")
    xr.testing.assert_equal(over_http["temperature"].load(), study()["temperature"])


def test_an_item_as_cloudify_publishes_it(s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schemes at the top level without platform, the snapshot in the asset's key, every scheme referred to."""
    bucket = s3.make_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    storage = icechunk.s3_storage(bucket=bucket, prefix="esm/", region="us-east-1", from_env=True)
    written = write_study(storage)
    schemes = {
        "aws-s3-other": {"type": "aws-s3", "bucket": "other", "region": "us-east-1"},
        f"aws-s3-{bucket}": {"type": "aws-s3", "bucket": bucket, "region": "us-east-1", "anonymous": False},
    }
    item = document("Item", "esm", **{"storage:schemes": schemes})
    asset = icechunk_asset(f"s3://{bucket}/esm/", version=written.first, roles=["data", "references", "latest-version"])
    item["assets"] = {f"esm@{written.first}": asset | {"storage:refs": list(schemes)}}
    path = write_json(tmp_path / "esm.json", item)
    assert open_stac(path)["heating"].values.tolist() == [10.0, 20.0, 30.0]


def test_the_examples_of_xpystac_have_schemes_on_the_collection(tmp_path: Path) -> None:
    """An aws-s3 scheme, ``version`` naming a branch, and one virtual source given by key alone."""
    fields = {"version": "main", "storage:refs": ["aws"], "vrt:hrefs": [{"key": "source"}]}
    asset = pystac.Asset("s3://bucket/repo/", media_type="application/vnd.zarr+icechunk", extra_fields=fields)
    schemes = {"aws": {"type": "aws-s3", "bucket": "bucket", "region": "us-west-2", "anonymous": True}}
    (route,) = asset_routes(asset, schemes)
    assert route.scheme == AwsS3(bucket="bucket", region="us-west-2", anonymous=True)


SCHEMES = {
    "aws": {"type": "aws-s3", "bucket": "b", "region": "eu-west-1", "requester_pays": True},
    "r2": {"type": "custom-s3", "platform": "https://r2.test", "bucket": "b", "region": "auto"},
    "do": {"type": "custom-s3", "platform": "https://{bucket}.{region}.do.test", "region": "n1"},
    "gcs": {"type": "gcs", "bucket": "b", "anonymous": True},
    "azure": {"type": "ms-azure", "account": "a", "container": "c"},
}


@pytest.mark.parametrize(
    ("href", "fields", "expected"),
    [
        ("s3://b/k", {"storage:refs": ["aws"]}, AwsS3(bucket="b", region="eu-west-1", requester_pays=True)),
        ("s3://b/k", {"storage:refs": ["r2"]}, CustomS3(bucket="b", endpoint_url="https://r2.test", region="auto")),
        ("s3://b/k", {"storage:refs": ["do"]}, CustomS3(bucket="b", endpoint_url="https://n1.do.test", region="n1")),
        ("gs://b/k", {"storage:refs": ["gcs"]}, Gcs(bucket="b", anonymous=True)),
        ("az://a/c/k", {"storage:refs": ["azure"]}, Azure(account="a", container="c")),
        ("https://h/k", {"storage:refs": ["aws"]}, Http()),
        ("s3://b/k", {}, AwsS3(bucket="b", region="eu-north-1")),
        ("s3://b/k", {"storage:region": "us-west-2"}, AwsS3(bucket="b", region="us-west-2")),
        ("gs://b/k", {}, Gcs(bucket="b")),
    ],
)  # fmt: skip
def test_schemes(href: str, fields: dict[str, Any], expected: object) -> None:
    assert resolve_scheme(href, fields, SCHEMES, {"AWS_REGION": "eu-north-1"}) == expected


@pytest.mark.parametrize(
    ("href", "ref", "problem"),
    [
        ("s3://b/k", "absent", "refers to the storage scheme 'absent', which no document declares"),
        ("s3://other/k", "aws", "its storage scheme names another bucket, 'b'"),
        ("s3://b/k", "bare", "a scheme of type custom-s3 lacks 'platform'"),
        ("s3://b/k", "odd", "type 'tape' is not known"),
    ],
)
def test_schemes_that_cannot_be_used(tmp_path: Path, href: str, ref: str, problem: str) -> None:
    schemes = SCHEMES | {"bare": {"type": "custom-s3"}, "odd": {"type": "tape"}}
    assets = {"icechunk": icechunk_asset(href, **{"storage:refs": [ref]})}
    collection = document("Collection", "c", assets=assets, **{"storage:schemes": schemes})
    with pytest.raises(StorageError, match=problem):
        open_stac(write_json(tmp_path / "collection.json", collection))
