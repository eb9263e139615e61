"""NetCDF4 files of a small model, written by the real library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

LAT, LON = 4, 6


def write_steps(path: Path, days: list[float], *, seed: int = 0, since: str = "2000-01-01", **options: Any) -> Path:
    """One file of ``tas`` (time, lat, lon) with bounds; ``options`` are those of ``tas``, but for those named here."""
    units, grid, calendar = options.pop("units", "K"), options.pop("grid", 0.0), options.pop("calendar", "standard")
    attrs, dtype = options.pop("attrs", {}), options.pop("dtype", "f4")
    whole, kind = bool(options.get("contiguous")), options.pop("format", "NETCDF4")
    if kind == "NETCDF4":
        options = {"zlib": not whole, "chunksizes": None if whole else (1, LAT, LON)} | options
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w", format=kind) as file:
        sizes = {"time": len(days) if whole else None, "lat": LAT, "lon": LON, "bnds": 2}
        for name, size in sizes.items():
            file.createDimension(name, size)
        file.title = "A model"
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": f"days since {since}", "calendar": calendar, "bounds": "time_bnds"})
        time[:] = days
        file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = [[day, day + 1] for day in days]
        for name, size, unit in (("lat", LAT, "degrees_north"), ("lon", LON, "degrees_east")):
            axis = file.createVariable(name, "f8", (name,))
            axis.units = unit
            axis[:] = np.linspace(-60, 60, size) + grid
        tas = file.createVariable("tas", dtype, ("time", "lat", "lon"), **options)
        tas.set_auto_maskandscale(False)
        tas.setncatts({"units": units, "standard_name": "air_temperature", "cell_methods": "time: mean", **attrs})
        values = np.random.default_rng(seed).normal(80, 30, (len(days), LAT, LON))
        tas[:] = values.astype(tas.dtype)
    return path
