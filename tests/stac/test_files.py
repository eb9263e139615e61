from __future__ import annotations

from typing import Any

import pytest

from simstac.stac.document import SCHEMAS
from simstac.stac.files import file_asset
from simstac.storage import AwsS3, CustomS3, Http

SHA256 = "ab" * 32
BUCKET = CustomS3(bucket="runs", endpoint_url="https://s3.example.org")


@pytest.fixture
def item() -> dict[str, Any]:
    return {"type": "Feature", "id": "a", "stac_extensions": [], "properties": {}, "assets": {}, "links": []}


def test_a_shipped_file_has_size_and_checksum_and_no_scheme(item):
    asset = file_asset(item, "eplusout.err", "./outputs/eplusout.err", size=3, sha256=SHA256)
    assert item["assets"] == {"eplusout.err": asset}
    assert (asset["file:size"], asset["file:checksum"]) == (3, f"1220{SHA256}")
    assert (asset["type"], asset["title"]) == ("text/plain; charset=utf-8", "eplusout.err")
    assert item["stac_extensions"] == [SCHEMAS["file"]]


def test_a_file_in_a_bucket_refers_to_a_scheme_that_both_places_have(item):
    for number in (1, 2):
        file_asset(item, f"{number}", f"s3://runs/{number}.parquet", scheme=BUCKET)
    file_asset(item, "3", "s3://other/3.parquet", scheme=CustomS3(bucket="other", endpoint_url=BUCKET.endpoint_url))
    file_asset(item, "4", "s3://public/4.parquet", scheme=AwsS3(bucket="public", region="us-west-2"))
    assert [item["assets"][key]["storage:refs"] for key in "1234"] == [["s3"], ["s3"], ["s3-2"], ["aws"]]
    assert list(item["storage:schemes"]) == ["s3", "s3-2", "aws"]
    assert item["properties"]["storage:schemes"] == item["storage:schemes"]
    assert item["stac_extensions"] == [SCHEMAS["storage"]]


def test_a_collection_has_its_schemes_at_the_top_level_alone(item):
    collection = item | {"type": "Collection"}
    file_asset(collection, "a", "s3://runs/a.nc", scheme=BUCKET)
    assert collection["storage:schemes"]["s3"]["bucket"] == "runs"
    assert collection["properties"] == {}


def test_a_file_on_the_web_needs_no_scheme_and_no_file_extension(item):
    asset = file_asset(item, "a", "https://x.org/a.nc", scheme=Http())
    assert "storage:refs" not in asset
    assert item["stac_extensions"] == []


def test_parts_that_documents_share_stay_as_they_were(item):
    assets, schemes = {"icechunk": {"href": "./x"}}, {"s3": {"type": "custom-s3"}}
    item |= {"assets": assets, "storage:schemes": schemes, "properties": {"storage:schemes": schemes}}
    file_asset(item, "icechunk", "s3://runs/a.nc", scheme=BUCKET)
    assert list(item["assets"]) == ["icechunk", "icechunk-2"]
    assert list(assets) == ["icechunk"]
    assert list(schemes) == ["s3"]
