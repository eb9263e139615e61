"""Datasets of every horizontal and temporal kind, by name, each with the box and the interval that it must get."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyproj
import xarray as xr

EARTH = (-180.0, -90.0, 180.0, 90.0)
EAST, NORTH = {"units": "degrees_east"}, {"units": "degrees_north"}
SMALL = (-0.5, -0.5, 1.5, 1.5)
DAYS = ("2000-01-01T00:00:00Z", "2000-01-03T00:00:00Z")


def days() -> tuple[str, pd.DatetimeIndex, dict[str, str]]:
    return "time", pd.date_range("2000-01-01", periods=3), {"standard_name": "time"}


def grid(longitude: Any = (0.0, 1.0), latitude: Any = (0.0, 1.0)) -> xr.Dataset:
    longitude, latitude = np.asarray(longitude), np.asarray(latitude)
    values = np.arange(3.0 * latitude.size * longitude.size, dtype="f4").reshape(3, latitude.size, longitude.size)
    attrs = {"units": "K", "standard_name": "air_temperature", "cell_methods": "time: mean"}
    coords = {"time": days(), "lon": ("lon", longitude, EAST), "lat": ("lat", latitude, NORTH)}
    return xr.Dataset({"tas": (("time", "lat", "lon"), values, attrs)}, coords)


def projected(mapping: dict[str, Any], x: Any, y: Any, *, units: str = "m", kind: str = "projection") -> xr.Dataset:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    names = {"projection": ("projection_x_coordinate", "projection_y_coordinate")}
    x_name, y_name = names.get(kind, ("grid_longitude", "grid_latitude"))
    return xr.Dataset(
        {
            "v": (("time", "y", "x"), np.zeros((3, y.size, x.size), "f4"), {"units": "1", "grid_mapping": "crs"}),
            "crs": ((), 0, mapping),
        },
        {
            "time": days(),
            "x": ("x", x, {"standard_name": x_name, "units": units}),
            "y": ("y", y, {"standard_name": y_name, "units": units}),
        },
    )


def curvilinear(epsg: int, x: Any, y: Any) -> xr.Dataset:
    to_degrees = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(*np.meshgrid(x, y))
    coords = {"time": days(), "lon": (("y", "x"), longitude, EAST), "lat": (("y", "x"), latitude, NORTH)}
    return xr.Dataset({"v": (("time", "y", "x"), np.zeros((3, *longitude.shape), "f4"))}, coords)


def cells() -> xr.Dataset:
    random = np.random.default_rng(1)
    latitude = np.degrees(np.arcsin(random.uniform(-1, 1, 5000)))
    coords = {
        "time": days(),
        "clon": ("cell", random.uniform(0, 360, 5000), EAST),
        "clat": ("cell", latitude, NORTH),
    }
    return xr.Dataset({"v": (("time", "cell"), np.zeros((3, 5000), "f4"))}, coords)


def stations() -> xr.Dataset:
    names = np.array(["Zürich", "Genève", "Łódź", "東京"], dtype=object)
    coords = {
        "time": days(),
        "station": ("station", names, {"cf_role": "timeseries_id"}),
        "lon": ("station", [8.5, 6.1, 19.5, 139.7], EAST),
        "lat": ("station", [47.4, 46.2, 51.8, 35.7], NORTH),
    }
    return xr.Dataset({"v": (("time", "station"), np.zeros((3, 4), "f4"))}, coords)


def building() -> xr.Dataset:
    place = {"latitude": ((), 41.98, NORTH), "longitude": ((), -87.75, EAST)}
    return xr.Dataset({"t": ("time", np.zeros(3))} | place, {"time": days()})


def calendar(name: str) -> xr.Dataset:
    dates = xr.date_range("2000-01-30", "2000-03-01", freq="D", calendar=name, use_cftime=True)
    return grid().isel(time=[0] * len(dates)).assign_coords(time=("time", dates, {"standard_name": "time"}))


def forecast() -> xr.Dataset:
    start, lead = {"standard_name": "forecast_reference_time"}, {"standard_name": "forecast_period"}
    coords = {
        "init_time": ("init_time", pd.date_range("2020-01-01", periods=2), start),
        "lead_time": ("lead_time", pd.to_timedelta(np.arange(5) * 6, "h"), lead),
        "lat": ("lat", [0.0, 1.0], NORTH),
        "lon": ("lon", [0.0, 1.0], EAST),
    }
    return xr.Dataset({"t": (("init_time", "lead_time", "lat", "lon"), np.zeros((2, 5, 2, 2)))}, coords)


def with_valid_time(dataset: xr.Dataset) -> xr.Dataset:
    valid = dataset.init_time + dataset.lead_time
    return dataset.assign_coords(valid_time=valid.assign_attrs(standard_name="time"))


def untidy() -> xr.Dataset:
    """300 variables whose attributes are whatever people write."""
    attrs = {"units": np.nan, "long_name": b"bytes \xff", "levels": np.arange(3), "nothing": None, "standard_name": ""}
    dataset = grid().assign({f"größe {index}": ("time", np.zeros(3), attrs) for index in range(300)})
    dataset.attrs = {"title": "", "missing": np.float32("nan"), "raw": b"x", "list": np.arange(3)}
    return dataset


def old() -> xr.Dataset:
    dates = xr.date_range("1500-01-01", periods=5, freq="MS", calendar="proleptic_gregorian", use_cftime=True)
    return grid().isel(time=[0] * 5).assign_coords(time=("time", dates, {"standard_name": "time"}))


ROTATED = {
    "grid_mapping_name": "rotated_latitude_longitude",
    "grid_north_pole_latitude": 39.25,
    "grid_north_pole_longitude": -162.0,
}
HRRR = "+proj=lcc +lat_1=38.5 +lat_2=38.5 +lat_0=38.5 +lon_0=262.5 +R=6371229"

CASES: dict[str, tuple[xr.Dataset, tuple[float, float, float, float], tuple[str, str]]] = {
    "global-360": (grid(np.arange(0, 360, 2.5), np.arange(-88.75, 90, 2.5)), EARTH, DAYS),
    "global-float32": (grid(np.arange(0, 360, 0.25, dtype="f4")[::10], np.arange(-88, 90, 4.0)), EARTH, DAYS),
    "cyclic": (grid(np.arange(0.0, 361, 10), np.arange(-80.0, 90, 10)), (-180.0, -85.0, 180.0, 85.0), DAYS),
    "antimeridian": (grid(np.arange(170.0, 191), np.arange(-20.0, -9)), (169.5, -20.5, -169.5, -9.5), DAYS),
    "antimeridian-wrapped": (
        grid(np.r_[170.0:180.0, -180.0:-169.0], np.arange(-9.0, -21, -1)),
        (169.5, -20.5, -169.5, -8.5),
        DAYS,
    ),
    "polar-stereographic": (
        projected(pyproj.CRS(3031).to_cf(), np.arange(-3e6, 3.1e6, 1e5), np.arange(3e6, -3.1e6, -1e5)),
        (-180.0, -90.0, 180.0, -51.732882),
        DAYS,
    ),
    "rotated-pole": (
        projected(ROTATED, np.arange(-28, 18.1, 0.5), np.arange(-23, 21.6, 0.5), units="degrees", kind="rotated"),
        (-44.310008, 22.148088, 65.009946, 72.499959),
        DAYS,
    ),
    "lambert-conformal": (
        projected(pyproj.CRS(HRRR).to_cf(), np.linspace(-2697520, 2696480, 180), np.linspace(-1587306, 1586694, 107)),
        (-134.3559, 20.978914, -60.656768, 52.745845),
        DAYS,
    ),
    "kilometres": (
        projected(pyproj.CRS(32632).to_cf(), np.arange(400, 600, 10), np.arange(5210, 5310, 10), units="km"),
        (7.595385, 46.990197, 10.270878, 47.898329),
        DAYS,
    ),
    "curvilinear": (
        curvilinear(32632, np.arange(4e5, 6e5, 1e4), np.arange(5.3e6, 5.2e6, -1e4)),
        (7.595385, 46.990197, 10.270878, 47.898329),
        DAYS,
    ),
    "curvilinear-pole": (
        curvilinear(3413, np.arange(-2e6, 2e6, 1e5), np.arange(-2e6, 2e6, 1e5)),
        (-180.0, 63.690964, 180.0, 90.0),
        DAYS,
    ),
    "curvilinear-antimeridian": (
        curvilinear(3338, np.arange(-2.2e6, 1.5e6, 1e5), np.arange(4e5, 2.4e6, 1e5)),
        (156.719987, 48.310757, -118.558674, 71.142901),
        DAYS,
    ),
    "cells": (cells(), EARTH, DAYS),
    "stations": (stations(), (6.1, 35.7, 139.7, 51.8), DAYS),
    "building": (building(), (-87.75, 41.98, -87.75, 41.98), DAYS),
    "calendar-360-day": (calendar("360_day"), SMALL, ("2000-01-30T00:00:00Z", "2000-03-01T00:00:00Z")),
    "calendar-noleap": (calendar("noleap"), SMALL, ("2000-01-30T00:00:00Z", "2000-03-01T00:00:00Z")),
    "calendar-julian": (calendar("julian"), SMALL, ("2000-01-30T00:00:00Z", "2000-03-01T00:00:00Z")),
    "before-1678": (old(), SMALL, ("1500-01-01T00:00:00Z", "1500-05-01T00:00:00Z")),
    "forecast": (forecast(), SMALL, ("2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z")),
    "forecast-valid-time": (with_valid_time(forecast()), SMALL, ("2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z")),
    "members": (grid().expand_dims(member=np.array(["r1i1p1f1", "r2i1p1f1"], dtype=object)), SMALL, DAYS),
    "untidy": (untidy(), SMALL, DAYS),
}
