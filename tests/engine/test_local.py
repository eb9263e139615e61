"""Opening what lies on the local disk: every kind of object, the run of an item, versions, groups and decoding."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pystac
import pytest
import xarray as xr

from simstac.engine import SimstacBackend
from simstac.engine import open as open_stac
from simstac.errors import InvalidDocumentError, StorageError

from .conftest import Written, document, icechunk_asset, link, study, write_json


def doubled() -> xr.Dataset:
    dataset = study()
    dataset["heating"] = dataset["heating"] * 2
    return dataset


def test_collection_and_asset_open_the_whole_store(site: Path) -> None:
    collection = pystac.Collection.from_file(str(site / "office" / "collection.json"))
    for obj in (collection, collection.assets["icechunk"]):
        xr.testing.assert_equal(xr.open_dataset(obj).load(), doubled())


def test_item_opens_as_its_run(site: Path) -> None:
    item = pystac.Item.from_file(str(site / "office" / "run-0002" / "run-0002.json"))
    xr.testing.assert_equal(xr.open_dataset(item).load(), doubled().sel(run="run-0002"))
    assert xr.open_dataset(item.assets["icechunk"]).sizes["run"] == 3


def test_datatree_has_every_group_and_selects_the_run_in_each(site: Path) -> None:
    item = pystac.Item.from_file(str(site / "office" / "run-0003" / "run-0003.json"))
    tree = xr.open_datatree(item)
    assert tree.groups == ("/", "/monthly")
    assert tree["monthly"]["electricity"].values.tolist() == [4.0, 5.0]
    assert tree["heating"].item() == 60.0
    whole = xr.open_datatree(item.assets["icechunk"])
    assert whole["monthly"]["electricity"].shape == (3, 2)


def test_variables_come_in_the_order_of_their_names_each_time(tmp_path: Path) -> None:
    names = [f"v{number}" for number in (3, 10, 1, 7, 5, 2, 9, 8, 6, 4)]
    data = xr.Dataset({name: ("x", [1.0, 2.0]) for name in names}, {"x": [1, 2], "b": ("x", [3, 4]), "a": 1})
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "many.icechunk")))
    session = repository.writable_session("main")
    data.to_zarr(session.store, consolidated=False)
    repository.create_tag("1", snapshot_id=session.commit("many"))
    asset = pystac.Asset.from_dict(icechunk_asset(str(tmp_path / "many.icechunk"), version="1"))
    for opened in (xr.open_dataset(asset), xr.open_datatree(asset).to_dataset()):
        assert (list(opened.data_vars), list(opened.coords)) == (sorted(names), ["a", "b", "x"])
        xr.testing.assert_identical(opened.load(), data)


@pytest.mark.parametrize("start", ["", "catalog.json", "office/collection.json", "office"])
def test_open_finds_an_item_below(site: Path, start: str) -> None:
    dataset = open_stac(site / start, item="run-0002")
    assert dataset["heating"].item() == 40.0
    assert dataset.encoding["source"] == str(site / "data" / "office.icechunk")


def test_a_path_may_have_a_colon_or_be_a_file_url(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(site, tmp_path / "run:1")
    monkeypatch.chdir(tmp_path)
    for start in ("run:1/office/collection.json", (tmp_path / "run:1/office/collection.json").as_uri()):
        xr.testing.assert_equal(open_stac(start).load(), doubled())


def test_open_takes_a_catalog_of_one_child_and_pystac_objects(site: Path) -> None:
    assert open_stac(str(site / "catalog.json")).sizes["run"] == 3
    assert open_stac(pystac.read_file(str(site / "catalog.json")), item="run-0001")["heating"].item() == 20.0


def test_version_by_tag_snapshot_and_branch(written_site: tuple[Path, Written]) -> None:
    site, written = written_site
    collection = site / "office" / "collection.json"
    for version, heating in (("1.0.0", 10.0), (written.first, 10.0), ("main", 20.0), (written.second, 20.0)):
        assert open_stac(collection, version=version)["heating"].values[0] == heating, version


@pytest.mark.parametrize(
    ("fields", "heating"),
    [
        ({"version": "1.0.0"}, 10.0),
        ({"version": "main"}, 20.0),
        ({"version": None}, 20.0),
        ({"version": None, "icechunk:tag": "1.0.0"}, 10.0),
        ({"version": "1.0.0", "icechunk:branch": "main"}, 20.0),
        ({"version": "1.0.0", "icechunk:snapshot_id": "S30HGW3VMS6YS69YD700"}, 10.0),
    ],
)
def test_pins_of_the_asset(site: Path, fields: dict[str, str | None], heating: float) -> None:
    pins = {"version": "2.0.0"} | fields
    extra = {name: value for name, value in pins.items() if value is not None}
    asset = pystac.Asset(
        str(site / "data" / "office.icechunk"), media_type="application/x-icechunk", extra_fields=extra
    )
    assert xr.open_dataset(asset)["heating"].values[0] == heating


def test_options_reach_xarray(site: Path) -> None:
    collection = site / "office" / "collection.json"
    assert "temperature" not in open_stac(collection, drop_variables=["temperature"])
    assert open_stac(collection, decode_times=False)["time"].dtype == np.dtype("int64")
    assert open_stac(collection, decode_cf=False)["time"].attrs["units"].startswith("hours since")
    assert open_stac(collection, group="monthly").sizes == {"run": 3, "time_monthly": 2}
    assert open_stac(collection)["temperature"].chunks is None
    assert open_stac(collection, chunks={})["temperature"].chunks == ((3,), (2,), (4,))
    asset = pystac.Collection.from_file(str(collection)).assets["icechunk"]
    chunked = xr.open_dataset(asset, chunks="auto", drop_variables="heating")
    assert chunked["temperature"].chunks == ((3,), (2,), (4,))
    assert "heating" not in chunked


def test_the_local_copy_comes_before_a_remote_primary(
    tmp_path: Path, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").symlink_to(site / "data")
    primary = icechunk_asset("s3://nowhere/office.icechunk", **{"storage:refs": ["aws"]})
    primary["alternate"] = {"local": {"href": "../data/office.icechunk"}}
    scheme = {"aws": {"type": "aws-s3", "bucket": "nowhere", "region": "us-east-1"}}
    collection = document("Collection", "office", assets={"icechunk": primary}, **{"storage:schemes": scheme})
    path = write_json(tmp_path / "office" / "collection.json", collection)
    with caplog.at_level(logging.INFO, logger="simstac"):
        dataset = open_stac(path)
    assert dataset.encoding["source"] == str(tmp_path / "data" / "office.icechunk")
    assert [record.message for record in caplog.records] == [
        f"asset 'icechunk' of Collection 'office' ({path}): opened by {tmp_path}/data/office.icechunk (local)"
    ]


def test_the_alternate_opens_where_the_primary_does_not(tmp_path: Path, site: Path) -> None:
    primary = icechunk_asset("./absent.icechunk", alternate={"copy": {"href": str(site / "data" / "office.icechunk")}})
    path = write_json(tmp_path / "collection.json", document("Collection", "office", assets={"icechunk": primary}))
    assert open_stac(path).encoding["source"] == str(site / "data" / "office.icechunk")


def test_an_asset_without_a_document_opens(site: Path) -> None:
    asset = pystac.Asset(str(site / "data" / "office.icechunk"), media_type="application/vnd.zarr+icechunk")
    assert xr.open_dataset(asset).sizes["run"] == 3


def test_the_only_or_the_latest_store_is_taken(tmp_path: Path, site: Path) -> None:
    store = str(site / "data" / "office.icechunk")
    assets = {
        "office@1": icechunk_asset(store, version="1.0.0"),
        "office@2": icechunk_asset(store, version="2.0.0", roles=["data", "latest-version"]),
        "chart": {"href": "./chart.png", "type": "image/png"},
    }
    path = write_json(tmp_path / "collection.json", document("Collection", "office", assets=assets))
    assert open_stac(path)["heating"].values[0] == 20.0
    assert open_stac(path, asset="office@1")["heating"].values[0] == 10.0
    assets["office@2"]["roles"] = ["data"]
    write_json(path, document("Collection", "office", assets=assets))
    with pytest.raises(StorageError, match="has several stores; name one with asset=: office@1, office@2"):
        open_stac(path)


def test_errors_say_which_what_and_what_to_do(site: Path, tmp_path: Path) -> None:
    collection = site / "office" / "collection.json"
    store = site / "data" / "office.icechunk"
    cases = [
        (
            lambda: open_stac(collection, version="9"),
            rf"{store}: has no tag, branch or snapshot '9'; its tags are 1\.0\.0, 2\.0\.0",
        ),
        (lambda: open_stac(site, item="run-002"), r"catalog\.json: has no item 'run-002'; the nearest are run-0002"),
        (lambda: open_stac(collection, asset="zarr"), "has no asset 'zarr'; its assets are icechunk"),
        (lambda: open_stac(collection, group="hvac"), "holds no Zarr group 'hvac'; its groups are monthly"),
        (
            lambda: open_stac(tmp_path),
            "holds no catalog.json and no collection.json; name a catalog, a collection or an item",
        ),
        (lambda: open_stac(tmp_path / "absent.json"), r"absent\.json: cannot be read: No such file or directory"),
        (lambda: open_stac("s3://bucket/catalog.json"), r"give a path or an http\(s\):// URL"),
    ]
    for call, message in cases:
        with pytest.raises(StorageError, match=message):
            call()


def test_what_is_not_stac_is_refused(tmp_path: Path) -> None:
    for text in ("{}", "[]", "not json", '{"type": "FeatureCollection", "features": []}', '{"type": "Feature"}'):
        (tmp_path / "catalog.json").write_text(text)
        with pytest.raises(InvalidDocumentError, match=r"catalog\.json: is not a STAC document: .*; name a catalog"):
            open_stac(tmp_path)


def test_an_empty_or_crowded_catalog_asks_for_more(tmp_path: Path) -> None:
    path = write_json(tmp_path / "catalog.json", document("Catalog", "empty"))
    with pytest.raises(StorageError, match="is a catalog of 0 documents"):
        open_stac(path)
    with pytest.raises(StorageError, match="has no item 'x'; it has no items"):
        open_stac(path, item="x")
    links = [link("child", "./a/collection.json"), link("child", "./b/collection.json")]
    write_json(path, document("Catalog", "two", links))
    with pytest.raises(StorageError, match="is a catalog of 2 documents; open one of them, or name a run with item="):
        open_stac(path)


def test_an_item_in_two_collections_is_no_guess(tmp_path: Path) -> None:
    for name in ("a", "b"):
        collection = document("Collection", name, [link("item", "./run-1/run-1.json")])
        write_json(tmp_path / name / "collection.json", collection)
    links = [
        link("child", "./a/collection.json"),
        link("child", "./b/collection.json"),
        link("child", "./catalog.json"),
    ]
    path = write_json(tmp_path / "catalog.json", document("Catalog", "both", links))
    with pytest.raises(StorageError, match="has several items 'run-1'; open one of the collections a, b instead"):
        open_stac(path, item="run-1")


@pytest.mark.parametrize(
    "fields",
    [
        {"roles": True},
        {"alternate": {"s3": {"title": "no href"}}},
        {"alternate": {"s3": {"href": ["x"]}}},
    ],
)
def test_an_asset_that_is_not_as_stac_says_is_an_error_that_names_it(
    tmp_path: Path, site: Path, fields: dict[str, Any]
) -> None:
    store = icechunk_asset(str(site / "data" / "office.icechunk"))
    assets = {"one": store | fields, "other": store | {"roles": []}} if "roles" in fields else {"one": store | fields}
    path = write_json(tmp_path / "collection.json", document("Collection", "office", assets=assets))
    with pytest.raises(InvalidDocumentError, match=r"collection\.json.* has an asset that is not as STAC says"):
        open_stac(path)


def test_a_run_that_the_store_lacks_is_an_error(tmp_path: Path, site: Path) -> None:
    item = document("Item", "run-9", properties={"sim:run_id": "run-9"})
    item["assets"] = {"icechunk": icechunk_asset(str(site / "data" / "office.icechunk"))}
    with pytest.raises(StorageError, match="holds no run 'run-9'; the catalog and the store are not of one version"):
        open_stac(write_json(tmp_path / "run-9.json", item))


def test_guessing_claims_only_icechunk_and_zarr(site: Path, capfd: pytest.CaptureFixture[str]) -> None:
    guess = SimstacBackend().guess_can_open
    types = {
        "application/vnd.zarr+icechunk": True,
        "application/x-icechunk": True,
        "application/vnd.zarr": True,
        "application/vnd.zarr; version=3": True,
        "application/vnd+zarr": True,
        "application/x-netcdf": False,
        "image/tiff; application=geotiff; profile=cloud-optimized": False,
        "application/json": False,
        None: False,
    }
    for media_type, expected in types.items():
        asset = pystac.Asset("https://example.org/x", media_type=media_type)
        assert guess(asset) is expected, media_type
        item = pystac.Item(
            "i", None, None, None, {"start_datetime": "2017-01-01T00:00:00Z", "end_datetime": "2017-01-01T00:00:00Z"}
        )
        item.add_asset("data", asset)
        assert guess(item) is expected, media_type
    assert not guess(pystac.Asset("abfs://container/x.zarr", media_type="application/vnd+zarr"))
    assert not any(guess(obj) for obj in ("x.zarr", site, b"", None, 3, xr.Dataset(), pystac.Catalog("c", "d")))
    assert capfd.readouterr() == ("", "")


def test_simstac_is_asked_before_xpystac() -> None:
    names = list(xr.backends.list_engines())
    assert names.index("simstac") < names.index("stac")


def test_listing_engines_imports_neither_pystac_nor_icechunk() -> None:
    code = "import simstac.engine, sys; print([m for m in ('pystac', 'icechunk', 'zarr', 'boto3') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() in {"[]", "['zarr']"}


def test_other_objects_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"not a str; simstac\.open takes a path or a URL"):
        xr.open_dataset("x.zarr", engine="simstac")
    asset = pystac.Asset("https://example.org/x.nc", media_type="application/x-netcdf")
    with pytest.raises(StorageError, match="'application/x-netcdf' is neither Icechunk nor Zarr"):
        xr.open_dataset(asset, engine="simstac")
