"""A published site as a person sees it: the real STAC Browser in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from simstac import pipeline
from simstac.catalog import upsert_collection
from simstac.config import Project, load_project
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import Metadata
from simstac.stac.placement import place_store
from simstac.stac.releases import Release
from simstac.storage import LocalPath, Stored

pytestmark = [pytest.mark.browser, pytest.mark.requires("chromium", "npm"), pytest.mark.timeout(900)]

PUBLIC_URL = "https://data.example.org/stac"
CONFIGURATION = """
catalog:
  id: buildings
  title: Building simulations
  description: Parametric studies of small offices.
  public_url: {public_url}
  site: site
collections:
  - id: office-study
    title: Small office, 18 variants
    description: Insulation, lighting and heating setpoint of a five-zone office.
    license: CC-BY-4.0
    keywords: [building energy, EnergyPlus]
    providers: [{{name: Example Lab, roles: [producer], url: "https://example.org"}}]
    source: {{engine: energyplus, path: "{runs}/*", parameters: "{runs}/params.csv"}}
    version: "1.0.0"
"""


@pytest.fixture(scope="module")
def site(demo_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's study and, beside it, a global grid in two released versions; as published."""
    folder = tmp_path_factory.mktemp("buildings")
    (folder / "buildings.yaml").write_text(CONFIGURATION.format(runs=demo_runs, public_url=PUBLIC_URL))
    project = load_project(folder / "buildings.yaml")
    report = pipeline.build(project)
    assert report.ok
    add_grid(report.site, project)
    return report.site


def add_grid(site: Path, project: Project) -> None:
    path = site / "data" / "climate.icechunk"
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path)))
    releases = []
    for number, tag in enumerate(("1.0.0", "1.1.0")):
        session = repository.writable_session("main")
        grid(offset=number).to_zarr(session.store, consolidated=False, zarr_format=3, mode="w")
        snapshot = session.commit(tag)
        repository.create_tag(tag, snapshot_id=snapshot)
        store = repository.readonly_session(tag=tag).store
        stored = Stored(
            href=str(path), scheme=LocalPath(), snapshot_id=snapshot, tag=tag, changed=True, fingerprint="0" * 64,
            written_at=datetime(2026, 11, 20 + number, tzinfo=UTC),
        )  # fmt: skip
        releases.append(Release(stored, xr.open_zarr(store, consolidated=False, chunks=None)))
    about = {"id": "climate", "title": "Global climate", "description": "Monthly temperature.", "license": "CC0-1.0"}
    documents = describe_dataset(
        releases[-1].data,
        releases[-1].stored,
        Metadata.model_validate(about),
        place_store("climate", public_url=PUBLIC_URL),
        releases=releases[:-1],
    )

    def read(name: str) -> bytes | None:
        return (site / name).read_bytes() if (site / name).is_file() else None

    for name, data in upsert_collection(read, project.catalog, documents):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data or b"")


def grid(*, offset: float) -> xr.Dataset:
    lat, lon = np.arange(-87.5, 90, 5.0), np.arange(2.5, 360, 5.0)
    time = pd.date_range("2020-01-01", periods=12, freq="MS")
    values = 15 + offset + 30 * np.cos(np.radians(lat))[None, :, None] * np.ones((12, 1, lon.size))
    attributes = {"units": "degC", "standard_name": "air_temperature", "long_name": "Near-surface air temperature"}
    return xr.Dataset(
        {"tas": (("time", "lat", "lon"), values.astype("float32"), attributes)},
        {
            "time": time,
            "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
        },
    )


def assert_clean(view: Any) -> None:
    assert view.problems == []
    assert view.broken_images() == []


def assert_shows(view: Any, *texts: str) -> None:
    page = " ".join(view.text.split())
    assert [text for text in texts if text not in page] == []


def test_the_catalog(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, heading="Building simulations") as view:
        view.keep("catalog")
        assert_shows(view, "Parametric studies of small offices.", "Small office, 18 variants", "Global climate")
        assert_shows(view, "Insulation, lighting and heating setpoint of a five-zone office.", "Monthly temperature.")
        assert_clean(view)


def test_the_study(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, "office-study/collection.json", heading="Small office, 18 variants") as view:
        view.keep("study")
        assert re.search(r"Items\s*18", view.text)
        assert_shows(
            view, "Example Lab", "CC-BY-4.0", "EnergyPlus", "building energy", "Temporal Extent", "Zarr+icechunk"
        )
        assert re.search(r"Heating Setpoint\s+20\s\W\s22\s", view.text)
        assert re.search(r"U Value\s+0\.2\s\W\s0\.8\s", view.text)
        assert_shows(view, "electricity_facility", "zone_mean_air_temperature", "degC", "ensemble")
        assert_shows(view, f'"{PUBLIC_URL}/office-study/collection.json"', "xr.open_dataset(")
        assert view.footprint_pixels() > 100
        assert_clean(view)


def test_a_run(visit: Callable[..., Any], site: Path) -> None:
    item = min((site / "office-study").glob("*/*.json"))
    document = json.loads(item.read_text())
    with visit(site, item.relative_to(site).as_posix(), heading=document["properties"]["title"]) as view:
        view.keep("run")
        assert_shows(view, f'sel(run="{document["id"]}")', "EnergyPlus", "Time of Data begins", "Heating Setpoint")
        assert_shows(view, "Zarr+icechunk", "completed", "Data Version 1.0.0")
        assert view.footprint_pixels() > 20
        assert_clean(view)


def test_a_gridded_dataset(visit: Callable[..., Any], site: Path) -> None:
    with visit(site, "climate/collection.json", heading="Global climate") as view:
        view.keep("grid")
        assert_shows(view, "CC0-1.0", "Near-surface air temperature", "degC", "tas", "lat", "lon", "P1M")
        assert view.footprint_pixels() > 100
        assert_clean(view)


def test_an_outdated_version_says_so(visit: Callable[..., Any], site: Path) -> None:
    old, new = sorted(site.glob("climate/*/*.json"))
    for item, expected in ((old, True), (new, False)):
        document = json.loads(item.read_text())
        with visit(site, item.relative_to(site).as_posix(), heading=document["properties"]["title"]) as view:
            view.keep("version-outdated" if expected else "version-latest")
            assert ("Outdated" in view.text) is expected
            assert (f"Latest version: {json.loads(new.read_text())['properties']['title']}" in view.text) is expected
            assert view.footprint_pixels() > 100
            assert_clean(view)
