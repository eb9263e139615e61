from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest
from stac_geoparquet.arrow import stac_table_to_items

from simstac.catalog import upsert_collection
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.parquet import items_parquet
from simstac.stac.placement import Route, place_store
from simstac.stac.study import describe_study
from simstac.storage import AwsS3

CATALOG = CatalogMetadata(id="c")


@pytest.fixture
def edits(study, stored, metadata):
    target = Route("s3://bucket", AwsS3(bucket="bucket", region="us-east-1"))
    documents = describe_study(study(), stored(), metadata(), place_store("office", targets=[target]))
    return dict(upsert_collection(lambda _: None, CATALOG, documents, table=items_parquet))


def test_the_table_agrees_with_the_json(edits):
    table = pq.read_table(io.BytesIO(edits["office/items.parquet"]))
    rows = {row["id"]: row for row in stac_table_to_items(table)}
    documents = {path.split("/")[1]: json.loads(data) for path, data in edits.items() if path.count("/") == 2}
    assert set(rows) == set(documents) == {f"run-000{index}" for index in range(4)}
    for name, row in rows.items():
        document = documents[name]
        assert (row["bbox"], row["geometry"], row["collection"]) == (
            document["bbox"],
            document["geometry"],
            document["collection"],
        )
        assert {key: link["href"] for key, link in enumerate(row["links"])} == {
            key: link["href"] for key, link in enumerate(document["links"])
        }
        for key in ("sim:u_value", "sim:system", "sim:eui", "sim:status", "title", "version", "storage:schemes"):
            assert row["properties"].get(key) == document["properties"].get(key)
        assert row["assets"]["icechunk"]["href"] == document["assets"]["icechunk"]["href"]


def test_columns_are_homogeneous(edits):
    names = pq.read_schema(io.BytesIO(edits["office/items.parquet"])).names
    assert not [name for name in names if name.startswith("cube:")]
    assert "sim:eui" in names


def test_equal_items_give_equal_bytes(edits):
    items = [json.loads(data) for path, data in edits.items() if path.count("/") == 2]
    assert items_parquet(items) == items_parquet(items) == edits["office/items.parquet"]


def test_batches_whose_columns_differ_are_joined(edits, monkeypatch):
    monkeypatch.setattr("simstac.stac.parquet.BATCH", 1)
    items = [json.loads(data) for path, data in edits.items() if path.count("/") == 2]
    table = pq.read_table(io.BytesIO(items_parquet(items)))
    assert table.column("sim:eui").to_pylist() == [50, None, 52, 53]


def test_the_asset_names_size_and_checksum(edits):
    asset = json.loads(edits["office/collection.json"])["assets"]["items"]
    assert asset["roles"] == ["stac-items"]
    assert asset["type"] == "application/vnd.apache.parquet"
    assert asset["file:size"] == len(edits["office/items.parquet"])
    assert asset["file:checksum"].startswith("1220")
    assert len(asset["file:checksum"]) == 68
