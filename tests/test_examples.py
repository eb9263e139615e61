"""Notebooks, and the Python in the pages of the documentation, run as they are printed on a site built here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import esmvaltool_sample_data
import iris_sample_data
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from tests.existing_stores import analysis, forecast, upload, write_icechunk, write_zarr
from traitlets.config import Config

import simstac
from simstac.browse import serve

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
WEATHER = """\
catalog: {{id: weather, title: Weather, public_url: "{url}/{bucket}/stac"}}
collections:
  - id: stores
    title: Stores of a bucket
    license: CC-BY-4.0
    source: {{engine: icechunk, under: "s3://{bucket}/data", region: us-east-1, anonymous: true}}
targets:
  - {{type: s3, url: "s3://{bucket}/stac"}}
"""
PUBLISHED = """\
catalog: {{id: models, title: Models}}
collections:
  - {{id: forecasts, license: CC0-1.0, source: {{engine: cf, path: forecasts/*.nc, along: issued}}}}
  - {{id: referred, license: CC-BY-4.0, source: {{engine: cf, virtual: true, path: "{cmip6}/**/ta_Amon_*_gn_200*.nc"}}}}
  - {{id: uk, license: CC-BY-4.0, source: {{engine: iris, path: "{iris}/uk_hires.pp"}}}}
"""
"""What the notebooks before the stranger's one publish: an archive of forecasts that grows, CMIP6, a field of Iris."""
ADDRESS = "https://data.example.org/stac"
PAGES = (
    "README.md",
    "docs/tutorial/first-study.md",
    "docs/how-to/change-a-study.md",
    "docs/how-to/read-a-study.md",
    "docs/how-to/read-elsewhere.md",
    "docs/how-to/read-one-run.md",
    "docs/how-to/use-in-your-own-code.md",
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")


def test_numbered_and_listed_in_order() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in NOTEBOOKS]
    assert numbers == list(range(1, len(NOTEBOOKS) + 1))
    listed = re.findall(r"\]\((\S+\.ipynb)\)", (ROOT / "examples" / "README.md").read_text("utf-8"))
    assert listed == [path.name for path in NOTEBOOKS]


@pytest.fixture(scope="session")
def bucket_environment(seaweedfs: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that lead to a public bucket of stores on a real S3 server, and to its catalog, published there."""
    folder = tmp_path_factory.mktemp("bucket")
    bucket = seaweedfs.make_bucket("weather", public=True)
    for name, data in (("analysis", analysis()), ("forecast", forecast())):
        write_icechunk(data, str(folder / "data" / f"{name}.icechunk"), tag="v1.0.0")
    write_zarr(analysis(), folder / "data" / "plain.zarr", zarr_format=3, consolidated=True)
    upload(seaweedfs, folder / "data", bucket, "data")
    environment = {
        "AWS_ALLOW_HTTP": "true",
        "AWS_ENDPOINT_URL": seaweedfs.endpoint_url,
        "BUCKET": f"s3://{bucket}/data",
        "BUCKET_REGION": seaweedfs.region,
        "CATALOG_AWS": f"{seaweedfs.endpoint_url}/{bucket}/stac/catalog.json",
    }
    (folder / "weather.yaml").write_text(WEATHER.format(bucket=bucket, url=seaweedfs.endpoint_url), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (environment | seaweedfs.env).items():
            patch.setenv(name, value)
        project = simstac.load_project(folder / "weather.yaml")
        assert simstac.build(project).ok
        assert [outcome.error for outcome in simstac.publish(project)] == [None]
    return environment


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog of `PUBLISHED`, its archive grown once."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "forecasts").mkdir()
    cmip6 = Path(esmvaltool_sample_data.__file__).parent / "data/timeseries/CMIP6/CMIP/AWI/AWI-CM-1-1-MR"
    (folder / "models.yaml").write_text(PUBLISHED.format(cmip6=cmip6, iris=iris_sample_data.path), encoding="utf-8")
    for day in (1, 2):
        issued = ((), np.datetime64(f"2024-01-0{day}", "ns"), {"standard_name": "forecast_reference_time"})
        data = analysis().rename(time="lead").assign_coords(issued=issued)
        lead = ("lead", [1, 2, 3], {"standard_name": "forecast_period", "units": "days"})
        data.assign_coords(lead=lead).to_netcdf(folder / "forecasts" / f"{day}.nc", engine="netcdf4")
        report = simstac.build(simstac.load_project(folder / "models.yaml"))
        assert report.errors == ()
    return folder / "site" / "catalog.json"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(
    path: Path,
    demo_site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("CATALOG", str(demo_site / "catalog.json"))
    if re.search(r"BUCKET|CATALOGS|CATALOG_AWS", path.read_text("utf-8")):
        environment = request.getfixturevalue("bucket_environment")
        catalogs = f"{demo_site / 'catalog.json'} {environment['CATALOG_AWS']}"
        if "CATALOGS" in path.read_text("utf-8"):
            catalogs += f" {request.getfixturevalue('published')}"
        for name, value in {**environment, "CATALOGS": catalogs}.items():
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    sockets = Config({"KernelManager": {"transport": "ipc", "ip": str(tmp_path / "kernel")}})
    NotebookClient(notebook, timeout=120, kernel_name="python3", config=sockets).execute()
    warnings = [
        output.text for cell in notebook.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"
    ]
    assert warnings == []


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_runs_as_printed(page: str, demo_site: Path, tmp_path: Path) -> None:
    (tmp_path / "my-study" / "runs").mkdir(parents=True)
    (tmp_path / "demo").symlink_to(demo_site.parent)
    (tmp_path / "my-study" / "runs" / "base").symlink_to(demo_site.parent / "runs" / "u0.20-l05-h20")
    (tmp_path / "runs").symlink_to(tmp_path / "my-study" / "runs")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    assert blocks
    with serve(demo_site) as server:
        code = "\n".join(blocks).replace(ADDRESS, server.catalog_url.removesuffix("/catalog.json"))
        command = [sys.executable, "-W", "error::FutureWarning", "-c", code]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
