"""A folder that a user would have, with three quick runs of the real engine: fixtures for the pipeline and the CLI."""

import shutil
from pathlib import Path

import pytest
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import run_energyplus

CONFIG = """\
catalog:
  id: buildings
  title: Building simulations
  description: Small offices.
collections:
  - id: office-study
    title: Small office
    description: Three insulations of a one-zone office.
    license: CC-BY-4.0
    source: {engine: energyplus, path: "runs/*", parameters: runs/params.csv}
    version: "1.0.0"
"""


def model(insulation: float) -> str:
    """Two winter days of a one-zone office."""
    outputs = (
        output("Zone Mean Air Temperature"),
        meter("Electricity:Facility"),
        meter("Electricity:Facility", "RunPeriod"),
    )
    return building(run_period("Days", "1/1", "1/2"), *outputs, insulation=insulation)


@pytest.fixture(scope="session")
def three_runs() -> dict[str, Path]:
    return {f"i{cm}": run_energyplus(model(cm / 100), "chicago") for cm in (5, 10, 20)}


def make_study_folder(folder: Path, runs: dict[str, Path]) -> Path:
    """Make a folder that a user would have: runs, their parameters, and a configuration."""
    for name, run in runs.items():
        shutil.copytree(run, folder / "runs" / name)
    rows = ["run,insulation_cm", *(f"{name},{name[1:]}" for name in runs)]
    (folder / "runs" / "params.csv").write_text("\n".join(rows) + "\n")
    (folder / "buildings.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def study_folder(three_runs, tmp_path):
    return make_study_folder(tmp_path / "study", three_runs)
