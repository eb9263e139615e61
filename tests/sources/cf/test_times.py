"""Times by CF become whole microseconds, exactly, in every calendar."""

import cftime
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simstac.errors import SourceError
from simstac.sources.cf.times import EPOCH, MISSING, calendar_of, is_time_unit, microseconds, time_text

HOUR = 3_600_000_000
CALENDARS = ["standard", "proleptic_gregorian", "noleap", "all_leap", "360_day", "julian"]


@given(st.integers(0, 2_000_000), st.sampled_from(["f8", "i4", "i8"]), st.sampled_from(CALENDARS))
def test_hours_are_hours_in_every_calendar(hour, dtype, calendar):
    (time,) = microseconds(np.array([hour], dtype), "hours since 1850-01-01", calendar, "time")
    date = cftime.num2date(hour, "hours since 1850-01-01", calendar)
    assert time_text(time, calendar) == time_text(cftime.date2num(date, EPOCH, calendar), calendar)
    assert time % HOUR == 0


@given(st.integers(0, 24 * 200_000))
def test_fractions_of_days_are_the_hours_that_they_mean(hour):
    (time,) = microseconds(np.array([hour / 24]), "days since 1850-01-01", "standard", "time")
    assert time == microseconds(np.array([hour]), "hours since 1850-01-01", "standard", "time")[0]


def test_missing_times_stay_missing():
    times = microseconds(np.array([np.nan, 1.0]), "days since 1970-01-01", "standard", "t")
    assert times.tolist() == [MISSING, 24 * HOUR]


@pytest.mark.parametrize(
    ("value", "units", "text"),
    [
        (30, "days since 2000-01-30", "2000-02-30"),
        (0, "days since 0001-01-01", "0001-01-01"),
        (10.5, "hours since 1999-12-30 23:00:00", "2000-01-01T09:30"),
    ],
)
def test_dates_of_360_days(value, units, text):
    assert time_text(microseconds(np.array([value]), units, "360_day", "t")[0], "360_day").startswith(text[:10])


def test_the_changes_of_calendar_are_kept():
    (time,) = microseconds(np.array([1]), "days since 1582-10-04", "standard", "t")
    assert str(cftime.num2date(time, "microseconds since 1970-01-01", "standard")).startswith("1582-10-15")


@pytest.mark.parametrize(
    ("values", "units", "problem"),
    [
        ([1], "nanoseconds since 1970-01-01", "finer than a microsecond"),
        ([1], "fortnights since 1970-01-01", "say no date"),
        ([1], "months since 1970-01-01", "say no date"),
        ([1], "days since yesterday", "say no date"),
        ([10**17], "days since 1970-01-01", "too far from 1970-01-01"),
    ],
)
def test_what_says_no_date_is_refused(values, units, problem):
    with pytest.raises(SourceError, match=problem) as caught:
        microseconds(np.array(values), units, "standard", "a.nc: time")
    assert caught.value.remedy


def test_names():
    assert [calendar_of(name) for name in (None, "Gregorian", "365_day", "noleap")] == [
        "standard",
        "standard",
        "noleap",
        "noleap",
    ]
    assert is_time_unit("days since 1970-01-01")
    assert not is_time_unit("days")
    assert not is_time_unit(None)
