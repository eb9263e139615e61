"""Growing that is killed or not alone leaves the store as it was, and the next one completes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xarray as xr

from gridded import days, found, grown, opened
from simstac.storage import CustomS3, LocalPath
from simstac.write import current_version, open_stored, write_files


def grow(folder: Path, store: Path, slabs: int) -> int:
    command = [sys.executable, str(Path(__file__).with_name("grow_once.py")), str(folder), str(store), str(slabs)]
    return subprocess.run(command, timeout=120, check=False, capture_output=True).returncode


@pytest.mark.parametrize("slabs", [1, 3])
def test_a_killed_build_leaves_the_branch_as_it_was(tmp_path, slabs):
    files, store = tmp_path / "files", tmp_path / "store"
    days(files, 0, 1)
    before, _ = grown(files, store, chunks={"time": 2})
    old = opened(before)
    days(files, 1, seed=5)
    days(files, 2)
    assert grow(files, store, slabs) == -9
    now = current_version(str(store), LocalPath())
    assert now.snapshot_id == before.snapshot_id
    xr.testing.assert_identical(opened(now), old)
    after, _ = grown(files, store, chunks={"time": 2})
    whole, _ = grown(files, tmp_path / "whole", chunks={"time": 2})
    assert (after.changed, after.tag) == (True, "2")
    xr.testing.assert_identical(opened(after), opened(whole))


def test_two_processes_at_once_make_one_commit(tmp_path):
    days(tmp_path / "files", 0, 1)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda _: grow(tmp_path / "files", tmp_path / "store", -1), range(2)))
    assert codes == [0, 0]
    stored, _ = grown(tmp_path / "files", tmp_path / "store", chunks={"time": 2})
    assert (stored.changed, stored.tag) == (False, "1")


def test_a_store_in_a_bucket_grows_and_survives_a_race(tmp_path, s3):
    bucket = s3.make_bucket()
    scheme, href = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url), f"s3://{bucket}/atmosphere"
    days(tmp_path, 0)
    write_files(found(tmp_path), href, scheme)
    days(tmp_path, 1)
    once = []

    def meddle(event) -> None:
        if event.stage == "write slabs" and not once:
            once.append(event)
            write_files(found(tmp_path), href, scheme)

    stored, _ = write_files(found(tmp_path), href, scheme, on_progress=meddle)
    assert (stored.changed, stored.tag) == (False, "2")
    assert open_stored(stored).sizes["time"] == 48
