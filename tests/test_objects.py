"""Files of a source, in a folder and in a real bucket: listed alike, fetched whole, and missed loudly."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from simstac.errors import SourceError
from simstac.objects import Files, files_at, split_pattern
from simstac.storage import CustomS3, LocalPath

CONTENTS = {"a/one.txt": b"1", "a/two words ü.txt": b"22", "b.bin": bytes(range(256)) * 100_000}


@pytest.fixture
def folder(tmp_path: Path) -> Files:
    for path, content in CONTENTS.items():
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(content)
    return files_at("in", base=tmp_path)


@pytest.fixture
def bucket(s3: Any) -> Files:
    name, client = s3.make_bucket("objects"), s3.client()
    for path, content in CONTENTS.items():
        client.put_object(Bucket=name, Key=f"in/{path}", Body=content)
    client.put_object(Bucket=name, Key="inside-not.txt", Body=b"a neighbour")
    return files_at(f"s3://{name}/in/", endpoint_url=s3.endpoint_url)


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest) -> Files:
    return request.getfixturevalue(request.param)


def test_lists_what_is_there_with_sizes(files: Files) -> None:
    assert [(file.path, file.size) for file in files.list()] == [
        (path, len(CONTENTS[path])) for path in sorted(CONTENTS)
    ]
    assert [file.path for file in files.list("a")] == ["a/one.txt", "a/two words ü.txt"]


def test_a_version_changes_with_the_bytes(files: Files, request: pytest.FixtureRequest, s3: Any) -> None:
    before = {file.path: file.version for file in files.list()}
    assert {file.path: file.version for file in files.list()} == before
    if isinstance(files.scheme, LocalPath):
        Path(files.url("a/one.txt")).write_bytes(b"longer")
    else:
        bucket = files.address.split("/")[2]
        s3.client().put_object(Bucket=bucket, Key="in/a/one.txt", Body=b"other")
    after = {file.path: file.version for file in files.list()}
    assert [path for path in before if before[path] != after[path]] == ["a/one.txt"]


def test_reads_and_fetches_the_same_bytes_also_in_another_process(files: Files, tmp_path: Path) -> None:
    assert files.list()
    again: Files = pickle.loads(pickle.dumps(files))
    for path, content in CONTENTS.items():
        assert again.read(path) == content
        again.fetch(path, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content


def test_what_is_not_there_is_an_error(files: Files, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing.txt: (does not exist|cannot be read: No such file)"):
        files.read("nothing.txt")
    with pytest.raises(SourceError, match=r"nothing.txt: (does not exist|cannot be read: No such file)"):
        files.fetch("nothing.txt", tmp_path / "copy")


def test_a_missing_folder_or_bucket_is_never_empty(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere: does not exist"):
        files_at("nowhere", base=tmp_path).list()
    with pytest.raises(SourceError, match=r"s3://no-such-bucket.*there is no such bucket"):
        files_at("s3://no-such-bucket/x", endpoint_url=s3.endpoint_url).list()


def test_refused_keys_are_an_error(bucket: Files, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SourceError, match="the secret key is wrong"):
        bucket.list()
    with pytest.raises(SourceError, match="profile nobody: is not in the AWS configuration"):
        files_at(bucket.address, endpoint_url=s3.endpoint_url, profile="nobody").list()


def test_a_public_bucket_is_read_without_keys(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = s3.make_bucket("public", public=True)
    s3.client().put_object(Bucket=name, Key="in/x", Body=b"x")
    for variable in s3.env:
        monkeypatch.delenv(variable)
    files = files_at(f"s3://{name}/in", endpoint_url=s3.endpoint_url, anonymous=True)
    assert files.read("x") == b"x"
    assert files.scheme == CustomS3(bucket=name, endpoint_url=s3.endpoint_url, anonymous=True)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("s3://bucket/runs/case-*/out.sql", ("s3://bucket/runs", "case-*/out.sql")),
        ("s3://bucket", ("s3://bucket", "")),
        ("runs/*", ("runs", "*")),
        ("*.nc", (".", "*.nc")),
        ("/data/x[12].nc", ("/data", "x[12].nc")),
        ("plain/file.nc", ("plain/file.nc", "")),
    ],
)
def test_a_pattern_splits_where_its_wildcards_begin(pattern: str, parts: tuple[str, str]) -> None:
    assert split_pattern(pattern) == parts


def test_other_addresses_are_refused() -> None:
    with pytest.raises(SourceError, match="gs://bucket: is neither a folder nor in a bucket"):
        files_at("gs://bucket")


def test_a_link_to_nothing_is_no_file(folder: Files, tmp_path: Path) -> None:
    (tmp_path / "in" / ".#one.txt").symlink_to("user@host.1234:5678")
    assert [file.path for file in folder.list()] == sorted(CONTENTS)
    assert set(folder.folder_at().names) == {"b.bin"}
