"""Items of any Dataset, made offline: Icechunk, virtual Icechunk and plain Zarr, as other builders make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.existing_stores import analysis, forecast

import simstac
from simstac.stac.placement import Placement, Route
from simstac.stac.validate import validate_documents
from simstac.storage import AwsS3, Http, StorageScheme

AWS = AwsS3(bucket="bucket", region="us-west-2", anonymous=True)
METADATA = simstac.Metadata(
    id="weather", title="Weather", license="CC-BY-4.0", providers=[{"name": "Lab", "roles": ["producer"]}]
)


def stored(href: str, scheme: StorageScheme, snapshot: str = "") -> simstac.Stored:
    return simstac.Stored(
        href=href,
        scheme=scheme,
        snapshot_id=snapshot,
        tag=snapshot,
        written_at=datetime(2024, 1, 1, tzinfo=UTC),
        fingerprint="",
        changed=False,
    )


def problems(item: Any) -> list[str]:
    """What breaks a rule, links between documents aside."""
    document = item.to_dict(include_self_link=False, transform_hrefs=False)
    findings = validate_documents([("weather/x/x.json", document)], whole=False).findings
    return [str(finding) for finding in findings if finding.rule != "link-root"]


def test_an_icechunk_store_is_pinned_to_its_snapshot() -> None:
    item = simstac.build_item(
        forecast(), id="x", stored=stored("s3://bucket/x.icechunk", AWS, "ABC"), metadata=METADATA
    )
    asset = item.assets["icechunk"]
    assert (asset.media_type, asset.extra_fields["version"]) == ("application/vnd.zarr+icechunk", "ABC")
    assert item.properties["end_datetime"] == "2024-01-02T12:00:00Z"
    assert item.extra_fields["storage:schemes"] == item.properties["storage:schemes"]
    assert item.properties["storage:schemes"]["aws"]["platform"] == "https://{bucket}.s3.{region}.amazonaws.com"
    assert problems(item) == []


def test_a_virtual_store_names_its_sources() -> None:
    placement = Placement(
        primary=Route("s3://bucket/x.icechunk", AWS),
        containers=(
            ("source", Route("s3://other/files/", AwsS3(bucket="other", region="eu-west-1")), "application/x"),
        ),
    )
    item = simstac.build_item(
        analysis(),
        id="x",
        stored=stored("s3://bucket/x.icechunk", AWS, "ABC"),
        metadata=METADATA,
        placement=placement,
    )
    assert item.assets["icechunk"].extra_fields["vrt:hrefs"] == [{"key": "source", "href": "./x.json#/assets/source"}]
    assert problems(item) == []


@pytest.mark.parametrize(("href", "scheme"), [("https://example.org/x.zarr", Http()), ("s3://bucket/x.zarr", AWS)])
def test_plain_zarr_has_no_version_and_its_format_in_a_link(href: str, scheme: StorageScheme) -> None:
    item = simstac.build_item(analysis(), id="x", stored=stored(href, scheme), metadata=METADATA)
    asset = item.assets["zarr"]
    assert (asset.media_type, "version" in asset.extra_fields) == ("application/vnd.zarr", False)
    assert "version" not in item.properties
    link = item.get_single_link("store")
    assert link is not None
    assert (link.href, link.media_type) == (href, "application/vnd.zarr; version=3")
    assert problems(item) == []
    collection = simstac.build_collection(analysis(), stored=stored(href, scheme), metadata=METADATA)
    assert collection.assets.keys() == {"zarr"}
    assert 'assets["zarr"]' in collection.description
