"""Files in the formats people have, each read as xarray reads it."""

from importlib.resources import files

import netCDF4
import numpy as np
import pytest
import xarray as xr

from simstac.errors import SourceError, StorageError
from simstac.objects import files_at
from simstac.sources.cf import CfFiles, CfOptions, find_files
from simstac.sources.iris.files import load_with_notes
from simstac.sources.virtual import placed_files
from simstac.storage import LocalPath
from simstac.write import open_stored, write, write_files, write_virtual

IRIS = files("iris_sample_data") / "sample_data"
CMIP = files("esmvaltool_sample_data") / "data" / "timeseries" / "CMIP6"
SINGLE = sorted(path.name for path in IRIS.iterdir() if path.name.endswith((".nc", ".grib2")))


def stored(store, *patterns, **options) -> xr.Dataset:
    found = CfFiles(find_files([str(pattern) for pattern in patterns], files_at), CfOptions(**options))
    result, _ = write_files(found, str(store), LocalPath())
    assert not write_files(found, str(store), LocalPath())[0].changed
    return open_stored(result).to_dataset().load()


def assert_holds(back: xr.Dataset, data: xr.Dataset) -> None:
    """Every variable has the values that xarray reads from the file, whether or not an axis was made of a scalar."""
    assert {*back.variables} == {*map(str, data.variables)}
    for name, variable in data.variables.items():
        ours = back[name].values.reshape(variable.shape)
        theirs = variable.values
        ours = ours / np.timedelta64(1, "h") if ours.dtype.kind == "m" else ours
        if theirs.dtype.kind == "M":
            apart = np.abs(ours.astype("M8[us]") - theirs.astype("M8[us]"))
            assert (apart <= np.timedelta64(1, "us")).all(), name
        elif theirs.dtype.kind in "SUO":
            texts = [each.decode() if isinstance(each, bytes) else str(each) for each in theirs.reshape(-1)]
            assert [str(each) for each in ours.reshape(-1)] == texts, name
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


@pytest.mark.parametrize("name", SINGLE)
def test_every_file_of_iris_sample_data(name, tmp_path):
    engine = {"engine": "cfgrib", "backend_kwargs": {"indexpath": ""}} if name.endswith("grib2") else {}
    with xr.open_dataset(IRIS / name, decode_timedelta=False, **engine) as data:
        assert_holds(stored(tmp_path / "store", IRIS / name), data)
    assert not list(IRIS.glob("*.idx"))


def test_the_months_of_an_ocean_model(tmp_path):
    back = stored(tmp_path / "store", IRIS / "NEMO" / "*.nc")
    assert back["tos"].dims == ("time_counter", "y", "x")
    days = [f"{each:%Y-%m-%d}" for each in back["time_centered"].values]
    assert days == ["2015-01-16", "2015-02-16", "2015-03-16"]
    for number, path in enumerate(sorted((IRIS / "NEMO").glob("*.nc"))):
        with xr.open_dataset(path) as data:
            np.testing.assert_array_equal(back["tos"].values[number], data["tos"].values[0])


@pytest.mark.parametrize(
    ("pattern", "calendar"),
    [
        ("CMIP/MIROC/MIROC6/**/day/**/*.nc", "standard"),
        ("CMIP/CMCC/CMCC-CM2-SR5/**/Amon/**/*.nc", "noleap"),
        ("CMIP/HAMMOZ-Consortium/**/Amon/**/*.nc", "proleptic_gregorian"),
    ],
)
def test_cmip6_files_are_one_dataset(pattern, calendar, tmp_path):
    paths = sorted(CMIP.glob(pattern))
    same = {"compat": "no_conflicts", "join": "outer", "coords": "minimal", "data_vars": "minimal"}
    back = stored(tmp_path / "store", CMIP / pattern)
    assert back["time"].encoding["calendar"] == calendar
    with xr.open_mfdataset(paths, combine_attrs="drop_conflicts", **same) as data:
        assert len(paths) > 1
        np.testing.assert_array_equal(back["ta"].values, data["ta"].values)
        theirs = data["time"].values.astype(back["time"].dtype)
        assert back["time"].values.tolist() == theirs.tolist()
    assert "tracking_id" not in back.attrs


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4_CLASSIC", "zarr2", "zarr3", "icechunk"])
def test_a_format(form, tmp_path):
    data = xr.Dataset(
        {
            "t": (("time", "x"), np.arange(1, 13, dtype="f4").reshape(4, 3), {"units": "K"}),
            "n": (("time",), np.arange(1, 5, dtype="i4")),
        },
        coords={"time": np.datetime64("2000-01-02", "ns") + np.arange(4).astype("m8[D]"), "x": [1.0, 2.0, 3.0]},
        attrs={"title": "a format"},
    )
    data["t"][0, 0] = np.nan
    path = tmp_path / "in" / "data"
    path.parent.mkdir()
    if form == "icechunk":
        write(data, str(path), LocalPath())
    elif form.startswith("zarr"):
        data.to_zarr(path, zarr_format=int(form[-1]), consolidated=False)
    else:
        data = data.assign(name=("x", np.array(["Bern", "Basel", ""])))
        data.to_netcdf(path, format=form, engine="netcdf4")
    back = stored(tmp_path / "store", path)
    assert_holds(back, data)
    assert back.attrs["title"] == "a format"


def test_plain_hdf5_and_groups(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("model/output")
        group["t"] = np.arange(6.0).reshape(2, 3)
        group["x"] = [1.0, 2.0, 3.0]
        group["x"].make_scale("x")
        group["t"].dims[1].attach_scale(group["x"])
    with pytest.raises(SourceError, match=r"a.h5: has no variables; name the group to read \(source.group\)"):
        stored(tmp_path / "store", tmp_path / "a.h5")
    back = stored(tmp_path / "store", tmp_path / "a.h5", group="model/output")
    assert back["t"].values.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_grib_steps_grow_along_time(tmp_path):
    import eccodes

    with (IRIS / "polar_stereo.grib2").open("rb") as source:
        message = eccodes.codes_grib_new_from_file(source)
    for day in (20, 21, 22):
        eccodes.codes_set(message, "dataDate", 20130500 + day)
        with (tmp_path / f"{day}.grib2").open("wb") as target:
            eccodes.codes_write(message, target)
    eccodes.codes_release(message)
    back = stored(tmp_path / "store", tmp_path / "*.grib2")
    assert back["t"].dims == ("time", "y", "x")
    assert back["time"].values.astype("M8[D]").astype(str).tolist() == ["2013-05-20", "2013-05-21", "2013-05-22"]
    assert back["valid_time"].dims == ("time",)
    assert {path.suffix for path in tmp_path.iterdir()} == {".grib2", ""}


def test_grib_messages_that_do_not_go_together_are_chosen_by_key(tmp_path):
    import eccodes

    with (IRIS / "polar_stereo.grib2").open("rb") as source, (tmp_path / "a.grib2").open("wb") as target:
        message = eccodes.codes_grib_new_from_file(source)
        for name, level in {"2t": 2, "10u": 10}.items():
            for key, value in {"typeOfLevel": "heightAboveGround", "level": level, "shortName": name}.items():
                eccodes.codes_set(message, key, value)
            eccodes.codes_write(message, target)
    eccodes.codes_release(message)
    with pytest.raises(SourceError, match=r"a.grib2: does not make one dataset: .*filter_by_keys"):
        stored(tmp_path / "store", tmp_path / "a.grib2")
    back = stored(tmp_path / "store", tmp_path / "a.grib2", filter_by_keys={"level": 2})
    assert float(back["heightAboveGround"]) == 2


@pytest.mark.parametrize("steps", [None, 100])
@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_netcdf3_that_ends_too_early_is_an_error_though_its_library_reads_it(tmp_path, form, steps):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", steps)
        file.createDimension("x", 1000)
        file.createVariable("time", "f8", ("time",))[:] = np.arange(100)
        file.createVariable("t", "f4", ("time", "x"))[:] = np.ones((100, 1000))
    whole = path.read_bytes()
    assert float(stored(tmp_path / "store", path)["t"].sum()) == 100_000
    for content in (whole[:-4], whole[: len(whole) // 2], whole[:40]):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"a.nc: has (\d+ bytes of the \d+ that|a damaged header)"):
            stored(tmp_path / "store", path)
        with pytest.raises(SourceError, match=r"a.nc: has (\d+ bytes of the \d+ that|a damaged header)"):
            write_virtual(placed_files([str(path)], files_at), str(tmp_path / "virtual"), LocalPath())
        with pytest.raises(SourceError, match=r"a.nc: has (\d+ bytes of the \d+ that|a damaged header)"):
            load_with_notes([path])
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=r"a.nc: is empty; it may still be being written"):
        stored(tmp_path / "store", path)


@pytest.mark.parametrize("size", [2, 3])
def test_variables_called_like_a_dimension_that_they_are_not_on(tmp_path, size):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", None)
        file.createDimension("x", 3)
        file.createVariable("y", "f4", ("x",), zlib=True)[:] = [1, 2, 3]
        file.createVariable("t", "f4", ("y", "x"), zlib=True)[:] = np.arange(size * 3).reshape(size, 3)
    with xr.open_dataset(tmp_path / "a.nc") as data:
        assert_holds(stored(tmp_path / "store", tmp_path / "a.nc"), data)
        referred = write_virtual(
            placed_files([str(tmp_path / "a.nc")], files_at), str(tmp_path / "virtual"), LocalPath()
        )
        assert_holds(open_stored(referred).to_dataset().load(), data)


def test_names_that_zarr_has_another_use_for_are_refused(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, length in (("x", 3), ("y", 2)):
            file.createDimension(name, length)
        file.createVariable("zarr.json", "f4", ("y", "x"))[:] = 1
    with pytest.raises(StorageError, match=r"is called 'zarr.json', a name that no store keeps"):
        stored(tmp_path / "store", tmp_path / "a.nc")
    with pytest.raises(StorageError, match=r"is called 'zarr.json', a name that no store keeps"):
        write_virtual(placed_files([str(tmp_path / "a.nc")], files_at), str(tmp_path / "virtual"), LocalPath())
    with xr.open_dataset(tmp_path / "a.nc") as data, pytest.raises(StorageError, match=r"is called 'zarr\.json'"):
        write(data, str(tmp_path / "other"), LocalPath())
