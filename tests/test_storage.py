import pickle
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simstac.errors import StorageError
from simstac.storage import (
    AwsS3,
    Azure,
    CustomS3,
    Gcs,
    Http,
    LocalPath,
    S3Keys,
    icechunk_storage,
    local_path,
    object_key,
    scheme_from_stac,
    scheme_from_url,
    scheme_to_stac,
)

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=3, max_size=20)
schemes = st.one_of(
    st.builds(AwsS3, bucket=names, region=names, anonymous=st.booleans(), requester_pays=st.booleans()),
    st.builds(
        CustomS3, bucket=names, endpoint_url=names.map("https://{}".format), region=names, anonymous=st.booleans()
    ),
    st.builds(Gcs, bucket=names, anonymous=st.booleans()),
    st.builds(Azure, account=names, container=names, anonymous=st.booleans()),
)


@given(schemes)
def test_a_scheme_survives_the_way_through_stac(scheme):
    entry = scheme_to_stac(scheme)
    assert entry is not None
    assert scheme_from_stac(entry) == scheme


@pytest.mark.parametrize("scheme", [Http(), LocalPath()])
def test_stac_needs_no_scheme_for_http_and_folders(scheme):
    assert scheme_to_stac(scheme) is None


def test_platform_of_amazon_is_the_template_itself():
    entry = scheme_to_stac(AwsS3(bucket="b", region="eu-west-1"))
    assert entry is not None
    assert entry["platform"] == "https://{bucket}.s3.{region}.amazonaws.com"


@pytest.mark.parametrize(
    ("url", "settings", "scheme"),
    [
        ("s3://b/x", {"region": "eu-west-1"}, AwsS3(bucket="b", region="eu-west-1")),
        (
            "s3://b/x",
            {"endpoint_url": "https://e", "anonymous": True},
            CustomS3(bucket="b", endpoint_url="https://e", anonymous=True),
        ),
        ("gs://b/x", {}, Gcs(bucket="b")),
        ("az://account/container/x", {}, Azure(account="account", container="container")),
        ("https://example.org/x", {}, Http()),
        ("site/data/x", {}, LocalPath()),
        ("file:///site/x", {}, LocalPath()),
    ],
)
def test_scheme_from_url(url, settings, scheme):
    assert scheme_from_url(url, **settings) == scheme


@pytest.mark.parametrize("url", ["s3:///x", "ftp://b/x", "az://account"])
def test_an_address_that_names_no_store_is_refused(url):
    with pytest.raises(StorageError, match="is not an address of a store"):
        scheme_from_url(url)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"type": "aws-s3", "platform": "x"}, "lacks 'bucket'"),
        ({"type": "tape"}, "'tape' is not known"),
        ({}, "None is not known"),
    ],
)
def test_a_scheme_that_says_too_little_is_refused(entry, problem):
    with pytest.raises(StorageError, match=problem):
        scheme_from_stac(entry)


def test_a_local_store_takes_what_is_written(tmp_path):
    import icechunk

    href = (tmp_path / "größe 1%.icechunk").as_uri()
    icechunk.Repository.create(icechunk_storage(href, LocalPath()))
    assert (tmp_path / "größe 1%.icechunk" / "repo").is_file()
    assert local_path(href) == tmp_path / "größe 1%.icechunk"


def test_object_keys_are_taken_as_they_are():
    assert object_key("s3://bucket/a b/ü%20#1/") == "a b/ü%20#1"
    assert object_key("s3://bucket") == ""


def test_keys_are_never_shown():
    keys = S3Keys(access_key_id="AKIAEXAMPLE", secret_access_key="hidden", session_token="also hidden")
    assert "AKIAEXAMPLE" not in repr(keys)
    assert "hidden" not in repr(keys)


def test_a_repository_crosses_process_borders_with_its_key_source(seaweedfs):
    import icechunk

    bucket = seaweedfs.make_bucket()
    scheme = CustomS3(bucket=bucket, endpoint_url=seaweedfs.endpoint_url)
    keys = partial(S3Keys, access_key_id=seaweedfs.access_key, secret_access_key=seaweedfs.secret_key)
    repository = icechunk.Repository.create(icechunk_storage(f"s3://{bucket}/a/b", scheme, credentials=keys))
    again = pickle.loads(pickle.dumps(repository))
    assert again.lookup_branch("main") == repository.lookup_branch("main")
    assert seaweedfs.client().list_objects_v2(Bucket=bucket, Prefix="a/b/repo")["KeyCount"] == 1


def test_without_ambient_credentials_access_is_anonymous(s3):
    import icechunk

    bucket = s3.make_bucket()
    scheme = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
    icechunk.Repository.create(icechunk_storage(f"s3://{bucket}/x", scheme))
    with pytest.raises(icechunk.IcechunkError, match=r"AccessDenied|Access Denied|403"):
        icechunk.Repository.open(icechunk_storage(f"s3://{bucket}/x", scheme, ambient=False))
