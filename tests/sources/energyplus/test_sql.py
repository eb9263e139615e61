"""Every value, every axis: what is opened against SQLite's own answers about real runs."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.energyplus_models import PTAC, building, free_floating_room, meter, output, run_period
from tests.energyplus_runs import run_energyplus

from simstac.sources.energyplus.clock import read_clock
from simstac.sources.energyplus.eio import read_eio

GROUPS = {
    "Zone Timestep": "timestep",
    "Hourly": "hourly",
    "Daily": "daily",
    "Monthly": "monthly",
    "Run Period": "runperiod",
    "Annual": "annual",
}
PREFIXES = {1: "sizing/winter_day", 2: "sizing/summer_day", 3: "winter_weeks", 4: "summer"}


def rows(path: Path, query: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(path / "eplusout.sql")) as connection:
        return connection.execute(query, values).fetchall()


def opened(path: Path, group: str) -> xr.Dataset:
    return xr.open_dataset(path, engine="energyplus", group=group)


def slug_of(name: str) -> str:
    return name.lower().replace(" ", "_").replace(":", "_")


def test_every_series_has_the_values_that_sqlite_gives(rich_run: Path) -> None:
    tree = xr.open_datatree(rich_run, engine="energyplus")
    values = defaultdict(list)
    query = (
        "SELECT ReportDataDictionaryIndex, EnvironmentPeriodIndex, Value FROM ReportData JOIN Time USING (TimeIndex)"
        " ORDER BY TimeIndex"
    )
    for index, environment, value in rows(rich_run, query):
        values[index, environment].append(value)
    dictionary = rows(
        rich_run,
        "SELECT ReportDataDictionaryIndex, ReportingFrequency, TimestepType, Name, KeyValue, IsMeter"
        " FROM ReportDataDictionary",
    )
    checked = 0
    for index, frequency, step, name, key, is_meter in dictionary:
        detailed = frequency == "HVAC System Timestep"
        group = (
            GROUPS.get(frequency, "hvac" if step == "HVAC System" else "timestep") if detailed else GROUPS[frequency]
        )
        variable = slug_of(name) + ("_cumulative" if key == "Cumulative " else "")
        for environment, prefix in PREFIXES.items():
            if (index, environment) not in values:
                assert frequency == "Annual" or name == "Zone Lights Electricity Energy"
                continue
            array = tree[f"{prefix}/{group}"][variable]
            space = [dim for dim in array.dims if dim != "time"]
            series = array.sel({space[0]: key}) if space else array
            assert not (is_meter and space)
            found = series.values
            np.testing.assert_array_equal(found[~np.isnan(found)], values[index, environment])
            checked += 1
    assert checked == len(values) > 300


def test_the_time_of_an_hour_is_its_end_and_hour_24_is_the_next_midnight(rich_run: Path) -> None:
    query = (
        "SELECT Year, Month, Day, Hour, Minute FROM Time WHERE IntervalType = 1 AND EnvironmentPeriodIndex = 3"
        " ORDER BY TimeIndex"
    )
    stamps = rows(rich_run, query)
    assert max(hour for *_, hour, _ in stamps) == 24
    expected = [
        datetime.fromisoformat(f"{y}-{m:02}-{d:02}") + timedelta(hours=h, minutes=i) for y, m, d, h, i in stamps
    ]
    hourly = opened(rich_run, "winter_weeks/hourly")
    np.testing.assert_array_equal(hourly.time, np.array(expected, "M8[ns]"))
    assert hourly.time.values[23] == np.datetime64("2017-01-11T00:00")
    np.testing.assert_array_equal(hourly.time_bounds[:, 1], hourly.time)
    assert set(np.diff(hourly.time_bounds.values, axis=1).ravel()) == {np.timedelta64(1, "h")}


def test_zone_and_hvac_steps_share_an_interval_type_but_not_an_axis(rich_run: Path) -> None:
    steps, hvac = opened(rich_run, "summer/timestep"), opened(rich_run, "summer/hvac")
    assert rows(rich_run, "SELECT DISTINCT IntervalType FROM Time WHERE Interval < 60") == [(-1,)]
    assert steps.sizes["time"] == 10 * 24 * 6
    assert set(np.diff(steps.time.values)) == {np.timedelta64(10, "m")}
    assert hvac.sizes["time"] > steps.sizes["time"]
    assert "zone_mean_air_temperature" not in hvac
    assert not np.isnan(hvac.system_node_temperature).any()
    assert not np.isnan(steps.zone_mean_air_temperature).any()
    lengths = (hvac.time_bounds[:, 1] - hvac.time_bounds[:, 0]).values
    assert lengths.min() < np.timedelta64(10, "m") == lengths.max()


def test_values_at_steps_that_were_not_foreseen_are_found(rich_run: Path, copy_of) -> None:
    run = copy_of(rich_run)
    with closing(sqlite3.connect(run / "eplusout.sql")) as connection:
        connection.execute("UPDATE Simulations SET NumTimestepsPerHour = 12")
        connection.commit()
    xr.testing.assert_identical(opened(run, "summer/timestep"), opened(rich_run, "summer/timestep"))


def test_a_detailed_zone_variable_equals_the_timestep_one_and_is_there_once(rich_run: Path) -> None:
    same = (
        "SELECT count(*), sum(a.Value = b.Value) FROM ReportData a JOIN ReportData b USING (TimeIndex)"
        " WHERE a.ReportDataDictionaryIndex = ? AND b.ReportDataDictionaryIndex = ?"
    )
    pair = (
        "SELECT ReportDataDictionaryIndex FROM ReportDataDictionary WHERE Name = 'Zone Mean Air Temperature'"
        " AND KeyValue = 'SOUTH' AND ReportingFrequency = ?"
    )
    indices = [rows(rich_run, pair, name)[0][0] for name in ("HVAC System Timestep", "Zone Timestep")]
    count, equal = rows(rich_run, same, *indices)[0]
    assert count == equal > 0
    assert opened(rich_run, "summer/timestep").zone_mean_air_temperature.dims == ("zone", "time")


def test_environments_stay_apart(rich_run: Path) -> None:
    groups = set(xr.open_datatree(rich_run, engine="energyplus").groups)
    assert {f"/{prefix}/hourly" for prefix in PREFIXES.values()} <= groups
    assert "/hourly" not in groups
    assert opened(rich_run, "sizing/winter_day/hourly").attrs["environment_kind"] == "design_day"
    winter = opened(rich_run, "sizing/winter_day/hourly")
    assert winter.time.values[0] == np.datetime64("2017-01-21T01:00")
    assert winter.sizes["time"] == 24


def test_environment_indices_need_not_begin_at_one(year_run: Path) -> None:
    assert rows(year_run, "SELECT min(EnvironmentPeriodIndex) FROM EnvironmentPeriods") == [(3,)]
    assert opened(year_run, "hourly").sizes["time"] == 8760


def test_partial_months_and_the_run_period_are_clipped(rich_run: Path) -> None:
    whole_months = rows(rich_run, "SELECT Interval FROM Time WHERE IntervalType = 3 AND EnvironmentPeriodIndex = 3")
    assert whole_months == [(31 * 1440,), (28 * 1440,)]
    monthly = opened(rich_run, "winter_weeks/monthly")
    np.testing.assert_array_equal(
        monthly.time_bounds,
        np.array([["2017-01-10", "2017-02-01"], ["2017-02-01", "2017-02-16"]], "M8[ns]"),
    )
    total = opened(rich_run, "winter_weeks/runperiod")
    np.testing.assert_array_equal(total.time_bounds, np.array([["2017-01-10", "2017-02-16"]], "M8[ns]"))
    assert total.time.values == np.datetime64("2017-02-16")


def test_monthly_and_run_period_output_alone_is_clipped_too(copy_of) -> None:
    outputs = [output("Zone Mean Air Temperature", name) for name in ("Monthly", "RunPeriod")]
    run = run_energyplus(building(run_period("Part", "3/10", "5/20"), *outputs))
    expected = np.array(["2017-03-10", "2017-04-01", "2017-05-01", "2017-05-21"], "M8[ns]")
    np.testing.assert_array_equal(opened(run, "monthly").time_bounds, np.stack([expected[:-1], expected[1:]], axis=1))
    np.testing.assert_array_equal(opened(run, "runperiod").time_bounds, expected[[[0, -1]]])
    without_eio = copy_of(run)
    (without_eio / "eplusout.eio").unlink()
    monthly = opened(without_eio, "monthly")
    np.testing.assert_array_equal(monthly.time, expected[1:])
    np.testing.assert_array_equal(monthly.time_bounds[:, 0], expected[:-1])


def test_a_run_period_without_dates_anywhere_has_no_time(copy_of) -> None:
    run = run_energyplus(building(run_period("Part", "3/10", "5/20"), output("Zone Mean Air Temperature", "RunPeriod")))
    assert rows(run, "SELECT Year, Month, Day FROM Time") == [(None, None, None)]
    without_eio = copy_of(run)
    (without_eio / "eplusout.eio").unlink()
    alone = opened(without_eio, "runperiod")
    assert np.isnat(alone.time).all()
    assert not np.isnan(alone.zone_mean_air_temperature).any()


def test_annual_of_a_shorter_run_is_no_group_and_no_error(rich_run: Path) -> None:
    listed = "SELECT count(*) FROM ReportDataDictionary WHERE ReportingFrequency = 'Annual'"
    assert rows(rich_run, listed)[0][0] > 0
    assert not any("annual" in group for group in xr.open_datatree(rich_run, engine="energyplus").groups)


def test_annual_of_a_run_over_new_year_is_clipped() -> None:
    period = "RunPeriod,Turn,12,1,2017,1,15,2018,,No,No,No,Yes,Yes;\n"
    run = run_energyplus(building(period, meter("Electricity:Facility", "Annual"), meter("Electricity:Facility")))
    annual, hourly = opened(run, "annual"), opened(run, "hourly")
    np.testing.assert_array_equal(annual.time_bounds, np.array([["2017-12-01", "2018-01-01"]], "M8[ns]"))
    december = hourly.electricity_facility.sel(time=slice("2017-12-01T01:00", "2018-01-01T00:00")).sum()
    assert annual.electricity_facility.item() == pytest.approx(december.item())
    assert hourly.time.values[-1] == np.datetime64("2018-01-16")


def test_the_year_that_the_engine_chose() -> None:
    run = run_energyplus(building(run_period(begin="2/27", end="3/2", year=""), output("Zone Mean Air Temperature")))
    (year,) = {year for (year,) in rows(run, "SELECT Year FROM Time")}
    assert opened(run, "hourly").time.values[0] == np.datetime64(f"{year}-02-27T01:00")


def test_a_leap_year_with_weather_of_365_days_has_a_gap() -> None:
    run = run_energyplus(building(run_period(begin="2/27", end="3/2", year=2020), output("Zone Mean Air Temperature")))
    hourly = opened(run, "hourly")
    assert hourly.sizes["time"] == 4 * 24
    assert np.datetime64("2020-02-29T12:00") not in hourly.time.values
    assert "29 February" in hourly.time.attrs["comment"]
    plain = run_energyplus(building(run_period(begin="2/27", end="3/2"), output("Zone Mean Air Temperature")))
    assert "comment" not in opened(plain, "hourly").time.attrs


def test_daylight_saving_is_a_flag_and_time_stays_standard() -> None:
    saving = "RunPeriodControl:DaylightSavingTime,3/12,11/5;\n"
    outputs = [output("Site Daylight Saving Time Status"), output("Schedule Value", key="Workdays")]
    run = run_energyplus(building(run_period(begin="3/10", end="3/14"), saving, *outputs))
    hourly = opened(run, "hourly")
    assert set(np.diff(hourly.time.values)) == {np.timedelta64(1, "h")}
    flag = hourly.site_daylight_saving_time_status
    assert flag.values[0] == 0
    assert flag.values[-1] == 1
    work = hourly.schedule_value.sel(schedule="WORKDAYS")
    on = {day: work.sel(time=f"2017-03-{day}").where(lambda value: value > 0, drop=True).time for day in (10, 13)}
    assert on[10].values[0] == np.datetime64("2017-03-10T09:00")
    assert on[13].values[0] == np.datetime64("2017-03-13T08:00")
    assert "UTC-07:00" in hourly.time.attrs["time_reference"]


@pytest.mark.parametrize("frequency", ["Timestep", "Hourly", "Daily"])
@pytest.mark.parametrize("warmup_days", ["1,1", "25,6"])
def test_warmup_rows_do_not_leak(frequency: str, warmup_days: str) -> None:
    parts = (
        output("Zone Mean Air Temperature", frequency),
        run_period("Week", "1/10", "1/12"),
    )
    warmup = "Output:Diagnostics,ReportDuringWarmup;\n"
    plain = building(*parts, run_sizing=True)
    limits = f"Building,Small office,0,Suburbs,0.04,0.4,FullExterior,{warmup_days};"
    plain = plain.replace("Building,Small office,0,Suburbs,0.04,0.4,FullExterior,25,6;", limits)
    with_warmup, without = run_energyplus(plain + warmup), run_energyplus(plain)
    count = "SELECT count(*) FROM Time"
    assert rows(with_warmup, count) > rows(without, count)
    xr.testing.assert_identical(
        xr.open_datatree(with_warmup, engine="energyplus"), xr.open_datatree(without, engine="energyplus")
    )


def test_warmup_of_hvac_steps_does_not_leak() -> None:
    model = building(
        run_period("Week", "1/10", "1/12"),
        output("System Node Temperature", "Detailed"),
        output("Zone Mean Air Temperature", "Timestep"),
        system=PTAC,
        run_sizing=True,
    )
    with_warmup = run_energyplus(model + "Output:Diagnostics,ReportDuringWarmup;\n")
    xr.testing.assert_identical(
        xr.open_datatree(with_warmup, engine="energyplus"), xr.open_datatree(run_energyplus(model), engine="energyplus")
    )


def test_design_days_alone_lie_in_a_nominal_year() -> None:
    model = building(run_period(), output("Zone Mean Air Temperature"), run_sizing=True)
    no_weather = model.replace("SimulationControl,No,No,No,Yes,Yes;", "SimulationControl,No,No,No,Yes,No;")
    run = run_energyplus(no_weather)
    tree = xr.open_datatree(run, engine="energyplus")
    assert list(tree.children) == ["sizing"]
    assert tree["sizing/summer_day/hourly"].time.values[0] == np.datetime64("2001-07-21T01:00")
    assert np.isnat(tree.time_start)


def test_the_warmup_flag_of_the_engine_is_unset_where_no_timestep_is_written() -> None:
    model = building(run_period("Week", "1/10", "1/12"), output("Zone Mean Air Temperature"))
    run = run_energyplus(model + "Output:Diagnostics,ReportDuringWarmup;\n")
    assert rows(run, "SELECT DISTINCT WarmupFlag FROM Time") == [(None,)]
    with closing(sqlite3.connect(run / "eplusout.sql")) as connection:
        clock = read_clock(connection, {3: "WEEK"}, read_eio(run / "eplusout.eio"))
    assert clock.warmup.sum() == len(clock.warmup) - 72


def test_holes_of_a_scheduled_series_stay_on_the_axis(rich_run: Path) -> None:
    hourly = opened(rich_run, "winter_weeks/hourly")
    lights = hourly.zone_lights_electricity_energy
    assert lights.sizes["time"] == hourly.sizes["time"] == 37 * 24
    assert lights.attrs["report_schedule"] == "WORKDAYS"
    at_work = hourly.schedule_value.sel(schedule="WORKDAYS").values > 0
    assert 0 < at_work.sum() < len(at_work)
    reported = ~np.isnan(lights.sel(zone="SOUTH")).values
    np.testing.assert_array_equal(reported, at_work)


def test_the_same_variable_with_and_without_a_schedule() -> None:
    name = "Zone Lights Electricity Energy"
    run = run_energyplus(
        building(run_period(begin="1/10", end="1/11"), output(name), output(name, schedule="Workdays"))
    )
    hourly = opened(run, "hourly")
    assert set(hourly.data_vars) == {"zone_lights_electricity_energy", "zone_lights_electricity_energy_workdays"}
    assert np.isnan(hourly.zone_lights_electricity_energy_workdays).any()
    assert not np.isnan(hourly.zone_lights_electricity_energy).any()


def test_keys_are_aligned_by_name_where_their_order_differs(rich_run: Path) -> None:
    query = "SELECT KeyValue FROM ReportDataDictionary WHERE Name = ? AND ReportingFrequency = 'Hourly'"
    assert rows(rich_run, query, "Zone Mean Air Temperature") == [("SOUTH",), ("BüRO OST",), ("ATTIC [1]: X",)]
    assert rows(rich_run, query, "Zone Mixing Volume") == [("ATTIC [1]: X",), ("SOUTH",)]
    volume = opened(rich_run, "summer/hourly").zone_mixing_volume
    assert volume.dims == ("zone", "time")
    assert volume.sel(zone="ATTIC [1]: X").mean().item() == pytest.approx(72.0, rel=0.05)
    assert volume.sel(zone="SOUTH").mean().item() == pytest.approx(36.0, rel=0.05)
    assert np.isnan(volume.sel(zone="BüRO OST")).all()


def test_integral_values_that_sqlite_stores_as_integers(rich_run: Path) -> None:
    hourly = opened(rich_run, "summer/hourly")
    np.testing.assert_array_equal(np.unique(hourly.schedule_value.sel(schedule="WORKDAYS")), [0.0, 1.0])
    assert hourly.schedule_value.dtype == np.float64


def test_the_cumulative_meter_adds_up_the_plain_one(rich_run: Path) -> None:
    hourly = opened(rich_run, "summer/hourly")
    np.testing.assert_allclose(hourly.electricity_facility_cumulative, hourly.electricity_facility.cumsum(), rtol=1e-9)
    assert hourly.electricity_facility_cumulative.attrs["cell_methods"] == "time: point"
    assert hourly.electricity_facility.attrs["cell_methods"] == "time: sum"


def test_keys_as_the_engine_writes_them(rich_run: Path) -> None:
    hourly = opened(rich_run, "summer/hourly")
    assert list(hourly.zone.values) == ["SOUTH", "BüRO OST", "ATTIC [1]: X"]
    assert "ATTIC [1]: X PANE" in hourly.surface.values
    assert "BüRO OST ZONE AIR NODE" in hourly.node.values
    assert hourly.sizes["node"] != hourly.sizes["surface"] != hourly.sizes["zone"]


def test_names_with_commas_brackets_and_colons() -> None:
    run = run_energyplus(free_floating_room("Büro, Süd [1]: Nr. 2", "Tag, eins"))
    tree = xr.open_datatree(run, engine="energyplus")
    hourly = tree["hourly"]
    assert list(hourly.zone.values) == ["BüRO, SüD [1]: NR. 2"]
    assert "BüRO, SüD [1]: NR. 2 ROOF" in hourly.surface.values
    assert hourly.attrs["environment"] == "TAG, EINS"
    assert hourly.time.values[-1] == np.datetime64("2017-01-03")
    assert tree.floor_area.item() == 48.0
    (run_zone,) = read_eio(run / "eplusout.eio").zones
    assert run_zone == "BüRO, SüD [1]: NR. 2"


def test_variables_that_a_model_has_once_have_no_key_dimension(rich_run: Path) -> None:
    hourly = opened(rich_run, "summer/hourly")
    assert hourly.site_outdoor_air_drybulb_temperature.dims == ("time",)
    assert hourly.site_outdoor_air_drybulb_temperature.attrs["key"] == "Environment"
    assert hourly.facility_total_purchased_electricity_rate.dims == ("time",)
    assert hourly.electricity_facility.dims == ("time",)


def test_attributes(rich_run: Path) -> None:
    temperature = opened(rich_run, "summer/hourly").zone_mean_air_temperature
    assert temperature.attrs == {
        "long_name": "Zone Mean Air Temperature",
        "standard_name": "air_temperature",
        "units": "degC",
        "original_units": "C",
        "cell_methods": "time: mean",
    }
