"""The xarray engine ``iris``."""

import shutil

import numpy as np
import pytest
import xarray as xr
from tests.sources.iris.cases import SAMPLES
from xarray.backends.plugins import guess_engine

from simstac.errors import SourceError
from simstac.sources.iris import datasets
from simstac.sources.iris.files import load_with_notes, reading


def test_engine_opens_groups_of_different_axes():
    tree = xr.open_datatree(SAMPLES / "uk_hires.pp", engine="iris")
    assert sorted(tree.children) == ["air_potential_temperature", "surface_altitude"]
    temperature = tree["air_potential_temperature/air_potential_temperature"]
    assert temperature.dtype == np.float32
    assert temperature.shape == (3, 7, 204, 187)
    assert tree["air_potential_temperature"]["time"].dtype.kind == "M"


def test_engine_opens_one_group_and_names_the_others():
    path = SAMPLES / "uk_hires.pp"
    ground = xr.open_dataset(path, engine="iris", group="surface_altitude")
    assert float(ground["surface_altitude"].max()) == pytest.approx(813.25, abs=0.01)
    with pytest.raises(SourceError, match="name one of the groups air_potential_temperature, surface_altitude"):
        xr.open_dataset(path, engine="iris")
    with pytest.raises(SourceError, match="no group 'sea'"):
        xr.open_dataset(path, engine="iris", group="sea")


def test_names_choose_cubes_and_the_only_group_is_the_root():
    dataset = xr.open_dataset(SAMPLES / "uk_hires.pp", engine="iris", names="surface_altitude", drop_variables="time")
    assert "surface_altitude" in dataset
    assert "time" not in dataset
    with pytest.raises(SourceError, match="no cube 'snow'"):
        xr.open_dataset(SAMPLES / "uk_hires.pp", engine="iris", names=["snow"])


def test_undecoded_data_keep_numbers_of_time():
    dataset = xr.open_dataset(SAMPLES / "air_temp.pp", engine="iris", decode_cf=False)
    assert dataset["time"].attrs["units"].startswith("hours since 1970")


def test_engine_is_guessed_for_pp_alone(tmp_path):
    assert guess_engine(str(SAMPLES / "air_temp.pp")) == "iris"
    assert guess_engine(str(SAMPLES / "SOI_Darwin.nc")) != "iris"
    (tmp_path / "manifest.pp").write_text("class puppet {}")
    with pytest.raises(ValueError, match="did not find a match"):
        guess_engine(str(tmp_path / "manifest.pp"))


@pytest.mark.parametrize("name", ["air_temp.pp", "SOI_Darwin.nc", "NAME_output.txt", "polar_stereo.grib2"])
def test_damaged_files_are_errors_that_name_them(name, tmp_path):
    whole = (SAMPLES / name).read_bytes()
    for label, content in {"empty": b"", "cut": whole[: len(whole) // 3 + 1], "noise": bytes(range(256)) * 8}.items():
        path = tmp_path / f"{label}-{name}"
        path.write_bytes(content)
        wheres = []
        try:
            loaded, _ = load_with_notes([path])
            with reading([path]):
                datasets(loaded)
        except SourceError as error:
            wheres.append(error.where)
        assert wheres == [str(path)] or (name, label) == ("NAME_output.txt", "cut")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"none\.pp: does not exist"):
        xr.open_dataset(tmp_path / "none.pp", engine="iris")


def test_parts_of_one_simulation_are_joined_with_a_note(tmp_path):
    for number in (1, 2):
        cut = xr.open_dataset(SAMPLES / "E1_north_america.nc", decode_cf=False)
        rows = slice(120 * (number - 1), 120 * number)
        cut.isel(time=rows).assign_attrs(tracking_id=f"id-{number}").to_netcdf(tmp_path / f"{number}.nc")
    loaded, notes = load_with_notes(sorted(tmp_path.glob("*.nc")))
    assert [cube.shape[0] for cube in loaded] == [240]
    assert notes[-1].startswith("air_temperature: joined from 2 parts without what differs in them: tracking_id")
    shutil.rmtree(tmp_path)
