"""Files in real s3fs mounts, compared with what their bucket says."""

from dataclasses import replace

import pytest

from simstac.errors import SourceError
from simstac.sources.mounts import Access, described, find_inputs, refuse_changes

pytestmark = pytest.mark.requires("s3fs")
NONE = Access(explicit={})


def test_globs_find_what_the_bucket_has(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt one")
    found = find_inputs([str(point / "**" / "*.txt"), str(point / "y.txt")], NONE)
    assert [(each.origin.href, each.info.size) for each in found] == [
        (f"s3://{bucket}/runs/a b.txt", 5),
        (f"s3://{bucket}/runs/sub/x.txt", 1),
        (f"s3://{bucket}/y.txt", 1),
    ]
    refuse_changes(found, NONE)
    rows = described(found)
    assert rows[0]["href"] == f"s3://{bucket}/runs/a b.txt"
    assert rows[0]["scheme"]["bucket"] == bucket
    many = [replace(found[0], origin=replace(found[0].origin, href=f"s3://{bucket}/runs/{n}/x")) for n in range(40)]
    assert [(row["href"], row["size"]) for row in described(many)] == [(f"s3://{bucket}/runs/", 200)]


def test_files_of_this_machine_need_no_bucket(tmp_path):
    (tmp_path / "a.pp").write_bytes(b"1")
    (found,) = find_inputs([str(tmp_path / "*.pp"), str(tmp_path / "a.pp")], NONE)
    assert (found.path, found.origin, found.info) == (tmp_path / "a.pp", None, None)
    with pytest.raises(SourceError, match="matches no files"):
        find_inputs([str(tmp_path / "*.nc")], NONE)


def test_stale_bytes_of_a_cache_are_refused(mounts, bucket, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    point = mounts.mount(bucket, tmp_path / "mnt", "-o", f"use_cache={cache},stat_cache_expire=900")
    assert (point / "runs/a b.txt").read_bytes() == b"hello"
    (cache / bucket / "runs" / "a b.txt").write_bytes(b"jello")
    assert (point / "runs/a b.txt").read_bytes() == b"jello"
    found = find_inputs([str(point / "runs/*.txt")], NONE)
    with pytest.raises(SourceError, match=r"is stale: .* has other bytes"):
        refuse_changes(found, NONE)


def test_other_sizes_than_the_bucket_has_are_refused(mounts, bucket, tmp_path, s3):
    s3.client().put_object(Bucket=bucket, Key="other/y.txt", Body=b"longer than y")
    point = mounts.mount(bucket, tmp_path / "mnt")
    told = Access(explicit={str(point): f"s3://{bucket}/other"}, endpoint_url=s3.endpoint_url)
    with pytest.raises(SourceError, match=r"y.txt: has 1 bytes in the mount, 13 in s3://"):
        find_inputs([str(point / "y.txt")], told)


def test_what_the_bucket_does_not_have_is_refused(mounts, bucket, tmp_path, s3):
    point = mounts.mount(bucket, tmp_path / "mnt")
    told = Access(explicit={str(point): f"s3://{bucket}/runs"}, endpoint_url=s3.endpoint_url)
    with pytest.raises(SourceError, match=r"is shown by the mount, but .* has no y.txt"):
        find_inputs([str(point / "y.txt")], told)
    s3.client().delete_object(Bucket=bucket, Key="y.txt")
    with pytest.raises(SourceError, match=r"matches no files|has no y.txt"):
        find_inputs([str(point / "y.txt")], NONE)


def test_a_mount_that_shows_less_than_its_bucket_is_refused(mounts, bucket, tmp_path, s3):
    part = mounts.mount(f"{bucket}:/runs", tmp_path / "part")
    told = Access(explicit={str(part): f"s3://{bucket}"}, endpoint_url=s3.endpoint_url)
    with pytest.raises(SourceError, match=r"does not show y.txt, which .* \(1 of 1 files are missing\)"):
        find_inputs([str(part / "y*.txt")], told)


def test_a_file_that_changes_while_it_is_read_is_refused(mounts, bucket, tmp_path, s3):
    point = mounts.mount(bucket, tmp_path / "mnt")
    found = find_inputs([str(point / "runs/*.txt")], NONE)
    s3.client().put_object(Bucket=bucket, Key="runs/a b.txt", Body=b"other")
    with pytest.raises(SourceError, match="changed while it was read"):
        refuse_changes(found, NONE)


def test_a_daemon_killed_in_the_middle_stops_the_reading(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt")
    found = find_inputs([str(point / "runs/*.txt")], NONE)
    mounts.kill(point)
    with pytest.raises(SourceError, match="is lost"):
        find_inputs([str(point / "runs/*.txt")], NONE)
    with pytest.raises(SourceError, match="is lost"):
        refuse_changes(found, NONE)
