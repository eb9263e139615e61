"""A build that is killed, starved of disk, or not alone leaves the store as it was, and the next one completes."""

import contextlib
import resource
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import json_source, series_group, write_run

from simstac.errors import ConflictError, StorageError
from simstac.storage import CustomS3, LocalPath
from simstac.studies import Parameters, Study, find_runs
from simstac.write import open_stored, write_study
from simstac.write.repository import Place, exclusive

RUNS = 12
HOURS = list(range(1, 2001))


def make_runs(base: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    for number in range(RUNS):
        values = random.random((2, len(HOURS))).tolist()
        data = dict.fromkeys(("t", "q"), values)
        hours = HOURS if seed == 0 else [0, *HOURS[1:]]
        write_run(base / f"runs/run-{number}", {"/hourly": series_group(["CORE", "NORTH"], hours, data)})


def found(base: Path) -> Study:
    return Study(find_runs("runs/*", base=base), Parameters(), json_source())


def as_read(stored) -> np.ndarray:
    return open_stored(stored)["t"].values


def build_killed_after(base: Path, store: Path, seconds: float) -> int:
    script = Path(__file__).with_name("build_once.py")
    command = [sys.executable, str(script), str(base), str(store), str(seconds)]
    return subprocess.run(command, timeout=120, check=False, capture_output=True).returncode


def test_a_killed_build_leaves_the_store_as_it_was_and_the_next_completes(tmp_path):
    make_runs(tmp_path, 0)
    before, _ = write_study(found(tmp_path), str(tmp_path / "whole"), LocalPath(), chunks={"run": 2})
    old = as_read(before)
    make_runs(tmp_path, 1)
    wanted, _ = write_study(found(tmp_path), str(tmp_path / "wanted"), LocalPath(), chunks={"run": 2})
    moments = [0.05, 0.15, 0.3, 0.5, 0.8]
    stores = [tmp_path / f"store-{number}" for number in range(len(moments))]
    for store in stores[1:]:
        shutil.copytree(tmp_path / "whole", store)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda store, moment: build_killed_after(tmp_path, store, moment), stores, moments))
    assert -9 in codes
    for store, code in zip(stores, codes, strict=True):
        if code and store != stores[0]:
            np.testing.assert_array_equal(as_read(replace(before, href=str(store))), old)
        healed, report = write_study(found(tmp_path), str(store), LocalPath(), chunks={"run": 2})
        assert report.problems == ()
        times = open_stored(wanted)["time"].values
        np.testing.assert_array_equal(open_stored(healed)["t"].sel(time=times).values, as_read(wanted))
        assert healed.tag in {"1", "2"}


def test_a_full_disk_is_one_line_and_the_store_stays(tmp_path):
    make_runs(tmp_path, 0)
    store = str(tmp_path / "store")
    before, _ = write_study(found(tmp_path), store, LocalPath())
    make_runs(tmp_path, 1)
    with no_room(), pytest.raises(StorageError) as caught:
        write_study(found(tmp_path), store, LocalPath())
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{store}: cannot be used: ")
    assert str(caught.value).endswith("; check that the disk has room and the folder may be written")
    assert caught.value.where == store
    after, _ = write_study(found(tmp_path), store, LocalPath())
    assert (before.tag, after.tag) == ("1", "2")


@contextlib.contextmanager
def no_room():
    """Let no file grow beyond a few bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_second_build_of_a_store_waits_for_the_first(tmp_path):
    make_runs(tmp_path, 0)
    store, events, waits = str(tmp_path / "store"), [], threading.Event()

    def listen(event):
        events.append(event.stage)
        if event.stage.startswith("wait"):
            waits.set()

    with ThreadPoolExecutor(1) as pool, exclusive(Place(store, LocalPath()), events.append):
        second = pool.submit(write_study, found(tmp_path), store, LocalPath(), on_progress=listen)
        assert waits.wait(20)
        assert "read runs" not in events
    assert second.result()[0].changed


def test_two_processes_at_once_make_one_commit(tmp_path):
    make_runs(tmp_path, 0)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda _: build_killed_after(tmp_path, tmp_path / "store", -1), range(2)))
    assert codes == [0, 0]
    stored, _ = write_study(found(tmp_path), str(tmp_path / "store"), LocalPath(), chunks={"run": 2})
    assert (stored.changed, stored.tag) == (False, "1")


def test_an_s3_store_is_written_changed_and_left_alone(tmp_path, s3):
    make_runs(tmp_path, 0)
    bucket = s3.make_bucket()
    scheme = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
    href = f"s3://{bucket}/studies/office"
    first, _ = write_study(found(tmp_path), href, scheme, version="1.0.0")
    assert (first.changed, first.tag, first.href, first.scheme) == (True, "1.0.0", href, scheme)
    assert not write_study(found(tmp_path), href, scheme, version="1.0.0")[0].changed
    local, _ = write_study(found(tmp_path), str(tmp_path / "store"), LocalPath())
    np.testing.assert_array_equal(as_read(first), as_read(local))
    make_runs(tmp_path, 1)
    second, _ = write_study(found(tmp_path), href, scheme, version="1.0.0")
    assert second.tag == "1.0.0+2"


def test_a_race_on_s3_is_settled_by_beginning_again(tmp_path, s3, monkeypatch):
    make_runs(tmp_path, 0)
    bucket = s3.make_bucket()
    scheme, href = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url), f"s3://{bucket}/office"
    write_study(found(tmp_path), href, scheme)
    make_runs(tmp_path, 1)
    once = []

    def meddle(event):
        if event.stage == "read runs" and not once:
            once.append(event)
            write_study(found(tmp_path), href, scheme)

    stored, _ = write_study(found(tmp_path), href, scheme, on_progress=meddle)
    assert (stored.changed, stored.tag) == (False, "2")


def test_a_bucket_that_refuses_is_one_line(tmp_path, s3, monkeypatch):
    make_runs(tmp_path, 0)
    bucket = s3.make_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.reader_access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.reader_secret_key)
    for name in (bucket, "no-such-bucket"):
        with pytest.raises(StorageError) as caught:
            write_study(found(tmp_path), f"s3://{name}/x", CustomS3(bucket=name, endpoint_url=s3.endpoint_url))
        assert not isinstance(caught.value, ConflictError)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"s3://{name}/x: cannot be used: ")
