"""What a fingerprint covers: by default the bytes, on request the sizes and times."""

import os

import pytest

from simstac.errors import SourceError
from simstac.studies import State, source_of
from simstac.studies.source import fingerprint


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "result.nc"
    path.write_bytes(b"one")
    return path


def mark(path, *, by_content):
    return fingerprint(State("completed", files=(path,), by_content=by_content), "reader/1")


def test_by_content_a_touched_file_is_the_same_and_other_bytes_are_not(result):
    before = mark(result, by_content=True)
    os.utime(result, ns=(1, 1))
    assert mark(result, by_content=True) == before
    result.write_bytes(b"two")
    assert mark(result, by_content=True) != before


def test_by_time_and_size_nothing_is_read(result):
    os.utime(result, ns=(1, 1))
    before = mark(result, by_content=False)
    result.write_bytes(b"two")
    os.utime(result, ns=(1, 1))
    assert mark(result, by_content=False) == before
    os.utime(result, ns=(1, 2))
    assert mark(result, by_content=False) != before
    result.unlink()
    with pytest.raises(SourceError, match=r"result\.nc: cannot be read: No such file"):
        mark(result, by_content=False)


@pytest.mark.parametrize("engine", ["energyplus", "netcdf4"])
def test_a_source_says_which(engine, result):
    assert [source_of(engine, by_content=each).by_content for each in (True, False)] == [True, False]
    assert not source_of("netcdf4", by_content=False).state(result).by_content
