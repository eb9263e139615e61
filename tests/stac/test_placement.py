from __future__ import annotations

from simstac.stac.placement import Route, place_store, scheme_keys, storage_schemes
from simstac.storage import AwsS3, CustomS3, Gcs, Http, scheme_to_stac

AWS = Route("s3://bucket/stac", AwsS3(bucket="bucket", region="eu-central-1"))
MINIO = Route("s3://lab/stac", CustomS3(bucket="lab", endpoint_url="https://minio.example.org"))
R2 = Route("s3://open/", CustomS3(bucket="open", endpoint_url="https://abc.r2.cloudflarestorage.com"))


def hrefs(**options) -> list[str]:
    return [route.href for route in place_store("office", **options).routes]


def test_beside_the_catalog():
    placement = place_store("office")
    assert [route.href for route in placement.routes] == ["data/office.icechunk"]
    assert placement.primary.relative_to(1) == "../data/office.icechunk"
    assert placement.primary.relative_to(2) == "../../data/office.icechunk"


def test_an_s3_target_is_an_alternate_of_a_public_site():
    assert hrefs(public_url="https://x.org", targets=[MINIO]) == [
        "data/office.icechunk",
        "s3://lab/stac/data/office.icechunk",
    ]


def test_amazon_comes_first_so_that_the_released_xpystac_opens_it():
    assert hrefs(public_url="https://x.org", targets=[MINIO, AWS]) == [
        "s3://bucket/stac/data/office.icechunk",
        "data/office.icechunk",
        "s3://lab/stac/data/office.icechunk",
    ]


def test_without_a_public_url_the_bucket_comes_first():
    assert hrefs(targets=[MINIO]) == ["s3://lab/stac/data/office.icechunk", "data/office.icechunk"]


def test_a_store_elsewhere_is_the_only_route():
    store = Route("s3://far/away/", AwsS3(bucket="far", region="us-east-1"))
    assert hrefs(store=store, targets=[MINIO], public_url="https://x.org") == ["s3://far/away"]


def test_scheme_keys_are_short_and_distinct():
    other = Route("s3://b2", CustomS3(bucket="b2", endpoint_url="https://other.example.org"))
    keys = scheme_keys(
        [Route("data/x"), MINIO, other, R2, AWS, MINIO, Route("https://x", Http()), Route("gs://g", Gcs(bucket="g"))]
    )
    assert list(keys.values()) == ["s3", "s3-2", "r2", "aws", "gcs"]
    assert storage_schemes([AWS]) == {"aws": scheme_to_stac(AWS.scheme)}


def test_public_addresses():
    placement = place_store("office", public_url="https://x.org/stac/")
    assert placement.url("office/collection.json") == "https://x.org/stac/office/collection.json"
    assert place_store("office").url("office/collection.json") == "office/collection.json"
