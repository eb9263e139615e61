"""A stranger's walk over real HTTP (a public bucket) and over a folder: what is right passes, each fault is found."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import zarr

from simstac.errors import StorageError
from simstac.publishing import S3Target, publish
from simstac.publishing.verify import verify

from .conftest import dump

RUNS = 5


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A catalog of one collection with a real store, a picture and five items."""
    root = tmp_path / "site"
    store = root / "data" / "study.icechunk"
    store.mkdir(parents=True)
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(store)))
    session = repository.writable_session("main")
    zarr.create_array(session.store, name="energy", data=np.arange(RUNS, dtype="f8"))
    session.commit("written")
    asset = {"href": "../data/study.icechunk", "type": "application/vnd.zarr+icechunk"}
    links = [{"rel": "item", "href": f"./r{n}/r{n}.json"} for n in range(RUNS)]
    up = {"rel": "root", "href": "../catalog.json"}
    elsewhere = {"rel": "self", "href": "https://data.example.org/stac/study/collection.json"}
    (root / "study").mkdir()
    (root / "study" / "chart.png").write_bytes(b"png")
    assets = {"icechunk": asset, "chart": {"href": "./chart.png", "type": "image/png"}}
    (root / "study" / "collection.json").write_bytes(dump({"links": [*links, up, elsewhere], "assets": assets}))
    for n in range(RUNS):
        (root / "study" / f"r{n}").mkdir()
        item = {"links": [{"rel": "collection", "href": "../collection.json"}], "assets": {}}
        item["assets"] = {"icechunk": asset | {"href": "../../data/study.icechunk"}}
        (root / "study" / f"r{n}" / f"r{n}.json").write_bytes(dump(item))
    (root / "catalog.json").write_bytes(dump({"links": [{"rel": "child", "href": "./study/collection.json"}]}))
    return root


@pytest.fixture
def public(s3: Any, site: Path) -> tuple[str, str]:
    """The site in a public bucket: its address, and the bucket."""
    bucket = s3.make_bucket(public=True)
    rule = {"AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    s3.client().put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    root = (site / "catalog.json").read_bytes()
    target = S3Target(f"s3://{bucket}/stac", endpoint_url=s3.endpoint_url)
    publish(site, target, lambda _read, _gone: {"catalog.json": root})
    return f"{s3.endpoint_url}/{bucket}/stac", bucket


def open_store(document: str, key: str) -> str:
    content = json.loads(Path(document).read_text())
    store = Path(document).parent / content["assets"][key]["href"]
    session = icechunk.Repository.open(icechunk.local_filesystem_storage(str(store.resolve()))).readonly_session("main")
    values = zarr.open_array(session.store, path="energy", mode="r")[:]
    return f"{len(values)} values, sum {values.sum():g}"


def test_a_bucket_over_http(public: tuple[str, str], site: Path) -> None:
    address, _ = public
    opened = []

    def open_http(document: str, key: str) -> str:
        opened.append((document, key))
        store = icechunk.http_storage(f"{address}/data/study.icechunk")
        session = icechunk.Repository.open(store).readonly_session("main")
        return f"sum {zarr.open_array(session.store, path='energy', mode='r')[:].sum():g}"

    report = verify(address, site=site, open_asset=open_http)
    assert report.ok, report.findings
    assert (report.documents, report.skipped, report.assets) == (7, 0, 2)
    assert report.opened == {f"{address}/data/study.icechunk": "sum 10"}
    assert opened == [(f"{address}/study/collection.json", "icechunk")]
    assert report.summary.endswith("7 documents, 7 links, 2 assets, 1 opened: no problems")


def test_other_snapshots_that_items_name_are_opened_too(site: Path) -> None:
    opened = []

    def remember(document: str, key: str) -> str:
        opened.append((document.removeprefix(f"{site}/"), key))
        return "read"

    for number in range(RUNS):
        document = site / "study" / f"r{number}" / f"r{number}.json"
        item = json.loads(document.read_text())
        item["assets"]["icechunk"]["icechunk:snapshot_id"] = f"S{number % 2}"
        document.write_bytes(dump(item))
    report = verify(site, open_asset=remember)
    assert opened == [
        ("study/collection.json", "icechunk"),
        ("study/r0/r0.json", "icechunk"),
        ("study/r1/r1.json", "icechunk"),
    ]
    store = f"{site}/data/study.icechunk"
    assert list(report.opened) == [store, f"{store} at S0", f"{store} at S1"]


def test_each_fault_is_found(public: tuple[str, str], s3: Any, site: Path) -> None:
    address, bucket = public
    client = s3.client()
    client.delete_object(Bucket=bucket, Key="stac/study/r1/r1.json")
    client.delete_object(Bucket=bucket, Key="stac/study/chart.png")
    client.put_object(Bucket=bucket, Key="stac/study/r2/r2.json", Body=b"{}", ContentType="application/geo+json")
    html = dump(json.loads((site / "study/r3/r3.json").read_text()))
    client.put_object(Bucket=bucket, Key="stac/study/r3/r3.json", Body=html, ContentType="text/html")
    client.delete_bucket_cors(Bucket=bucket)
    report = verify(f"{address}/catalog.json", site=site)
    found = {(finding.where.removeprefix(address), finding.problem) for finding in report.findings}
    assert ("/study/r1/r1.json", "answers 404") in found
    assert ("/study/r2/r2.json", "is not the document that was built") in found
    assert ("/study/r3/r3.json", "is served as text/html") in found
    assert ("/study/collection.json", f"its asset {address}/study/chart.png answers 404") in found


def test_hrefs_are_decoded_in_a_folder_as_on_the_web(site: Path) -> None:
    document = site / "study" / "collection.json"
    document.write_text(document.read_text().replace("./chart.png", "./50%25%20gr%C3%B6%C3%9Fer.png"))
    (site / "study" / "chart.png").rename(site / "study" / "50% größer.png")
    assert verify(site).findings == ()


def test_an_old_root_is_told(site: Path, tmp_path: Path) -> None:
    """Such as a cache serves it: whole in itself, and without what was built."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "catalog.json").write_bytes(dump({"links": [{"rel": "child", "href": "./other/collection.json"}]}))
    (old / "other").mkdir()
    (old / "other" / "collection.json").write_bytes(dump({"links": []}))
    assert verify(old).ok
    assert [str(finding) for finding in verify(old, site=site).findings] == [
        f"{old}/catalog.json: does not list ./study/collection.json; publish again, or wait for the cache to expire"
    ]


def test_a_folder(site: Path) -> None:
    report = verify(site, open_asset=open_store)
    assert report.ok, report.findings
    assert list(report.opened.values()) == ["5 values, sum 10"]
    few = verify(site, items=2)
    assert (few.documents, few.skipped) == (4, 3)
    (site / "study" / "chart.png").unlink()
    (site / "data" / "study.icechunk" / "repo").unlink()
    problems = [finding.problem for finding in verify(site).findings]
    assert len(problems) == 2
    assert all(problem.startswith("its asset") and problem.endswith("is not there") for problem in problems)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"links": 5}',
        '{"links": [{"rel": "child"}]}',
        '{"assets": {"a": 1}}',
        '{"links": [{"rel": "child", "href": "http://[::1"}]}',
    ],
)
def test_what_is_no_document_is_a_problem(site: Path, content: str) -> None:
    (site / "study" / "r1" / "r1.json").write_text(content)
    report = verify(site)
    assert [str(finding) for finding in report.findings] == [
        f"{site}/study/r1/r1.json: is not a STAC document; publish again (--recheck compares every file)"
    ]
    assert report.summary.endswith(": 1 problem")
    (site / "catalog.json").write_text(content)
    assert not verify(site).ok


def test_where_nothing_is_nobody_published(tmp_path: Path) -> None:
    (finding,) = verify(tmp_path).findings
    assert finding.where == f"{tmp_path}/catalog.json"
    assert finding.remedy == "name a catalog.json or its folder, or publish it first"


def test_what_not_everybody_may_read_needs_a_policy(s3: Any, site: Path) -> None:
    bucket = s3.make_bucket()
    root = (site / "catalog.json").read_bytes()
    publish(site, S3Target(f"s3://{bucket}", endpoint_url=s3.endpoint_url), lambda _read, _gone: {"catalog.json": root})
    address = f"{s3.endpoint_url}/{bucket}/catalog.json"
    assert [str(finding) for finding in verify(address).findings] == [
        f"{address}: answers 403; let everybody read it: simstac doctor says how"
    ]


def test_a_dataset_that_does_not_open(site: Path) -> None:
    def refuse(document: str, _key: str) -> str:
        raise StorageError(document, "cannot be opened", "ask for it")

    report = verify(site, open_asset=refuse)
    assert [str(finding) for finding in report.findings] == [
        f"{site}/study/collection.json: cannot be opened; ask for it"
    ]


@pytest.fixture
def plain_server(site: Path) -> Iterator[str]:
    """Python's own file server, which knows neither CORS nor Range."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    handler = functools.partial(Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_host_without_cors_and_range(plain_server: str) -> None:
    report = verify(plain_server)
    found = {finding.problem: finding.count for finding in report.findings}
    assert found["its host ignores Range"] == 1
    assert found["no browser may read it from another site (CORS)"] == 7 + 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/stac", "http://127.0.0.1:port/stac"])
def test_an_address_without_a_server(address: str) -> None:
    report = verify(address)
    assert not report.ok
    assert "cannot be reached" in report.findings[0].problem
