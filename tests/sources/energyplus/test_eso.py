import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.energyplus_models import FREQUENCIES, PTAC, building, meter, output, run_period
from tests.energyplus_runs import run_energyplus

from simstac.errors import SourceError
from simstac.sources.energyplus.eso import read_eso
from simstac.sources.energyplus.files import RunFiles, find_run
from simstac.sources.energyplus.series import Block, EnvironmentKind, Frequency, Results, Series
from simstac.sources.energyplus.sql import read_sql

TEMPERATURE, METER = "Zone Mean Air Temperature", "Electricity:Facility"
ALL = "".join(output(TEMPERATURE, frequency) + meter(METER, frequency) for frequency in FREQUENCIES)
ZONES = ("Core", "Büro Süd", "Lab [1]: x")
SEVERAL_PERIODS = building(
    run_period("Winter", "1/20", "2/10"),
    run_period("Summer", "7/1", "7/4"),
    ALL,
    output(TEMPERATURE, "Detailed"),
    output("System Node Temperature", "Detailed"),
    output("System Node Temperature"),
    output("Zone Lights Electricity Energy", schedule="Workdays"),
    output("Zone Lights Electricity Energy", "Daily", schedule="Workdays"),
    output("Site Outdoor Air Drybulb Temperature"),
    meter(METER, "Monthly", cumulative=True),
    "Output:Meter:MeterFileOnly,InteriorLights:Electricity,Hourly;\n",
    zones=ZONES,
    system=PTAC,
    run_sizing=True,
    timesteps=6,
)
WARMUP = building(
    run_period("Week", "1/10", "1/12"),
    ALL,
    output("System Node Temperature", "Detailed"),
    "Output:Diagnostics,ReportDuringWarmup;\n",
    run_sizing=True,
    system=PTAC,
)
MODELS = {
    "several periods": SEVERAL_PERIODS,
    "warmup": WARMUP,
    "no year given": building(run_period(year=""), output(TEMPERATURE, "Daily"), meter(METER, "Monthly")),
    "leap year": building(run_period(begin="2/20", end="3/5", year=2020), ALL),
    "daylight saving": building(
        run_period("March", "3/10", "3/20"),
        ALL,
        "RunPeriodControl:DaylightSavingTime,2nd Sunday in March,2nd Sunday in November;\n",
    ),
    "over the new year": building("RunPeriod,Two,12,1,2017,2,15,2018,,No,No,No,Yes,Yes;\n", ALL),
    "three years": building(
        "RunPeriod,Three,11,20,2017,1,10,2019,,No,No,No,Yes,Yes;\n",
        output(TEMPERATURE, "Monthly"),
        output(TEMPERATURE, "Annual"),
    ),
    "months only": building(run_period("Part", "3/10", "5/20"), output(TEMPERATURE, "Monthly")),
    "run period only": building(
        run_period("Part", "3/10", "5/20"), output(TEMPERATURE, "RunPeriod"), meter(METER, "Annual")
    ),
    "meter file only": building(
        run_period("Part", "3/10", "3/12"), "Output:Meter:MeterFileOnly,Electricity:Facility,Hourly;\n"
    ),
}


def run_without_sql(model: str, tmp_path: Path) -> RunFiles:
    folder = tmp_path / "run"
    shutil.copytree(run_energyplus(model), folder, ignore=shutil.ignore_patterns("*.sql"))
    return find_run(folder)


def block_of(results: Results, environment: str, frequency: Frequency) -> Block:
    (block,) = (each for each in results.blocks if (each.environment.name, each.frequency) == (environment, frequency))
    return block


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_eso_gives_what_sql_gives(model: str) -> None:
    files = find_run(run_energyplus(model))
    from_sql, from_eso = read_sql(files), read_eso(files)
    assert [(b.environment, b.frequency) for b in from_eso.blocks] == [
        (b.environment, b.frequency) for b in from_sql.blocks
    ]
    for eso, sql in zip(from_eso.blocks, from_sql.blocks, strict=True):
        assert eso.series == sql.series
        np.testing.assert_array_equal(eso.values, sql.values)
        tolerance = np.timedelta64(30 if eso.frequency == Frequency.HVAC else 0, "s")
        assert np.abs(eso.end - sql.end).max() <= tolerance
        assert np.abs(eso.start - sql.start).max() <= 2 * tolerance
    assert (from_eso.location, from_eso.floor_area) == (from_sql.location, from_sql.floor_area)
    assert from_eso.names["zone"] == from_sql.names["zone"]


def test_steps_of_the_hvac_keep_their_seconds() -> None:
    block = block_of(read_eso(find_run(run_energyplus(WARMUP))), "SUMMER DAY", Frequency.HVAC)
    assert len(block.end) > 96
    assert np.datetime64("2017-07-21T08:07:30", "ms") in block.end
    np.testing.assert_array_equal(block.start[1:], block.end[:-1])


def test_warmup_days_do_not_leak() -> None:
    blocks = read_eso(find_run(run_energyplus(WARMUP))).blocks
    names = list(dict.fromkeys((block.environment.name, block.environment.kind) for block in blocks))
    assert names == [
        ("WINTER DAY", EnvironmentKind.DESIGN_DAY),
        ("SUMMER DAY", EnvironmentKind.DESIGN_DAY),
        ("WEEK", EnvironmentKind.WEATHER),
    ]


def test_meters_that_both_files_hold_come_once() -> None:
    block = block_of(read_eso(find_run(run_energyplus(SEVERAL_PERIODS))), "SUMMER", Frequency.HOURLY)
    meters = [series for series in block.series if series.meter]
    assert meters == [
        Series("Electricity:Facility", None, "J", mean=False, meter=True),
        Series("InteriorLights:Electricity", None, "J", mean=False, meter=True),
    ]
    assert not np.isnan(block.values[[series.meter for series in block.series]]).any()


def test_scheduled_series_have_holes_on_the_common_axis() -> None:
    block = block_of(read_eso(find_run(run_energyplus(SEVERAL_PERIODS))), "SUMMER", Frequency.HOURLY)
    hours = (block.end - block.end.astype("M8[D]")).astype("m8[h]").astype(int)
    lights = block.values[[series.schedule == "WORKDAYS" for series in block.series]]
    assert lights.shape == (3, 96)
    weekday = (block.start.astype("M8[D]").astype(int) + 3) % 7 < 5
    np.testing.assert_array_equal(~np.isnan(lights[0]), weekday & (hours > 8) & (hours <= 18))


def test_eso_is_read_where_there_is_no_sql(tmp_path: Path) -> None:
    results = read_eso(run_without_sql(SEVERAL_PERIODS, tmp_path))
    assert block_of(results, "WINTER", Frequency.HOURLY).values.shape[1] == 22 * 24


@pytest.mark.parametrize("fraction", [0.35, 0.6, 0.97])
def test_a_killed_run_is_read_as_far_as_it_goes(tmp_path: Path, fraction: float) -> None:
    run = run_without_sql(SEVERAL_PERIODS, tmp_path)
    run.mtr.unlink()
    files = find_run(run.directory)
    whole = read_eso(files)
    content = files.eso.read_bytes()
    files.eso.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(SourceError, match="cut off, although the run has completed"):
        read_eso(files)
    files.end.unlink()
    for part in read_eso(find_run(files.directory)).blocks:
        block = block_of(whole, part.environment.name, part.frequency)
        steps = len(part.end)
        assert part.series == block.series
        np.testing.assert_array_equal(part.end, block.end[:steps])
        np.testing.assert_array_equal(part.values[:, :-1], block.values[:, : steps - 1])
        last = part.values[:, -1]
        np.testing.assert_array_equal(last[~np.isnan(last)], block.values[~np.isnan(last), steps - 1])


def without_mtr(files: RunFiles) -> None:
    files.mtr.unlink()


def without_eso(files: RunFiles) -> None:
    files.eso.unlink()


@pytest.mark.parametrize(
    ("remove", "kept"), [(without_mtr, {METER}), (without_eso, {METER, "InteriorLights:Electricity"})]
)
def test_one_of_both_files_is_enough(tmp_path: Path, remove: Callable[[RunFiles], None], kept: set[str]) -> None:
    files = run_without_sql(SEVERAL_PERIODS, tmp_path)
    remove(files)
    block = block_of(read_eso(find_run(files.directory)), "SUMMER", Frequency.HOURLY)
    assert {series.name for series in block.series if series.meter} == kept
    assert not np.isnan(block.values[[series.meter for series in block.series]]).any()


def test_without_the_eio_file_the_year_is_unknown(tmp_path: Path) -> None:
    files = run_without_sql(SEVERAL_PERIODS, tmp_path)
    files.eio.unlink()
    with pytest.raises(SourceError, match=r"does not tell the year of 'WINTER'; put the run's \.eio file"):
        read_eso(find_run(files.directory))


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"neither \.eso nor \.mtr"):
        read_eso(RunFiles(directory=tmp_path, stem="eplusout"))


def test_a_damaged_time_stamp_is_an_error(tmp_path: Path) -> None:
    files = run_without_sql(SEVERAL_PERIODS, tmp_path)
    files.eso.write_bytes(files.eso.read_bytes().replace(b"\n2,3, 7, 3, 0, 5,", b"\n2,3, 7, x, 0, 5,"))
    with pytest.raises(SourceError, match="damaged time stamp"):
        read_eso(files)
