"""Temporary folders, when their process ends well, fails, or is killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from simstac.studies import scratch
from simstac.studies.scratch import scratch_folder

HOLD = """
import sys, time
from simstac.studies.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "eplusout.sql").write_bytes(b"large")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scratch._sweep.cache_clear()
    yield tmp_path
    scratch._sweep.cache_clear()


def age(folder) -> None:
    past = time.time() - 2 * scratch.SECONDS_TO_LOCK
    os.utime(folder, (past, past))


def test_a_folder_is_removed_at_its_end_and_with_an_error(temporary):
    with scratch_folder() as folder:
        (folder / "file").write_text("x")
    with pytest.raises(KeyError), scratch_folder():
        raise KeyError
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary):
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    left = Path(process.stdout.readline().strip())
    age(left)
    with scratch_folder():
        assert (left / "eplusout.sql").is_file()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    scratch._sweep.cache_clear()
    fresh, other = temporary / f"{scratch.PREFIX}fresh", temporary / "other"
    for folder in (fresh, other):
        folder.mkdir()
    age(other)
    with scratch_folder():
        assert sorted(path.name for path in temporary.iterdir() if path not in {fresh, other}) != [left.name]
        assert not left.exists()
        assert fresh.is_dir()
        assert other.is_dir()


def test_a_link_is_not_followed(temporary):
    (temporary / "precious").mkdir()
    (temporary / f"{scratch.PREFIX}link").symlink_to(temporary / "precious")
    age(temporary / "precious")
    with scratch_folder():
        assert (temporary / "precious").is_dir()
