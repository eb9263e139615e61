"""Chunks decoded in threads are what xarray reads, and what is not understood is left to it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simstac.sources.cf.hdf5 import ChunkReader
from simstac.sources.cf.opened import OpenFile
from simstac.sources.cf.options import CfOptions


@st.composite
def variables(draw):
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, 9)) for _ in range(rank))
    return {
        "shape": shape,
        "chunks": tuple(draw(st.integers(1, size)) for size in shape),
        "dtype": draw(st.sampled_from(["f4", "f8", ">f4", "i2", "u1", ">i4", "i8"])),
        "shuffle": draw(st.booleans()),
        "compression": draw(st.sampled_from([None, 1, 9])),
        "fletcher32": draw(st.booleans()),
        "masks": draw(st.sampled_from([(), ("_FillValue",), ("missing_value",), ("_FillValue", "missing_value")])),
        "packed": draw(st.booleans()),
        "written": draw(st.floats(0, 1)),
        "seed": draw(st.integers(0, 1000)),
    }


def write(path: Path, about: dict) -> None:
    random = np.random.default_rng(about["seed"])
    with h5py.File(path, "w") as file:
        for axis, size in enumerate(about["shape"]):
            file[f"d{axis}"] = np.arange(size)
            file[f"d{axis}"].make_scale(f"d{axis}")
        options = {name: about[name] for name in ("shape", "chunks", "dtype", "shuffle", "compression", "fletcher32")}
        variable = file.create_dataset("v", fillvalue=7, **options)
        for axis in range(len(about["shape"])):
            variable.dims[axis].attach_scale(file[f"d{axis}"])
        rows = round(about["written"] * about["shape"][0])
        variable[:rows] = random.integers(0, 9, (rows, *about["shape"][1:]))
        for number, name in enumerate(about["masks"]):
            variable.attrs[name] = np.array(7 if number == 0 else 3, about["dtype"])
        if about["packed"]:
            variable.attrs["scale_factor"] = 0.5


@settings(max_examples=60)
@given(variables(), st.data())
def test_both_ways_of_reading_give_the_same(tmp_path_factory, about, data):
    path = tmp_path_factory.mktemp("h5") / "a.h5"
    if len(about["masks"]) > 1 and about["packed"]:
        about["masks"] = about["masks"][:1]
    write(path, about)
    bounds = [sorted((data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size)))) for size in about["shape"]]
    slab = tuple(slice(low, max(high, low + 1)) for low, high in bounds)
    shape = [part.stop - part.start for part in slab]
    with (
        ThreadPoolExecutor(2) as pool,
        OpenFile(path, "a", CfOptions(), pool) as fast,
        OpenFile(path, "a", CfOptions()) as slow,
    ):
        assert fast.variables["v"].dtype == slow.variables["v"].dtype
        one, other = (np.empty(shape, fast.variables["v"].dtype) for _ in range(2))
        fast.read("v", slab, one)
        slow.read("v", slab, other)
        np.testing.assert_array_equal(one, other)
        whole = fast.values("v")
        np.testing.assert_array_equal(whole[slab], one)


@pytest.mark.parametrize(
    ("about", "is_fast"),
    [
        ({}, True),
        ({"fletcher32": True}, False),
        ({"packed": True}, False),
        ({"dtype": ">f4"}, True),
    ],
)
def test_which_way_is_taken(tmp_path, monkeypatch, about, is_fast):
    plain = {"shape": (4, 4), "chunks": (2, 2), "dtype": "f4", "shuffle": True, "compression": 1, "fletcher32": False}
    write(tmp_path / "a.h5", {**plain, "masks": (), "packed": False, "written": 1, "seed": 0, **about})
    taken, real = [], ChunkReader.read
    monkeypatch.setattr(ChunkReader, "read", lambda *args: taken.append(real(*args)) or taken[-1])
    with ThreadPoolExecutor(1) as pool, OpenFile(tmp_path / "a.h5", "a", CfOptions(), pool) as file:
        file.read("v", (slice(0, 4), slice(0, 4)), np.empty((4, 4), file.variables["v"].dtype))
    assert taken == [is_fast]
