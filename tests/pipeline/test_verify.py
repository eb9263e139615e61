"""What keeps a stranger from reading values is told, whatever it is."""

import shutil

import numpy as np
import pytest
import xarray as xr

from simstac import pipeline

CONFIG = """
catalog: {id: weather, title: Weather}
collections:
  - id: wind
    title: Wind
    license: CC-BY-4.0
    source: {engine: cf, path: "in/*.nc"}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wind")
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[ns]")
    degrees = {"lat": np.linspace(-79, 79, 80), "lon": np.linspace(1, 40, 40)}
    values = np.random.default_rng(0).random((3, 80, 40))
    wind = xr.Dataset({"u": (("time", "lat", "lon"), values, {"units": "m s-1"})}, {"time": days, **degrees})
    for name, units in (("lat", "degrees_north"), ("lon", "degrees_east")):
        wind[name].attrs["units"] = units
    (folder / "in").mkdir()
    wind.to_netcdf(folder / "in" / "wind.nc")
    (folder / "weather.yaml").write_text(CONFIG)
    report = pipeline.build(pipeline.load_project(folder / "weather.yaml"))
    assert report.ok, report
    return folder / "site"


@pytest.fixture
def published(built, tmp_path):
    return shutil.copytree(built, tmp_path / "www")


def chunks(site):
    return sorted((site / "data" / "wind.icechunk" / "chunks").iterdir(), key=lambda path: path.stat().st_size)


def test_what_was_built_is_read_and_the_same(built, published):
    report = pipeline.verify(published, site=built)
    assert report.ok, report.findings
    (said,) = report.opened.values()
    assert said.endswith(" variables, up to 3 places of each, equal to the site's")


@pytest.mark.parametrize("which", [0, -1], ids=["coordinate", "values"])
@pytest.mark.parametrize("how", ["gone", "junk"])
def test_a_chunk_that_cannot_be_read_is_told(published, which, how):
    chunk = chunks(published)[which]
    chunk.unlink() if how == "gone" else chunk.write_bytes(b"junk")
    (finding,) = pipeline.verify(published).findings
    assert finding.where.startswith(f"{published}/wind/collection.json#icechunk")
    assert finding.problem.startswith("cannot be ")
    assert "\n" not in finding.problem
    assert finding.remedy == "publish again with --recheck"


def test_other_values_than_those_built_are_told(built, published, tmp_path):
    """The site that strangers are compared with has other values, so theirs are wrong."""
    (tmp_path / "in").mkdir()
    with xr.open_dataset(built.parent / "in" / "wind.nc") as wind:
        wind.assign(u=wind["u"] + 1).to_netcdf(tmp_path / "in" / "wind.nc")
    (tmp_path / "weather.yaml").write_text(CONFIG)
    assert pipeline.build(pipeline.load_project(tmp_path / "weather.yaml")).ok
    findings = {
        finding.where: finding.problem for finding in pipeline.verify(published, site=tmp_path / "site").findings
    }
    assert findings[f"{published}/wind/collection.json#icechunk:/u"] == "is not what was built"
    assert findings[f"{published}/wind/collection.json"] == "is not the document that was built"
