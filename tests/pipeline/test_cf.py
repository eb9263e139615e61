"""A configuration of ten lines makes a dataset of CF files, in a catalog, that grows with them."""

import shutil
from importlib.resources import files

import numpy as np
import pystac
import pytest
import xarray as xr

import simstac
from simstac.stac.validate import validate_tree

CONFIGURATION = """\
catalog: {{id: climate, description: Climate model output.}}
collections:
  - id: scenario
    title: North America, E1
    description: Air temperature of a climate scenario.
    license: CC-BY-4.0
    source: {{engine: cf, {source}}}
"""


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    """The E1 scenario of iris-sample-data, a file for each 80 years."""
    folder = tmp_path_factory.mktemp("years")
    with xr.open_dataset(files("iris_sample_data") / "sample_data" / "E1_north_america.nc") as data:
        for number in range(3):
            part = data.isel(time=slice(80 * number, 80 * number + 80)).load()
            part.to_netcdf(folder / f"e1-{number}.nc", engine="netcdf4")
    return folder


@pytest.fixture
def without_pictures(monkeypatch):
    """As where the extra ``plot`` is not installed."""
    monkeypatch.setattr("simstac.pipeline.extras.find_spec", lambda name: None)


def configured(folder, source):
    (folder / "climate.yaml").write_text(CONFIGURATION.format(source=source))
    return simstac.load_project(folder / "climate.yaml")


def documents(site):
    return {path: path.read_bytes() for path in site.rglob("*.json")}


def test_files_become_a_catalogued_dataset_that_grows(years, tmp_path):
    (tmp_path / "out").mkdir()
    for number in (0, 1):
        shutil.copy2(years / f"e1-{number}.nc", tmp_path / "out")
    project = configured(tmp_path, "path: out/*.nc")
    report = simstac.build(project)
    assert report.errors == ()
    (collection,) = report.collections
    assert collection.summary == "written, version 1, 2 files (2 added)"
    assert "time from 1860-06-01 to 2019-06-01" in collection.differences
    temperature = next(line for line in collection.differences if line.startswith("air_temperature: "))
    assert temperature.startswith("air_temperature: 290,080 values read back, sum ")
    assert temperature.endswith(", 0 missing")
    assert not any(line.startswith("latitude: ") for line in collection.differences)
    assert validate_tree(tmp_path / "site").findings == ()
    before = documents(tmp_path / "site")
    again = simstac.build(project)
    assert (again.collections[0].summary, again.documents) == ("unchanged, version 1, 2 files (2 unchanged)", ())
    assert documents(tmp_path / "site") == before
    shutil.copy2(years / "e1-2.nc", tmp_path / "out")
    report = simstac.build(project)
    assert report.collections[0].summary == "written, version 2, 3 files (1 added, 2 unchanged)"
    site = pystac.Collection.from_file(str(tmp_path / "site" / "scenario" / "collection.json"))
    assert "provenance" not in str(site.to_dict())
    with (
        xr.open_dataset(site.assets["icechunk"]) as data,
        xr.open_dataset(files("iris_sample_data") / "sample_data" / "E1_north_america.nc") as whole,
    ):
        np.testing.assert_array_equal(data["air_temperature"].values, whole["air_temperature"].values)
        np.testing.assert_array_equal(data["time"].values, whole["time"].values)
        np.testing.assert_array_equal(data["time_bnds"].values, whole["time_bnds"].values)


def test_files_in_a_bucket_are_fetched_once(years, tmp_path, s3, without_pictures):
    bucket, client = s3.make_bucket(), s3.client()
    for path in years.iterdir():
        client.upload_file(str(path), bucket, f"runs/e1/{path.name}")
    client.put_object(Bucket=bucket, Key="runs/e1/readme.txt", Body=b"not data")
    for form in ("s3://{}/runs/e1", "s3://{}/runs/**/*.nc"):
        path = form.format(bucket)
        project = configured(tmp_path, f'path: "{path}", endpoint_url: "{s3.endpoint_url}"')
        report = simstac.build(project)
        assert report.errors == ()
        assert report.collections[0].stored.changed == form.endswith("e1")
    data = xr.open_dataset(
        pystac.Collection.from_file(str(tmp_path / "site/scenario/collection.json")).assets["icechunk"]
    )
    assert data.sizes["time"] == 240


def test_nothing_found_is_said(tmp_path, s3):
    (report,) = simstac.build(configured(tmp_path, "path: out/*.nc")).errors
    assert "does not exist" in str(report) or "matches no files" in str(report)
    bucket = s3.make_bucket()
    source = f'path: "s3://{bucket}/none/*.nc", endpoint_url: "{s3.endpoint_url}"'
    (report,) = simstac.build(configured(tmp_path, source)).errors
    assert (
        str(report)
        == f"s3://{bucket}/none/*.nc: matches no files; point the path at the files, for example output/*.nc"
    )


def test_files_that_vanish_are_kept_and_said(years, tmp_path, without_pictures):
    shutil.copytree(years, tmp_path / "out")
    project = configured(tmp_path, "path: out")
    simstac.build(project)
    (tmp_path / "out" / "e1-2.nc").unlink()
    report = simstac.build(project)
    assert report.collections[0].summary == "unchanged, version 1, 3 files (1 kept, 2 unchanged)"
    assert "out/e1-2.nc is gone from the source and kept; --drop-vanished drops it" in report.collections[0].differences
    report = simstac.build(project, drop_vanished=True)
    assert report.collections[0].summary == "written, version 2, 2 files (2 unchanged)"
