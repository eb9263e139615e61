"""Scalar results of real runs against the engine's own tables."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import run_energyplus
from tests.sources.energyplus.conftest import TABLES

from simstac.sources.attributes import said_in
from simstac.sources.energyplus.eio import read_eio
from simstac.sources.energyplus.series import Block, Environment, EnvironmentKind, Frequency, Results, Series
from simstac.sources.energyplus.totals import run_totals


def root(path: Path) -> xr.Dataset:
    return xr.open_dataset(path, engine="energyplus")


def cell(path: Path, table: str, row: str, column: str) -> float:
    query = (
        "SELECT Value FROM TabularDataWithStrings WHERE ReportName = 'AnnualBuildingUtilityPerformanceSummary'"
        " AND TableName = ? AND RowName = ? AND ColumnName = ?"
    )
    with closing(sqlite3.connect(path / "eplusout.sql")) as connection:
        return float(connection.execute(query, (table, row, column)).fetchone()[0])


def test_meters_are_added_up_over_the_run(year_run: Path) -> None:
    results = root(year_run)
    tree = xr.open_datatree(year_run, engine="energyplus")
    lights = ("End Uses", "Interior Lighting", "Electricity")
    hourly = tree["hourly"].electricity_facility.sum().item() / 3.6e6
    assert results.electricity_facility_total.item() == pytest.approx(hourly)
    assert results.electricity_facility_total.attrs["units"] == "kWh"
    assert results.electricity_facility_total.item() == pytest.approx(cell(year_run, *lights) / 3.6e-3, rel=2e-3)
    heating = cell(year_run, "End Uses", "Heating", "District Heating Water")
    assert results.district_heating_water_facility_total.item() == pytest.approx(heating / 3.6e-3, rel=2e-3)
    assert results.district_cooling_facility_total.item() == 0.0


def test_end_uses_of_used_fuels_only(year_run: Path) -> None:
    results = root(year_run)
    assert results.end_use_interior_lighting_electricity.item() == pytest.approx(
        cell(year_run, "End Uses", "Interior Lighting", "Electricity") / 3.6e-3
    )
    assert results.end_use_fans_electricity.item() == 0.0
    assert results.end_use_total_district_heating_water.item() > 0.0
    assert "end_use_total_district_cooling" not in results
    assert not [name for name in results if re.search("natural_gas|coal|water$", name) and "district" not in name]


def test_site_energy_per_floor_area(year_run: Path) -> None:
    results = root(year_run)
    assert results.floor_area.item() == 48.0
    per_area = cell(year_run, "Site and Source Energy", "Total Site Energy", "Energy Per Total Building Area")
    assert results.eui.item() == pytest.approx(per_area / 3.6, rel=1e-3)
    assert results.eui.attrs["units"] == "kWh m-2"


@pytest.mark.parametrize("conversion", ["JtoKWH", "JtoMJ", "JtoGJ", "InchPound"])
def test_unit_conversions_of_the_tables_are_undone(conversion: str) -> None:
    parts = (run_period(begin="1/1", end="1/31"), meter("Electricity:Facility", "Monthly"), TABLES)
    plain = root(run_energyplus(building(*parts)))
    style = f"OutputControl:Table:Style,HTML,{conversion};\n"
    converted = root(run_energyplus(building(*parts, style)))
    assert set(plain) == set(converted)
    for name in ("eui", "end_use_heating_district_heating_water", "end_use_total_electricity", "floor_area"):
        assert converted[name].item() == pytest.approx(plain[name].item(), rel=0.02)
        assert converted[name].attrs == plain[name].attrs


def test_several_run_periods_are_added_up(rich_run: Path) -> None:
    tree = xr.open_datatree(rich_run, engine="energyplus")
    parts = [tree[f"{period}/runperiod"].electricity_facility.item() for period in ("winter_weeks", "summer")]
    assert tree.electricity_facility_total.item() == pytest.approx(sum(parts) / 3.6e6)
    assert str(tree.time_start.values)[:10] == "2017-01-10"
    assert str(tree.time_end.values)[:10] == "2017-07-11"


def test_without_tables_and_meters_there_is_the_floor_area() -> None:
    model = building(run_period(begin="1/1", end="1/2"), output("Zone Mean Air Temperature"))
    run = run_energyplus(model.replace("SimpleAndTabular", "Simple"))
    assert said_in(root(run).attrs)["results"] == ["floor_area"]


def test_water_is_in_cubic_metres() -> None:
    use = "WaterUse:Equipment,Sink,,0.0001,Always;\n"
    run = run_energyplus(building(run_period(begin="1/1", end="1/2"), use, meter("Water:Facility"), TABLES))
    results = root(run)
    assert results.water_facility_total.attrs["units"] == "m3"
    assert results.water_facility_total.item() == pytest.approx(0.0001 * 2 * 86400)
    assert results.end_use_total_water.item() == pytest.approx(17.28)


def test_an_excluded_zone_and_a_multiplier_count_in_the_floor_area() -> None:
    model = building(run_period(begin="1/1", end="1/2"), zones=("Shop", "Shed"))
    model = model.replace("Zone,Shop,0,0,0,0;", "Zone,Shop,0,0,0,0,1,3;")
    model = model.replace("Zone,Shed,0,0,0,0;", "Zone,Shed,0,0,0,0,1,1,autocalculate,autocalculate,autocalculate,,,No;")
    run = run_energyplus(model + meter("Electricity:Facility"))
    assert root(run).floor_area.item() == 3 * 48.0
    assert read_eio(run / "eplusout.eio").floor_area == 3 * 48.0


def test_a_cumulative_meter_is_not_added_up() -> None:
    lights = meter("Electricity:Facility", cumulative=True)
    results = root(run_energyplus(building(run_period(begin="1/2", end="1/4"), lights)))
    assert "electricity_facility_total" not in results


def test_a_meter_that_misses_a_run_period_or_a_value_has_no_total() -> None:
    start = np.array(["2017-01-01T00", "2017-01-01T01"], "M8[ms]")
    gas = Series("NaturalGas:Facility", None, "J", mean=False, meter=True)
    water = Series("Water:Facility", None, "m3", mean=False, meter=True)
    first, second = (Environment(name, EnvironmentKind.WEATHER) for name in ("FIRST", "SECOND"))

    def block(environment: Environment, series: Series, *values: float) -> Block:
        end = start + np.timedelta64(1, "h")
        return Block(Frequency.HOURLY, environment, (series,), start, end, np.array([values]))

    both = (block(first, gas, 3.6e6, 0.0), block(second, gas, 3.6e6, 3.6e6))
    assert run_totals(Results(both))["natural_gas_facility_total"].value == 3.0
    assert run_totals(Results((both[0], block(second, water, 1.0, 2.0)))) == {}
    assert run_totals(Results((block(first, gas, 3.6e6, np.nan),))) == {}
