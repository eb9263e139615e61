from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from simstac.errors import MetadataError
from simstac.stac.metadata import Overrides
from simstac.stac.temporal import interval, temporal_properties, time_axis, to_utc

from .cases import calendar, forecast


def series(values, **attrs) -> xr.Dataset:
    return xr.Dataset(coords={"time": ("time", values, attrs)})


def test_a_unit_without_a_calendar_is_not_guessed():
    dataset = series([0, 1], units="days since 2000-01-01")
    with pytest.raises(MetadataError, match="names no calendar") as caught:
        interval(dataset, Overrides())
    assert caught.value.where == "time"
    assert "metadata: {calendar: standard}" in caught.value.remedy
    start, end = interval(dataset, Overrides(calendar="standard"))
    assert (start, end) == (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))


def test_dates_decoded_with_the_wrong_calendar_are_refused():
    dataset = series(pd.date_range("2000-01-01", periods=2))
    dataset["time"].encoding |= {"units": "days since 2000-01-01", "calendar": "noleap"}
    with pytest.raises(MetadataError, match="decode_times=False"):
        interval(dataset, Overrides())


def test_no_time_takes_it_from_the_configuration():
    with pytest.raises(MetadataError, match="no time coordinate") as caught:
        interval(xr.Dataset(), Overrides())
    assert "set metadata: {datetime: …}" in caught.value.remedy
    moment = datetime(2020, 5, 1, 12, tzinfo=UTC)
    assert interval(xr.Dataset(), Overrides(datetime=moment)) == (moment, moment)


def test_two_time_dimensions_are_not_guessed():
    days = pd.date_range("2000-01-01", periods=2)
    dataset = xr.Dataset(coords={"day": ("day", days), "week": ("week", days + pd.Timedelta(days=7))})
    with pytest.raises(MetadataError, match="day, week"):
        interval(dataset, Overrides())
    assert interval(dataset, Overrides(time="week"))[0] == datetime(2000, 1, 8, tzinfo=UTC)


def test_bounds_reach_further_than_labels():
    days = pd.date_range("2000-01-01T12", periods=2)
    dataset = series(days, bounds="time_bnds").assign(
        {
            "time_bnds": (
                ("time", "bnds"),
                np.array([["2000-01-01", "2000-01-02"], ["2000-01-02", "2000-01-03"]], "M8[ns]"),
            )
        }
    )
    assert interval(dataset, Overrides()) == (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 3, tzinfo=UTC))


def test_bounds_without_values_say_nothing():
    dataset = series(pd.date_range("2000-01-01", periods=2), bounds="time_bnds")
    dataset["time_bnds"] = (("time", "bnds"), np.full((2, 2), "NaT", "datetime64[ns]"))
    assert interval(dataset, Overrides()) == (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
    assert time_axis(dataset["time"], dataset["time_bnds"]).last == np.datetime64("2000-01-02")


def test_bounds_of_an_undecoded_time_take_its_unit():
    dataset = series([0.5, 1.5], units="days since 2000-01-01", calendar="standard", bounds="time_bnds").assign(
        {"time_bnds": (("time", "bnds"), [[0.0, 1.0], [1.0, 2.0]])}
    )
    assert interval(dataset, Overrides())[1] == datetime(2000, 1, 3, tzinfo=UTC)


def test_a_forecast_ends_at_its_last_valid_time_whatever_its_names():
    renamed = forecast().drop_attrs().rename(init_time="init")
    assert interval(renamed, Overrides())[1] == datetime(2020, 1, 3, tzinfo=UTC)
    in_hours = forecast().assign_coords(lead_time=("lead_time", [0, 6, 12, 18, 24], {"units": "hours"}))
    in_hours["lead_time"].attrs["standard_name"] = "forecast_period"
    assert interval(in_hours, Overrides())[1] == datetime(2020, 1, 3, tzinfo=UTC)


def test_local_standard_time_becomes_utc():
    start, _ = interval(series(pd.date_range("2017-01-01", periods=2)), Overrides(), utc_offset=-6)
    assert start == datetime(2017, 1, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "real"),
    [((2000, 2, 30), (2000, 2, 29)), ((2001, 2, 30), (2001, 2, 28)), ((2001, 2, 29), (2001, 2, 28))],
)
def test_days_that_do_not_exist_become_the_last_of_the_month(date, real):
    moment = xr.date_range(f"{date[0]}-{date[1]:02d}-{date[2]}", periods=1, calendar="360_day", use_cftime=True)[0]
    assert to_utc(moment, 0, where="time") == datetime(*real, tzinfo=UTC)


def test_years_that_rfc_3339_cannot_write():
    with pytest.raises(MetadataError, match="RFC 3339"):
        to_utc(np.datetime64("12000-01-01", "s"), 0, where="time")


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (pd.date_range("2017", periods=5, freq="h"), "PT1H"),
        (pd.date_range("2017", periods=5, freq="15min"), "PT15M"),
        (pd.date_range("2017", periods=5, freq="90s"), "PT90S"),
        (pd.date_range("2017", periods=5, freq="D"), "P1D"),
        (pd.date_range("2017", periods=5, freq="MS"), "P1M"),
        (pd.date_range("2017", periods=5, freq="QS"), "P3M"),
        (pd.date_range("2017", periods=5, freq="YS"), "P1Y"),
        (pd.to_datetime(["2017-01-01", "2017-01-02", "2017-01-05"]), None),
        (pd.date_range("2017", periods=1), None),
    ],
)
def test_steps(values, step):
    assert time_axis(series(values)["time"], None).step == step


def test_monthly_steps_of_a_noleap_calendar():
    months = xr.date_range("2000-01-16", periods=24, freq="MS", calendar="noleap", use_cftime=True)
    axis = time_axis(series(months)["time"], None)
    assert (axis.step, axis.calendar) == ("P1M", "noleap")
    assert calendar("360_day")["time"].size == 32


def test_missing_moments_are_left_out():
    values = np.array(["2000-01-01", "NaT", "2000-01-03"], "M8[s]")
    dataset = xr.Dataset(coords={"time": ("step", values, {"standard_name": "time"})})
    assert interval(dataset, Overrides())[1] == datetime(2000, 1, 3, tzinfo=UTC)


def test_one_moment_is_a_datetime():
    moment = datetime(2000, 1, 1, tzinfo=UTC)
    assert temporal_properties(moment, moment) == {"datetime": "2000-01-01T00:00:00Z"}
