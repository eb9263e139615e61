"""Real runs that several tests look at; each is simulated once and then comes from the cache."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.energyplus_models import FREQUENCIES, PTAC, building, meter, output, run_period
from tests.energyplus_runs import run_energyplus

TABLES = "Output:Table:SummaryReports,AllSummary;\n"


@pytest.fixture(scope="session")
def rich_run() -> Path:
    """Two run periods, two design days, packaged units with detailed output, every frequency, a schedule."""
    everything = [
        text
        for frequency in (*FREQUENCIES, "Detailed")
        for text in (output("Zone Mean Air Temperature", frequency), meter("Electricity:Facility", frequency))
    ]
    model = building(
        run_period("Winter Weeks", "1/10", "2/15"),
        run_period("Summer", "7/1", "7/10"),
        *everything,
        output("Zone Packaged Terminal Air Conditioner Electricity Rate", "Detailed"),
        output("System Node Temperature", "Detailed"),
        output("System Node Temperature", "Hourly"),
        output("System Node Mass Flow Rate", "Hourly"),
        output("Surface Inside Face Temperature", "Hourly"),
        output("Site Outdoor Air Drybulb Temperature", "Hourly"),
        output("Facility Total Purchased Electricity Rate", "Hourly"),
        output("Zone Mixing Volume", "Hourly"),
        "ZoneMixing,First,Attic [1]: x,Always,Flow/Zone,0.02,,,,South,0;\n",
        "ZoneMixing,Second,South,Always,Flow/Zone,0.01,,,,Büro Ost,0;\n",
        output("Zone Lights Electricity Energy", "Hourly", schedule="Workdays"),
        output("Schedule Value", "Hourly", key="Workdays"),
        meter("Electricity:Facility", "Hourly", cumulative=True),
        TABLES,
        zones=("South", "Büro Ost", "Attic [1]: x"),
        system=PTAC,
        timesteps=6,
        run_sizing=True,
    )
    return run_energyplus(model)


@pytest.fixture(scope="session")
def year_run() -> Path:
    """A whole year of one heated and cooled room, with tables."""
    outputs = [output("Zone Mean Air Temperature", name) for name in ("Hourly", "Monthly", "RunPeriod", "Annual")]
    meters = [meter("Electricity:Facility", name) for name in ("Hourly", "Daily", "Monthly", "RunPeriod")]
    more = [meter("DistrictHeatingWater:Facility"), meter("DistrictCooling:Facility", "Daily")]
    return run_energyplus(building(run_period(), *outputs, *meters, *more, TABLES))


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[..., Path]:
    """Copy a cached run so that a test may change it; ``rename`` maps the stem of its files."""

    def copy(run: Path, name: str = "run", rename: str | None = None) -> Path:
        target = tmp_path / name
        shutil.copytree(run, target)
        target.chmod(0o755)
        if rename:
            for path in list(target.glob("eplusout.*")):
                path.rename(path.with_name(path.name.replace("eplusout", rename, 1)))
        return target

    return copy
