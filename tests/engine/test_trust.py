"""A hostile catalog sees no credential, whichever field it bends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import icechunk
import pystac
import pytest
import xarray as xr
import zarr

from simstac.engine import open as open_stac
from simstac.engine.trust import ambient_allowed, origin, trusted_endpoints
from simstac.errors import StorageError
from simstac.storage import AZURE_PLATFORM, AwsS3, Azure, CustomS3, Gcs, Http, LocalPath, scheme_from_stac

from .conftest import Listener, document, icechunk_asset, link, write_json

KEY, SECRET, TOKEN = "AKIAVICTIMSKEY", "victims-secret", "victims-token"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)


def assert_saw_requests_without_credentials(listener: Listener) -> None:
    assert listener.requests
    assert not [word for word in (KEY, SECRET, TOKEN, "authorization") if word.lower() in listener.seen.lower()]


def hostile(tmp_path: Path, href: str, scheme: dict[str, Any] | None, **asset: Any) -> Path:
    fields = {"storage:refs": ["s"], **asset} if scheme else asset
    schemes = {"storage:schemes": {"s": scheme}} if scheme else {}
    assets = {"data": icechunk_asset(href) | fields}
    return write_json(tmp_path / "collection.json", document("Collection", "hostile", assets=assets, **schemes))


def test_the_root_that_a_document_names_is_not_fetched(
    site: Path, tmp_path: Path, listener: Callable[..., Listener]
) -> None:
    server = listener(403)
    assets = {"icechunk": icechunk_asset(str(site / "data" / "office.icechunk"))}
    content = document("Collection", "office", [link("root", f"{server.url}/catalog.json")], assets=assets)
    path = write_json(tmp_path / "collection.json", content)
    assert open_stac(path).sizes["run"] == 3
    assert not server.requests


@pytest.mark.parametrize(
    "media_type", ["application/vnd.zarr+icechunk", "application/x-icechunk", "application/vnd.zarr"]
)
def test_custom_s3_sees_no_credential(tmp_path: Path, listener: Callable[..., Listener], media_type: str) -> None:
    server = listener(403)
    scheme = {
        "type": "custom-s3",
        "platform": server.url,
        "bucket": "bucket",
        "region": "us-east-1",
        "anonymous": False,
    }
    path = hostile(tmp_path, "s3://bucket/x", scheme, type=media_type)
    with pytest.raises(StorageError, match=r"only the catalog names http://127\.0\.0\.1"):
        open_stac(path)
    assert_saw_requests_without_credentials(server)


def test_the_listener_would_have_seen_a_credential(tmp_path: Path, listener: Callable[..., Listener]) -> None:
    server = listener(403)
    scheme = {"type": "custom-s3", "platform": server.url, "bucket": "bucket", "region": "us-east-1"}
    for media_type in ("application/vnd.zarr+icechunk", "application/vnd.zarr"):
        server.requests.clear()
        with pytest.raises(StorageError):
            open_stac(hostile(tmp_path, "s3://bucket/x", scheme, type=media_type), trust=[server.url])
        assert KEY in server.seen


def test_storage_options_of_an_asset_see_no_credential(tmp_path: Path, listener: Callable[..., Listener]) -> None:
    server = listener(403)
    for options in ({"endpoint_url": server.url}, {"client_kwargs": {"endpoint_url": server.url}}):
        server.requests.clear()
        with pytest.raises(StorageError):
            open_stac(hostile(tmp_path, "s3://bucket/x", None, **{"xarray:storage_options": options}))
        assert_saw_requests_without_credentials(server)


def test_http_and_documents_see_no_credential(tmp_path: Path, listener: Callable[..., Listener]) -> None:
    server = listener(404)
    with pytest.raises(StorageError):
        open_stac(f"{server.url}/catalog.json")
    for media_type in ("application/vnd.zarr+icechunk", "application/vnd.zarr"):
        with pytest.raises(StorageError):
            open_stac(hostile(tmp_path, f"{server.url}/x", None, type=media_type))
    assert_saw_requests_without_credentials(server)


def bait(tmp_path: Path, endpoint_url: str) -> None:
    """A local store whose own configuration sends the chunks of ``s3://victim/data/`` to an endpoint."""
    store = icechunk.s3_store(
        region="us-east-1", endpoint_url=endpoint_url, allow_http=True, force_path_style=True, s3_compatible=True
    )
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer("s3://victim/data/", store, name="bait"))
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "v.icechunk")), config)
    repository.save_config()
    session = repository.writable_session("main")
    zarr.create_group(session.store).create_array(
        "x", shape=(4,), chunks=(4,), dtype="f8", compressors=None, dimension_names=["i"]
    )
    session.store.set_virtual_ref("x/c/0", "vcc://bait/f.bin", offset=0, length=32, validate_container=False)
    session.commit("bait")


def open_virtual(tmp_path: Path, prefixes: list[str], schemes: dict[str, dict[str, Any]]) -> xr.Dataset:
    sources = {f"source-{i}": {"href": name, "storage:refs": [name.split("/")[2]]} for i, name in enumerate(prefixes)}
    asset = icechunk_asset("./v.icechunk", **{"vrt:hrefs": [{"key": key} for key in sources]}) | {"version": "main"}
    assets = {"icechunk": asset, **sources}
    collection = document("Collection", "hostile", assets=assets, **{"storage:schemes": schemes})
    return open_stac(write_json(tmp_path / "collection.json", collection))


@pytest.mark.parametrize("names", [["s3://victim/data/"], ["s3://victim/"], ["s3://victim/data/", "s3://other/"]])
def test_virtual_chunks_see_no_credential(tmp_path: Path, listener: Callable[..., Listener], names: list[str]) -> None:
    server = listener(403)
    bait(tmp_path, server.url)
    scheme = {"type": "custom-s3", "platform": server.url, "region": "us-east-1"}
    schemes = {name: scheme | {"bucket": name} for name in ("victim", "other")}
    with pytest.raises(icechunk.IcechunkError):
        open_virtual(tmp_path, names, schemes).load()
    assert_saw_requests_without_credentials(server)


def test_the_stores_own_endpoint_is_not_believed(
    tmp_path: Path, listener: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document says Amazon (here: the user's endpoint), the store says the hostile one: only Amazon is asked."""
    server, amazon = listener(403), listener(403)
    monkeypatch.setenv("AWS_ENDPOINT_URL", amazon.url)
    bait(tmp_path, server.url)
    schemes = {"victim": {"type": "aws-s3", "bucket": "victim", "region": "us-east-1"}}
    with pytest.raises(icechunk.IcechunkError):
        open_virtual(tmp_path, ["s3://victim/data/"], schemes).load()
    assert not server.requests
    assert KEY in amazon.seen


def test_chunks_that_no_document_declares_are_not_fetched(tmp_path: Path, listener: Callable[..., Listener]) -> None:
    server = listener(200, body=b"\0" * 32)
    config = icechunk.RepositoryConfig.default()
    prefix = f"{server.url}/data/"
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, icechunk.http_store()))
    config.set_virtual_chunk_container(
        icechunk.VirtualChunkContainer(f"file://{tmp_path}/", icechunk.local_filesystem_store(str(tmp_path)))
    )
    (tmp_path / "private.bin").write_bytes(b"\0" * 32)
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "v.icechunk")), config)
    repository.save_config()
    session = repository.writable_session("main")
    group = zarr.create_group(session.store)
    for name, location in (("web", f"{prefix}f.bin"), ("file", f"file://{tmp_path}/private.bin")):
        group.create_array(name, shape=(4,), chunks=(4,), dtype="f8", compressors=None, dimension_names=["i"])
        session.store.set_virtual_ref(f"{name}/c/0", location, offset=0, length=32, validate_container=False)
    session.commit("bait")
    asset = icechunk_asset("./v.icechunk")
    del asset["version"]
    path = write_json(tmp_path / "collection.json", document("Collection", "c", assets={"icechunk": asset}))
    dataset = open_stac(path)
    for name in ("web", "file"):
        with pytest.raises(icechunk.IcechunkError, match="authorize the virtual chunk"):
            dataset[name].load()
    assert not server.requests


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        (AwsS3(bucket="b" * 3, region="x.evil.example/"), "region"),
        (AwsS3(bucket="b" * 3, region="us-east-1@evil.example"), "region"),
        (AwsS3(bucket="evil.example/b", region="us-east-1"), "bucket"),
        (CustomS3(bucket="../b", endpoint_url="https://s3.example.org"), "bucket"),
        (Gcs(bucket="b?x"), "bucket"),
        (Azure(account="evil.example/", container="c" * 3), "account"),
        (Azure(account="account", container="a/b"), "container"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(scheme: Any, name: str) -> None:
    with pytest.raises(StorageError, match=f"is not the name of a {name}"):
        ambient_allowed(scheme, frozenset())


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "gcs", "platform": "https://storage.googleapis.com", "bucket": "bucket"},
        {"type": "ms-azure", "platform": AZURE_PLATFORM, "account": "account", "container": "container"},
    ],
)
def test_the_platform_that_a_scheme_of_google_or_azure_names_is_not_asked(entry: dict[str, Any]) -> None:
    """Their addresses are known, or come from the user's environment."""
    assert scheme_from_stac({**entry, "platform": "https://evil.example/{account}"}) == scheme_from_stac(entry)


def test_only_the_clouds_themselves_and_named_endpoints_get_credentials() -> None:
    trusted = trusted_endpoints(
        ["https://S3.example.org:443/path"], {"SIMSTAC_TRUST": "http://a.example:9, http://b.example"}
    )
    assert trusted == {"https://s3.example.org", "http://a.example:9", "http://b.example"}
    for endpoint, expected in {
        "https://s3.example.org": True,
        "https://s3.example.org/": True,
        "http://s3.example.org": False,
        "https://s3.example.org:8443": False,
        "https://s3.example.org.evil.example": False,
        "http://a.example:9": True,
        "http://b.example:80": True,
    }.items():
        assert ambient_allowed(CustomS3(bucket="bucket", endpoint_url=endpoint), trusted) is expected, endpoint
    assert ambient_allowed(AwsS3(bucket="bucket", region="eu-central-1"), frozenset())
    assert ambient_allowed(Gcs(bucket="bucket"), frozenset())
    assert ambient_allowed(Azure(account="account", container="container"), frozenset())
    assert not ambient_allowed(Http(), trusted)
    assert not ambient_allowed(LocalPath(), trusted)


def test_the_users_aws_endpoint_is_trusted() -> None:
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:8333", "AWS_ENDPOINT_URL_S3": "https://minio.example.org/"}
    assert trusted_endpoints((), environment) == {"http://127.0.0.1:8333", "https://minio.example.org"}
    assert trusted_endpoints("http://127.0.0.1:1", {}) == {"http://127.0.0.1:1"}


@pytest.mark.parametrize("url", ["ftp://x", "minio.example.org", "https://", "https://user:key@host", "file:///x"])
def test_an_endpoint_is_a_plain_url(url: str) -> None:
    with pytest.raises(StorageError, match="is not the address of an endpoint"):
        origin(url)


def test_a_tree_is_opened_with_the_same_care(tmp_path: Path, listener: Callable[..., Listener]) -> None:
    server = listener(403)
    scheme = {"type": "custom-s3", "platform": server.url, "bucket": "bucket", "region": "us-east-1"}
    path = hostile(tmp_path, "s3://bucket/x", scheme)
    with pytest.raises(StorageError):
        xr.open_datatree(pystac.Collection.from_file(str(path)))
    assert_saw_requests_without_credentials(server)
