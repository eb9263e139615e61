"""A study of real EnergyPlus runs in a store, value by value as the engine wrote them."""

import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import xarray as xr
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import run_energyplus

from simstac.sources.attributes import said_in
from simstac.storage import LocalPath
from simstac.studies import find_study
from simstac.write import open_stored, write_study

INSULATIONS = {"thin": 0.05, "thick": 0.2}


@pytest.fixture
def study_folder(tmp_path):
    for name, insulation in INSULATIONS.items():
        outputs = (
            output("Zone Mean Air Temperature"),
            output("Zone Air System Sensible Heating Rate", "Detailed"),
            meter("Electricity:Facility"),
            meter("Electricity:Facility", "Monthly"),
        )
        run = run_energyplus(building(run_period("Days", "1/1", "1/2"), *outputs, insulation=insulation), "chicago")
        shutil.copytree(run, tmp_path / "runs" / name)
    (tmp_path / "params.csv").write_text("run,insulation\nthin,0.05\nthick,0.2\nnever,0.3\n")
    return tmp_path


def write(folder, **options):
    study = find_study("runs/*", parameters=folder / "params.csv", base=folder)
    return write_study(study, str(folder / "store"), LocalPath(), **options)


def test_the_store_has_every_value_of_every_run(study_folder):
    stored, report = write(study_folder)
    assert report.statuses == {"thick": "completed", "thin": "completed", "never": "missing"}
    tree = open_stored(stored)
    assert tree["insulation"].sel(run="thick").item() == 0.2
    compared = 0
    for name in INSULATIONS:
        with xr.open_datatree(study_folder / "runs" / name, engine="energyplus") as run:
            for result in said_in(run.attrs)["results"]:
                np.testing.assert_equal(tree[result].sel(run=name).item(), run[result].item())
            for group in run.children.values():
                held = tree if group.name == said_in(tree.attrs)["primary"] else tree[group.name]
                for variable, values in group.data_vars.items():
                    size = values.sizes["time"]
                    row = held[variable].sel(run=name)
                    last = row.dims[-1]
                    np.testing.assert_array_equal(row.isel({last: slice(size)}).values, values.values)
                    times = held[last if last != "step" else f"time_{group.name}"]
                    times = times.sel(run=name) if "run" in times.dims else times
                    np.testing.assert_array_equal(times.values[:size], values["time"].values)
                    compared += values.size
    assert compared > 48
    assert tree["electricity_facility"].attrs["units"] == "J"
    assert np.isnan(tree["electricity_facility"].sel(run="never")).all()
    assert not write(study_folder)[0].changed


def test_the_store_goes_to_netcdf_and_comes_back(study_folder):
    tree = open_stored(write(study_folder)[0])
    tree.to_netcdf(study_folder / "study.nc")
    xr.testing.assert_equal(xr.open_datatree(study_folder / "study.nc").load(), tree)


def drop_report_data(sql):
    with closing(sqlite3.connect(sql)) as connection:
        connection.execute("DROP TABLE ReportData")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda sql: sql.write_bytes(b"not a database at all, but long enough to look at"), "eplusout.sql"),
        (lambda sql: sql.write_bytes(sql.read_bytes()[: sql.stat().st_size // 2]), "eplusout.sql"),
        (lambda sql: sql.with_name("eplusout.sql-journal").touch(), "still being written"),
        (lambda sql: sql.with_name("eplusout.end").unlink(), ""),
        (drop_report_data, "eplusout.sql"),
    ],
    ids=["no database", "truncated", "journal", "killed", "no tables"],
)
def test_one_spoilt_run_is_a_row_with_its_reason(study_folder, spoil, said):
    spoil(study_folder / "runs/thin/eplusout.sql")
    stored, report = write(study_folder)
    assert report.statuses["thin"] == "incomplete"
    assert report.statuses["thick"] == "completed"
    assert said in report.messages["thin"]
    assert str(study_folder) not in report.messages["thin"]
    tree = open_stored(stored)
    assert np.isnan(tree["electricity_facility"].sel(run="thin")).all()
    assert not np.isnan(tree["electricity_facility"].sel(run="thick")).any()
