"""Datasets and stores for the tests of `simstac.stac`: small, made in memory, of every kind that is described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from simstac.sources.attributes import SAID, said_as_text
from simstac.stac.metadata import Metadata
from simstac.storage import LocalPath, Stored

WRITTEN = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture
def stored() -> Callable[..., Stored]:
    def make(tag: str = "1.0.0", **changes: Any) -> Stored:
        base = Stored(
            href="site/data/office.icechunk",
            scheme=LocalPath(),
            snapshot_id="13YG9PHEKNGP2A6NSPW0",
            tag=tag,
            written_at=WRITTEN,
            fingerprint="ab" * 32,
            changed=True,
        )
        return replace(base, **changes)

    return make


@pytest.fixture
def metadata() -> Callable[..., Metadata]:
    def make(id: str = "office", **said: Any) -> Metadata:  # noqa: A002
        return Metadata(**{"id": id, "title": "Small office", "license": "CC-BY-4.0"} | said)

    return make


def strings(values: list[str]) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=object)


@pytest.fixture
def study() -> Callable[..., xr.DataTree]:
    """An ensemble of the layout ``study/1``: run-0001 has failed, all others are in Chicago in 2017."""

    def make(runs: int = 4, **changes: Any) -> xr.DataTree:
        names = strings([f"run-{index:04d}" for index in range(runs)])
        ok = np.arange(runs) != 1
        time = pd.date_range("2017-01-01T01:00", periods=48, freq="h").values.astype("datetime64[s]")
        bounds = np.stack([time - np.timedelta64(3600, "s"), time], axis=1)
        missing = np.datetime64("NaT", "s")
        coords = {
            "run": ("run", names),
            "u_value": ("run", np.arange(runs) / 10, {"units": "W m-2 K-1"}),
            "system": ("run", strings([("vav", "cav")[index % 2] for index in range(runs)])),
            "zone": ("zone", strings(["CORE", "SÜD, 1"]), {"long_name": "EnergyPlus thermal zone"}),
            "time": ("time", time, {"bounds": "time_bounds", "standard_name": "time", "long_name": "end of the hour"}),
        }
        temperature = {"units": "degC", "long_name": "Zone Mean Air Temperature", "cell_methods": "time: mean"}
        variables = {
            "zone_mean_air_temperature": (
                ("run", "zone", "time"),
                np.broadcast_to(np.float32(20), (runs, 2, 48)),
                temperature,
            ),
            "electricity": (("run", "time"), np.ones((runs, 48), "f4"), {"units": "J", "cell_methods": "time: sum"}),
            "time_bounds": (("time", "bounds"), bounds),
            "eui": ("run", np.where(ok, 50.0 + np.arange(runs), np.nan), {"units": "kWh m-2"}),
            "status": ("run", np.where(ok, "completed", "failed").astype(object)),
            "message": ("run", np.where(ok, "", "cannot open /home/someone/models/a.idf").astype(object)),
            "warnings": ("run", np.arange(runs)),
            "severe_errors": ("run", (~ok).astype(int)),
            "software": ("run", np.where(ok, "EnergyPlus 25.2.0", "").astype(object)),
            "latitude": ("run", np.where(ok, 41.98, np.nan)),
            "longitude": ("run", np.where(ok, -87.75, np.nan)),
            "time_zone": ("run", np.where(ok, -6.0, np.nan)),
            "location": ("run", np.where(ok, "Chicago", "").astype(object)),
            "time_start": ("run", np.where(ok, bounds[0, 0], missing)),
            "time_end": ("run", np.where(ok, bounds[-1, 1], missing)),
            "fingerprint": ("run", strings(["ab" * 32] * runs)),
        }
        facts = ["status", "message", "warnings", "severe_errors", "software", "latitude", "longitude", "time_zone"]
        facts += ["location", "time_start", "time_end", "fingerprint"]
        layout = {"layout": "study/1", "primary": "hourly", "parameters": ["u_value", "system"], "results": ["eui"]}
        root = xr.Dataset(variables, coords, {"Conventions": "CF-1.11", SAID: said_as_text(layout | {"facts": facts})})
        months = pd.date_range("2017-02-01", periods=12, freq="MS").values.astype("datetime64[s]")
        monthly = xr.Dataset(
            {"energy": (("run", "zone", "time_monthly"), np.zeros((runs, 2, 12), "f4"), {"units": "J"})},
            {name: coords[name] for name in ("run", "zone", "u_value")} | {"time_monthly": months},
        )
        stamps = np.broadcast_to(time[:6], (runs, 6))
        hvac = xr.Dataset(
            {"node_temperature": (("run", "node", "step"), np.zeros((runs, 2, 6), "f4"))},
            {"run": coords["run"], "node": ("node", strings(["A", "B"])), "time_hvac": (("run", "step"), stamps)},
        )
        root = root.assign({name: ("run", value) for name, value in changes.items()})
        return xr.DataTree.from_dict({"/": root, "/monthly": monthly, "/hvac": hvac})

    return make


@pytest.fixture
def write_store() -> Callable[..., Stored]:
    """Write a dataset or a tree into a new Icechunk repository, bypassing `simstac.write`."""
    import icechunk

    def write(data: xr.Dataset | xr.DataTree, folder: Path, tag: str = "1.0.0") -> Stored:
        folder.mkdir(parents=True)
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))
        session = repository.writable_session("main")
        data.to_zarr(session.store, mode="w", consolidated=False)
        snapshot = session.commit("written by a test")
        repository.create_tag(tag, snapshot_id=snapshot)
        written_at = next(iter(repository.ancestry(snapshot_id=snapshot))).written_at
        return Stored(
            href=str(folder),
            scheme=LocalPath(),
            snapshot_id=snapshot,
            tag=tag,
            written_at=written_at,
            fingerprint="ab" * 32,
            changed=True,
        )

    return write
