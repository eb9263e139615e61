"""A real server on a free port of this machine: the demonstration's study, and a dataset that lives in memory."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
import xarray as xr

import xpublish
from simstac.stac.metadata import Metadata
from simstac.xpublish import SimstacPlugin, catalogued


@pytest.fixture(scope="session")
def grid() -> xr.Dataset:
    """Four hours on a small grid, with a hole, a number without dimensions, and words."""
    values = np.arange(48.0).reshape(4, 3, 4)
    values[1, 1, 1] = np.nan
    return xr.Dataset(
        {
            "t": (("time", "lat", "lon"), values, {"units": "K", "long_name": "temperature"}),
            "count": ((), 3),
            "flag": (("lat",), np.array([1, 2, 3], dtype=np.int16)),
        },
        {
            "time": np.datetime64("2020-01-31T22", "ns") + np.arange(4) * np.timedelta64(1, "h"),
            "lat": ("lat", [-10.0, 0.0, 10.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 90.0, 180.0, 270.0], {"units": "degrees_east"}),
            "band": ("lat", ["süd", "", "nord"]),
        },
        {"title": "A grid"},
    )


def application(site: Path, grid: xr.Dataset) -> Any:
    plugin = SimstacPlugin(
        documents=catalogued(site),
        metadata={"nowhere": Metadata(id="nowhere", title="No place", license="CC0-1.0", bbox=(1, 2, 3, 4))},
    )
    datasets = {"grid": grid, "nowhere": xr.Dataset({"x": ("time", [1.0])}, {"time": [np.datetime64("2020", "ns")]})}
    return xpublish.Rest(datasets | {"untold": xr.Dataset({"x": 1.0})}, plugins={"simstac": plugin}).app


@contextmanager
def running(app: Any) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


@pytest.fixture(scope="session")
def app(demo_site: Path, grid: xr.Dataset) -> Any:
    return application(demo_site, grid)


@pytest.fixture(scope="session")
def server(app: Any) -> Iterator[str]:
    with running(app) as url:
        yield url
