"""Files found, and the containers that hold them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simstac.errors import SourceError
from simstac.objects import files_at
from simstac.sources.virtual.places import container_folders, placed_files
from simstac.storage import AwsS3, CustomS3, LocalPath

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_paths_folders_and_globs(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.nc", "a/b/2.nc4", "a/b/notes.txt", "a/c d/3.nc")

    def names(*patterns: str) -> list[str]:
        return [file.name for file in placed_files(patterns, partial(files_at, base=tmp_path))]

    assert names("a") == ["a/1.nc", "a/b/2.nc4", "a/c d/3.nc"]
    assert names("a/*.nc") == ["a/1.nc"]
    assert names("a/**/*.nc") == ["a/1.nc", "a/c d/3.nc"]
    assert names("a/b/notes.txt") == ["a/b/notes.txt"]
    assert names("a/1.nc", "a") == ["a/1.nc", "a/b/2.nc4", "a/c d/3.nc"]
    with pytest.raises(SourceError, match=r"a/\*\.hdf: matches no files; point the path at the files"):
        names("a/*.hdf")
    with pytest.raises(SourceError, match=r"gs://bucket/x\.nc: is neither a folder nor in a bucket"):
        names("gs://bucket/x.nc")


def test_what_a_reader_checks(tmp_path: Path) -> None:
    touch(tmp_path, "ü #1.nc")
    os.utime(tmp_path / "ü #1.nc", ns=(0, 1_500_000_000_000_000_001))
    (file,) = placed_files(["*.nc"], partial(files_at, base=tmp_path))
    assert file.url == f"file://{tmp_path}/%C3%BC%20%231.nc"
    assert file.checksum == datetime.fromtimestamp(1_500_000_001, UTC)
    assert (file.version, file.scheme) == ("1500000000000000001-1", LocalPath())


def test_containers_are_folders_of_plain_names(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.nc", "a/b/2.nc", "c d/e/3.nc", "f/4.nc")

    def folders(*patterns: str) -> list[str]:
        files = placed_files(patterns, partial(files_at, base=tmp_path))
        return [folder.removeprefix(f"file://{tmp_path}") for folder, _ in container_folders(files)]

    assert folders("a/b/*.nc", "f/4.nc") == ["/a/b/", "/f/"]
    assert folders("a", "a/b") == ["/a/"]
    assert folders("c d/e/*.nc") == ["/"]


def test_a_bucket(s3: SeaweedFS) -> None:
    bucket = s3.make_bucket()
    for key in ("p/1.nc", "p/q/2.nc", "p/q r/3.nc", "p/readme.md", "other.nc"):
        s3.client().put_object(Bucket=bucket, Key=key, Body=key.encode())
    reach = partial(files_at, base=Path(), endpoint_url=s3.endpoint_url)

    def names(pattern: str) -> list[str]:
        return [file.url.removeprefix(f"s3://{bucket}/") for file in placed_files([pattern], reach)]

    assert names(f"s3://{bucket}/p") == ["p/1.nc", "p/q%20r/3.nc", "p/q/2.nc"]
    assert names(f"s3://{bucket}/p/*.nc") == ["p/1.nc"]
    assert names(f"s3://{bucket}/p/**/*.nc") == ["p/1.nc", "p/q%20r/3.nc", "p/q/2.nc"]
    assert names(f"s3://{bucket}/p/q/2.nc") == ["p/q/2.nc"]
    (file,) = placed_files([f"s3://{bucket}/other.nc"], reach)
    assert file.scheme == CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
    assert file.folder == f"s3://{bucket}/"
    with file.open() as opened:
        assert opened.read() == b"other.nc"


def test_a_bucket_of_amazon_is_one_though_the_environment_names_an_endpoint(s3: SeaweedFS, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    bucket = s3.make_bucket()
    s3.client().put_object(Bucket=bucket, Key="a.nc", Body=b"x")
    (file,) = placed_files([f"s3://{bucket}"], partial(files_at, base=Path(), region="eu-west-1"))
    assert file.scheme == AwsS3(bucket=bucket, region="eu-west-1")
