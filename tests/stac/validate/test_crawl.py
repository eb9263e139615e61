from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from simstac.catalog import upsert_collection
from simstac.errors import StorageError
from simstac.stac.document import Documents
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.validate import validate_tree


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    collection = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": "office",
        "title": "Office",
        "description": "Some runs.",
        "license": "MIT",
        "extent": {
            "spatial": {"bbox": [[8.4, 47.3, 8.6, 47.5]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
        },
        "links": [],
    }
    for path, content in upsert_collection(
        lambda _: None, CatalogMetadata(id="c"), Documents(collection=collection, items=[])
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content or b"")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


def test_links_are_followed_down_from_a_url(served):
    url, folder = served
    checked = validate_tree(f"{url}/catalog.json")
    assert (checked.documents, checked.findings) == (2, ())
    document = (folder / "office/collection.json").read_text().replace('"Office"', '"School"', 1)
    (folder / "office/collection.json").write_text(document)
    assert [finding.rule for finding in validate_tree(f"{url}/catalog.json").findings] == ["link-title"]


@pytest.mark.parametrize("links", ["null", "3", "[3]", '[{"rel": ["child"]}]'])
def test_links_of_any_other_kind_are_findings(served, links):
    url, folder = served
    (folder / "catalog.json").write_text(f'{{"type": "Catalog", "stac_version": "1.1.0", "links": {links}}}')
    assert validate_tree(f"{url}/catalog.json").findings


def test_a_url_that_is_not_there(served):
    with pytest.raises(StorageError, match="404"):
        validate_tree(f"{served[0]}/nothing.json")
