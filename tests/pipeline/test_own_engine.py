"""A study whose runs are read by the xarray backend of somebody else's package, as the how-to says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from xarray.backends.plugins import refresh_engines

import simstac

BACKEND = """
from pathlib import Path
import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

class TrnsysBackend(BackendEntrypoint):
    def guess_can_open(self, path):
        return (Path(path) / "power.txt").is_file()

    def open_dataset(self, path, *, drop_variables=None):
        power = np.loadtxt(Path(path) / "power.txt")
        times = np.datetime64("2024-01-01", "ns") + np.arange(power.size) * np.timedelta64(1, "h")
        return xr.Dataset({"power": ("time", power, {"units": "W"})}, {"time": times})
"""


@pytest.fixture
def their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package that registers the engine ``trnsys``, as if it were installed."""
    package = tmp_path / "site-packages"
    facts = package / "my_package-0.1.dist-info"
    facts.mkdir(parents=True)
    (package / "my_package.py").write_text(BACKEND, encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 0.1\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[xarray.backends]\ntrnsys = my_package:TrnsysBackend\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(package))
    refresh_engines()
    yield
    sys.modules.pop("my_package", None)
    monkeypatch.undo()
    refresh_engines()


def project(folder: Path, **collection: object) -> simstac.Project:
    source = {"engine": "trnsys", "path": "runs/*"}
    about = {"id": "boilers", "license": "CC-BY-4.0", "source": source, **collection}
    path = folder / "boilers.yaml"
    path.write_text(yaml.safe_dump({"catalog": {"id": "boilers"}, "collections": [about]}), encoding="utf-8")
    return simstac.load_project(path)


def test_an_engine_that_is_not_installed_stops_the_build_before_a_run_is_read(tmp_path: Path) -> None:
    (tmp_path / "runs" / "small").mkdir(parents=True)
    events: list[object] = []
    (error,) = simstac.build(project(tmp_path), on_progress=events.append).errors
    assert str(error).startswith("trnsys: is no xarray engine here; install its package, or use one of ")
    assert events == []


def test_an_engine_of_another_package_reads_the_runs(their_package: None, tmp_path: Path) -> None:
    for name, scale in (("small", 1.0), ("large", 3.0)):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        np.savetxt(run / "power.txt", np.arange(24) * scale)
    (error,) = simstac.build(project(tmp_path)).errors
    assert str(error) == "boilers: no run says where it is; set metadata: {bbox: [west, south, east, north]}"

    placed = project(tmp_path, metadata={"bbox": [10.0, 50.0, 10.0, 50.0]})
    assert simstac.build(placed).ok
    assert simstac.validate_tree(placed.site).findings == ()
    with simstac.open(placed.site / "catalog.json") as study:
        assert study["power"].sel(run="large").values.tolist() == (np.arange(24) * 3.0).tolist()
        assert study["power"].attrs["units"] == "W"
    assert simstac.build(placed).documents == ()
