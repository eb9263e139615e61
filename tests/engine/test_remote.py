"""Opening over the network: S3 by both schemes, plain HTTP, alternates in order, and what is refused there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import icechunk
import pystac
import pytest
import xarray as xr

from simstac.browse import serve
from simstac.engine import open as open_stac
from simstac.errors import StorageError

from .conftest import Listener, document, icechunk_asset, link, study, write_json, write_study

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


def bucket_with_study(s3: SeaweedFS, *, public: bool = False) -> str:
    bucket = s3.make_bucket(public=public)
    storage = icechunk.s3_storage(
        bucket=bucket,
        prefix="stac/data/office.icechunk",
        region=s3.region,
        endpoint_url=s3.endpoint_url,
        allow_http=True,
        force_path_style=True,
        access_key_id=s3.access_key,
        secret_access_key=s3.secret_key,
    )
    write_study(storage)
    return bucket


@pytest.fixture(scope="module")
def bucket(seaweedfs: SeaweedFS) -> str:
    return bucket_with_study(seaweedfs)


def aws_scheme(bucket: str) -> dict[str, Any]:
    platform = "https://{bucket}.s3.{region}.amazonaws.com"
    return {"type": "aws-s3", "platform": platform, "bucket": bucket, "region": "us-east-1", "anonymous": False}


def custom_scheme(bucket: str, endpoint_url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "custom-s3", "platform": endpoint_url, "bucket": bucket, "region": "us-east-1", **fields}


def collection_on(href: str, scheme: dict[str, Any], **asset: Any) -> dict[str, Any]:
    assets = {"icechunk": icechunk_asset(href, **{"storage:refs": ["main"]}, **asset)}
    return document("Collection", "office", assets=assets, **{"storage:schemes": {"main": scheme}})


@pytest.fixture
def on_aws(bucket: str, tmp_path: Path) -> Path:
    href = f"s3://{bucket}/stac/data/office.icechunk"
    return write_json(tmp_path / "office" / "collection.json", collection_on(href, aws_scheme(bucket)))


def test_aws_s3_by_the_users_endpoint(s3: SeaweedFS, on_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    dataset = open_stac(on_aws)
    assert dataset["heating"].values.tolist() == [20.0, 40.0, 60.0]
    assert dataset.encoding["source"].startswith("s3://")
    asset = pystac.Collection.from_file(str(on_aws)).assets["icechunk"]
    xr.testing.assert_equal(xr.open_dataset(asset)["temperature"].load(), study()["temperature"])


def test_released_xpystac_alone_opens_aws_s3(s3: SeaweedFS, on_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    code = f"""
import sys
sys.modules["simstac"] = None  # nothing of simstac can be imported
import pystac, xarray as xr
asset = pystac.Collection.from_file({str(on_aws)!r}).assets["icechunk"]
print(xr.open_dataset(asset, engine="stac")["heating"].values.tolist())
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[20.0, 40.0, 60.0]", done.stderr


@pytest.mark.parametrize("by", ["trust", "SIMSTAC_TRUST", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_custom_s3_with_a_trusted_endpoint(
    s3: SeaweedFS, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    scheme = custom_scheme(bucket, s3.endpoint_url)
    document = collection_on(f"s3://{bucket}/stac/data/office.icechunk", scheme)
    path = write_json(tmp_path / "collection.json", document)
    trust = [f"{s3.endpoint_url}/"] if by == "trust" else []
    if by != "trust":
        monkeypatch.setenv(by, s3.endpoint_url)
    assert open_stac(path, trust=trust)["heating"].values.tolist() == [20.0, 40.0, 60.0]


def test_custom_s3_that_only_the_catalog_names_is_read_anonymously(s3: SeaweedFS, bucket: str, tmp_path: Path) -> None:
    href = f"s3://{bucket}/stac/data/office.icechunk"
    path = write_json(tmp_path / "collection.json", collection_on(href, custom_scheme(bucket, s3.endpoint_url)))
    with pytest.raises(StorageError) as caught:
        open_stac(path)
    message = str(caught.value)
    assert "\n" not in message
    assert f"asset 'icechunk' of Collection 'office' ({path}): no route leads to its store: {href}: " in message
    assert f"because only the catalog names {s3.endpoint_url}: pass trust=['{s3.endpoint_url}']" in message


def test_a_public_bucket_needs_no_trust(seaweedfs: SeaweedFS, tmp_path: Path) -> None:
    bucket = bucket_with_study(seaweedfs, public=True)
    scheme = custom_scheme(bucket, seaweedfs.endpoint_url, anonymous=True)
    path = write_json(tmp_path / "collection.json", collection_on(f"s3://{bucket}/stac/data/office.icechunk", scheme))
    assert open_stac(path)["heating"].values.tolist() == [20.0, 40.0, 60.0]


def test_missing_credentials_are_named(seaweedfs: SeaweedFS, on_aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint_url)
    with pytest.raises(StorageError, match=r"aws-s3 in us-east-1, bucket '\S+': set AWS_ACCESS_KEY_ID and "):
        open_stac(on_aws)


def test_schemes_of_the_collection_serve_its_items(
    s3: SeaweedFS, bucket: str, on_aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    item = document("Item", "run-0002", [link("collection", "../collection.json")], collection="office")
    item["properties"]["sim:run_id"] = "run-0002"
    href = f"s3://{bucket}/stac/data/office.icechunk"
    item["assets"] = {"icechunk": icechunk_asset(href, **{"storage:refs": ["main"]})}
    path = write_json(on_aws.parent / "run-0002" / "run-0002.json", item)
    assert open_stac(path)["heating"].item() == 40.0


def test_the_whole_site_over_http(site: Path) -> None:
    with serve(site) as server:
        dataset = open_stac(f"{server.url}/catalog.json", item="run-0003")
        assert dataset.encoding["source"] == f"{server.url}/data/office.icechunk"
        xr.testing.assert_equal(dataset["temperature"].load(), study()["temperature"].sel(run="run-0003"))
        assert open_stac(f"{server.url}/catalog.json", version="1.0.0")["heating"].values[0] == 10.0
        item = pystac.Item.from_file(f"{server.url}/office/run-0001/run-0001.json")
        assert xr.open_datatree(item)["monthly"]["electricity"].values.tolist() == [0.0, 1.0]


def test_a_published_self_link_does_not_hide_where_it_was_read(tmp_path: Path, site: Path) -> None:
    (tmp_path / "data").symlink_to(site / "data")
    links = [link("self", "https://data.example.org/stac/office/collection.json")]
    assets = {"icechunk": icechunk_asset("../data/office.icechunk")}
    write_json(tmp_path / "catalog.json", document("Catalog", "c"))
    path = write_json(tmp_path / "office" / "collection.json", document("Collection", "office", links, assets=assets))
    assert open_stac(path).encoding["source"] == str(tmp_path / "data" / "office.icechunk")
    assert xr.open_dataset(pystac.read_file(str(path)))["heating"].values[0] == 20.0


def test_alternates_are_tried_in_order_and_the_error_lists_them(
    s3: SeaweedFS, bucket: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    alternates = {
        "s3": {"href": f"s3://{bucket}/absent.icechunk", "storage:refs": ["main"]},
        "web": {"href": "http://127.0.0.1:9/office.icechunk"},
    }
    collection = collection_on("http://127.0.0.1:9/x.icechunk", aws_scheme(bucket), alternate=alternates)
    path = write_json(tmp_path / "collection.json", collection)
    with pytest.raises(StorageError) as caught:
        open_stac(path)
    routes = str(caught.value).partition("no route leads to its store: ")[2].split(" | ")
    assert [route.partition(": ")[0] for route in routes] == [
        "http://127.0.0.1:9/x.icechunk",
        f"s3://{bucket}/absent.icechunk (s3)",
        "http://127.0.0.1:9/office.icechunk (web)",
    ]
    assert "cannot be reached" in routes[0]
    assert "the repository doesn't exist" in routes[1]
    alternates["s3"]["href"] = f"s3://{bucket}/stac/data/office.icechunk"
    write_json(path, collection)
    assert open_stac(path).encoding["source"] == alternates["s3"]["href"]


def test_documents_do_not_redirect(listener: Callable[..., Listener], site: Path) -> None:
    with serve(site) as server:
        moved = listener(302, {"Location": f"{server.url}{{path}}"})
        for start in (f"{moved.url}/catalog.json", f"{moved.url}/office/collection.json"):
            with pytest.raises(StorageError, match=rf"redirects to {server.url}/.*; open that address yourself"):
                open_stac(start)


def test_stores_do_not_redirect(listener: Callable[..., Listener], site: Path, tmp_path: Path) -> None:
    with serve(site) as server:
        moved = listener(307, {"Location": f"{server.url}{{path}}"})
        for asset in (
            icechunk_asset(f"{moved.url}/data/office.icechunk"),
            {"href": f"{moved.url}/data/x.zarr", "type": "application/vnd.zarr"},
        ):
            path = write_json(tmp_path / "collection.json", document("Collection", "c", assets={"data": asset}))
            with pytest.raises(StorageError, match=rf"redirects to {server.url}"):
                open_stac(path)


def test_a_remote_catalog_leads_to_no_local_path(listener: Callable[..., Listener], site: Path) -> None:
    store = site / "data" / "office.icechunk"
    for href in (f"file://{store}", f"file://localhost{store}"):
        remote = listener(
            200, body=json.dumps(document("Collection", "c", assets={"i": icechunk_asset(href)})).encode()
        )
        with pytest.raises(StorageError, match="may not name a path of this machine"):
            open_stac(f"{remote.url}/collection.json")
    remote = listener(
        200, body=json.dumps(document("Collection", "c", assets={"i": icechunk_asset(str(store))})).encode()
    )
    with pytest.raises(StorageError, match="its host ignores the Range header"):
        open_stac(f"{remote.url}/collection.json")
    child = document("Catalog", "c", [link("child", (site / "office" / "collection.json").as_uri())])
    remote = listener(200, body=json.dumps(child).encode())
    with pytest.raises(StorageError, match="leads to the local path"):
        open_stac(f"{remote.url}/catalog.json")


def test_a_remote_store_takes_no_chunks_from_this_machine(listener: Callable[..., Listener], tmp_path: Path) -> None:
    source = {"href": tmp_path.as_uri(), "roles": ["source"]}
    asset = icechunk_asset("./v.icechunk", **{"vrt:hrefs": [{"key": "source"}]})
    collection = document("Collection", "c", assets={"icechunk": asset, "source": source})
    remote = listener(200, body=json.dumps(collection).encode())
    with pytest.raises(StorageError, match="may not name a path of this machine"):
        open_stac(f"{remote.url}/collection.json")


def test_a_relative_path_of_an_unknown_document_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(site / "office")
    content = json.loads((site / "office" / "collection.json").read_text()) | {"links": []}
    collection = pystac.Collection.from_dict(content)
    with pytest.raises(StorageError, match="nobody knows what this path is relative to"):
        xr.open_dataset(collection)


def test_a_host_that_ignores_range_is_named(listener: Callable[..., Listener], tmp_path: Path) -> None:
    host = listener(200, body=b"the whole object")
    asset = icechunk_asset(f"{host.url}/office.icechunk")
    path = write_json(tmp_path / "collection.json", document("Collection", "c", assets={"i": asset}))
    with pytest.raises(StorageError, match="its host ignores the Range header"):
        open_stac(path)
