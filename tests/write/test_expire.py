"""Expiring versions of real stores: what goes, what stays readable, and how many bytes it frees."""

import shutil
from datetime import UTC, datetime, timedelta

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from simstac.errors import StorageError
from simstac.storage import CustomS3, LocalPath, icechunk_storage
from simstac.write import Retention, current_version, delete_store, expire, older_versions, write
from simstac.write.repository import BUILD_BRANCH, Place, open_repository

VALUES = 20_000
CHUNK = VALUES * 8


def dataset(seed):
    """Values that do not compress, so that each version has a chunk of about its own size."""
    return xr.Dataset({"a": ("x", np.random.default_rng(seed).normal(size=VALUES))})


def write_versions(href, scheme, count):
    return [write(dataset(seed), str(href), scheme) for seed in range(1, count + 1)]


def read(stored, version):
    repository = icechunk.Repository.open(icechunk_storage(stored.href, stored.scheme))
    with xr.open_zarr(repository.readonly_session(tag=version).store, consolidated=False) as ds:
        return ds["a"].values


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def size(folder):
    """Bytes of a store without the backups that Icechunk keeps of its record."""
    return sum(len(content) for path, content in files(folder).items() if not path.startswith("overwritten/"))


def now():
    return datetime.now(UTC)


def going(expiry):
    return [version.tags for version in expiry.expired]


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store.icechunk"


def test_old_versions_go_and_the_newest_stay_as_they_were(store):
    stored = write_versions(store, LocalPath(), 5)
    before = size(store)
    expiry = expire(str(store), LocalPath(), Retention(now(), keep=2))
    assert going(expiry) == [("3",), ("2",), ("1",)]
    assert {version.tags[0]: version.kept for version in expiry.versions if version.kept} == {
        "5": "current",
        "4": "among the newest 2",
    }
    assert open_repository(Place(str(store), LocalPath())).list_tags() == {"4", "5"}
    for seed in (4, 5):
        np.testing.assert_array_equal(read(stored[-1], str(seed)), dataset(seed)["a"].values)
    assert expiry.bytes > 2.5 * CHUNK
    assert expiry.bytes == pytest.approx(before - size(store), abs=2000)
    again = expire(str(store), LocalPath(), Retention(now(), keep=2))
    assert (again.expired, again.bytes) == ((), 0)


def test_a_dry_run_foretells_the_bytes_and_changes_nothing(store):
    write_versions(store, LocalPath(), 4)
    retention, before = Retention(now(), keep=1), files(store)
    foretold = expire(str(store), LocalPath(), retention, dry_run=True)
    assert files(store) == before
    done = expire(str(store), LocalPath(), retention)
    assert foretold == done
    assert done.bytes > 2.5 * CHUNK


def test_nothing_younger_goes(store):
    first = write_versions(store, LocalPath(), 2)
    limit = first[1].written_at
    write(dataset(3), str(store), LocalPath())
    expiry = expire(str(store), LocalPath(), Retention(limit, keep=1))
    assert going(expiry) == [("1",)]
    assert [version.kept for version in expiry.versions] == ["current", "not old enough", ""]
    np.testing.assert_array_equal(read(first[1], "2"), dataset(2)["a"].values)
    assert going(expire(str(store), LocalPath(), Retention(limit - timedelta(days=1), keep=1))) == []


def test_what_a_catalog_names_stays_by_snapshot_or_by_tag(store):
    stored = write_versions(store, LocalPath(), 5)
    named = {stored[0].snapshot_id: "s3://bucket", "3": "/srv/www"}
    expiry = expire(str(store), LocalPath(), Retention(now(), keep=1, named=named))
    assert going(expiry) == [("4",), ("2",)]
    assert [version.kept for version in expiry.versions] == [
        "current",
        "",
        "named by /srv/www",
        "",
        "named by s3://bucket",
    ]
    for seed in (1, 3, 5):
        np.testing.assert_array_equal(read(stored[0], str(seed)), dataset(seed)["a"].values)


def test_a_named_snapshot_without_a_tag_stays_too(store):
    stored = write_versions(store, LocalPath(), 4)
    repository = open_repository(Place(str(store), LocalPath()))
    repository.delete_tag("2")
    expiry = expire(str(store), LocalPath(), Retention(now(), keep=1, named={stored[1].snapshot_id: "x"}))
    assert going(expiry) == [("1",)]
    repository = open_repository(Place(str(store), LocalPath()))
    with xr.open_zarr(repository.readonly_session(snapshot_id=stored[1].snapshot_id).store, consolidated=False) as ds:
        np.testing.assert_array_equal(ds["a"].values, dataset(2)["a"].values)
    assert expire(str(store), LocalPath(), Retention(now(), keep=1)).unreleased == 1
    with pytest.raises(icechunk.IcechunkError):
        open_repository(Place(str(store), LocalPath())).readonly_session(snapshot_id=stored[1].snapshot_id)


def test_a_linked_version_leaves_the_catalog_first_and_the_store_when_nobody_links_it(store):
    stored = write_versions(store, LocalPath(), 3)
    seen = []

    def unlist():
        current = current_version(str(store), LocalPath())
        seen.append([each.tag for each in older_versions(current)])
        assert read(stored[0], "1") is not None

    linked = Retention(now(), keep=1, linked={stored[0].snapshot_id: "s3://bucket"})
    expiry = expire(str(store), LocalPath(), linked, unlist=unlist)
    assert seen == [[]]
    assert going(expiry) == [("2",)]
    assert expiry.versions[-1].kept == "still listed by s3://bucket: publish, then expire again"
    np.testing.assert_array_equal(read(stored[0], "1"), dataset(1)["a"].values)
    assert going(expire(str(store), LocalPath(), Retention(now(), keep=1))) == [("1",)]


def test_nothing_is_unlisted_when_nothing_goes(store):
    write_versions(store, LocalPath(), 2)
    expire(str(store), LocalPath(), Retention(now(), keep=2), unlist=lambda: pytest.fail("nothing goes"))


def test_a_version_that_cannot_be_unlisted_is_not_deleted(store):
    stored = write_versions(store, LocalPath(), 2)

    def unlist():
        raise StorageError("site", "cannot be written")

    with pytest.raises(StorageError, match="site: cannot be written"):
        expire(str(store), LocalPath(), Retention(now(), keep=1), unlist=unlist)
    np.testing.assert_array_equal(read(stored[0], "1"), dataset(1)["a"].values)


def test_an_abandoned_build_goes_and_other_branches_stay(store):
    stored = write_versions(store, LocalPath(), 3)
    repository = open_repository(Place(str(store), LocalPath()))
    session = repository.writable_session("main")
    zarr.open_group(session.store, mode="a").attrs["half"] = "written"
    repository.create_branch(BUILD_BRANCH, session.flush("being built"))
    repository.create_branch("mine", stored[0].snapshot_id)
    foretold = expire(str(store), LocalPath(), Retention(now(), keep=1), dry_run=True)
    expiry = expire(str(store), LocalPath(), Retention(now(), keep=1))
    assert foretold == expiry
    assert expiry.unreleased == 1
    repository = open_repository(Place(str(store), LocalPath()))
    assert repository.list_branches() == {"main", "mine"}
    with xr.open_zarr(repository.readonly_session("mine").store, consolidated=False) as ds:
        np.testing.assert_array_equal(ds["a"].values, dataset(1)["a"].values)


def test_writing_goes_on_after_expiring(store):
    write_versions(store, LocalPath(), 3)
    expire(str(store), LocalPath(), Retention(now(), keep=1))
    assert write(dataset(3), str(store), LocalPath()).changed is False
    fourth = write(dataset(1), str(store), LocalPath())
    assert (fourth.tag, fourth.changed) == ("4", True)
    np.testing.assert_array_equal(read(fourth, "4"), dataset(1)["a"].values)
    np.testing.assert_array_equal(read(fourth, "3"), dataset(3)["a"].values)


def test_where_there_is_no_store_nothing_is_done(tmp_path):
    assert expire(str(tmp_path / "none"), LocalPath(), Retention(now())) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_broken_store_is_one_error(store, dry_run):
    write_versions(store, LocalPath(), 2)
    shutil.rmtree(store / "snapshots")
    with pytest.raises(StorageError, match="cannot be used"):
        expire(str(store), LocalPath(), Retention(now(), keep=1), dry_run=dry_run)


def test_a_store_in_a_bucket(s3):
    bucket, client = s3.make_bucket(), s3.client()
    href, scheme = f"s3://{bucket}/a/b.icechunk", CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)

    def read_object(key):
        return client.get_object(Bucket=bucket, Key=f"a/b.icechunk/{key}")["Body"].read()

    def stored_bytes():
        listed = client.list_objects_v2(Bucket=bucket, Prefix="a/b.icechunk/")["Contents"]
        return {each["Key"]: each["Size"] for each in listed if "/overwritten/" not in each["Key"]}

    stored = write_versions(href, scheme, 4)
    before, retention = stored_bytes(), Retention(now() + timedelta(seconds=2), keep=2)
    assert expire(href, scheme, retention, dry_run=True).bytes is None
    foretold = expire(href, scheme, retention, dry_run=True, read_object=read_object)
    assert stored_bytes() == before
    done = expire(href, scheme, retention)
    assert foretold == done
    assert going(done) == [("2",), ("1",)]
    after = stored_bytes()
    assert done.bytes == sum(before[key] for key in before.keys() - after.keys()) > 1.5 * CHUNK
    for seed in (3, 4):
        np.testing.assert_array_equal(read(stored[0], str(seed)), dataset(seed)["a"].values)


def test_a_store_is_deleted_whole_and_only_a_store(store, tmp_path):
    write_versions(store, LocalPath(), 1)
    (store / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"holds other files, such as notes\.txt"):
        delete_store(store)
    assert (store / "repo").exists()
    (store / "notes.txt").unlink()
    (tmp_path / "link").symlink_to(store)
    with pytest.raises(StorageError, match="is a link"):
        delete_store(tmp_path / "link")
    delete_store(store)
    assert not store.exists()
