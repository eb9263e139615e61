"""Stores of strangers must not lead whoever describes them to what only he can reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import icechunk
import pytest
from tests.existing_stores import analysis, append_icechunk, scheme_of, write_icechunk

from simstac.engine.existing import _readable, open_existing
from simstac.engine.virtual import Container
from simstac.errors import StorageError
from simstac.storage import AwsS3, CustomS3, Http, LocalPath, icechunk_storage

STRANGER = AwsS3(bucket="theirs", region="us-east-1", anonymous=True)


@pytest.mark.parametrize(
    "prefix",
    [
        "http://127.0.0.1:8080/secret/",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.7/x/",
        "http://[::1]/x/",
        "http://localhost/x/",
        "http://printer.local/x/",
        "http://metadata.google.internal/x/",
    ],
)
def test_chunks_in_a_private_network_are_refused(prefix: str) -> None:
    with pytest.raises(StorageError, match="an address of a private network"):
        _readable((Container(prefix, Http()),), "s3://theirs/x", STRANGER)
    host = prefix.partition("://")[2].partition("/")[0]
    own = _readable((Container(prefix, Http()),), f"http://{host}/store", Http())
    assert own[0].prefix == prefix


def test_an_endpoint_in_a_private_network_is_refused() -> None:
    place = Container("s3://b/x/", CustomS3(bucket="b", endpoint_url="http://192.168.1.1:9000"))
    with pytest.raises(StorageError, match="an address of a private network"):
        _readable((place,), "s3://theirs/x", STRANGER)


def test_our_keys_do_not_go_where_a_public_store_points() -> None:
    ours = Container("s3://ours/private/", AwsS3(bucket="ours", region="us-east-1"))
    assert _readable((ours,), "s3://theirs/x", STRANGER)[0].scheme.anonymous  # type: ignore[union-attr]
    assert _readable((ours,), "https://example.org/x", Http())[0].scheme.anonymous  # type: ignore[union-attr]
    keyed = AwsS3(bucket="mine", region="us-east-1")
    assert _readable((ours,), "s3://mine/x", keyed) == (ours,)


def test_a_store_in_a_bucket_may_not_take_chunks_from_this_machine(s3: Any) -> None:
    bucket = s3.make_bucket()
    config = icechunk.RepositoryConfig.default()
    files = icechunk.local_filesystem_store("/etc")
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer("file:///etc/", files))
    write_icechunk(analysis(), f"s3://{bucket}/x", scheme_of(s3, bucket), config=config)
    with pytest.raises(StorageError, match="takes chunks from file:///etc/, a folder of its writer's machine"):
        open_existing(f"s3://{bucket}/x", scheme_of(s3, bucket), "icechunk", trusted=frozenset({s3.endpoint_url}))


def test_of_several_tags_the_last_by_name_is_pinned(tmp_path: Path) -> None:
    href = str(tmp_path / "store")
    write_icechunk(analysis(), href, tag="v1.9.0")
    snapshot = append_icechunk(analysis(), href)
    repository = icechunk.Repository.open(icechunk_storage(href, LocalPath()))
    opened = open_existing(href, LocalPath(), "icechunk")
    assert (opened.stored.tag, opened.stored.snapshot_id) == (snapshot, snapshot)
    for tag in ("v1.10.0", "latest-not", "v1.9.1"):
        repository.create_tag(tag, snapshot)
    assert open_existing(href, LocalPath(), "icechunk").stored.tag == "v1.10.0"
    assert opened.data["t2m"].sizes["time"] == 6


@pytest.mark.parametrize("content", [b"", b"not a repo", b"ICE\xf0\x9f\xa7\x8aCHUNK" + bytes(100)])
def test_a_broken_store_is_one_line(tmp_path: Path, content: bytes) -> None:
    write_icechunk(analysis(), str(tmp_path / "store"))
    (tmp_path / "store" / "repo").write_bytes(content)
    with pytest.raises(StorageError) as caught:
        open_existing(str(tmp_path / "store"), LocalPath(), "icechunk")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'store'}: ")
