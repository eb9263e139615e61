"""Files that leave something open: the build says which variable, and the key that settles it, and then builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import simstac
from simstac.stac.validate import validate_tree

EAST, NORTH = {"units": "degrees_east"}, {"units": "degrees_north"}
DAYS = {"units": "days since 2000-01-01", "calendar": "standard"}


def grid(**coords: Any) -> xr.Dataset:
    known = {"time": ("time", [0, 1], DAYS), "lat": ("lat", [0.0, 1.0], NORTH), "lon": ("lon", [0.0, 1.0], EAST)}
    return xr.Dataset({"tas": (("time", "lat", "lon"), np.arange(8.0).reshape(2, 2, 2))}, known | coords)


def projected(mapping: dict[str, Any] | None) -> xr.Dataset:
    coords = {
        "time": ("time", [0, 1], DAYS),
        "x": ("x", [4e5, 5e5], {"standard_name": "projection_x_coordinate", "units": "m"}),
        "y": ("y", [5.2e6, 5.3e6], {"standard_name": "projection_y_coordinate", "units": "m"}),
    }
    attrs = {} if mapping is None else {"grid_mapping": "crs"}
    dataset = xr.Dataset({"tas": (("time", "y", "x"), np.zeros((2, 2, 2)), attrs)}, coords)
    return dataset if mapping is None else dataset.assign(crs=((), 0, mapping))


BOUNDS = {"lon_bnds": (("lon", "bnds"), [[5.0, 6.0], [6.0, 7.0]])}
LEFT_OPEN: dict[str, tuple[xr.Dataset, str, str]] = {
    "two longitudes": (
        grid(longitude=("lon", [5.0, 6.0], EAST)),
        "lon: x could be any of lon, longitude; set metadata: {x: lon}",
        "{x: lon}",
    ),
    "two times": (
        grid(time2=("time", [3, 4], DAYS)).rename(time="step").rename_vars(step="time1"),
        "time1: time could be any of time1, time2; set metadata: {time: time1}",
        "{time: time2}",
    ),
    "bounds that disagree": (
        grid(lon=("lon", [0.0, 1.0], EAST | {"bounds": "lon_bnds"})).assign(BOUNDS),
        "lon: lies outside of its bounds lon_bnds; set metadata: {bbox: [west, south, east, north]}",
        "{bbox: [0, 0, 1, 1]}",
    ),
    "a CRS that pyproj does not know": (
        projected({"grid_mapping_name": "flat_earth"}),
        "crs: is no grid mapping that pyproj knows",
        "{crs: EPSG:32632}",
    ),
    "no CRS": (
        projected(None),
        "x: is a projected coordinate without a CRS; set metadata: {crs: EPSG:…}",
        "{crs: EPSG:32632}",
    ),
    "no place": (
        grid().drop_vars(["lat", "lon"]),
        "dataset: has no horizontal coordinates; set metadata: {bbox: [west, south, east, north]}",
        "{bbox: [0, 0, 1, 1]}",
    ),
    "no time": (
        grid().isel(time=0, drop=True),
        "dataset: has no time coordinate with values; set metadata: {datetime: …}",
        "{datetime: 2020-01-01T00:00:00Z}",
    ),
    "latitudes beyond the pole": (
        grid(lat=("lat", [0.0, 200.0], NORTH)),
        "lat: leaves ±90 degrees; set metadata: {crs: …} for projected coordinates",
        "{bbox: [0, 0, 1, 1]}",
    ),
}


LEFT_OPEN["a unit of time without a calendar"] = (
    grid(time=("time", [0, 1], {"units": "days since 2000-01-01"})),
    "",
    "{}",
)
"""CF says that it is the standard calendar, so nothing is open."""


def build(folder: Path, *, settled: bool) -> simstac.pipeline.BuildReport:
    """All of them, each a collection of its own, as where no extra for pictures and tables is installed."""
    text = "catalog: {id: lab}\ncollections:\n"
    for name, (_, _, metadata) in LEFT_OPEN.items():
        slug = name.replace(" ", "-").lower()
        source = f"{{engine: cf, path: {slug}.nc}}"
        text += f"  - {{id: {slug}, license: MIT, metadata: {metadata if settled else '{}'}, source: {source}}}\n"
    (folder / "lab.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simstac.pipeline.extras.find_spec", lambda _name: None)
        return simstac.build(simstac.load_project(folder / "lab.yaml"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ambiguous")
    for name, (dataset, _, _) in LEFT_OPEN.items():
        dataset.to_netcdf(made / f"{name.replace(' ', '-').lower()}.nc")
    return made


def test_each_says_what_is_open_and_which_key_settles_it(folder: Path) -> None:
    report = build(folder, settled=False)
    said = [str(error) for error in report.errors]
    wanted = [f"{name.replace(' ', '-').lower()}: {message}" for name, (_, message, _) in LEFT_OPEN.items() if message]
    assert len(said) == len(wanted)
    assert [(got, want) for got, want in zip(said, wanted, strict=True) if not got.startswith(want)] == []
    assert [collection.id for collection in report.collections] == ["a-unit-of-time-without-a-calendar"]


def test_each_is_described_once_that_is_settled(folder: Path) -> None:
    report = build(folder, settled=True)
    assert report.errors == ()
    assert len(report.collections) == len(LEFT_OPEN)
    assert validate_tree(report.site).findings == ()
    extents = {each.id: document(report, each.id)["extent"] for each in report.collections}
    assert extents["two-times"]["temporal"]["interval"] == [["2000-01-04T00:00:00Z", "2000-01-05T00:00:00Z"]]
    assert extents["no-time"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"]]
    assert extents["no-place"]["spatial"]["bbox"] == [[0, 0, 1, 1]]
    assert 6 < extents["no-crs"]["spatial"]["bbox"][0][0] < 9


def document(report: simstac.pipeline.BuildReport, collection: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report.site / collection / "collection.json").read_text())
    return found
