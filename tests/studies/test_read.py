"""One run read, and its fingerprint taken before or beside the reading."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simstac.errors import SourceError
from simstac.studies import EngineSource, Parameters, Run, State, Study
from simstac.studies.encode import beside_missing, encoded
from simstac.studies.read import read_run


@dataclass(frozen=True)
class Numbers:
    """A run is a text file with a number; ``meanwhile`` is called while it is read."""

    meanwhile: Callable[[Path], object] = Path.exists
    reader: str = "numbers/1"

    def is_run(self, path: Path) -> bool:
        return path.is_file()

    def state(self, path: Path) -> State:
        return State("completed", files=(path,))

    def open(self, path: Path) -> xr.DataTree:
        try:
            values = [float(path.read_text())] * 3
        except ValueError as error:
            raise SourceError(path, "is no number", "write one") from error
        self.meanwhile(path)
        return xr.DataTree.from_dict({"/hourly": xr.Dataset({"t": ("step", values)})})


def made(folder: Path, text: str) -> Run:
    path = folder / "one"
    path.write_text(text)
    return Run("one", path, "one")


def test_a_fingerprint_taken_beside_the_reading_is_the_one_taken_before(tmp_path):
    run = made(tmp_path, "1.5")
    mark = Study((run,), Parameters(), Numbers()).fingerprints()["one"]
    beside, before = read_run(run, None, Numbers()), read_run(run, mark, Numbers())
    assert beside.fingerprint == before.fingerprint == mark != ""
    assert beside.values["hourly", "t"].tolist() == [1.5, 1.5, 1.5]


def test_a_run_that_changes_while_it_is_read_has_no_fingerprint(tmp_path):
    for meddle in (lambda path: path.write_text("22.5"), lambda path: path.unlink()):
        data = read_run(made(tmp_path, "1.5"), None, Numbers(meanwhile=meddle))
        assert data.fingerprint == ""
        assert data.values["hourly", "t"].tolist() == [1.5, 1.5, 1.5]


def test_what_an_engine_of_others_raises_for_a_damaged_file_is_said_of_the_run(tmp_path):
    path = tmp_path / "one.nc"
    values = np.random.default_rng(0).normal(size=20_000)
    xr.Dataset({"t": ("x", values)}).to_netcdf(path, engine="netcdf4", encoding={"t": {"zlib": True}})
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 1000] = bytes(1000)
    path.write_bytes(content)
    data = read_run(Run("one", path, "one.nc"), None, EngineSource("netcdf4"))
    assert (data.status, data.fingerprint) == ("incomplete", "")
    assert data.message == "cannot be read: RuntimeError: NetCDF: HDF error"


def test_a_run_that_cannot_be_read_has_no_fingerprint(tmp_path):
    data = read_run(made(tmp_path, "torn"), None, Numbers())
    assert (data.status, data.fingerprint, data.message) == ("incomplete", "", "one: is no number; write one")


@dataclass(frozen=True)
class Nested(Numbers):
    """Groups in groups, and what is held of each tree that was opened."""

    held: list[weakref.ref[np.ndarray]] = field(default_factory=list)

    def open(self, path: Path) -> xr.DataTree:
        values = np.full(3, float(path.read_text()))
        self.held.append(weakref.ref(values))
        dataset = xr.Dataset({"t": ("step", values)})
        return xr.DataTree.from_dict({"/hourly": dataset, "/hvac/hourly": dataset})


@pytest.mark.parametrize("text", ["1.5", "nan"])
def test_a_run_is_out_of_memory_as_soon_as_nobody_holds_it(tmp_path, monkeypatch, text):
    source = Nested()
    if text == "nan":
        monkeypatch.setattr("simstac.studies.read.encoded", _refuse)
    gc.disable()
    try:
        data = read_run(made(tmp_path, text), None, source)
        assert (data.status, source.held[0]() is None) == (
            ("incomplete", True) if text == "nan" else ("completed", False)
        )
        del data
        assert source.held[0]() is None
    finally:
        gc.enable()


def _refuse(variable: xr.Variable, where: str) -> None:
    raise SourceError(where, "is of no type", "leave it out")


def test_integers_that_stand_for_missing_ones_are_kept_in_a_wider_type():
    values = np.array([0, 255], dtype=np.uint8)
    array, attrs = beside_missing(*encoded(xr.Variable("x", values), "x"), "x")
    assert (array.dtype, array.tolist(), attrs) == (np.uint16, [0, 255], {"_FillValue": 65535})
    untouched, attrs = beside_missing(*encoded(xr.Variable("x", values[:1]), "x"), "x")
    assert (untouched.dtype, attrs) == (np.uint8, {"_FillValue": 255})
    with pytest.raises(SourceError, match="n: holds 18446744073709551615, which stands for missing values"):
        beside_missing(*encoded(xr.Variable("x", np.array([2**64 - 1], dtype=np.uint64)), "n"), "n")
