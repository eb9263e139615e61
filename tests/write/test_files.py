"""Files combined into a store that grows: right values, right places, and nothing touched that need not be."""

import os
import shutil

import numpy as np
import pytest
import xarray as xr
from stores import chunks_between

from gridded import EPOCH, days, field, grown, opened, save
from simstac.errors import SourceError, StorageError
from simstac.storage import LocalPath
from simstac.write import open_stored, write


def expected(folder, pattern="*.nc") -> xr.Dataset:
    same = {"compat": "no_conflicts", "join": "outer", "coords": "minimal", "data_vars": "minimal"}
    with xr.open_mfdataset(sorted(folder.glob(pattern)), combine_attrs="drop_conflicts", **same) as data:
        return data.load()


def assert_same(stored, data: xr.Dataset) -> None:
    back = opened(stored)
    assert {*back.variables} == {*data.variables}
    for name, variable in data.variables.items():
        assert back[name].dims == variable.dims, name
        np.testing.assert_array_equal(back[name].values, variable.values, err_msg=str(name))


def test_files_become_one_dataset(tmp_path):
    days(tmp_path, 0, 1, 2)
    stored, report = grown(tmp_path, tmp_path / "store")
    assert_same(stored, expected(tmp_path))
    back = opened(stored)
    assert back.attrs["title"] == "a made-up atmosphere"
    assert "tracking_id" not in back.attrs
    assert back["flag"].dtype == "i2"
    assert back["tas"].attrs == {"units": "K", "standard_name": "air_temperature"}
    assert back["time"].encoding["units"] == "microseconds since 1970-01-01"
    assert report.statuses == {"day-0.nc": "added", "day-1.nc": "added", "day-2.nc": "added"}
    assert report.extents == {"time": ("2020-01-01", "2020-01-03T23:00")}
    tas = back["tas"].values
    assert report.checks["tas"].total == np.nansum(tas, dtype="f8")
    assert report.checks["tas"].missing == 72
    assert report.checks["tas"].count == tas.size


@pytest.mark.parametrize(("fill", "missing"), [(0, 1), (3, 1), (None, 0)])
def test_missing_integers_are_counted_whatever_stands_for_them(tmp_path, fill, missing):
    save(field(0, 24), tmp_path / "a.nc", flag={"_FillValue": None if fill is None else np.int16(fill)})
    _, report = grown(tmp_path, tmp_path / "store")
    assert (report.checks["flag"].missing, report.checks["flag"].total) == (missing, 276 - (fill or 0))


def test_files_that_are_known_are_not_opened(tmp_path, monkeypatch):
    days(tmp_path, 0, 1)
    first, _ = grown(tmp_path, tmp_path / "store")
    monkeypatch.setattr("simstac.sources.cf.reading.OpenFile", None)
    again, report = grown(tmp_path, tmp_path / "store")
    assert (again.changed, again.snapshot_id, again.tag) == (False, first.snapshot_id, first.tag)
    assert set(report.statuses.values()) == {"unchanged"}


def test_growing_touches_the_last_chunk_and_opens_the_new_file_alone(tmp_path, monkeypatch):
    days(tmp_path, 0, 1, 2)
    first, _ = grown(tmp_path, tmp_path / "store", chunks={"time": 24})
    days(tmp_path, 3)
    seen = []
    from simstac.sources.cf import reading

    real = reading.OpenFile
    monkeypatch.setattr(reading, "OpenFile", lambda path, *rest: seen.append(path.name) or real(path, *rest))
    second, report = grown(tmp_path, tmp_path / "store", chunks={"time": 24})
    assert set(seen) == {"day-3.nc"}
    touched = chunks_between(first.href, first.snapshot_id, second.snapshot_id)
    assert touched["/tas"] == [(3, 0, 0)]
    assert "/height" not in touched
    assert "/lat" not in touched
    assert report.statuses["day-3.nc"] == "added"
    assert_same(second, expected(tmp_path))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_growing_in_any_order_is_building_at_once(tmp_path, order):
    for count in range(1, 5):
        days(tmp_path / "files", *order[:count], steps=5)
        stored, _ = grown(tmp_path / "files", tmp_path / "store", allow_gaps=True)
    whole, _ = grown(tmp_path / "files", tmp_path / "whole", allow_gaps=True)
    xr.testing.assert_identical(opened(stored), opened(whole))
    assert_same(stored, expected(tmp_path / "files"))


def test_a_file_that_changed_rewrites_its_own_region(tmp_path):
    days(tmp_path, 0, 1, 2)
    first, _ = grown(tmp_path, tmp_path / "store", chunks={"time": 24})
    days(tmp_path, 1, seed=7)
    second, report = grown(tmp_path, tmp_path / "store", chunks={"time": 24})
    assert report.statuses == {"day-0.nc": "unchanged", "day-1.nc": "rewritten", "day-2.nc": "unchanged"}
    assert chunks_between(first.href, first.snapshot_id, second.snapshot_id)["/tas"] == [(1, 0, 0)]
    assert_same(second, expected(tmp_path))


def test_a_file_that_changed_may_have_other_steps(tmp_path):
    days(tmp_path, 0, 1, 2)
    grown(tmp_path, tmp_path / "store")
    save(field(48, 30), tmp_path / "day-2.nc")
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert_same(stored, expected(tmp_path))
    save(field(24, 20), tmp_path / "day-1.nc")
    stored, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
    assert_same(stored, expected(tmp_path))


def test_a_file_that_was_only_touched_makes_no_commit(tmp_path):
    days(tmp_path, 0, 1)
    grown(tmp_path, tmp_path / "store")
    os.utime(tmp_path / "day-0.nc", ns=(1, 1))
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert not stored.changed


def test_a_file_that_is_gone_is_kept_unless_asked(tmp_path):
    days(tmp_path, 0, 1, 2)
    whole = expected(tmp_path)
    grown(tmp_path, tmp_path / "store")
    (tmp_path / "day-2.nc").unlink()
    kept, report = grown(tmp_path, tmp_path / "store")
    assert report.statuses["day-2.nc"] == "kept"
    assert_same(kept, whole)
    assert not grown(tmp_path, tmp_path / "store")[0].changed
    dropped, report = grown(tmp_path, tmp_path / "store", drop_vanished=True)
    assert (dropped.changed, report.dropped) == (True, ("day-2.nc",))
    assert_same(dropped, expected(tmp_path))


def test_what_is_kept_moves_when_earlier_steps_come(tmp_path):
    days(tmp_path, 1, 2)
    grown(tmp_path, tmp_path / "store")
    (tmp_path / "day-2.nc").unlink()
    days(tmp_path, 0)
    stored, report = grown(tmp_path, tmp_path / "store")
    assert report.statuses == {"day-0.nc": "added", "day-1.nc": "moved", "day-2.nc": "kept"}
    days(tmp_path, 2)
    assert_same(stored, expected(tmp_path))


def test_forecasts_grow_along_two_axes(tmp_path):
    def forecast(init: int, lead: int) -> None:
        data = field(init * 12 + lead * 6, 1).isel(time=0, drop=True)
        data = data.assign_coords(
            init_time=((), EPOCH + np.timedelta64(init * 12, "h"), {"standard_name": "forecast_reference_time"}),
            lead_time=((), lead * 6, {"standard_name": "forecast_period", "units": "hours"}),
            valid=((), EPOCH + np.timedelta64(init * 12 + lead * 6, "h"), {"standard_name": "time"}),
        )
        save(data.drop_vars("flag"), tmp_path / f"f-{init}-{lead}.nc", tas={"zlib": True})

    for init in (0, 1):
        for lead in (0, 1, 2):
            forecast(init, lead)
    stored, _ = grown(tmp_path, tmp_path / "store")
    back = opened(stored)
    assert back["tas"].dims == ("init_time", "lead_time", "lat", "lon")
    assert back["tas"].shape == (2, 3, 3, 4)
    assert back["tas"].sel(lead_time=12)[1, 1, 1] == (12 + 12) * 100 + 5
    assert back["valid"].dims == ("init_time", "lead_time")
    assert back["height"].dims == ("init_time", "lead_time", "lat", "lon")
    assert back["valid"].values[1, 2] == EPOCH + np.timedelta64(24, "h")
    assert back["lead_time"].values.tolist() == [0, 6, 12]
    forecast(2, 0)
    with pytest.raises(SourceError, match=r"has no height at init_time 2020-01-02, lead_time 6.*allow_gaps"):
        grown(tmp_path, tmp_path / "store")
    stored, _ = grown(tmp_path, tmp_path / "store", allow_gaps=True)
    assert np.isnan(opened(stored)["tas"].values[2, 1:]).all()
    forecast(2, 1)
    forecast(2, 2)
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert opened(stored)["tas"].values[2, 2, 1, 1] == 36 * 100 + 5


def test_members_are_an_axis(tmp_path):
    for number in (0, 1, 10, 2):
        member = field(0, 3, seed=number).expand_dims(member=[number])
        save(member, tmp_path / f"m{number}.nc", tas={"zlib": True})
    stored, _ = grown(tmp_path, tmp_path / "store")
    back = opened(stored)
    assert back["member"].values.tolist() == [0, 1, 2, 10]
    assert back["tas"].sel(member=10).values[0, 1, 1] == 15


def test_variables_may_come_from_different_files(tmp_path):
    for number in (0, 1):
        data = field(number * 5, 5)
        save(data[["tas", "flag"]], tmp_path / f"tas-{number}.nc")
        save(data[["rain", "height"]], tmp_path / f"rain-{number}.nc")
    stored, _ = grown(tmp_path, tmp_path / "store")
    whole = field(0, 10)
    assert_same(stored, whole)


def test_only_what_is_wanted_is_kept(tmp_path):
    days(tmp_path, 0)
    stored, _ = grown(tmp_path, tmp_path / "store", variables=("tas",))
    assert {*opened(stored).variables} == {"tas", "time", "lat", "lon"}
    stored, _ = grown(tmp_path, tmp_path / "store", variables=("tas", "flag"))
    assert stored.changed
    assert {*opened(stored).variables} == {"tas", "flag", "time", "lat", "lon"}


def test_the_store_of_something_else_is_left_alone(tmp_path):
    days(tmp_path, 0)
    write(xr.Dataset({"x": ("i", [1.0])}), str(tmp_path / "store"), LocalPath())
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert "x" not in opened(stored)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds other files"):
        grown(tmp_path, tmp_path / "store")


def test_files_of_a_new_folder_do_not_rename_those_that_are_known(tmp_path):
    days(tmp_path / "a", 0, 1)
    grown(tmp_path, tmp_path / "store", "**/*.nc")
    days(tmp_path / "b", 2)
    stored, report = grown(tmp_path, tmp_path / "store", "**/*.nc")
    assert report.statuses == {"a/day-0.nc": "unchanged", "a/day-1.nc": "unchanged", "b/day-2.nc": "added"}
    assert opened(stored).sizes["time"] == 72


def test_what_is_wanted_must_be_there(tmp_path):
    days(tmp_path, 0)
    with pytest.raises(SourceError, match="has no 'tass', nor has another file; its variables are flag, height"):
        grown(tmp_path, tmp_path / "store", variables=("tas", "tass"))


def test_a_variable_may_not_be_called_like_the_table_of_files(tmp_path):
    save(field(0, 2).rename(flag="provenance"), tmp_path / "a.nc")
    with pytest.raises(SourceError, match=r"has a variable 'provenance'.*; rename it"):
        grown(tmp_path, tmp_path / "store")


def test_labels_may_come_in_any_order(tmp_path):
    save(field(0, 4).isel(time=slice(None, None, -1)), tmp_path / "descending.nc")
    save(field(4, 6).isel(time=slice(0, None, 2)), tmp_path / "even.nc")
    save(field(4, 6).isel(time=slice(1, None, 2)), tmp_path / "odd.nc")
    stored, _ = grown(tmp_path, tmp_path / "store")
    assert_same(stored, field(0, 10))


def test_other_chunks_are_written_anew_also_where_a_file_is_gone(tmp_path):
    days(tmp_path, 0, 1)
    whole = expected(tmp_path)
    grown(tmp_path, tmp_path / "store")
    (tmp_path / "day-0.nc").unlink()
    stored, report = grown(tmp_path, tmp_path / "store", chunks={"time": 5})
    assert report.statuses == {"day-0.nc": "kept", "day-1.nc": "rewritten"}
    assert opened(stored)["tas"].encoding["chunks"] == (5, 3, 4)
    assert_same(stored, whole)


def test_provenance_says_where_each_step_came_from(tmp_path):
    days(tmp_path, 0, 1)
    stored, _ = grown(tmp_path, tmp_path / "store")
    table = open_stored(stored)["provenance"].to_dataset()
    assert table["source_file"].values.tolist() == ["day-0.nc", "day-1.nc"]
    assert table["regions"].values.tolist() == ['{"time":[[0,24]]}', '{"time":[[24,48]]}']
