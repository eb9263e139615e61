"""Tags, races, locks, interruptions and full disks: what stands between a commit and its reader."""

import icechunk
import pytest
from icechunk import in_memory_storage

from simstac.errors import ConflictError, StorageError
from simstac.storage import CustomS3, LocalPath
from simstac.write.repository import (
    Place,
    Transaction,
    next_tag,
    open_repository,
    release,
    released_tag,
    store_errors,
)


def test_tags_count_the_snapshots_of_a_version():
    tags: dict[str, str] = {}
    for version, snapshot, expected in [
        (None, "A", "1"),
        (None, "B", "2"),
        ("1.0.0", "C", "1.0.0"),
        ("1.0.0", "D", "1.0.0+2"),
        ("1.0.0", "E", "1.0.0+3"),
        ("1.0.0+", "F", "1.0.0+"),
        (None, "G", "3"),
    ]:
        assert released_tag(tags, snapshot, version) is None
        assert next_tag(tags, version) == expected
        tags[expected] = snapshot
    assert released_tag(tags, "D", "1.0.0") == "1.0.0+2"
    assert released_tag(tags, "D", None) == "1.0.0+2"
    assert released_tag(tags, "D", "1.1.0") is None


def repository_with(*messages: str) -> icechunk.Repository:
    repository = icechunk.Repository.create(in_memory_storage())
    for message in messages:
        transaction = Transaction(repository)
        transaction.session.store  # noqa: B018
        import zarr

        zarr.open_group(transaction.session.store, mode="a").attrs["said"] = message
        transaction.commit(message, {"fingerprint": message})
    return repository


def test_a_tag_that_a_crash_left_out_is_made_up_for():
    repository, place = repository_with("one"), Place("memory", LocalPath())
    first = release(repository, place, "1.0.0", changed=True)
    assert (first.tag, first.fingerprint, first.changed) == ("1.0.0", "one", True)
    assert release(repository, place, "1.0.0", changed=False).tag == "1.0.0"
    assert release(repository, place, "1.1.0", changed=False).tag == "1.1.0"
    assert repository.list_tags() == {"1.0.0", "1.1.0"}


def test_a_deleted_tag_is_not_used_again():
    repository, place = repository_with("one"), Place("memory", LocalPath())
    release(repository, place, None, changed=True)
    repository.delete_tag("1")
    assert release(repository, place, None, changed=False).tag == "2"


def test_a_transaction_with_checkpoints_is_one_commit():
    import zarr

    repository = repository_with("one")
    transaction = Transaction(repository)
    root = zarr.open_group(transaction.session.store, mode="a")
    root.create_array("a", shape=(2,), chunks=(1,), dtype="f8")[:] = [1, 2]
    first = transaction.checkpoint()
    assert "a" not in zarr.open_group(repository.readonly_session("main").store, mode="r")
    zarr.open_group(transaction.session.store, mode="a")["a"][0] = 5
    second = transaction.checkpoint()
    assert first != second
    zarr.open_group(transaction.session.store, mode="a")["a"][1] = 6
    transaction.commit("two", {})
    assert [info.message for info in repository.ancestry(branch="main")] == ["two", "one", "Repository initialized"]
    assert zarr.open_group(repository.readonly_session("main").store, mode="r")["a"][:].tolist() == [5, 6]
    assert repository.list_branches() == {"main"}


@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_lost_race_is_a_conflict(checkpoint):
    import zarr

    repository = repository_with("one")
    transactions = [Transaction(repository), Transaction(repository)]
    for number, transaction in enumerate(transactions):
        zarr.open_group(transaction.session.store, mode="a").attrs["by"] = number
    if checkpoint:
        transactions[1].checkpoint()
    transactions[0].commit("mine", {})
    with pytest.raises(ConflictError, match="was changed by somebody else meanwhile"), store_errors("memory"):
        transactions[1].commit("yours", {})
    assert zarr.open_group(repository.readonly_session("main").store, mode="r").attrs["by"] == 0


def test_a_bucket_that_is_missing_closed_or_down_is_no_empty_place(s3, monkeypatch):
    def store(bucket, endpoint_url=s3.endpoint_url):
        return Place(f"s3://{bucket}/store", CustomS3(bucket=bucket, endpoint_url=endpoint_url))

    bucket = s3.make_bucket()
    assert open_repository(store(bucket)) is None
    with pytest.raises(StorageError, match="check the bucket"):
        open_repository(store("no-such-bucket"))
    with pytest.raises(StorageError, match=r"Connection refused.*; check the bucket"):
        open_repository(store(bucket, "http://127.0.0.1:9"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageError, match="check the bucket"):
        open_repository(store(bucket))
