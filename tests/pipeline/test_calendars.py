"""Times that name no calendar, whichever way they come in: told, settled by the configuration, or refused."""

from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from tests.virtual_files import write_steps

import simstac
from simstac.pipeline import BuildReport
from simstac.stac.validate import validate_tree

NOTE = "time names no calendar, and CF takes the standard one; metadata: {calendar: …} names another"
LEAP_DAY = [58.0, 59.0, 60.0]
"""Days since 2000-01-01: 28 and 29 February and 1 March, or without a leap day 28 February, 1 and 2 March."""
WAYS = {
    "copied": {"engine": "cf"},
    "virtual": {"engine": "cf", "virtual": True},
    "iris": {"engine": "iris"},
    "zarr": {"engine": "cf"},
}


def build(folder: Path, way: str, path: str = "a.nc", **metadata: Any) -> BuildReport:
    """Build a collection of one file, as where no extra for pictures and tables is installed."""
    source = WAYS[way] | {"path": path}
    each = {"id": "model", "license": "MIT", "version": "1.0.0", "metadata": metadata, "source": source}
    (folder / "c.yaml").write_text(yaml.safe_dump({"catalog": {"id": "c"}, "collections": [each]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simstac.pipeline.extras.find_spec", lambda _name: None)
        return simstac.build(simstac.load_project(folder / "c.yaml"))


def write_unnamed(path: Path, days: list[float], **options: Any) -> None:
    """A file whose time names no calendar."""
    import netCDF4

    write_steps(path, days, **options)
    with netCDF4.Dataset(path, "a") as file:
        file["time"].delncattr("calendar")


def as_zarr(path: Path) -> None:
    """The same as a Zarr store in place of the file."""
    xr.open_dataset(path, decode_cf=False).to_zarr(path.with_suffix(".zarr"), zarr_format=3, consolidated=False)
    path.unlink()
    path.with_suffix(".zarr").rename(path)


def dates(folder: Path) -> list[str]:
    times = simstac.open(folder / "site" / "catalog.json").time
    return [str(each)[:10] for each in times.values]


def dimension(folder: Path) -> Any:
    return json.loads((folder / "site/model/collection.json").read_text())["cube:dimensions"]["time"]


@pytest.mark.parametrize("way", WAYS)
def test_the_standard_one_is_noted_and_another_one_settled(tmp_path: Path, way: str) -> None:
    write_unnamed(tmp_path / "a.nc", LEAP_DAY)
    if way == "zarr":
        as_zarr(tmp_path / "a.nc")
    report = build(tmp_path, way)
    assert report.errors == ()
    assert report.collections[0].differences.count(NOTE) == 1
    assert "time_bnds" not in str(report.collections[0].differences)
    assert dates(tmp_path) == ["2000-02-28", "2000-02-29", "2000-03-01"]
    assert dimension(tmp_path)["calendar"] == "standard"

    report = build(tmp_path, way, calendar="noleap")
    assert report.errors == ()
    assert NOTE not in report.collections[0].differences
    assert dates(tmp_path) == ["2000-02-28", "2000-03-01", "2000-03-02"]
    assert dimension(tmp_path)["calendar"] == "noleap"
    assert validate_tree(report.site).findings == ()


@pytest.mark.parametrize("way", ["copied", "virtual"])
def test_several_files_are_all_dated_anew(tmp_path: Path, way: str) -> None:
    for number, day in enumerate(LEAP_DAY):
        write_unnamed(tmp_path / f"{number}.nc", [day], seed=number)
    for calendar, expected in (
        ({}, ["2000-02-28", "2000-02-29", "2000-03-01"]),
        ({"calendar": "noleap"}, ["2000-02-28", "2000-03-01", "2000-03-02"]),
        ({"calendar": "360_day"}, ["2000-02-29", "2000-02-30", "2000-03-01"]),
        ({}, ["2000-02-28", "2000-02-29", "2000-03-01"]),
    ):
        assert build(tmp_path, way, "*.nc", **calendar).errors == ()
        assert dates(tmp_path) == expected
    assert build(tmp_path, way, "*.nc").documents == ()


@pytest.mark.parametrize("way", ["copied", "virtual", "iris"])
def test_what_the_file_says_counts_and_is_not_noted(tmp_path: Path, way: str) -> None:
    write_steps(tmp_path / "a.nc", LEAP_DAY, calendar="365_day")
    report = build(tmp_path, way, calendar="standard")
    assert report.errors == ()
    assert NOTE not in report.collections[0].differences
    assert dates(tmp_path) == ["2000-02-28", "2000-03-01", "2000-03-02"]


DOUBTFUL = {
    "an old date": ([0.0, 1.0], "1500-01-01", "{calendar: standard}, or proleptic_gregorian"),
    "counted from an old date": ([730000.0, 730001.0], "0001-01-01", "{calendar: standard}, or proleptic_gregorian"),
    "years of 365 days": ([float(day) for day in range(4 * 365)], "2001-01-01", "{calendar: noleap}, or standard"),
    "years of 360 days": ([float(day) for day in range(360)], "2001-01-01", "{calendar: 360_day}, or standard"),
    "months of 30 days": ([30.0 * month for month in range(24)], "2001-01-01", "{calendar: 360_day}, or standard"),
}
"""Times without a calendar, what they count from, and what the remedy says."""


@pytest.mark.filterwarnings("ignore:Unable to decode time axis")  # xarray's, of dates before 1582 as cftime objects
@pytest.mark.parametrize("case", DOUBTFUL)
@pytest.mark.parametrize("way", ["copied", "virtual", "iris"])
def test_what_may_mean_another_one_is_an_error_that_names_variable_and_key(tmp_path: Path, way: str, case: str) -> None:
    days, since, remedy = DOUBTFUL[case]
    write_unnamed(tmp_path / "a.nc", days, since=since)
    (error,) = build(tmp_path, way).errors
    assert "a.nc: time: names no calendar, and " in str(error)
    assert str(error).endswith(f"; set metadata: {remedy}")
    shutil.rmtree(tmp_path / "site", ignore_errors=True)
    assert build(tmp_path, way, calendar="standard").errors == ()


@pytest.mark.parametrize("way", ["copied", "virtual", "iris"])
def test_months_show_in_the_bounds_of_times_in_their_middle(tmp_path: Path, way: str) -> None:
    import netCDF4

    edges = np.cumsum([0, *[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 3])
    write_unnamed(tmp_path / "a.nc", ((edges[1:] + edges[:-1]) / 2).tolist(), since="2003-01-01")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file["time_bnds"][:] = np.stack([edges[:-1], edges[1:]], axis=1)
    (error,) = build(tmp_path, way).errors
    assert str(error).endswith("in noleap and not in standard; set metadata: {calendar: noleap}, or standard")
    assert build(tmp_path, way, calendar="noleap").errors == ()
    assert dates(tmp_path)[-1] == "2005-12-16"


@pytest.mark.parametrize("way", ["copied", "virtual"])
def test_years_of_which_each_file_has_a_month_are_seen_together(tmp_path: Path, way: str) -> None:
    edges = np.cumsum([0, *[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 2])
    for number, (start, stop) in enumerate(pairwise(edges)):
        days = [float(day) for day in range(start, stop)]
        write_unnamed(tmp_path / f"{number:02}.nc", days, since="2004-01-01")
    (error,) = build(tmp_path, way, "*.nc").errors
    assert "00.nc: time: names no calendar, and its steps are whole months or years in noleap" in str(error)
    assert build(tmp_path, way, "*.nc", calendar="noleap").errors == ()
    assert dates(tmp_path)[-1] == "2005-12-31"


def test_whole_standard_months_and_years_are_not_in_doubt(tmp_path: Path) -> None:
    months = np.arange("2001-01", "2006-01", dtype="datetime64[M]").astype("datetime64[D]").astype(int)
    for number, days in enumerate((months - months[0], np.arange(365), np.arange(7.0, 700, 7))):
        write_unnamed(tmp_path / f"{number}/a.nc", [float(day) for day in days], since="2001-01-01")
        report = build(tmp_path, "copied", f"{number}/a.nc")
        assert report.errors == ()
        assert NOTE in report.collections[0].differences
        shutil.rmtree(tmp_path / "site")


@pytest.mark.parametrize("way", ["copied", "virtual", "iris"])
def test_a_unit_that_says_no_date_is_one_line(tmp_path: Path, way: str) -> None:
    """Months have no length; days since nothing are no time, and a time is asked for."""
    import netCDF4

    for units, said in (
        ("months since 2000-01-01", r"months since 2000-01-01"),
        ("days", r"set metadata: \{datetime: …\}"),
    ):
        write_steps(tmp_path / "a.nc", [0.0, 1.0])
        with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
            file["time"].units = units
        report = build(tmp_path, way)
        (error,) = report.errors
        assert re.search(said, str(error))
        assert "\n" not in str(error)
        shutil.rmtree(tmp_path / "site", ignore_errors=True)


def test_a_store_that_others_wrote_is_not_described_before_it_is_settled(tmp_path: Path) -> None:
    """Nothing of it is written anew, so nothing in the data would name the calendar."""
    write_unnamed(tmp_path / "a.nc", [*LEAP_DAY, 61.0, 62.0])
    as_zarr(tmp_path / "a.nc")
    (tmp_path / "a.nc").rename(tmp_path / "a.zarr")
    each = {"id": "stores", "license": "MIT", "source": {"engine": "icechunk", "stores": ["a.zarr"]}}
    for calendar, last in ((None, ""), ("standard", "2000-03-04"), ("noleap", "2000-03-05")):
        metadata = {"metadata": {"calendar": calendar}} if calendar else {}
        (tmp_path / "c.yaml").write_text(yaml.safe_dump({"catalog": {"id": "c"}, "collections": [each | metadata]}))
        report = simstac.build(simstac.load_project(tmp_path / "c.yaml"))
        if calendar is None:
            (error,) = report.errors
            assert "has the unit 'days since 2000-01-01' but names no calendar; set metadata: {calendar: " in str(error)
            continue
        assert report.errors == ()
        properties = json.loads((tmp_path / "site/stores/a/a.json").read_text())["properties"]
        assert properties["cube:dimensions"]["time"]["calendar"] == calendar
        assert properties["end_datetime"][:10] == last
