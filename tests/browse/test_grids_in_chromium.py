"""Gridded datasets that the pipeline built, in the real STAC Browser: pictures, schemes, versions, variables."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj
import pytest
import xarray as xr
from PIL import Image
from tests.stac.cases import CASES

import simstac

from .conftest import FOOTPRINT

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS

pytestmark = [pytest.mark.browser, pytest.mark.requires("chromium", "npm"), pytest.mark.timeout(900)]

EAST, NORTH = {"units": "degrees_east"}, {"units": "degrees_north"}
FIELD = {"units": "degC", "standard_name": "air_temperature", "long_name": "Near-surface air temperature"}
DARK, BRIGHT = (68, 1, 84), (253, 231, 37)
"""The lowest and the highest colour of the map."""
COLLECTION = """
  - id: {id}
    title: {title}
    description: {description}
    license: CC-BY-4.0
    keywords: [climate]
    providers:
      - {{name: Example Met Office, roles: [producer], url: "https://met.example.org"}}
      - {{name: Example Host, roles: [host]}}
    citation: "Example et al. (2026): Grids."
    doi: 10.5281/zenodo.1234
    version: "{version}"
    deprecated: {deprecated}
    source: {{engine: cf, path: {id}.nc}}
"""


def dataset(field: Any, dims: tuple[str, ...], coords: dict[str, Any], **variables: Any) -> xr.Dataset:
    field = np.asarray(field)
    times = pd.date_range("2020-01-01", periods=2, freq="MS")
    values = np.broadcast_to(field, (2, *field.shape)).astype("f4")
    return xr.Dataset({"tas": (("time", *dims), values, FIELD), **variables}, {"time": times, **coords})


def global_grid() -> xr.Dataset:
    """Bright in the eastern hemisphere, dark in the western, on longitudes of 0-360."""
    lon, lat = np.arange(2.5, 360, 5.0), np.arange(87.5, -90, -5.0)
    field = np.broadcast_to(np.where(lon < 180, 1.0, 0.0), (lat.size, lon.size))
    return dataset(field, ("lat", "lon"), {"lon": ("lon", lon, EAST), "lat": ("lat", lat, NORTH)})


def across_the_antimeridian() -> xr.Dataset:
    lon, lat = np.arange(160.5, 200), np.arange(-29.5, 0)
    return dataset(np.add.outer(lat, 0 * lon), ("lat", "lon"), {"lon": ("lon", lon, EAST), "lat": ("lat", lat, NORTH)})


def curvilinear() -> xr.Dataset:
    """Bright in the north, dark in the south, turned by its own projection, and no CRS said."""
    to_degrees = pyproj.Transformer.from_crs("+proj=lcc +lat_1=40 +lat_2=60 +lon_0=10 +lat_0=50", 4326, always_xy=True)
    lon, lat = to_degrees.transform(*np.meshgrid(np.arange(-2e6, 2.1e6, 1e5), np.arange(-1.5e6, 1.6e6, 1e5)))
    coords = {"lon": (("y", "x"), lon, EAST), "lat": (("y", "x"), lat, NORTH)}
    return dataset(lat > 50, ("y", "x"), coords)


GRIDS = {
    "global": ("A global grid", global_grid),
    "pacific": ("Across the antimeridian", across_the_antimeridian),
    "turned": ("A curvilinear grid", curvilinear),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> Path:
    """Three grids, one of them in two versions, whose stores are published to a bucket as well."""
    folder = tmp_path_factory.mktemp("grids")
    for name, (_, make) in GRIDS.items():
        make().to_netcdf(folder / f"{name}.nc")
    bucket = seaweedfs.make_bucket()
    head = "catalog: {id: grids, title: Grids, description: Grids of many kinds.}\ncollections:"
    tail = f'targets: [{{type: s3, url: "s3://{bucket}/stac", endpoint_url: "{seaweedfs.endpoint_url}"}}]\n'
    for version in ("1.0.0", "1.1.0"):
        entries = [
            COLLECTION.format(
                id=name,
                title=title,
                description=f"{title} of made-up temperatures.",
                version=version if name == "global" else "1.0.0",
                deprecated=str(name == "turned").lower(),
            )
            for name, (title, _) in GRIDS.items()
        ]
        (folder / "grids.yaml").write_text(head + "".join(entries) + tail)
        report = simstac.build(simstac.load_project(folder / "grids.yaml"))
        assert report.ok
        assert [line for each in report.collections for line in each.differences if "picture" in line] == []
        (global_grid() + 1).map(lambda array: array.assign_attrs(FIELD)).to_netcdf(folder / "global.nc")
    return report.site


def map_pixels(view: Any) -> np.ndarray:
    view.page.wait_for_timeout(1_000)
    shot = view.page.locator(".ol-viewport").first.screenshot()
    return np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(int)


def of_colour(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(pixels - colour).sum(axis=-1) < 60


def assert_shows(view: Any, *texts: str) -> None:
    """Wait until every text is on the page: metadata come a moment after the title."""
    missing = list(texts)
    for _ in range(100):
        page = " ".join(view.text.split())
        missing = [text for text in texts if text not in page]
        if not missing:
            return
        view.page.wait_for_timeout(100)
    assert missing == []


def assert_clean(view: Any) -> None:
    assert view.problems == []
    assert view.broken_images() == []


def test_a_global_grid_lies_on_the_map(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, "global/collection.json", heading="A global grid") as view:
        pixels = map_pixels(view)
        view.keep("grid-global")
        west, east = (np.nonzero(of_colour(pixels, colour))[1] for colour in (DARK, BRIGHT))
        assert min(west.size, east.size) > 10_000
        assert west.max() < east.min() + 3
        assert abs((west.max() - west.min()) - (east.max() - east.min())) < 5
        assert_shows(view, "CC-BY-4.0", "Example Met Office", "PRODUCER", "Example Host", "climate")
        assert_shows(view, "Example et al. (2026): Grids.", "10.5281/zenodo.1234", "Data Version 1.1.0")
        assert_shows(view, "2020-01-01 00:00:00 UTC", "2020-02-01 00:00:00 UTC", "Items2", "Thumbnails")
        assert_shows(view, "Near-surface air temperature", "degC", "2.5 \N{EN DASH} 357.5", "degrees_east", "P1M")
        assert_shows(view, 'xr.open_dataset(collection.assets["icechunk"])')
        assert_clean(view)


def test_the_storage_schemes_are_on_the_page(visit: Callable[..., Any], site: Path) -> None:
    for path in ("turned/collection.json", "turned/turned-1.0.0/turned-1.0.0.json"):
        document = json.loads((site / path).read_text())
        scheme = document["storage:schemes"]["s3"]
        title = document.get("title") or document["properties"]["title"]
        with visit(site, path, heading=title) as view:
            host = scheme["platform"].removeprefix("http://")
            assert_shows(view, "Cloud Storage", f"S3-compatible storage at {host}", "S3 (self-hosted)", "us-east-1")
            if document["type"] == "Feature":
                view.keep("storage")
                assert_shows(view, f"S3 API at {host}", "Beside the catalog")
            assert_clean(view)


def test_a_curvilinear_grid_lies_on_the_map(visit: Callable[..., Any], site: Path) -> None:
    """The north is bright above the south, and corners of the box that no cell reaches stay clear."""
    with visit(site, "turned/collection.json", heading="A curvilinear grid") as view:
        pixels = map_pixels(view)
        view.keep("grid-curvilinear")
        south, north = (np.nonzero(of_colour(pixels, colour)) for colour in (DARK, BRIGHT))
        assert min(south[0].size, north[0].size) > 5_000
        assert south[0].mean() > north[0].mean() + 50
        assert np.ptp(north[1]) > np.ptp(south[1]) + 20
        assert_shows(view, "Coordinate data", "Measured values", "air_temperature", "lat", "lon", "tas")
        assert_clean(view)


def test_a_grid_across_the_antimeridian_loads_with_both_halves(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, "pacific/collection.json", heading="Across the antimeridian") as view:
        pixels = map_pixels(view)
        view.keep("grid-antimeridian")
        assert not of_colour(pixels, BRIGHT).any()
        assert view.footprint_pixels() > 100
        view.page.get_by_text("Thumbnails", exact=True).first.click()
        view.page.wait_for_timeout(500)
        view.keep("grid-antimeridian-thumbnail")
        assert_clean(view)


def test_what_is_deprecated_says_so(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, "turned/turned-1.0.0/turned-1.0.0.json", heading="A curvilinear grid, version 1.0.0") as view:
        view.keep("deprecated")
        assert_shows(view, "Deprecated")
        assert_clean(view)


def test_an_outdated_version_names_the_latest(visit: Callable[..., Any], site: Path) -> None:
    for version, banner in (("1.0.0", "Latest version: A global grid, version 1.1.0"), ("1.1.0", "Previous version")):
        path = f"global/global-{version}/global-{version}.json"
        with visit(site, path, heading=f"A global grid, version {version}") as view:
            assert_shows(view, banner, f"Data Version {version}")
            assert ("Outdated" in view.text) is (version == "1.0.0")
            assert view.footprint_pixels() > 100
            assert_clean(view)


def test_an_item_across_the_antimeridian_is_on_the_map_in_both_halves(visit: Callable[..., Any], site: Path) -> None:
    """Its box is as GeoJSON wants it; the Browser, to which west > east is an empty extent, is told how to fit it."""
    path = "pacific/pacific-1.0.0/pacific-1.0.0.json"
    item = json.loads((site / path).read_text())
    assert item["bbox"] == [160, -30, -160, 0]
    assert item["geometry"]["type"] == "MultiPolygon"
    with visit(site, path, heading="Across the antimeridian, version 1.0.0") as view:
        assert_shows(view, "Data Version 1.0.0", "Near-surface air temperature", "160.5 \N{EN DASH} 199.5")
        footprint = np.abs(map_pixels(view) - FOOTPRINT).sum(axis=-1) < 40
        view.keep("grid-antimeridian-item")
        middle = footprint.shape[1] // 2
        assert footprint[:, : middle // 2].sum() > 50
        assert footprint[:, -middle // 2 :].sum() > 50
        assert not footprint[:, middle - 50 : middle + 50].any()
        assert_clean(view)


KINDS = {
    "polar-stereographic": ("collection", "Measured values"),
    "rotated-pole": ("item", "Measured values"),
    "cells": ("item", "5000"),
    "stations": ("item", "Zürich"),
    "untidy": ("collection", "größe 299"),
}
"""Kinds of place, and one of their pages with something that is on it."""


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collections of the other kinds of place, and one of 300 variables, each built from a file, without a picture."""
    folder = tmp_path_factory.mktemp("kinds")
    text = "catalog: {id: kinds, title: Kinds}\ncollections:\n"
    for name in KINDS:
        data = CASES[name][0].copy()
        if "clat" in data.coords:
            data["v"] = data["v"] + data["clat"]
        for each in (data, *data.variables.values()):
            each.attrs = {key: said for key, said in each.attrs.items() if isinstance(said, str | int | float | list)}
        data.to_netcdf(folder / f"{name}.nc")
        text += f"  - {{id: {name}, title: {name}, license: MIT, source: {{engine: cf, path: {name}.nc}}}}\n"
    (folder / "kinds.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simstac.pipeline.extras.find_spec", lambda _name: None)
        report = simstac.build(simstac.load_project(folder / "kinds.yaml"))
    assert report.ok
    return report.site


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_place_loads_and_has_its_footprint(visit: Callable[..., Any], kinds: Path, name: str) -> None:
    page, text = KINDS[name]
    path, title = f"{name}/collection.json", name
    if page == "item":
        path, title = f"{name}/{name}-1/{name}-1.json", f"{name}, version 1"
    with visit(kinds, path, heading=title) as view:
        assert_shows(view, text)
        assert view.footprint_pixels() > (20 if name == "stations" else 100)
        view.keep(f"kind-{name}")
        assert_clean(view)
