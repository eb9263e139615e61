"""The facts that the ``.eio`` file of a real run adds."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.energyplus_models import building, output, run_period
from tests.energyplus_runs import run_energyplus

from simstac.errors import SourceError
from simstac.sources.energyplus.eio import Eio, read_eio
from simstac.sources.energyplus.series import EnvironmentKind, Location


def test_location_zones_and_floor_area(rich_run: Path) -> None:
    eio = read_eio(rich_run / "eplusout.eio")
    name = "Denver Centennial Golden Nr CO USA TMY3 WMO#=724666"
    assert eio.location == Location(name, 39.74, -105.18, -7.0, 1829.0)
    assert eio.zones == ("SOUTH", "BüRO OST", "ATTIC [1]: X")
    assert eio.floor_area == 144.0


def test_periods_with_and_without_a_year(rich_run: Path) -> None:
    periods = {period.name: period for period in read_eio(rich_run / "eplusout.eio").periods}
    assert list(periods) == ["WINTER DAY", "SUMMER DAY", "WINTER WEEKS", "SUMMER"]
    assert periods["SUMMER DAY"].kind == EnvironmentKind.DESIGN_DAY
    assert periods["SUMMER DAY"].first.date(2001) == np.datetime64("2001-07-21")
    assert periods["SUMMER"].kind == EnvironmentKind.WEATHER
    assert periods["SUMMER"].last.date(2001) == np.datetime64("2017-07-10")


def test_design_periods_from_the_weather_file() -> None:
    cold = "SizingPeriod:WeatherFileDays,Cold Spell,1,3,1,5,Wednesday,No,No;\n"
    hot = "SizingPeriod:WeatherFileConditionType,Hot,SummerExtreme,Monday,No,No;\n"
    outputs = [output("Zone Mean Air Temperature", name) for name in ("Monthly", "RunPeriod")]
    run = run_energyplus(building(cold, hot, run_period(begin="2/1", end="2/2"), *outputs, run_sizing=True))
    listed = read_eio(run / "eplusout.eio").periods
    assert [period.kind for period in listed[2:]] == ["design_period", "design_period", "weather"]
    tree = xr.open_datatree(run, engine="energyplus")
    spell_bounds = tree["sizing/cold_spell/runperiod"].time_bounds.values
    np.testing.assert_array_equal(spell_bounds, np.array([["2017-01-03", "2017-01-06"]], "M8[ns]"))
    assert tree["sizing/hot/monthly"].attrs["environment_kind"] == "design_period"


@pytest.mark.parametrize(
    "last", ["! <Site:Location>, Loc", "Site:Location,Denv", " Zone Information, ATTIC [1]: X,0.0,0"]
)
def test_a_file_that_was_cut_off_tells_less(last: str, rich_run: Path, tmp_path: Path) -> None:
    content = (rich_run / "eplusout.eio").read_text(encoding="utf-8")
    (tmp_path / "eplusout.eio").write_text(content[: content.index(last) + len(last)], encoding="utf-8")
    whole, cut = read_eio(rich_run / "eplusout.eio"), read_eio(tmp_path / "eplusout.eio")
    assert cut.location in (None, whole.location)
    assert cut.zones == whole.zones[: len(cut.zones)]
    assert len(cut.zones) < 3


@pytest.mark.parametrize(
    ("written", "damaged"),
    [
        (",-105.18,", ",-1x5.18,"),
        (",07/01/2017,", ",17/01/2017,"),
        ("Part of Total Building Area", "Part of Total Building"),
    ],
    ids=["number", "date", "column"],
)
def test_a_damaged_file_is_refused(written: str, damaged: str, rich_run: Path, tmp_path: Path) -> None:
    content = (rich_run / "eplusout.eio").read_text(encoding="utf-8")
    assert written in content
    (tmp_path / "eplusout.eio").write_text(content.replace(written, damaged), encoding="utf-8")
    with pytest.raises(SourceError, match=r"eplusout\.eio: is not what EnergyPlus writes .*run the simulation again"):
        read_eio(tmp_path / "eplusout.eio")


def test_no_file() -> None:
    assert read_eio(None) == Eio()
