from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from simstac.catalog import collection_ids, merge_root, remove_collection, upsert_collection
from simstac.errors import InvalidDocumentError
from simstac.stac.document import Documents
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.validate import validate_documents

CATALOG = CatalogMetadata(id="lab", title="Lab", description="All of it.", public_url="https://x.org/stac/")
LOCAL = CatalogMetadata(id="lab")


def item(name: str, title: str = "") -> dict[str, Any]:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "geometry": {"type": "Point", "coordinates": [8.5, 47.4]},
        "bbox": [8.5, 47.4, 8.5, 47.4],
        "properties": {"datetime": "2020-01-01T00:00:00Z", "title": title or name, "description": "A run."},
        "assets": {},
        "links": [],
    }


def documents(name: str, *items: str, title: str = "", files: dict[str, bytes] | None = None) -> Documents:
    collection = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "title": title or name.title(),
        "description": "Some runs.",
        "license": "MIT",
        "extent": {
            "spatial": {"bbox": [[8.4, 47.3, 8.6, 47.5]]},
            "temporal": {"interval": [["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]]},
        },
        "assets": {
            path: {"href": f"./{path}", "type": "image/png", "title": path, "roles": ["graphic"]}
            for path in files or {}
        },
        "links": [],
    }
    return Documents(collection=collection, items=[item(entry) for entry in items], files=files or {})


class Site(dict[str, bytes]):
    """Documents by path, changed by edits."""

    def apply(self, edits: Any) -> list[str]:
        done = []
        for path, content in edits:
            done.append(f"-{path}" if content is None else path)
            if content is None:
                del self[path]
            else:
                self[path] = content
        return done

    def upsert(self, described: Documents, catalog: CatalogMetadata = CATALOG, **options: Any) -> list[str]:
        return self.apply(upsert_collection(dict(self).get, catalog, described, **options))

    def links(self, path: str, rel: str) -> list[dict[str, str]]:
        return [link for link in json.loads(self[path])["links"] if link["rel"] == rel]


@pytest.fixture
def site() -> Site:
    made = Site()
    made.upsert(documents("office", "run-2", "run-1"))
    return made


def test_children_come_before_their_parents(site):
    done = Site().upsert(documents("office", "run-2", "run-1", files={"chart.png": b"png"}))
    assert done == [
        "office/chart.png",
        "office/run-2/run-2.json",
        "office/run-1/run-1.json",
        "office/collection.json",
        "catalog.json",
    ]


def test_every_link_is_relative_and_says_its_target(site):
    assert validate_documents(site.items()).findings == ()
    assert json.loads(site["office/run-1/run-1.json"])["links"] == [
        {"rel": "root", "href": "../../catalog.json", "type": "application/json", "title": "Lab"},
        {"rel": "parent", "href": "../collection.json", "type": "application/json", "title": "Office"},
        {"rel": "collection", "href": "../collection.json", "type": "application/json", "title": "Office"},
        {
            "rel": "self",
            "href": "https://x.org/stac/office/run-1/run-1.json",
            "type": "application/geo+json",
            "title": "run-1",
        },
    ]
    assert [link["href"] for link in site.links("office/collection.json", "item")] == [
        "./run-1/run-1.json",
        "./run-2/run-2.json",
    ]


def test_a_local_catalog_has_no_self_link():
    site = Site()
    site.upsert(documents("office", "run-1"), LOCAL)
    assert not site.links("catalog.json", "self")
    assert validate_documents(site.items()).findings == ()


def test_nothing_new_changes_nothing(site):
    before = dict(site)
    site.upsert(documents("office", "run-2", "run-1"))
    assert site == before


def test_vanished_items_and_files_go_last(site):
    site.upsert(documents("office", "run-2", "run-1", files={"chart.png": b"png"}))
    done = site.upsert(documents("office", "run-1", "run-3"))
    assert done[-3:] == ["catalog.json", "-office/chart.png", "-office/run-2/run-2.json"]
    assert set(site) == {"catalog.json", "office/collection.json", "office/run-1/run-1.json", "office/run-3/run-3.json"}
    assert validate_documents(site.items()).findings == ()


def test_the_root_keeps_the_children_of_others(site):
    site.upsert(documents("school", "run-1"))
    assert collection_ids(site.get) == ["office", "school"]
    site.upsert(documents("office", "run-1", title="Office, again"))
    assert [link["title"] for link in site.links("catalog.json", "child")] == ["Office, again", "School"]
    assert validate_documents(site.items()).findings == ()


def test_a_new_title_of_the_root_reaches_the_children_of_others(site):
    site.upsert(documents("school", "run-1"))
    done = site.upsert(documents("office", "run-1", "run-2"), CATALOG.model_copy(update={"title": "New lab"}))
    assert "school/run-1/run-1.json" in done
    assert validate_documents(site.items()).findings == ()


def test_one_change_touches_its_own_documents_alone(site):
    site.upsert(documents("school", "run-1"))
    before = dict(site)
    site.upsert(documents("school", "run-1", "run-2"))
    changed = {path for path in site if before.get(path) != site[path]}
    assert changed == {"school/run-2/run-2.json", "school/collection.json"}


def test_removing_a_collection(site):
    site.upsert(documents("school", "run-1"))
    done = site.apply(remove_collection(dict(site).get, "office"))
    assert done[:2] == ["catalog.json", "-office/collection.json"]
    assert collection_ids(site.get) == ["school"]
    assert not [path for path in site if path.startswith("office/")]
    assert validate_documents(site.items()).findings == ()


def test_nothing_outside_of_the_collection_is_ever_deleted(site):
    hostile = json.loads(site["office/collection.json"])
    hostile["links"] += [
        {"rel": "item", "href": href, "type": "application/geo+json", "title": "x"}
        for href in ("../school/collection.json", "/etc/passwd", "https://x.org/a.json", "./../../up.json")
    ]
    site["office/collection.json"] = json.dumps(hostile).encode()
    edits = list(upsert_collection(dict(site).get, CATALOG, documents("office")))
    assert [path for path, content in edits if content is None] == [
        "office/run-1/run-1.json",
        "office/run-2/run-2.json",
    ]


def test_a_root_is_merged_into_one_that_others_wrote(site):
    other = Site()
    other.upsert(documents("school", "run-1"))
    other.upsert(documents("gone", "run-1"))
    ((path, merged),) = merge_root(other.get, site["catalog.json"], frozenset({"gone"}))
    assert path == "catalog.json"
    assert collection_ids({"catalog.json": merged}.get) == ["office", "school"]
    assert list(merge_root({}.get, site["catalog.json"], frozenset())) == [(path, site["catalog.json"])]


def test_removing_what_is_not_there_does_nothing():
    assert list(remove_collection({}.get, "office")) == []


def test_a_broken_document_is_named():
    with pytest.raises(InvalidDocumentError, match=r"catalog\.json: is not JSON"):
        Site({"catalog.json": b"{"}).upsert(documents("office", "run-1"))


def test_the_table_is_made_only_where_an_item_changed(site):
    calls = []

    def table(items: Any) -> bytes:
        calls.append([entry["id"] for entry in items])
        return json.dumps(calls[-1]).encode()

    site.upsert(documents("office", "run-2", "run-1"), table=table)
    site.upsert(documents("office", "run-2", "run-1"), table=table)
    assert calls == [["run-2", "run-1"]]
    site.upsert(documents("office", "run-1"), table=table)
    assert calls[1:] == [["run-1"]]
    assert site["office/items.parquet"] == b'["run-1"]'
    site.upsert(documents("office", "run-1"))
    assert "office/items.parquet" not in site


PROGRAM = """
import sys, hashlib
sys.path.insert(0, sys.argv[1])
import numpy as np, xarray as xr
from datetime import UTC, datetime
from simstac.catalog import upsert_collection
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import CatalogMetadata, Metadata
from simstac.stac.placement import place_store
from simstac.storage import LocalPath, Stored
stored = Stored(href="x", scheme=LocalPath(), snapshot_id="A", tag="1", written_at=datetime(2026, 1, 1, tzinfo=UTC),
                fingerprint="", changed=True)
names = list({f"v{i}" for i in range(40)})
variables = {name: (("lat", "lon"), np.zeros((2, 2))) for name in names}
ds = xr.Dataset(variables, {"lat": [0.0, 1.0], "lon": [0.0, 1.0]}, {name: name for name in names})
metadata = Metadata(id="a", license="MIT", datetime=datetime(2020, 1, 1))
documents = describe_dataset(ds, stored, metadata, place_store("a", public_url="https://x.org"))
digest = hashlib.sha256()
for path, content in upsert_collection(lambda path: None, CatalogMetadata(id="c"), documents):
    digest.update(path.encode() + content)
print(digest.hexdigest())
"""


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path):
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
