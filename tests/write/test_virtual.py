"""Stores that refer to files: what is read through them equals xarray's own reading of the files, bit for bit."""

from __future__ import annotations

import os
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import icechunk
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.virtual_files import LAT, LON, write_steps

from simstac.errors import SourceError, StorageError
from simstac.objects import files_at
from simstac.sources.cf import CfFiles, CfOptions, find_files
from simstac.sources.virtual import UnfitError, placed_files
from simstac.storage import LocalPath, Stored
from simstac.write import copied_files, older_versions, open_stored, write_files, write_virtual


def refer(folder: Path, *patterns: str, **options: Any) -> Stored:
    files = placed_files(patterns or ("*.nc",), partial(files_at, base=folder))
    return write_virtual(files, str(folder / "store.icechunk"), LocalPath(), **options)


def read(stored: Stored) -> xr.Dataset:
    return open_stored(stored).to_dataset()


def assert_same_bits(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    assert set(ours.variables) == set(theirs.variables)
    assert set(ours.coords) == set(theirs.coords)
    for name, expected in theirs.variables.items():
        found = ours.variables[name]
        assert found.dims == expected.dims, name
        assert found.dtype == expected.dtype or (found.dtype.kind == expected.dtype.kind == "M"), name
        one, other = (np.ascontiguousarray(each.values) for each in (found, expected))
        if one.dtype.kind == "f":
            one, other = (each.view(f"u{each.dtype.itemsize}") for each in (one, other))
        np.testing.assert_array_equal(one, other, err_msg=str(name))


MINIMAL: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "override"}


def tree(folder: Path) -> xr.Dataset:
    files = sorted(folder.glob("*.nc"))
    return xr.open_mfdataset(files, combine="nested", concat_dim="time", **MINIMAL).load()


def test_values_are_those_of_the_files(tmp_path: Path) -> None:
    for number in range(3):
        write_steps(tmp_path / f"{number}.nc", [2.0 * number, 2.0 * number + 1], seed=number)
    stored = refer(tmp_path)
    data = read(stored)
    assert_same_bits(data, tree(tmp_path))
    assert data.tas.attrs["units"] == "K"
    assert data.attrs["title"] == "A model"
    assert data.time.values[3] == np.datetime64("2000-01-04")
    size = sum(path.stat().st_size for path in (tmp_path / "store.icechunk" / "chunks").rglob("*") if path.is_file())
    assert size < data.tas.nbytes  # the large variable stays in the files
    again = refer(tmp_path)
    assert (again.changed, again.snapshot_id) == (False, stored.snapshot_id)


DTYPES = ["f4", "f8", "i2", "i4", "u1", "i8", "u2"]


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    dtype, contiguous = draw(st.sampled_from(DTYPES)), draw(st.booleans())
    order = draw(st.sampled_from(["little", "big"]))
    layout: dict[str, Any] = {"dtype": np.dtype(dtype).newbyteorder(order), "endian": order, "attrs": {}}
    if contiguous:
        layout |= {"contiguous": True, "zlib": False}
    else:
        chunks = draw(st.sampled_from([(1, LAT, LON), (2, 3, 4), (1, 1, 5), (2, LAT, 1)]))
        layout |= {"chunksizes": chunks, "fletcher32": draw(st.booleans()), "zlib": draw(st.booleans())}
        layout["shuffle"] = layout["zlib"] and draw(st.booleans())
    if draw(st.booleans()):
        layout["fill_value"] = np.dtype(dtype).type(draw(st.sampled_from([0, 1, 100])))
    if dtype in {"i2", "u1", "i4"} and draw(st.booleans()):
        layout["attrs"] |= {"scale_factor": draw(st.sampled_from([0.01, 2.0, 1e-5])), "add_offset": 273.15}
    if draw(st.booleans()):
        layout["attrs"]["missing_value"] = np.dtype(dtype).type(7)
    return layout


@pytest.mark.filterwarnings("ignore:variable .tas. has multiple fill values")
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(layouts(), st.integers(1, 3))
def test_any_layout_of_netcdf4(layout: dict[str, Any], files: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(files):
            write_steps(folder / f"{number}.nc", [2.0 * number, 2.0 * number + 1], seed=number, **layout)
        if layout.get("fletcher32") and layout["shuffle"] and layout["dtype"].itemsize == 8:
            with pytest.raises(UnfitError, match="values of 8 bytes are shuffled together with a checksum of 4"):
                refer(folder)
            return
        assert_same_bits(read(refer(folder)), tree(folder))


@pytest.mark.parametrize("compression", ["zlib", "bzip2", "zstd", "blosc_lz4", "blosc_zlib", "blosc_zstd"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_compressors(tmp_path: Path, compression: str, shuffle: bool) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, size in (("time", None), ("y", 64), ("x", 64)):
            file.createDimension(name, size)
        options: Any = {"compression": compression, "shuffle": shuffle, "chunksizes": (1, 64, 32)}
        smooth = np.linspace(0, 1, 2 * 64 * 64).round(2).reshape(2, 64, 64)
        file.createVariable("t", "f8", ("time", "y", "x"), **options)[:] = smooth
    np.testing.assert_array_equal(read(refer(tmp_path)).t.values, smooth)


def test_a_compressor_that_zarr_lacks(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [0, 1], zlib=False, compression="szip", szip_pixels_per_block=8)
    with pytest.raises(UnfitError, match=r"a\.nc: tas: its filter szip is one that Zarr cannot decode"):
        refer(tmp_path)


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "f8"])
def test_classic_formats(tmp_path: Path, kind: Any, dtype: str) -> None:
    packing = {"scale_factor": 0.01, "add_offset": 273.15} if dtype[0] == "i" else {}
    for number in range(3):
        days = [2.0 * number, 2.0 * number + 1]
        write_steps(tmp_path / f"{number}.nc", days, seed=number, dtype=dtype, format=kind, attrs=packing)
    data = read(refer(tmp_path))
    assert_same_bits(data, tree(tmp_path))
    assert data.tas.encoding["chunks"] == (1, LAT, LON)


def test_a_classic_file_without_records(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("y", 3)
        file.createDimension("x", 5)
        file.createVariable("odd", "i1", ("y", "x"))[:] = np.arange(15).reshape(3, 5)
        file.createVariable("field", "f4", ("y", "x"), fill_value=-1)[:] = np.arange(15).reshape(3, 5) - 2
        file.createVariable("name", "S1", ("y",))[:] = np.array([b"a", b"b", b"c"])
        file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
    data = read(refer(tmp_path))
    with xr.open_dataset(tmp_path / "a.nc") as expected:
        for name in ("odd", "field", "crs"):
            np.testing.assert_array_equal(data[name].values, expected[name].values)
    assert str(data["name"].values) == "abc"  # characters are one text, as xarray has them


def test_files_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"GRIB and so on")
    with pytest.raises(UnfitError, match=r"a\.nc: it is neither HDF5 nor NetCDF"):
        refer(tmp_path)
    (tmp_path / "a.nc").write_bytes(b"CDF\x01\x00\x00")
    with pytest.raises(SourceError, match=r"a\.nc: has a damaged header"):
        refer(tmp_path)
    path = write_steps(tmp_path / "a.nc", [0, 1])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(SourceError, match=r"a\.nc: cannot be read as HDF5 .*; check that the file is whole"):
        refer(tmp_path)


def test_new_files_append(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [0, 1])
    first = refer(tmp_path, version="1.0.0")
    write_steps(tmp_path / "c.nc", [4, 5], seed=2)
    write_steps(tmp_path / "b.nc", [1, 2], seed=1, since="2000-01-02")
    second = refer(tmp_path, version="1.0.0")
    data = read(second)
    assert (second.changed, second.tag) == (True, "1.0.0+2")
    assert_same_bits(data, tree(tmp_path))
    assert [each.tag for each in older_versions(second)] == ["1.0.0"]
    assert read(first).sizes["time"] == 2


def test_only_new_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        write_steps(tmp_path / f"{number}.nc", [number], seed=number)
    refer(tmp_path)
    write_steps(tmp_path / "4.nc", [4], seed=4)
    write_steps(tmp_path / "2.nc", [2], seed=9)
    opened: list[str] = []
    refer(tmp_path, on_progress=lambda progress: opened.append(f"{progress.stage} {progress.detail}"))
    assert [each for each in opened if each.startswith("index")] == [f"index files {name}.nc" for name in (0, 2, 4)]
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))


def test_a_changed_file_that_stores_fewer_chunks(tmp_path: Path) -> None:
    for number in range(2):
        write_steps(tmp_path / f"{number}.nc", [2.0 * number, 2.0 * number + 1], seed=number, fill_value=1e20)
    refer(tmp_path)
    with netCDF4.Dataset(tmp_path / "1.nc", "w") as file, netCDF4.Dataset(tmp_path / "0.nc") as model:
        for name, dim in model.dimensions.items():
            file.createDimension(name, None if dim.isunlimited() else dim.size)
        for name, variable in model.variables.items():
            attrs = {key: variable.getncattr(key) for key in variable.ncattrs()}
            fill, chunks = attrs.pop("_FillValue", None), (1, LAT, LON) if name == "tas" else None
            made = file.createVariable(
                name, variable.dtype, variable.dimensions, zlib=name == "tas", chunksizes=chunks, fill_value=fill
            )
            made.setncatts(attrs)
            if name == "tas":
                made[1] = 5.0
            else:
                made[:] = variable[:] + (2 if name.startswith("time") else 0)
    data = read(refer(tmp_path))
    assert np.isnan(data.tas.values[2]).all()
    assert_same_bits(data, tree(tmp_path))


def test_files_before_and_between_move_the_others(tmp_path: Path) -> None:
    for number in (3, 5):
        write_steps(tmp_path / f"{number}.nc", [number], seed=number)
    refer(tmp_path)
    for number in (2, 4):
        write_steps(tmp_path / f"{number}.nc", [number], seed=number)
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))


def test_files_that_vanish(tmp_path: Path) -> None:
    for number in range(3):
        write_steps(tmp_path / f"{number}.nc", [number], seed=number)
    refer(tmp_path)
    (tmp_path / "2.nc").unlink()
    with pytest.raises(SourceError, match=r"2\.nc: is gone, and the store refers to it; .*--drop-vanished"):
        refer(tmp_path)
    assert read(refer(tmp_path, drop_vanished=True)).sizes["time"] == 2


def test_a_file_that_changes_behind_the_store_is_an_error_of_reading(tmp_path: Path) -> None:
    path = write_steps(tmp_path / "a.nc", [0, 1])
    stored = refer(tmp_path)
    assert_same_bits(read(stored), tree(tmp_path))
    write_steps(path, [0, 1], seed=5)
    later = path.stat().st_mtime_ns + 2 * 10**9
    os.utime(path, ns=(later, later))
    with pytest.raises(icechunk.StorageError, match="checksum of the object owning the virtual chunk has changed"):
        read(stored).tas.load()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"days": [1, 2]}, "has tas at time 2000-01-02, as {a} has too"),
        ({"days": [9]}, "begins at 2000-01-10, but {a} ends at 2000-01-02: a gap of 7 steps"),
        ({"units": "degC"}, "has tas with units degC, where {a} has K"),
        ({"attrs": {"standard_name": "x"}}, "has tas with standard_name x, where {a} has air_temperature"),
        ({"calendar": "noleap"}, "has time with calendar noleap, where {a} has standard"),
        ({"grid": 0.5}, "has another grid than {a}: lat differs first at index 0, -59.5 against -60.0"),
        ({"dtype": "f8"}, "has tas with the type float64, where {a} has float32"),
    ],
)
def test_files_that_disagree_are_the_error_that_copying_makes(
    tmp_path: Path, other: dict[str, Any], reason: str
) -> None:
    write_steps(tmp_path / "a.nc", [0, 1])
    write_steps(tmp_path / "b.nc", other.pop("days", [2, 3]), **other)
    with pytest.raises(SourceError) as error:
        refer(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/b.nc: {reason.format(a=tmp_path / 'a.nc')}")
    assert not (tmp_path / "store.icechunk").exists()
    source = CfFiles(find_files(["*.nc"], partial(files_at, base=tmp_path)))
    with pytest.raises(SourceError) as copying:
        write_files(source, str(tmp_path / "copy.icechunk"), LocalPath())
    assert str(copying.value) == str(error.value)


def test_disagreement_with_a_file_that_is_known_names_both(tmp_path: Path) -> None:
    for number in range(3):
        write_steps(tmp_path / f"{number}.nc", [number])
    refer(tmp_path)
    write_steps(tmp_path / "3.nc", [2.0])
    with pytest.raises(SourceError, match=r"/3\.nc: has tas at time 2000-01-03, as .*/2\.nc has too"):
        refer(tmp_path)
    write_steps(tmp_path / "3.nc", [9.0])
    with pytest.raises(SourceError, match=r"/3\.nc: begins at 2000-01-10, but .*/2\.nc ends at 2000-01-03: a gap of 6"):
        refer(tmp_path)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"grid": 0.5}, "another grid than"),
        ({"units": "degC"}, "tas with units degC, where"),
        ({"attrs": {"scale_factor": 0.5}}, "tas with the packing int16 scale_factor=0.5 add_offset=273.15, where"),
    ],
)
def test_a_first_file_that_changed_says_nothing_of_the_others(tmp_path: Path, other: dict[str, Any], what: str) -> None:
    packed = {"scale_factor": 0.01, "add_offset": 273.15}
    for number in range(3):
        write_steps(tmp_path / f"{number}.nc", [number], seed=number, dtype="i2", attrs=packed)
    before = refer(tmp_path)
    changed = other | {"attrs": packed | other.get("attrs", {})}
    write_steps(tmp_path / "0.nc", [0], dtype="i2", **changed)
    with pytest.raises(SourceError, match=rf"0\.nc: has {re.escape(what)} .*1\.nc"):
        refer(tmp_path)
    write_steps(tmp_path / "0.nc", [0], seed=7, dtype="i2", attrs=packed)
    assert refer(tmp_path).snapshot_id != before.snapshot_id
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))


def test_bounds_of_times_are_in_their_calendar_though_they_name_their_unit_alone(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [58.0, 59.0], calendar="noleap")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file["time_bnds"].units = "days since 2000-01-01"
    told: list[str] = []
    bounds = read(refer(tmp_path, on_note=told.append)).time_bnds.values
    assert [str(each)[:10] for each in bounds[1]] == ["2000-03-01", "2000-03-02"]
    assert told == []


def test_grids_may_differ_in_the_last_place_and_steps_have_to_grow(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [0, 1])
    write_steps(tmp_path / "b.nc", [2, 3], grid=1e-15, seed=1)
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))
    write_steps(tmp_path / "b.nc", [3, 2])
    with pytest.raises(UnfitError, match=r"b\.nc has steps of time that do not grow"):
        refer(tmp_path)


@pytest.mark.parametrize("days", [[1 / 3, 2 / 3], [0.1, 0.2], [1e-10 * 7, 1]])
def test_times_are_those_of_a_copy(tmp_path: Path, days: list[float]) -> None:
    write_steps(tmp_path / "a.nc", days)
    source = CfFiles(find_files(["*.nc"], partial(files_at, base=tmp_path)))
    copied, _ = write_files(source, str(tmp_path / "copy.icechunk"), LocalPath())
    ours, theirs = read(refer(tmp_path)), read(copied)
    np.testing.assert_array_equal(ours.time.values, theirs.time.values)
    np.testing.assert_array_equal(ours.time_bnds.values, theirs.time_bnds.values)
    if days[0] == 1 / 3:
        assert ours.time.values[0] == np.datetime64("2000-01-01T08:00")


def test_steps_may_be_missing_where_that_is_said(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [0, 1])
    write_steps(tmp_path / "b.nc", [9])
    data = read(refer(tmp_path, options=CfOptions(allow_gaps=True)))
    assert_same_bits(data, tree(tmp_path))


def test_some_variables_of_a_group(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        group = file.createGroup("forecast").createGroup("surface")
        for name, size in (("time", None), ("y", 3)):
            group.createDimension(name, size)
        group.createVariable("time", "i4", ("time",)).units = "hours since 2020-01-01"
        group["time"][:] = [0, 6]
        for number, name in enumerate(("rain", "snow")):
            group.createVariable(name, "f4", ("time", "y"), zlib=True)[:] = np.full((2, 3), number)
    options = CfOptions(group="forecast/surface", variables=("snow",))
    data = read(refer(tmp_path, options=options))
    with xr.open_dataset(tmp_path / "a.nc", group="forecast/surface") as expected:
        assert_same_bits(data, expected.drop_vars("rain"))
    with pytest.raises(SourceError, match=r"a\.nc: has no group 'none'; name one that it has \(source\.group\)"):
        refer(tmp_path, options=CfOptions(group="none"))


def test_another_group_and_more_variables_are_read_from_every_file(tmp_path: Path) -> None:
    for number in range(3):
        with netCDF4.Dataset(tmp_path / f"{number}.nc", "w") as file:
            for group in (file.createGroup("one"), file.createGroup("two")):
                for name, size in (("time", None), ("y", 3)):
                    group.createDimension(name, size)
                group.createVariable("time", "i4", ("time",)).units = "hours since 2020-01-01"
                group["time"][:] = [number]
                group.createVariable("depth", "f4", ("time",))[:] = [number]
                values = np.full((1, 3), number + (10 if group.name == "two" else 0))
                group.createVariable("rain", "f4", ("time", "y"), zlib=True)[:] = values
    stored = refer(tmp_path, options=CfOptions(group="one", variables=("rain",)))
    assert read(stored).rain.values[:, 0].tolist() == [0, 1, 2]
    stored = refer(tmp_path, options=CfOptions(group="two", variables=("rain",)))
    assert read(stored).rain.values[:, 0].tolist() == [10, 11, 12]
    stored = refer(tmp_path, options=CfOptions(group="two"))
    assert read(stored).depth.values.tolist() == [0, 1, 2]


def test_files_along_another_dimension(tmp_path: Path) -> None:
    for member in range(2):
        with netCDF4.Dataset(tmp_path / f"{member}.nc", "w") as file:
            for name, size in (("member", 1), ("time", 3), ("x", 4)):
                file.createDimension(name, size)
            file.createVariable("time", "i4", ("time",)).units = "hours since 2020-01-01"
            file["time"][:] = [0, 1, 2]
            file.createVariable("member", "i4", ("member",))[:] = [member]
            values = np.random.default_rng(member).random((1, 3, 4))
            file.createVariable("t", "f4", ("member", "time", "x"), zlib=True, chunksizes=(1, 3, 4))[:] = values
    data = read(refer(tmp_path, options=CfOptions(along=("member",))))
    files = sorted(tmp_path.glob("*.nc"))
    assert_same_bits(data, xr.open_mfdataset(files, combine="nested", concat_dim="member", **MINIMAL).load())
    with pytest.raises(UnfitError, match="files are appended along init and lead, which is not one dimension"):
        refer(tmp_path, options=CfOptions(along=("init", "lead")))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"chunksizes": (1, 2, 3)}, "b.nc stores tas in chunks of 1x2x3 (shuffle+zlib), and a.nc in chunks of 1x4x6"),
        ({"zlib": False}, "b.nc stores tas in chunks of 1x4x6 (not encoded), and a.nc in"),
        ({"contiguous": True}, "b.nc stores tas in one piece, and a.nc in"),
        ({"dtype": ">f4", "endian": "big"}, "b.nc stores tas as >f4, and a.nc as <f4"),
        (
            {"zlib": False, "compression": "szip", "szip_pixels_per_block": 8},
            "b.nc: tas: its filter szip is one that Zarr cannot decode",
        ),
    ],
)
def test_files_whose_chunks_do_not_fit_are_copied_among_the_others(
    tmp_path: Path, other: dict[str, Any], reason: str
) -> None:
    for number, name in enumerate("acd"):
        write_steps(tmp_path / f"{name}.nc", [4.0 * number, 4.0 * number + 1], seed=number)
    for number, name in enumerate(("b", "cx")):
        write_steps(tmp_path / f"{name}.nc", [4.0 * number + 2, 4.0 * number + 3], seed=9, **other)
    (tmp_path / "cx.nc").rename(tmp_path / "later")
    stored = refer(tmp_path, options=CfOptions(allow_gaps=True))
    assert_same_bits(read(stored), tree(tmp_path))
    (told,) = copied_files(stored).items()
    assert told[0].endswith("/b.nc")
    assert told[1].startswith(reason)
    (tmp_path / "later").rename(tmp_path / "cx.nc")
    grown = refer(tmp_path)
    assert_same_bits(read(grown), tree(tmp_path))
    assert [url[-4:] for url in copied_files(grown)] == ["b.nc", "x.nc"]
    assert refer(tmp_path).snapshot_id == grown.snapshot_id
    write_steps(tmp_path / "b.nc", [2, 3], seed=5)
    mended = refer(tmp_path)
    assert_same_bits(read(mended), tree(tmp_path))
    assert [url[-4:] for url in copied_files(mended)] == ["x.nc"]


@pytest.mark.parametrize(
    ("days", "other", "reason"),
    [
        ([2, 3], {"fill_value": 7.0}, "b.nc packs tas differently (_FillValue 7.0, None in a.nc)"),
        ([2, 3, 4], {"contiguous": True}, "b.nc begins or ends within a chunk of tas, of 2 steps of time"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, days: list[float], other: dict[str, Any], reason: str) -> None:
    for name, own in (("a", [0.0, 1]), ("c", [days[-1] + 1])):
        write_steps(tmp_path / f"{name}.nc", own, chunksizes=(2, LAT, LON))
    write_steps(tmp_path / "b.nc", days, **other)
    with pytest.raises(UnfitError) as error:
        refer(tmp_path)
    assert str(error.value).startswith(reason)


def test_files_that_share_their_times_continue_along_their_members(tmp_path: Path) -> None:
    for member in range(3):
        with netCDF4.Dataset(tmp_path / f"{member}.nc", "w") as file:
            for name, size in (("member", 1), ("time", None), ("x", 4)):
                file.createDimension(name, size)
            file.createVariable("time", "i4", ("time",)).units = "hours since 2020-01-01"
            file["time"][:] = [0, 1, 2]
            file.createVariable("member", "i4", ("member",))[:] = [2 - member]
            values = np.random.default_rng(member).random((1, 3, 4))
            file.createVariable("t", "f4", ("member", "time", "x"), zlib=True, chunksizes=(1, 3, 4))[:] = values
    data = read(refer(tmp_path))
    assert data.member.values.tolist() == [0, 1, 2]
    for member in range(3):
        with xr.open_dataset(tmp_path / f"{member}.nc") as own:
            np.testing.assert_array_equal(data.t.sel(member=2 - member).values, own.t.values[0])


def test_a_file_that_ends_within_a_chunk_has_to_be_the_last(tmp_path: Path) -> None:
    for number, days in enumerate([[0, 1, 2], [3, 4]]):
        write_steps(tmp_path / f"{number}.nc", days, seed=number, chunksizes=(2, LAT, LON))
    with pytest.raises(UnfitError, match=r"0\.nc begins or ends within a chunk of tas, of 2 steps of time"):
        refer(tmp_path)
    write_steps(tmp_path / "0.nc", [1, 2], chunksizes=(2, LAT, LON))
    write_steps(tmp_path / "1.nc", [3, 4, 5], seed=1, chunksizes=(2, LAT, LON))
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))


def test_pieces_of_different_lengths_are_cut_to_a_common_one(tmp_path: Path) -> None:
    for number, days in enumerate([[0, 1, 2, 3], [4, 5], [6, 7, 8, 9, 10, 11]]):
        write_steps(tmp_path / f"{number}.nc", days, seed=number, contiguous=True)
    data = read(refer(tmp_path))
    assert data.tas.encoding["chunks"] == (2, LAT, LON)
    assert_same_bits(data, tree(tmp_path))
    write_steps(tmp_path / "3.nc", [12], seed=3, contiguous=True)
    data = read(refer(tmp_path))
    assert data.tas.encoding["chunks"] == (1, LAT, LON)
    assert_same_bits(data, tree(tmp_path))


def test_files_without_steps_or_with_a_name_of_ours(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [])
    with pytest.raises(UnfitError, match=r"a\.nc has no steps along time"):
        refer(tmp_path)
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("y", 2)
        file.createDimension("x", 3)
        file.createVariable("sources", "f4", ("y", "x"))[:] = 1
    with pytest.raises(UnfitError, match="a variable is called sources, as the table of files in the store is"):
        refer(tmp_path)


def test_a_store_of_references_becomes_a_copy_and_back(tmp_path: Path) -> None:
    from simstac.write import write

    write_steps(tmp_path / "a.nc", [0, 1])
    refer(tmp_path)
    with xr.open_dataset(tmp_path / "a.nc") as data:
        copied = write(data, str(tmp_path / "store.icechunk"), LocalPath())
    (tmp_path / "a.nc").rename(tmp_path / "elsewhere")
    assert read(copied).tas.load().shape == (2, LAT, LON)
    (tmp_path / "elsewhere").rename(tmp_path / "a.nc")
    assert_same_bits(read(refer(tmp_path)), tree(tmp_path))


def test_another_store_is_left_alone(tmp_path: Path) -> None:
    write_steps(tmp_path / "a.nc", [0, 1])
    storage = icechunk.local_filesystem_storage(str(tmp_path / "store.icechunk"))
    xr.Dataset({"x": 1}).to_zarr(
        (session := icechunk.Repository.create(storage).writable_session("main")).store, consolidated=False
    )
    session.commit("by others")
    with pytest.raises(StorageError, match="holds something else than a dataset; choose another place"):
        refer(tmp_path)
