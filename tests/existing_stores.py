"""A dozen stores of every kind, as others might have written them; and entries of a registry that lead to them."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import icechunk
import numpy as np
import pandas as pd
import xarray as xr
import zarr

from simstac.storage import CustomS3, LocalPath, StorageScheme, icechunk_storage

icechunk.set_logs_filter("off")  # it warns of every folder on a local disk

TITLE = "Two metre temperature, analysis"


def analysis(days: int = 3, *, west: float = 0.0) -> xr.Dataset:
    """A small global-ish grid with CF names, its longitudes from ``west`` on."""
    longitude, latitude = west + np.arange(4) * 10.0, np.array([10.0, 0.0, -10.0])
    values = np.arange(days * 12, dtype="f4").reshape(days, 3, 4)
    return xr.Dataset(
        {"t2m": (("time", "latitude", "longitude"), values, {"units": "K", "standard_name": "air_temperature"})},
        {
            "time": ("time", pd.date_range("2024-01-01", periods=days), {"standard_name": "time"}),
            "latitude": ("latitude", latitude, {"units": "degrees_north"}),
            "longitude": ("longitude", longitude, {"units": "degrees_east"}),
        },
        {"title": TITLE, "description": "Daily means of two metre temperature.", "license": "CC-BY-4.0"},
    )


def forecast(version: str = "0.2.7") -> xr.Dataset:
    """Reference times and lead times, as weather services have them."""
    starts, leads = pd.date_range("2024-01-01", periods=2), pd.timedelta_range(0, periods=3, freq="6h")
    values = np.zeros((2, 3, 3, 4), "f4")
    return xr.Dataset(
        {"t2m": (("init_time", "lead_time", "latitude", "longitude"), values, {"units": "K"})},
        {
            "init_time": ("init_time", starts, {"standard_name": "forecast_reference_time"}),
            "lead_time": ("lead_time", leads, {"standard_name": "forecast_period"}),
            "latitude": ("latitude", [10.0, 0.0, -10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
        {"name": "Global forecast", "dataset_version": version, "description": "Forecasts every day."},
    )


def write_icechunk(
    data: xr.Dataset,
    href: str,
    scheme: StorageScheme | None = None,
    *,
    spec: int = 2,
    tag: str | None = None,
    config: icechunk.RepositoryConfig | None = None,
) -> str:
    """An Icechunk repository with one commit; its snapshot id."""
    storage = icechunk_storage(href, scheme or LocalPath())
    repository = icechunk.Repository.create(storage, config=config, spec_version=spec)
    if config is not None:
        repository.save_config()
    session = repository.writable_session("main")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs")
        data.to_zarr(session.store, consolidated=False, zarr_format=3)
    snapshot = session.commit("first")
    if tag is not None:
        repository.create_tag(tag, snapshot)
    return snapshot


def append_icechunk(data: xr.Dataset, href: str, scheme: StorageScheme | None = None) -> str:
    """More steps of the same dataset, in a commit of their own."""
    repository = icechunk.Repository.open(icechunk_storage(href, scheme or LocalPath()))
    session = repository.writable_session("main")
    data.to_zarr(session.store, append_dim="time", consolidated=False)
    return session.commit("more")


def write_zarr(data: xr.Dataset, folder: Path, *, zarr_format: int, consolidated: bool) -> None:
    """A plain Zarr store."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        data.to_zarr(folder, zarr_format=zarr_format, consolidated=consolidated, mode="w")  # type: ignore[call-overload]


def write_dozen(folder: Path) -> dict[str, str]:
    """Twelve stores below a folder: their paths, and the ids that their Items get."""
    makers: dict[str, Callable[[Path], Any]] = {
        "gfs-analysis/v0.1.0.icechunk": lambda path: write_icechunk(analysis(), str(path), tag="v0.1.0"),
        "gfs-forecast/v0.2.7.icechunk": lambda path: write_icechunk(forecast(), str(path)),
        "gfs-forecast/v0.2.8.icechunk": lambda path: write_icechunk(forecast("0.2.8"), str(path), tag="v0.2.8"),
        "old/format-1.icechunk": lambda path: write_icechunk(analysis(), str(path), spec=1),
        "pacific.icechunk": lambda path: write_icechunk(analysis(west=160.0), str(path)),
        "noleap": lambda path: write_icechunk(noleap(), str(path)),
        "zarr/v2.zarr": lambda path: write_zarr(analysis(), path, zarr_format=2, consolidated=True),
        "zarr/v2-open.zarr": lambda path: write_zarr(analysis(), path, zarr_format=2, consolidated=False),
        "zarr/v3.zarr": lambda path: write_zarr(analysis(), path, zarr_format=3, consolidated=True),
        "zarr/v3-open.zarr": lambda path: write_zarr(analysis(), path, zarr_format=3, consolidated=False),
        "groups.icechunk": write_groups,
        "projected.icechunk": lambda path: write_icechunk(polar(), str(path)),
    }
    for path, make in makers.items():
        make(folder / path)
    return {path: path.removesuffix(".icechunk").removesuffix(".zarr").replace("/", "-") for path in makers}


def noleap() -> xr.Dataset:
    """Days of a calendar without leap days."""
    data = analysis()
    times = xr.date_range("2024-02-27", periods=3, calendar="noleap", use_cftime=True)
    return data.assign_coords(time=("time", times, {"standard_name": "time"}))


def polar() -> xr.Dataset:
    """A grid in metres around the pole."""
    mapping = {
        "grid_mapping_name": "polar_stereographic",
        "straight_vertical_longitude_from_pole": -45.0,
        "latitude_of_projection_origin": 90.0,
        "standard_parallel": 70.0,
        "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257223563,
        "false_easting": 0.0,
        "false_northing": 0.0,
    }
    attrs = {"units": "m"}
    return xr.Dataset(
        {
            "ice": (("time", "y", "x"), np.ones((1, 3, 3), "f4"), {"units": "1", "grid_mapping": "crs"}),
            "crs": ((), 0, mapping),
        },
        {
            "time": ("time", pd.date_range("2024-01-01", periods=1), {"standard_name": "time"}),
            "x": ("x", [-1e5, 0.0, 1e5], attrs | {"standard_name": "projection_x_coordinate"}),
            "y": ("y", [1e5, 0.0, -1e5], attrs | {"standard_name": "projection_y_coordinate"}),
        },
    )


def write_groups(path: Path) -> None:
    """A tree of groups, the root without variables."""
    repository = icechunk.Repository.create(icechunk_storage(str(path), LocalPath()))
    session = repository.writable_session("main")
    tree = xr.DataTree.from_dict({"/surface": analysis(), "/pressure": analysis(2)})
    tree.to_zarr(session.store, consolidated=False, zarr_format=3)
    zarr.open_group(session.store, mode="a").attrs["title"] = "Two groups"
    session.commit("first")


def upload(server: Any, folder: Path, bucket: str, prefix: str = "") -> None:
    """Put every file below a folder into a bucket, under the same paths."""
    client = server.client()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        key = f"{prefix}/{path.relative_to(folder).as_posix()}".strip("/")
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def scheme_of(server: Any, bucket: str) -> CustomS3:
    """How a bucket of the server is reached."""
    return CustomS3(bucket=bucket, endpoint_url=server.endpoint_url, region=server.region)


def entry(name: str, bucket: str, **fields: Any) -> dict[str, Any]:
    """An entry as the Registry of Open Data on AWS has it."""
    resource = {"Description": "Data", "ARN": f"arn:aws:s3:::{bucket}", "Region": "us-east-1", "Type": "S3 Bucket"}
    topic = {"Description": "News", "ARN": "arn:aws:sns:us-east-1:1:x", "Region": "us-east-1", "Type": "SNS Topic"}
    return {
        "Name": name,
        "Description": '<p>Weather, by <a href="https://example.org">Example</a>.</p><ul><li>often</li></ul>',
        "ManagedBy": "[Example](https://example.org)",
        "Tags": ["aws-pds", "weather"],
        "License": "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)",
        "Resources": [resource, topic],
    } | fields


class GitHub:
    """A server that answers as the GitHub API lists a folder, and keeps what it was asked with which token."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files
        self.seen: list[tuple[str, str | None]] = []
        self.fails: set[str] = set()
        self.is_odd = False
        self.url_of_files = ""
        handler = self._handler()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/contents/datasets"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github.seen.append((self.path, self.headers.get("Authorization")))
                name = self.path.rpartition("/")[2]
                if self.path in github.fails:
                    self.send_error(403)
                    return
                if self.path == "/contents/datasets":
                    rows = [
                        {
                            "name": each,
                            "type": "file",
                            "url": github.url_of_files or f"{github.url}/{each}",
                            "path": f"datasets/{each}",
                        }
                        for each in github.files
                    ]
                    content = json.dumps({"message": "odd"} if github.is_odd else rows).encode()
                elif name in github.files and self.headers["Accept"] == "application/vnd.github.raw+json":
                    content = github.files[name].encode()
                else:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
