"""The engine as users of xarray meet it."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from simstac.errors import SourceError
from simstac.sources.attributes import said_in
from simstac.sources.energyplus.backend import EnergyPlusBackend
from simstac.sources.energyplus.read import READER
from simstac.sources.energyplus.series import FACTS


def test_a_folder_is_recognised_without_naming_the_engine(year_run: Path) -> None:
    assert xr.open_datatree(year_run).attrs["Conventions"] == "CF-1.11"
    assert xr.open_dataset(str(year_run / "eplusout.sql"), group="monthly").sizes["time"] == 12


def test_nothing_else_is_claimed(tmp_path: Path, year_run: Path) -> None:
    (tmp_path / "pets.sql").touch()
    backend = EnergyPlusBackend()
    for other in (
        tmp_path,
        tmp_path / "pets.sql",
        tmp_path / "none",
        year_run / "eplusout.err",
        b"bytes",
        7,
        "s3://x/y",
    ):
        assert backend.guess_can_open(other) is False


def test_the_root_has_facts(year_run: Path) -> None:
    facts = xr.open_dataset(year_run, engine="energyplus")
    assert said_in(facts.attrs)["layout"] == "run/1"
    assert said_in(facts.attrs)["reader"] == READER
    assert set(said_in(facts.attrs)["results"]) | set(said_in(facts.attrs)["facts"]) == set(facts.data_vars)
    assert tuple(said_in(facts.attrs)["facts"]) == FACTS
    assert all(variable.ndim == 0 for variable in facts.values())
    assert (facts.status.item(), facts.software.item()) == ("completed", "EnergyPlus 25.2.0")
    assert facts.location.item().startswith("Denver Centennial Golden")
    place = [facts[name].item() for name in ("latitude", "longitude", "elevation", "time_zone")]
    assert place == [39.74, -105.18, 1829.0, -7.0]
    assert facts.time_start.values == np.datetime64("2017-01-01")
    assert facts.time_end.values == np.datetime64("2018-01-01")
    assert "UTC-07:00" in facts.attrs["time_reference"]


def test_a_run_goes_to_netcdf_and_comes_back(year_run: Path, tmp_path: Path) -> None:
    run = xr.open_datatree(year_run, engine="energyplus")
    run.to_netcdf(tmp_path / "run.nc")
    xr.testing.assert_identical(xr.open_datatree(tmp_path / "run.nc").load(), run)


def test_the_location_without_an_eio_file_is_that_of_the_tables(year_run: Path, copy_of) -> None:
    run = copy_of(year_run)
    (run / "eplusout.eio").unlink()
    facts = xr.open_dataset(run, engine="energyplus")
    assert facts.latitude.item() == 39.74
    assert facts.time_zone.item() == -7.0
    with_eio, without = (xr.open_dataset(path, engine="energyplus", group="runperiod") for path in (year_run, run))
    xr.testing.assert_equal(with_eio, without)


def test_groups_and_datasets_are_the_same(year_run: Path) -> None:
    tree = xr.open_datatree(year_run, engine="energyplus")
    assert list(tree.children) == ["hourly", "daily", "monthly", "runperiod", "annual"]
    for name, node in tree.children.items():
        xr.testing.assert_identical(node.to_dataset(inherit=False), xr.open_dataset(year_run, group=name))
    groups = xr.open_groups(year_run, engine="energyplus")
    assert list(groups) == ["/", *(f"/{name}" for name in tree.children)]


def test_an_unknown_group_names_the_known_ones(year_run: Path) -> None:
    with pytest.raises(SourceError, match="has no group 'weekly'; it has hourly, daily, monthly, runperiod, annual"):
        xr.open_dataset(year_run, engine="energyplus", group="weekly")


def test_variables_are_dropped_and_chunked_on_request(year_run: Path) -> None:
    tree = xr.open_datatree(year_run, engine="energyplus", drop_variables="electricity_facility")
    assert "electricity_facility" not in tree["hourly"]
    assert "zone_mean_air_temperature" in tree["hourly"]
    hourly = xr.open_dataset(year_run, group="hourly", drop_variables=["district_heating_water_facility", "zone"])
    assert set(hourly.variables) == {"electricity_facility", "zone_mean_air_temperature", "time", "time_bounds"}


def test_time_selects_and_resamples(year_run: Path) -> None:
    hourly, daily = (xr.open_dataset(year_run, group=name) for name in ("hourly", "daily"))
    day = hourly.electricity_facility.sel(time=slice("2017-03-01T01:00", "2017-03-02T00:00"))
    assert day.sizes["time"] == 24
    assert daily.electricity_facility.sel(time="2017-03-02T00:00").item() == pytest.approx(day.sum().item())
    per_day = hourly.electricity_facility.resample(time="1D", closed="right", label="right").sum()
    np.testing.assert_allclose(per_day, daily.electricity_facility)


def test_bounds_are_coordinates_that_cf_xarray_finds(year_run: Path) -> None:
    import cf_xarray  # noqa: F401  # registers the accessor

    monthly = xr.open_dataset(year_run, group="monthly")
    assert "time_bounds" in monthly.coords
    assert monthly.cf.get_bounds("time").dims == ("time", "bounds")
    assert monthly.cf["air_temperature"].name == "zone_mean_air_temperature"


def test_a_group_goes_through_zarr_unchanged(rich_run: Path, tmp_path: Path) -> None:
    hourly = xr.open_dataset(rich_run, group="winter_weeks/hourly")
    hourly = hourly.assign_coords(
        {name: hourly[name].astype(object) for name in ("zone", "surface", "node", "schedule")}
    )
    hourly.to_zarr(tmp_path / "hourly.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "hourly.zarr", consolidated=False) as back:
        xr.testing.assert_equal(back, hourly)
