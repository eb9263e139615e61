"""Small gridded files for tests: a day of hourly fields each, all of one made-up atmosphere."""

from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from simstac.objects import files_at
from simstac.sources.cf import CfFiles, CfOptions, find_files
from simstac.storage import LocalPath
from simstac.write import open_stored, write_files

EPOCH = np.datetime64("2020-01-01", "ns")


def field(first: int, steps: int, *, hours: int = 1, seed: int = 0) -> xr.Dataset:
    """Steps ``first`` to ``first + steps`` of the atmosphere, ``hours`` apart."""
    time = EPOCH + np.arange(first, first + steps) * np.timedelta64(hours, "h")
    numbers = np.arange(first, first + steps, dtype="f4")[:, None, None]
    values = (numbers * 100 + np.arange(12, dtype="f4").reshape(3, 4) + seed).astype("f4")
    values[:, 0, 0] = np.nan
    return xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), values, {"units": "K", "standard_name": "air_temperature"}),
            "rain": (("time", "lat", "lon"), (values[:, ::-1] * 2).astype("f8"), {"units": "mm"}),
            "flag": (("time",), np.arange(first, first + steps, dtype="i2"), {"long_name": "a count"}),
            "height": (("lat", "lon"), np.arange(12.0).reshape(3, 4), {"units": "m"}),
        },
        coords={
            "time": ("time", time, {"standard_name": "time"}),
            "lat": ("lat", [10.0, 20.0, 30.0], {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", [0.0, 90.0, 180.0, 270.0], {"units": "degrees_east", "standard_name": "longitude"}),
        },
        attrs={"title": "a made-up atmosphere", "tracking_id": f"{first}-{steps}"},
    )


def save(dataset: xr.Dataset, path: Path, **encoding) -> Path:
    """Write a NetCDF4 file, compressed and in chunks of a step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = {
        "tas": {"zlib": True, "complevel": 1, "chunksizes": (1, 3, 4), "_FillValue": np.float32(1e20)},
        "time": {"units": "hours since 2019-01-01", "dtype": "i4"},
        **encoding,
    }
    chosen = {name: each for name, each in chosen.items() if name in dataset.variables}
    dataset.to_netcdf(path, engine="netcdf4", encoding=chosen)
    return path


def days(folder: Path, *numbers: int, steps: int = 24, **kwargs) -> None:
    """Write the files of some days."""
    for number in numbers:
        save(field(number * steps, steps, **kwargs), folder / f"day-{number}.nc")


def found(folder: Path, pattern: str = "*.nc", **options) -> CfFiles:
    """The files of a folder."""
    return CfFiles(find_files([pattern], partial(files_at, base=folder)), CfOptions(**options))


def grown(folder: Path, store: Path, pattern: str = "*.nc", *, chunks=None, drop_vanished=False, **options):
    """Bring a store to what a folder holds; return what is stored and the report."""
    return write_files(
        found(folder, pattern, **options), str(store), LocalPath(), chunks=chunks, drop_vanished=drop_vanished
    )


def opened(stored) -> xr.Dataset:
    """The dataset of a store, in memory."""
    return open_stored(stored).to_dataset().load()
