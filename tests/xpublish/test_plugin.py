"""The plugin on a real server, read by the clients that people have: pystac, xarray, intake, plain HTTP."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote

import intake
import numpy as np
import pystac
import pytest
import xarray as xr
import yaml
from tests.virtual_files import write_steps
from xpublish.plugins import load_default_plugins

import simstac
import xpublish
from simstac.stac.validate import validate_documents
from simstac.xpublish import SimstacPlugin, catalogued

from .conftest import application, running


def get(url: str, **headers: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("path", ["stac/collection.json", "stac-collection-all.json"])
def test_pystac_crawls_every_dataset_that_can_be_described(server, path):
    collection = pystac.Collection.from_file(f"{server}/{path}")
    items = {item.id: item for item in collection.get_items(recursive=True)}
    assert sorted(items) == ["grid", "nowhere", "office-study"]
    assert collection.extent.spatial.bboxes == [[-180.0, -15.0, 180.0, 42.03]]
    assert items["nowhere"].bbox == [1, 2, 3, 4]
    assert items["grid"].get_root_link().get_absolute_href() == f"{server}/stac/collection.json"


def test_items_are_valid_and_name_no_host_and_no_local_path(server, demo_site):
    for name in ("grid", "nowhere", "office-study"):
        status, content = get(f"{server}/datasets/{name}/stac", Host="evil.example.org")
        assert status == 200
        assert b"evil.example.org" not in content
        assert str(demo_site.parent).encode() not in content
        checked = validate_documents([(f"all/{name}/{name}.json", content)], whole=False)
        assert [str(finding) for finding in checked.findings] == []


def test_the_asset_of_an_item_opens_as_what_is_served(server, grid, demo_site):
    item = pystac.Item.from_file(f"{server}/datasets/grid/stac")
    with xr.open_dataset(item.assets["zarr"], engine="simstac") as opened:
        xr.testing.assert_identical(opened.load().drop_encoding(), grid)
    item = pystac.Item.from_file(f"{server}/datasets/office-study/stac")
    collection = pystac.Collection.from_file(str(demo_site / "office-study" / "collection.json"))
    with (
        xr.open_dataset(item.assets["zarr"], engine="simstac") as served,
        xr.open_dataset(collection.assets["icechunk"], engine="simstac") as stored,
    ):
        xr.testing.assert_identical(served.load(), stored.load())


def test_a_store_that_readers_can_reach_is_named_by_its_own_address(s3, demo_site, grid, tmp_path):

    bucket = s3.make_bucket(public=True)
    for name in ("runs", "site"):
        shutil.copytree(demo_site.parent / name, tmp_path / name)
    text = (demo_site.parent / "buildings.yaml").read_text()
    target = f'targets:\n  - {{type: s3, url: "s3://{bucket}/stac", endpoint_url: "{s3.endpoint_url}"}}\n'
    (tmp_path / "buildings.yaml").write_text(text + target)
    project = simstac.load_project(tmp_path / "buildings.yaml")
    assert simstac.run(project).ok
    with running(application(f"{s3.endpoint_url}/{bucket}/stac/catalog.json", grid)) as url:
        item = pystac.Item.from_file(f"{url}/datasets/office-study/stac")
        assert item.assets["icechunk"].href.endswith(f"{bucket}/stac/data/office-study.icechunk")
        assert item.properties["version"] == item.assets["icechunk"].extra_fields["version"]
        with xr.open_dataset(item.assets["icechunk"], engine="simstac", trust=s3.endpoint_url) as opened:
            assert opened.sizes["run"] == 18


def test_stored_chunks_are_a_plain_zarr_hierarchy(server, demo_site):
    with (
        xr.open_dataset(f"{server}/datasets/office-study/kerchunk", engine="zarr") as root,
        xr.open_dataset(f"{server}/datasets/office-study/kerchunk", engine="zarr", group="monthly") as monthly,
    ):
        assert root.sizes["run"] == monthly.sizes["run"] == 18
        assert np.isfinite(root["zone_mean_air_temperature"].values).all()
        assert monthly.sizes["time_monthly"] == 12
    whole = get(f"{server}/datasets/office-study/kerchunk/run/c/0")[1]
    assert get(f"{server}/datasets/office-study/kerchunk/run/c/0", Range="bytes=2-5") == (206, whole[2:6])
    assert get(f"{server}/datasets/office-study/kerchunk/run/c/0", Range="bytes=-3") == (206, whole[-3:])
    assert get(f"{server}/datasets/grid/zarr/zarr.json", Range="bytes=0-0") == (206, b"{")


@pytest.mark.parametrize("virtual", [True, False], ids=["virtual", "copied"])
def test_nobody_is_told_where_files_lie_on_this_machine(tmp_path, virtual):
    write_steps(tmp_path / "out" / "a.nc", [0, 1])
    source = {"engine": "cf", "path": str(tmp_path / "out" / "*.nc"), "virtual": virtual}
    model = {"id": "model", "license": "MIT", "source": source}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"catalog": {"id": "c"}, "collections": [model]}))
    built = simstac.build(simstac.load_project(tmp_path / "c.yaml"))
    assert built.errors == ()
    plugin = SimstacPlugin(documents=catalogued(built.site))
    with running(xpublish.Rest({}, plugins={"simstac": plugin}).app) as server:
        dataset = f"{server}/datasets/model"
        for path in ("stac", "kerchunk/zarr.json"):
            status, content = get(f"{dataset}/{path}")
            assert (status, str(tmp_path).encode() in content) == (200, False)
        for key in ("sources/file", "provenance/source_file"):
            assert {get(f"{dataset}/kerchunk/{key}/{end}")[0] for end in ("zarr.json", "c/0")} == {404}
        with (
            xr.open_dataset(f"{dataset}/kerchunk", engine="zarr") as served,
            xr.open_dataset(tmp_path / "out" / "a.nc") as file,
        ):
            np.testing.assert_array_equal(served.tas.values, file.tas.values)


def test_parts_of_keys_say_which_they_are(server):
    key = f"{server}/datasets/office-study/kerchunk/zarr.json"
    whole = get(key)[1]
    for said, start, end in (("2-5", 2, 6), ("-3", len(whole) - 3, len(whole)), ("4-", 4, len(whole))):
        request = urllib.request.Request(key, headers={"Range": f"bytes={said}"})
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/*"
            assert (answer.status, answer.read()) == (206, whole[start:end])
    assert get(key, Range=f"bytes={len(whole)}-")[0] == 416
    assert get(key, Range="bytes=-0")[0] == 416


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "repo",
        "run/c/1",
        "run/c/0/0",
        "run/c/-1",
        "run/c/\N{ARABIC-INDIC DIGIT ZERO}",
    ],
)
def test_no_key_leads_out_of_the_hierarchy(server, key):
    path = quote(key, safe="%/")
    for dataset in ("office-study/kerchunk", "grid/zarr"):
        assert get(f"{server}/datasets/{dataset}/{path}")[0] in {404, 422}


def test_intake_reads_the_catalog_and_opens_a_dataset(server, grid):
    catalog = intake.open_catalog(f"{server}/intake.yaml")
    assert sorted(catalog) == ["grid", "nowhere", "office-study", "untold"]
    xr.testing.assert_identical(catalog["grid"].to_dask().load().drop_encoding(), grid)


def test_a_plot_is_a_picture_of_the_size_asked_for(server):
    for path in ("grid/plot/t.png?sel=time=2020-01-31T23:00&cmap=magma", "grid/plot/t.png?sel=lat=0&sel=lon=91"):
        status, content = get(f"{server}/datasets/{path}&width=400&height=300")
        assert (status, content[:8], content[16:24]) == (200, b"\x89PNG\r\n\x1a\n", b"\0\0\x01\x90\0\0\x01\x2c")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("grid/plot/t.png", "t: has the dimensions time, lat, lon; leave one or two, with sel=DIM=LABEL"),
        ("grid/plot/nothing.png", "nothing: is no variable; the variables are count, flag, t"),
        ("grid/plot/band.png", "holds"),
        ("grid/plot/t.png?sel=time=2020-01-31T22:00&cmap=os.getcwd()", "os.getcwd(): is no colour map"),
        ("grid/plot/t.png?sel=time=now()", "'now()' is not on time; it goes from 2020-01-31T22:00:00"),
        ("grid/plot/t.png?sel=t.values", "selects nothing; write one of time, lat, lon=LABEL or =FROM..TO"),
        ("grid/groupby/t/latt/mean", "latt: is no coordinate of t; its coordinates are band, lat, lon, time"),
        ("grid/groupby/t/time.__class__/mean", "is no part of a time"),
    ],
)
def test_what_cannot_be_answered_is_said(server, path, said):
    status, content = get(f"{server}/datasets/{path}")
    assert (status, said in json.loads(content)["detail"]) == (422, True), content


def test_statistics_by_groups(server):
    status, content = get(f"{server}/datasets/grid/groupby/t/time.month/mean?sel=lon=0")
    values = {"groups": [1, 2], "values": [np.mean([0, 4, 8, 12, 16, 20]), np.mean([24, 28, 32, 36, 40, 44])]}
    assert (status, json.loads(content)) == (
        200,
        {"variable": "t", "units": "K", "coordinate": "time.month", "reduction": "mean", **values},
    )
    assert json.loads(get(f"{server}/datasets/grid/groupby/t/band/count")[1])["values"] == [15, 16, 16]


def test_a_store_that_fails_is_a_bad_gateway_and_not_a_crash(grid, tmp_path):
    from simstac.xpublish import SimstacPlugin

    (tmp_path / "torn.json").write_text("{")
    plugin = SimstacPlugin(documents={"torn": str(tmp_path / "torn.json")})
    with running(xpublish.Rest({"grid": grid}, plugins={"simstac": plugin}).app) as url:
        status, content = get(f"{url}/datasets/torn/stac")
        assert (status, "is not a STAC document" in json.loads(content)["detail"]) == (502, True)
        assert get(f"{url}/datasets/grid/stac")[0] == 200


def test_xpublish_finds_the_plugin_by_itself():
    assert isinstance(load_default_plugins()["simstac"], SimstacPlugin)


@pytest.mark.parametrize("options", [[], ["--dask", "local"]], ids=["alone", "dask"])
def test_serve_answers_on_loopback_and_says_where(demo_site, options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "simstac"), "serve", str(demo_site), "--port", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"STAC:   http://127.0.0.1:{port}/stac-collection-all.json\n"
            url = f"http://127.0.0.1:{port}/stac-collection-all.json"
            while not answers(url):
                assert process.poll() is None
                time.sleep(0.02)
            collection = pystac.Collection.from_file(url)
            (item,) = collection.get_items()
            assert item.id == "office-study"
            printed = {}
            exec(item.properties["description"].partition("```python\n")[2].partition("```")[0], printed)  # noqa: S102  # as a reader would
            assert printed["ds"].sizes["run"] == 18
            path = "datasets/office-study/groupby/zone_mean_air_temperature/zone/count?sel=run=u0.20-l05-h20"
            assert json.loads(get(f"http://127.0.0.1:{port}/{path}")[1])["values"] == [8760] * 5
        finally:
            process.send_signal(signal.SIGINT)
