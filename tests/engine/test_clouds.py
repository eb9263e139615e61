"""Stores in Azure Blob Storage and Google Cloud Storage, by way of their emulators: written, described, opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pystac
import pytest
import xarray as xr
from tests import clouds

import simstac
from simstac.catalog import upsert_collection
from simstac.errors import StorageError
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import CatalogMetadata, Metadata
from simstac.stac.placement import Placement, Route
from simstac.stac.validate import validate_tree
from simstac.storage import Azure, Gcs, Stored, scheme_to_stac
from simstac.write import write

from .conftest import document, icechunk_asset, write_json
from .test_formats import virtual_store

pytestmark = [pytest.mark.requires("npm"), pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Cloud:
    """One of the two, with a public place and one that wants credentials, each of them empty."""

    public: str
    private: str
    endpoint: dict[str, str]
    credentials: dict[str, str]
    kind: str
    wanted: str

    def place(self, name: str, path: str, *, anonymous: bool) -> tuple[str, Azure | Gcs]:
        if "AZURE_STORAGE_ENDPOINT" in self.endpoint:
            scheme = Azure(account=clouds.ACCOUNT, container=name, anonymous=anonymous)
            return f"az://{clouds.ACCOUNT}/{name}/{path}", scheme
        return f"gs://{name}/{path}", Gcs(bucket=name, anonymous=anonymous)


@pytest.fixture(scope="module")
def blobs(cache_dir: Path) -> Iterator[clouds.Blobs]:
    with clouds.azurite(cache_dir) as server:
        yield server


@pytest.fixture(scope="module")
def buckets() -> Iterator[clouds.Buckets]:
    with clouds.google() as server:
        yield server


@pytest.fixture(params=["azure", "google"])
def cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud at the endpoint that the environment names, with no credentials yet and no metadata service."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    if request.param == "azure":
        blobs: clouds.Blobs = request.getfixturevalue("blobs")
        found = Cloud(
            blobs.make_container(public=True),
            blobs.make_container(),
            {"AZURE_STORAGE_ENDPOINT": blobs.endpoint, "IDENTITY_ENDPOINT": f"http://{clouds.UNREACHABLE}"},
            {"AZURE_STORAGE_ACCOUNT_KEY": blobs.key},
            "ms-azure, container",
            "AZURE_STORAGE_ACCOUNT_KEY",
        )
    else:
        buckets: clouds.Buckets = request.getfixturevalue("buckets")
        nowhere = {"GCE_METADATA_HOST": clouds.UNREACHABLE, "GCE_METADATA_ROOT": clouds.UNREACHABLE}
        found = Cloud(
            buckets.make_bucket(public=True),
            buckets.make_bucket(),
            {"GOOGLE_BASE_URL": buckets.endpoint, "GCE_METADATA_IP": clouds.UNREACHABLE, **nowhere},
            {"GOOGLE_APPLICATION_CREDENTIALS": str(buckets.credentials)},
            "gcs, bucket",
            "GOOGLE_APPLICATION_CREDENTIALS",
        )
    for name, value in found.endpoint.items():
        monkeypatch.setenv(name, value)
    return found


def grid() -> xr.Dataset:
    lat, lon = np.arange(-2.0, 3), np.arange(10.0, 16)
    field = np.arange(30.0).reshape(1, 5, 6)
    coords = {
        "time": ("time", np.array(["2020-01-01"], "datetime64[ns]")),
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    return xr.Dataset({"tas": (("time", "lat", "lon"), field, {"units": "K"})}, coords)


def described(folder: Path, stored: Stored, media_type: str) -> pystac.Asset:
    """The asset of a valid catalog, as it is read from its file."""
    placement = Placement(primary=Route(stored.href, stored.scheme), media_type=media_type)
    about = Metadata(id="grid", title="A grid", license="MIT", description="Made up.")
    for path, content in upsert_collection(
        lambda _: None, CatalogMetadata(id="c"), describe_dataset(grid(), stored, about, placement)
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content or b"")
    assert validate_tree(folder).findings == ()
    collection = pystac.Collection.from_file(str(folder / "grid/collection.json"))
    asset: pystac.Asset = next(asset for asset in collection.assets.values() if "data" in (asset.roles or ()))
    return asset


def write_plain(href: str, scheme: Azure | Gcs) -> Stored:
    from obstore.store import AzureStore, GCSStore
    from zarr.storage import ObjectStore

    prefix = href.removeprefix("az://").removeprefix("gs://").split("/", 2 if isinstance(scheme, Azure) else 1)[-1]
    if isinstance(scheme, Azure):
        options = {"account_name": scheme.account, "client_options": {"allow_http": True}}
        store: Any = AzureStore(scheme.container, prefix=prefix, **options)
    else:
        store = GCSStore(scheme.bucket, prefix=prefix, config={"base_url": os.environ["GOOGLE_BASE_URL"]})
    grid().to_zarr(ObjectStore(store), zarr_format=3, consolidated=False)
    return Stored(
        href=href, scheme=scheme, snapshot_id="", tag="", written_at=datetime(2026, 1, 1, tzinfo=UTC),
        fingerprint="", changed=True,
    )  # fmt: skip


@pytest.mark.parametrize("public", [True, False])
def test_what_is_written_there_opens_from_its_asset(
    cloud: Cloud, public: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = cloud.public if public else cloud.private
    for variable, value in cloud.credentials.items():
        monkeypatch.setenv(variable, value)
    href, scheme = cloud.place(name, "data/grid.icechunk", anonymous=public)
    stored = replace(write(grid(), href, scheme), scheme=scheme)
    plain = write_plain(*cloud.place(name, "data/grid.zarr", anonymous=public))
    if public:
        for variable in cloud.credentials:
            monkeypatch.delenv(variable)
    for store, media_type in ((stored, "application/vnd.zarr+icechunk"), (plain, "application/vnd.zarr")):
        asset = described(tmp_path / media_type.rpartition("+")[2], store, media_type)
        assert asset.href == store.href
        opened = xr.open_dataset(asset)
        assert opened.encoding["source"] == store.href
        xr.testing.assert_equal(opened.load(), grid())
        assert asset.owner is not None
        xr.testing.assert_equal(simstac.open(asset.owner)["tas"], grid()["tas"])


@pytest.mark.parametrize("cloud", ["google"], indirect=True)
@pytest.mark.parametrize("public", [True, False])
def test_chunks_of_a_virtual_store_lie_in_a_bucket(
    cloud: Cloud, buckets: clouds.Buckets, public: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of Azure are refused: Icechunk fetches none from there."""
    bucket, values = cloud.public if public else cloud.private, np.arange(4.0)
    buckets.put(bucket, "src/f.bin", values.tobytes())
    virtual_store(tmp_path / "v.icechunk", {"far": (f"gs://{bucket}/src/", icechunk.gcs_store())})
    assets = {
        "icechunk": icechunk_asset("./v.icechunk", roles=["data", "virtual"], **{"vrt:hrefs": [{"key": "far"}]}),
        "far": {"href": f"gs://{bucket}/src/", "roles": ["source"], "storage:refs": ["main"]},
    }
    del assets["icechunk"]["version"]
    schemes = {"storage:schemes": {"main": scheme_to_stac(Gcs(bucket=bucket, anonymous=public))}}
    path = write_json(tmp_path / "collection.json", document("Collection", "v", assets=assets, **schemes))
    if not public:
        for variable, value in cloud.credentials.items():
            monkeypatch.setenv(variable, value)
    assert simstac.open(path)["far"].values.tolist() == values.tolist()
    assert (buckets.seen[-1] == "") is public


def test_an_anonymous_scheme_gets_no_token(cloud: Cloud, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Though there are credentials in the environment; Azurite refuses a signature it does not know by itself."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in cloud.credentials.items():
            patch.setenv(variable, value)
        for media_type in ("application/vnd.zarr+icechunk", "application/vnd.zarr"):
            with pytest.raises(StorageError, match="anonymous as its scheme says"):
                xr.open_dataset(named(tmp_path, cloud, cloud.private, media_type, anonymous=True))
    if "GOOGLE_BASE_URL" in cloud.endpoint:
        assert {"", "Bearer"} == {said.partition(" ")[0] for said in request.getfixturevalue("buckets").seen}


@pytest.mark.parametrize("media_type", ["application/vnd.zarr+icechunk", "application/vnd.zarr"])
def test_what_cannot_be_opened_says_which_where_and_what_to_set(
    cloud: Cloud, media_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError) as denied:
        xr.open_dataset(named(tmp_path, cloud, cloud.private, media_type))
    assert f"({cloud.kind}" in str(denied.value)
    assert f": set {cloud.wanted}, " in str(denied.value)
    for variable, value in cloud.credentials.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(StorageError) as missing:
        xr.open_dataset(named(tmp_path, cloud, "none-of-this-name", media_type))
    assert f"check that there is {cloud.kind} 'none-of-this-name'" in str(missing.value)
    for caught, name in ((denied, cloud.private), (missing, "none-of-this-name")):
        assert str(caught.value).startswith("asset 'data' of Collection 'grid' (")
        assert cloud.place(name, "data/grid", anonymous=False)[0] in str(caught.value)
        assert "\n" not in str(caught.value)


def named(folder: Path, cloud: Cloud, name: str, media_type: str, *, anonymous: bool = False) -> pystac.Asset:
    """An asset that names a store that is not there."""
    href, scheme = cloud.place(name, "data/grid", anonymous=anonymous)
    asset = {"href": href, "type": media_type, "storage:refs": ["main"]}
    schemes = {"storage:schemes": {"main": scheme_to_stac(scheme)}}
    path = write_json(folder / "collection.json", document("Collection", "grid", assets={"data": asset}, **schemes))
    return pystac.Collection.from_file(str(path)).assets["data"]
