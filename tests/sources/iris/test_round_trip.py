"""Every sample file of Iris and every CMIP6 file of ESMValTool comes back from a store as equal cubes."""

import pytest
import xarray as xr
from tests.sources.iris.cases import assert_same_cubes, cmip6_sets, sample_sets, set_id

from simstac.sources.iris import cubes, datasets
from simstac.sources.iris.files import load_with_notes
from simstac.storage import LocalPath
from simstac.write import open_stored, write


def test_samples_are_all_there():
    assert sum(map(len, sample_sets())) == 172
    assert (len(cmip6_sets()), sum(map(len, cmip6_sets()))) == (76, 207)


@pytest.mark.parametrize("paths", sample_sets(), ids=set_id)
def test_sample_comes_back_from_a_store(paths, tmp_path):
    loaded, _ = load_with_notes(paths)
    groups = datasets(loaded)
    stored = write(xr.DataTree.from_dict(groups), str(tmp_path / "x.icechunk"), LocalPath(), fingerprint="1")
    assert_same_cubes(cubes(open_stored(stored)), loaded)
    assert_same_cubes(cubes(xr.DataTree.from_dict(groups)), loaded)


@pytest.mark.parametrize("paths", cmip6_sets(), ids=set_id)
def test_cmip6_dataset_comes_back(paths):
    loaded, _ = load_with_notes(paths)
    assert len(loaded) == 1
    groups = datasets(loaded)
    assert list(groups) == ["/"]
    assert_same_cubes(cubes(xr.decode_cf(groups["/"])), loaded)
