"""Any Dataset written and read back: encodings, growth in place, and nothing written twice."""

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from simstac.errors import SourceError, StorageError
from simstac.storage import LocalPath, icechunk_storage
from simstac.write import open_stored, write


def gridded(days: int = 4) -> xr.Dataset:
    time = np.datetime64("2000-02-27T00:00", "ns") + np.arange(days) * np.timedelta64(90, "m")
    values = np.arange(days * 6, dtype="f4").reshape(days, 2, 3)
    values[0, 0, 0] = np.nan
    return xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), values, {"units": "K", "bad": np.nan, "valid_range": np.array([0.0, 9.0])}),
            "crs": ((), 0, {"grid_mapping_name": "latitude_longitude"}),
            "flag": (("time",), np.arange(days) % 2 == 0),
            "lead": (("time",), np.arange(days).astype("m8[h]").astype("m8[ns]")),
            "count": (("lat",), np.array([1, 2], dtype="i2")),
        },
        coords={
            "time": ("time", time, {"standard_name": "time"}),
            "lat": ("lat", [10.0, 20.0]),
            "lon": ("lon", [0.0, 120.0, 240.0]),
            "station": ("lat", ["Zürich", ""]),
            "issued": ((), np.datetime64("1700-01-01T00:00:00.5", "us")),
        },
        attrs={"title": "A grid", "history": b"bytes"},
    )


def chunks_between(href: str, old: str, new: str) -> dict[str, list[tuple[int, ...]]]:
    repository = icechunk.Repository.open(icechunk_storage(href, LocalPath()))
    diff = repository.diff(from_snapshot_id=old, to_snapshot_id=new)
    return {path: sorted(map(tuple, chunks)) for path, chunks in diff.updated_chunks.items() if chunks}


def test_a_dataset_comes_back_as_it_was(tmp_path):
    dataset = gridded()
    dataset["tas"].encoding = {"dtype": "i2", "scale_factor": 0.01, "grid_mapping": "crs", "zlib": True}
    stored = write(dataset, str(tmp_path / "store"), LocalPath())
    back = open_stored(stored).to_dataset().load()
    xr.testing.assert_equal(back.drop_vars("lead"), dataset.drop_vars("lead"))
    assert back["lead"].values.astype("m8[h]").tolist() == dataset["lead"].values.astype("m8[h]").tolist()
    assert back["tas"].dtype == "f4"
    assert back["tas"].attrs == {"units": "K", "valid_range": [0.0, 9.0], "grid_mapping": "crs"}
    assert back["flag"].dtype == bool
    assert back["time"].encoding["units"] == "seconds since 1970-01-01"
    assert back["time"].encoding["calendar"] == "proleptic_gregorian"
    assert back["issued"].encoding["units"] == "milliseconds since 1970-01-01"
    assert back.attrs == {"title": "A grid", "history": "bytes"}


def test_the_same_data_make_no_commit(tmp_path):
    first = write(gridded(), str(tmp_path / "store"), LocalPath(), version="1.0")
    second = write(gridded(), str(tmp_path / "store"), LocalPath(), version="1.0")
    assert first.changed
    assert not second.changed
    assert (second.snapshot_id, second.tag, second.fingerprint) == (first.snapshot_id, "1.0", first.fingerprint)


def test_numbers_that_are_encoded_already_mean_the_same_in_the_store(tmp_path):
    attrs = {"scale_factor": 0.5, "add_offset": 10.0, "missing_value": np.int16(-9), "_FillValue": np.int16(-8)}
    dataset = xr.Dataset({"tas": ("x", np.array([1, -8, 3, -9], "i2"), attrs)})
    stored = write(dataset, str(tmp_path / "store"), LocalPath())
    with pytest.warns(xr.SerializationWarning, match="multiple fill values"):
        np.testing.assert_array_equal(open_stored(stored)["tas"].values, [10.5, np.nan, 11.5, np.nan])


def test_a_missing_text_is_empty(tmp_path):
    dataset = xr.Dataset({"station": ("x", np.array(["a", None, np.nan], dtype=object))})
    stored = write(dataset, str(tmp_path / "store"), LocalPath())
    assert open_stored(stored)["station"].values.tolist() == ["a", "", ""]


def test_a_single_number_may_change(tmp_path):
    for value in (1.5, np.nan, 2.5):
        stored = write(xr.Dataset({"height": value}), str(tmp_path / "store"), LocalPath())
        assert stored.changed
        np.testing.assert_equal(open_stored(stored)["height"].item(), value)


def test_a_longer_dataset_appends(tmp_path):
    href = str(tmp_path / "store")
    first = write(gridded(4), href, LocalPath(), chunks={"time": 2})
    second = write(gridded(6), href, LocalPath(), chunks={"time": 2})
    touched = chunks_between(href, first.snapshot_id, second.snapshot_id)
    assert touched["/tas"] == [(2, 0, 0)]
    assert "/lat" not in touched
    np.testing.assert_array_equal(open_stored(second)["tas"].values, gridded(6)["tas"].values)
    third = write(gridded(3), href, LocalPath(), chunks={"time": 2})
    assert open_stored(third).sizes["time"] == 3
    fourth = write(gridded(6), href, LocalPath(), chunks={"time": 2})
    np.testing.assert_array_equal(open_stored(fourth)["tas"].values, gridded(6)["tas"].values)


def test_variables_and_groups_that_are_gone_are_removed(tmp_path):
    href = str(tmp_path / "store")
    tree = xr.DataTree.from_dict({"/": gridded(), "/a/b": xr.Dataset({"x": ("i", [1.0, 2.0])})})
    first = write(tree, href, LocalPath())
    assert open_stored(first)["a/b/x"].values.tolist() == [1, 2]
    second = write(gridded().drop_vars("flag"), href, LocalPath())
    after = open_stored(second)
    assert not after.children
    assert "flag" not in after


def test_arrays_are_filled_with_nan_and_zeros_whatever_stands_for_a_missing_value(tmp_path):
    href = str(tmp_path / "store")
    dataset = gridded().assign(height=("lat", np.array([-9, 3], dtype="i4"), {"_FillValue": np.int32(-9)}))
    write(dataset, href, LocalPath())
    session = icechunk.Repository.open(icechunk_storage(href, LocalPath())).readonly_session("main")
    root = zarr.open_group(session.store, mode="r")
    fills = {name: root[name].fill_value for name in ("height", "time", "flag", "station")}
    assert fills == {"height": 0, "time": 0, "flag": False, "station": ""}
    assert np.isnan(root["tas"].fill_value)
    assert root["height"].attrs["_FillValue"] == -9


def test_large_variables_are_written_in_slabs_of_whole_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("simstac.write.dataset.SLAB_BYTES", 2000)
    values = np.random.default_rng(1).random((37, 11, 13))
    dataset = xr.Dataset({"x": (("a", "b", "c"), values)})
    stored = write(dataset, str(tmp_path / "store"), LocalPath(), chunks={"a": 5, "b": 4, "c": 13})
    np.testing.assert_array_equal(open_stored(stored)["x"].values, values)


def test_what_cannot_be_stored_is_said(tmp_path):
    with pytest.raises(StorageError, match="keeps no complex128, as z is; leave it out"):
        write(xr.Dataset({"z": ("i", [1j])}), str(tmp_path / "store"), LocalPath())
    fine = xr.Dataset({"t": ("i", np.array([1], dtype="M8[ns]"))})
    with pytest.raises(SourceError, match="finer than a microsecond"):
        write(fine, str(tmp_path / "store"), LocalPath())


def test_the_store_of_somebody_else_is_left_alone(tmp_path):
    href = str(tmp_path / "store")
    repository = icechunk.Repository.create(icechunk_storage(href, LocalPath()))
    session = repository.writable_session("main")
    xr.Dataset({"x": ("i", [1.0])}).to_zarr(session.store, consolidated=False)
    mine = session.commit("mine")
    with pytest.raises(StorageError, match="holds something else than a dataset"):
        write(gridded(), href, LocalPath())
    assert repository.lookup_branch("main") == mine
