"""A study of three runs and a small grid as real Icechunk stores, and the STAC documents around them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import xarray as xr

ICECHUNK = "application/vnd.zarr+icechunk"


def study() -> xr.Dataset:
    values = np.arange(3 * 2 * 4, dtype="float32").reshape(3, 2, 4)
    return xr.Dataset(
        {
            "temperature": (("run", "zone", "time"), values, {"units": "degC"}),
            "heating": ("run", np.array([10.0, 20.0, 30.0]), {"units": "kWh"}),
        },
        {
            "run": ["run-0001", "run-0002", "run-0003"],
            "zone": ["CORE", "NORTH"],
            "time": np.array("2017-01-01T01", "datetime64[ns]") + np.arange(4) * np.timedelta64(1, "h"),
            "u_value": ("run", [0.2, 0.3, 0.4]),
        },
    )


def monthly() -> xr.Dataset:
    return xr.Dataset(
        {"electricity": (("run", "time_monthly"), np.arange(6.0).reshape(3, 2))},
        {"run": ["run-0001", "run-0002", "run-0003"], "time_monthly": [1, 2]},
    )


@dataclass(frozen=True)
class Written:
    first: str
    second: str


def write_study(storage: icechunk.Storage) -> Written:
    """Two snapshots, tags 1.0.0 and 2.0.0; in the second, heating is twice as large."""
    repository = icechunk.Repository.create(storage)
    snapshots = []
    for tag, factor in (("1.0.0", 1.0), ("2.0.0", 2.0)):
        session = repository.writable_session("main")
        dataset = study()
        dataset["heating"] = dataset["heating"] * factor
        dataset.to_zarr(session.store, consolidated=False, zarr_format=3, mode="w")
        monthly().to_zarr(session.store, group="monthly", consolidated=False, zarr_format=3, mode="w")
        snapshots.append(session.commit(tag))
        repository.create_tag(tag, snapshot_id=snapshots[-1])
    return Written(*snapshots)


def document(kind: str, id_: str, links: list[dict[str, str]] | None = None, **fields: Any) -> dict[str, Any]:
    """A minimal valid STAC 1.1 document."""
    base: dict[str, Any] = {"stac_version": "1.1.0", "id": id_, "links": links or []}
    if kind == "Item":
        properties = {"datetime": "2017-01-01T00:00:00Z", **fields.pop("properties", {})}
        base |= {"type": "Feature", "geometry": {"type": "Point", "coordinates": [-87.75, 41.98]}}
        base |= {"bbox": [-87.75, 41.98, -87.75, 41.98], "properties": properties, "assets": {}}
    else:
        base |= {"type": kind, "description": f"The {id_}."}
    if kind == "Collection":
        extent = {"spatial": {"bbox": [[-88, 41, -87, 42]]}, "temporal": {"interval": [["2017-01-01T00:00:00Z", None]]}}
        base |= {"license": "CC-BY-4.0", "extent": extent}
    return base | fields


def icechunk_asset(href: str, **fields: Any) -> dict[str, Any]:
    return {"href": href, "type": ICECHUNK, "roles": ["data"], "version": "2.0.0", **fields}


def write_json(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def link(rel: str, href: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": "application/json", "title": rel}


@pytest.fixture(scope="session")
def written_site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """A site with one study: catalog, collection, three items, and the store beside them."""
    site = tmp_path_factory.mktemp("site")
    (site / "data").mkdir()
    written = write_study(icechunk.local_filesystem_storage(str(site / "data" / "office.icechunk")))
    fields = {"icechunk:snapshot_id": written.second}
    runs = ["run-0001", "run-0002", "run-0003"]
    write_json(site / "catalog.json", document("Catalog", "buildings", [link("child", "./office/collection.json")]))
    items = [link("item", f"./{run}/{run}.json") for run in runs]
    collection = document("Collection", "office", [*items, link("parent", "../catalog.json")])
    collection["assets"] = {"icechunk": icechunk_asset("../data/office.icechunk", **fields)}
    write_json(site / "office" / "collection.json", collection)
    for run in runs:
        links = [link("collection", "../collection.json"), link("parent", "../collection.json")]
        item = document("Item", run, links, properties={"sim:run_id": run}, collection="office")
        item["assets"] = {"icechunk": icechunk_asset("../../data/office.icechunk", **fields)}
        write_json(site / "office" / run / f"{run}.json", item)
    return site, written


@pytest.fixture(scope="session")
def site(written_site: tuple[Path, Written]) -> Path:
    return written_site[0]


@dataclass
class Listener:
    """A server that notes every request's headers and answers as it is told."""

    url: str
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def seen(self) -> str:
        """Everything that was sent to it, in one text."""
        return "\n".join(f"{path} {headers}" for path, headers in self.requests)


@pytest.fixture
def listener() -> Iterator[Callable[..., Listener]]:
    """``listener(status=403, headers={}, body=b"")`` starts a server on a free loopback port."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int = 403, headers: dict[str, str] | None = None, body: bytes = b"") -> Listener:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                noted.requests.append((self.path, dict(self.headers)))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value.format(path=self.path))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            do_HEAD = do_GET  # noqa: N815  # http.server names methods so

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may go away
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        noted = Listener(f"http://127.0.0.1:{server.server_port}")
        return noted

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
