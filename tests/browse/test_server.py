"""The loopback server answers as a good host of STAC and Icechunk does."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from simstac.browse import SiteServer, serve
from simstac.errors import StorageError

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "study" / "run-1").mkdir(parents=True)
    (folder / "catalog.json").write_text('{"type": "Catalog"}')
    (folder / "study" / "collection.json").write_text("{}")
    (folder / "study" / "run-1" / "run-1.json").write_text("{}")
    for name in ("items.parquet", "chart.png", "notes.txt", "chunk", "empty", ".zgroup", ".secret"):
        (folder / "study" / name).write_bytes(b"" if name == "empty" else CONTENT)
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    return folder


@pytest.fixture
def server(site: Path) -> Iterator[SiteServer]:
    with serve(site) as running:
        yield running


def ask(
    server: SiteServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_it_listens_on_loopback_only(server: SiteServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}"
    assert server.catalog_url == f"{server.url}/catalog.json"
    assert server.browser_url == f"https://radiantearth.github.io/stac-browser/#/external/{server.catalog_url}"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/catalog.json", "application/json"),
        ("/study/collection.json", "application/json"),
        ("/study/run-1/run-1.json", "application/geo+json"),
        ("/study/items.parquet", "application/vnd.apache.parquet"),
        ("/study/chart.png", "image/png"),
        ("/study/chunk", "application/octet-stream"),
        ("/study/.zgroup", "application/octet-stream"),
        ("/study/run%2D1/run-1.json?x=1", "application/geo+json"),
    ],
)
def test_media_types_and_cors(server: SiteServer, path: str, media_type: str) -> None:
    status, headers, _ = ask(server, path, Origin="https://stac-browser.example")
    assert status == 200
    assert headers["Content-Type"] == media_type
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert {"Content-Range", "ETag", "Accept-Ranges"} <= set(headers["Access-Control-Expose-Headers"].split(", "))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "no-cache"


def test_preflight(server: SiteServer) -> None:
    asked = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}
    status, headers, body = ask(server, "/catalog.json", "OPTIONS", Origin="https://x.example", **asked)
    assert (status, body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in headers["Access-Control-Allow-Methods"]
    assert "Range" in headers["Access-Control-Allow-Headers"]
    assert headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=2000-", 2000, 2048),
        ("bytes=-48", 2000, 2048),
        ("bytes=0-", 0, 2048),
        ("bytes=0-2047", 0, 2048),
        ("bytes=-5000", 0, 2048),
        ("bytes=2040-9999", 2040, 2048),
    ],
)
def test_ranges(server: SiteServer, asked: str, start: int, stop: int) -> None:
    status, headers, body = ask(server, "/study/chunk", Range=asked)
    assert status == 206
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/2048"
    assert headers["Content-Length"] == str(stop - start)
    assert body == CONTENT[start:stop]


@pytest.mark.parametrize("asked", ["bytes=2048-", "bytes=9999-10000", "bytes=-0"])
def test_ranges_beyond_the_end(server: SiteServer, asked: str) -> None:
    status, headers, body = ask(server, "/study/chunk", Range=asked)
    assert (status, headers["Content-Range"], body) == (416, "bytes */2048", b"")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=", "bytes=a-b", "lines=0-1", "bytes=5-2", "bytes=--1"])
def test_other_ranges_are_ignored(server: SiteServer, asked: str) -> None:
    status, headers, body = ask(server, "/study/chunk", Range=asked)
    assert (status, "Content-Range" in headers, body) == (200, False, CONTENT)


def test_an_empty_file(server: SiteServer) -> None:
    assert ask(server, "/study/empty")[::2] == (200, b"")
    assert ask(server, "/study/empty", Range="bytes=0-0")[0] == 416


def test_validators(server: SiteServer, site: Path) -> None:
    _, headers, _ = ask(server, "/study/chunk")
    etag = headers["ETag"]
    for asked in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        assert ask(server, "/study/chunk", If_None_Match=asked)[::2] == (304, b"")
    assert ask(server, "/study/chunk", If_None_Match='"x"')[0] == 200
    assert ask(server, "/study/chunk", If_Range=etag, Range="bytes=0-1")[0] == 206
    assert ask(server, "/study/chunk", If_Range='"x"', Range="bytes=0-1")[0] == 200
    (site / "study" / "chunk").write_bytes(b"new")
    assert ask(server, "/study/chunk", If_None_Match=etag)[::2] == (200, b"new")


def test_head_sends_what_get_would_but_the_body(server: SiteServer) -> None:
    status, headers, body = ask(server, "/study/chunk", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "2048", b"")
    status, headers, body = ask(server, "/study/chunk", "HEAD", Range="bytes=1-2")
    assert (status, headers["Content-Range"], body) == (206, "bytes 1-2/2048", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/study/../../outside.txt",
        "//etc/passwd",
        "/link.txt",
        "/.git/config",
        "/study/.secret",
        "/study",
        "/study/",
        "/absent",
        "/catalog.json%00.png",
        "/" + "a" * 5000,
    ],
)
def test_nothing_outside_and_nothing_hidden(server: SiteServer, path: str) -> None:
    status, _, body = ask(server, path)
    assert status == 404
    assert b"secret" not in body


def test_other_methods_are_refused(server: SiteServer) -> None:
    for method in ("PUT", "POST", "DELETE"):
        assert ask(server, "/catalog.json", method)[0] == 501


def test_the_root_leads_to_the_catalog(server: SiteServer) -> None:
    status, headers, _ = ask(server, "/")
    assert (status, headers["Location"]) == (302, server.catalog_url)


def test_stac_browser_is_told_its_catalog(site: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    (build / "js").mkdir(parents=True)
    (build / "index.html").write_text("<html><head><title>x</title></head></html>")
    (build / "js" / "app.js").write_text("1")
    with serve(site, browser=build) as server:
        assert server.browser_url == f"{server.url}/browser/"
        assert ask(server, "/")[1]["Location"] == server.browser_url
        status, headers, page = ask(server, "/browser/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        config = page.decode().partition("STAC_BROWSER_CONFIG=")[2].partition(";window.")[0]
        assert json.loads(config)["catalogUrl"] == server.catalog_url
        status, headers, body = ask(server, "/browser/js/app.js")
        assert (status, headers["Content-Type"], body) == (200, "text/javascript; charset=utf-8", b"1")
        assert ask(server, "/browser/../catalog.json")[0] == 404


def test_a_reader_that_goes_away_disturbs_nobody(
    server: SiteServer, site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (site / "big").write_bytes(b"\0" * (32 << 20))
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(10)
    assert ask(server, "/catalog.json")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_served_is_said(tmp_path: Path, site: Path, server: SiteServer) -> None:
    with pytest.raises(StorageError, match=r"holds no catalog\.json; build the site first"):
        serve(tmp_path)
    with pytest.raises(StorageError, match=rf"127\.0\.0\.1:{server.server_port}: cannot listen"):
        serve(site, server.server_port)
