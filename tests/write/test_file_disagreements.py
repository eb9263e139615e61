"""Files that do not make one dataset are an error that names both; the traps that corrupt silently do not."""

import re

import numpy as np
import pytest
import xarray as xr

from gridded import EPOCH, days, field, grown, opened, save
from simstac.errors import SourceError, StorageError


def refused(tmp_path, match, *names, **options) -> None:
    before = (tmp_path / "store").exists() and opened(grown_before(tmp_path))
    with pytest.raises(SourceError, match=match) as caught:
        grown(tmp_path, tmp_path / "store", **options)
    for name in names:
        assert re.search(rf"\b{re.escape(name)}", str(caught.value)), (name, str(caught.value))
    if before:
        xr.testing.assert_identical(opened(grown_before(tmp_path)), before)


def grown_before(tmp_path):
    from simstac.storage import LocalPath
    from simstac.write import current_version

    return current_version(str(tmp_path / "store"), LocalPath())


def changed(tmp_path, edit, name="day-1.nc", **encoding) -> None:
    data = field(24, 24)
    save(edit(data) if edit else data, tmp_path / name, **encoding)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "grown"])
class TestBothFilesAreNamed:
    def start(self, tmp_path, at_once) -> None:
        days(tmp_path, 0)
        if not at_once:
            grown(tmp_path, tmp_path / "store")

    def test_gap(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        days(tmp_path, 2)
        match = r"begins at 2020-01-03, but .*day-0.nc ends at 2020-01-01T23:00: a gap of 24 steps"
        refused(tmp_path, match, "day-0.nc", "day-2.nc")
        stored, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
        assert opened(stored).sizes["time"] == 48

    def test_overlap(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        save(field(23, 5), tmp_path / "day-1.nc")
        refused(tmp_path, r"has flag at time 2020-01-01T23:00, as .* has too", "day-0.nc", "day-1.nc")

    def test_the_same_steps_under_another_name(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        save(field(0, 24), tmp_path / "copy.nc")
        refused(tmp_path, "has flag at time 2020-01-01", "day-0.nc", "copy.nc")

    def test_grid(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.assign_coords(lat=data["lat"] + 0.5))
        refused(
            tmp_path,
            r"has another grid than .*: lat differs first at index 0, 10.5 against 10.0",
            "day-0.nc",
            "day-1.nc",
        )

    def test_a_grid_of_another_size(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.isel(lon=slice(2)), tas={"zlib": True})
        refused(tmp_path, "along lon, another grid, 2, where .* has 4", "day-0.nc", "day-1.nc")

    def test_units(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.assign(tas=data["tas"].assign_attrs(units="degC")))
        refused(tmp_path, "has tas with units degC, where .* has K", "day-0.nc", "day-1.nc")

    def test_calendar(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.convert_calendar("noleap"))
        refused(tmp_path, "has time with calendar noleap, where .* has proleptic_gregorian", "day-0.nc", "day-1.nc")

    def test_type(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.assign(flag=data["flag"].astype("i4")))
        refused(tmp_path, "has flag with the type int32, where .* has int16", "day-0.nc", "day-1.nc")

    def test_dimensions(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.transpose("time", "lon", "lat"), tas={"zlib": True})
        refused(tmp_path, r"height with the dimensions \(lon, lat\), where .* has \(lat, lon\)", "day-0.nc", "day-1.nc")

    def test_a_fixed_field(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.assign(height=data["height"] + 1))
        refused(tmp_path, "has another height than", "day-0.nc", "day-1.nc")

    def test_a_variable_that_is_missing(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.drop_vars("rain"))
        refused(tmp_path, "has no rain at time 2020-01-02", "day-0.nc", "day-1.nc")
        stored, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
        assert np.isnan(opened(stored)["rain"].values[24:]).all()

    def test_integers_that_are_missing(self, tmp_path, at_once):
        self.start(tmp_path, at_once)
        changed(tmp_path, lambda data: data.drop_vars("flag"))
        refused(tmp_path, "flag as int16 without a _FillValue", "day-0.nc", allow_gaps=True)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "grown"])
def test_packing_that_differs(tmp_path, at_once):
    def packed(number, scale):
        data = field(number * 24, 24)
        tas = {"dtype": "i2", "scale_factor": scale, "add_offset": 100.0, "_FillValue": np.int16(-1)}
        save(data.assign(tas=(data["tas"] % 1000).round()), tmp_path / f"day-{number}.nc", tas=tas)

    packed(0, 0.5)
    if not at_once:
        grown(tmp_path, tmp_path / "store")
    packed(1, 0.25)
    match = "has tas with the packing int16 scale_factor=0.25 .*, where .* has int16 scale_factor=0.5.*mixed_packing"
    refused(tmp_path, match, "day-0.nc", "day-1.nc")
    stored, _ = grown(tmp_path, tmp_path / "store", mixed_packing=True)
    np.testing.assert_array_equal(opened(stored)["tas"].values, field(0, 48)["tas"].values % 1000)
    assert not {"scale_factor", "add_offset", "_FillValue"} & {*opened(stored)["tas"].attrs}


def test_a_first_file_of_one_step_decides_nothing(tmp_path):
    save(field(0, 1), tmp_path / "a.nc", time={"units": "days since 2020-01-01", "dtype": "i4"})
    first, _ = grown(tmp_path, tmp_path / "store")
    assert opened(first)["tas"].encoding["chunks"][0] > 1
    save(field(1, 3, hours=6), tmp_path / "b.nc", time={"units": "hours since 2020-01-01", "dtype": "i4"})
    second, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
    back = opened(second)
    assert back["time"].encoding["units"] == opened(first)["time"].encoding["units"]
    assert ((back["time"].values - EPOCH) / np.timedelta64(1, "h")).tolist() == [0, 6, 12, 18]
    assert back["tas"].encoding["chunks"] == opened(first)["tas"].encoding["chunks"]
    late = field(4, 1, hours=6)
    late["time"] = late["time"] + np.timedelta64(1, "us")
    save(late, tmp_path / "c.nc", time={"units": "microseconds since 2020-01-01", "dtype": "i8"})
    third, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
    assert opened(third)["time"].values[-1] == EPOCH + np.timedelta64(24, "h") + np.timedelta64(1, "us")


def test_times_finer_than_the_store_keeps_are_refused(tmp_path):
    late = field(0, 2)
    late["time"] = late["time"] + np.timedelta64(1, "ns")
    save(late, tmp_path / "a.nc", time={"units": "nanoseconds since 2020-01-01", "dtype": "i8"})
    refused(tmp_path, "a.nc: time: has times finer than a microsecond; round them")


def test_encodings_of_the_files_are_not_carried_over(tmp_path):
    save(field(0, 24), tmp_path / "a.nc")
    stored, _ = grown(tmp_path, tmp_path / "store")
    encoding = opened(stored)["tas"].encoding
    assert "BloscCodec" in str(encoding["compressors"])
    assert encoding["chunks"] != (1, 3, 4)
    assert "_FillValue" not in encoding or np.isnan(encoding["_FillValue"])


def test_strings_may_become_longer(tmp_path):
    for number, text in enumerate(["a", "Zürich, longer than before"]):
        data = field(number, 1).assign(station=("time", np.array([text])))
        save(data, tmp_path / f"{number}.nc", station={"dtype": "S1"} if number == 0 else {"dtype": str})
        stored, _ = grown(tmp_path, tmp_path / "store")
    assert opened(stored)["station"].values.tolist() == ["a", "Zürich, longer than before"]


def test_a_step_twice_in_one_file_is_refused(tmp_path):
    save(
        xr.concat(
            [field(0, 2), field(1, 2)], "time", data_vars="minimal", compat="override", coords="minimal", join="outer"
        ),
        tmp_path / "a.nc",
    )
    refused(tmp_path, "a.nc: time: has the same step twice")


def test_rounding_of_a_grid_is_no_other_grid(tmp_path):
    days(tmp_path, 0)
    changed(tmp_path, lambda data: data.assign_coords(lat=data["lat"].copy(data=data["lat"] * (1 + 2**-52))))
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert opened(stored)["lat"].values.tolist() == [10, 20, 30]


def test_months_have_no_gaps(tmp_path):
    for month in range(1, 6):
        data = field(0, 1)
        data["time"] = [np.datetime64(f"2021-{month:02}-15", "ns")]
        save(data, tmp_path / f"{month}.nc")
    grown(tmp_path, tmp_path / "store")
    (tmp_path / "3.nc").unlink()
    with pytest.raises(SourceError, match=r"begins at 2021-04-15, but .*2.nc ends at 2021-02-15: a gap of 1 step"):
        grown(tmp_path, tmp_path / "store", drop_vanished=True)


def test_another_axis_than_the_store_has_is_refused(tmp_path):
    days(tmp_path, 0)
    grown(tmp_path, tmp_path / "store", along=("time",))
    with pytest.raises(SourceError, match=r"has no coordinate along 'member', as source.along says"):
        grown(tmp_path, tmp_path / "new", along=("member",))
    for more in ((), (1,)):
        days(tmp_path, *more)
        with pytest.raises(SourceError, match="appends along time, fixed when it was created, and not along lat"):
            grown(tmp_path, tmp_path / "store", along=("lat",))


def test_a_damaged_file_is_one_line(tmp_path):
    days(tmp_path, 0, 1)
    whole = (tmp_path / "day-1.nc").read_bytes()
    (tmp_path / "day-1.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"day-1.nc: cannot be read: ") as caught:
        grown(tmp_path, tmp_path / "store")
    assert "\n" not in str(caught.value)
    (tmp_path / "day-1.nc").write_text("no data")
    with pytest.raises(SourceError, match=r"day-1.nc: is neither NetCDF, HDF5, GRIB nor Zarr"):
        grown(tmp_path, tmp_path / "store")


def test_values_that_come_back_changed_are_not_committed(tmp_path, monkeypatch):
    days(tmp_path, 0)
    stored, _ = grown(tmp_path, tmp_path / "store")
    days(tmp_path, 1)
    from simstac.write import stream

    real = stream.same_values
    monkeypatch.setattr(stream, "same_values", lambda one, other: real(one, other) and len(one) < 20)
    with pytest.raises(StorageError, match="came back changed"):
        grown(tmp_path, tmp_path / "store")
    assert grown_before(tmp_path).snapshot_id == stored.snapshot_id


def test_coordinates_that_files_share_are_the_same(tmp_path):
    def part(name, *, late=0):
        data = field(0, 4)
        edges = np.stack([data["time"].values - np.timedelta64(1, "h"), data["time"].values], axis=1)
        bounds = xr.Variable(("time", "bnds"), edges + np.timedelta64(late, "m"))
        data = data[[name]].assign(time_bnds=bounds)
        data["time"].attrs["bounds"] = "time_bnds"
        save(data, tmp_path / f"{name}.nc", time={"units": "minutes since 2019-01-01", "dtype": "i4"})

    part("tas")
    part("rain", late=5)
    refused(tmp_path, "has another grid than .*: time_bnds differs", "tas.nc", "rain.nc")
    part("rain")
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert opened(stored)["time_bnds"].values[0, 1] == EPOCH
    part("flag", late=5)
    refused(tmp_path, "has another grid than .*: time_bnds differs", "flag.nc", "rain.nc")
