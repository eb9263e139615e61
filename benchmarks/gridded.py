"""NetCDF4 files into Icechunk, beside xarray as the manuals show it; what appending and chunk shapes cost.

``--size`` is the size of the files' values in MB; 2000 is what the targets are for.
"""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from harness import Row, cache_folder, compare, measure, table, write_section

LATITUDES, LONGITUDES = 360, 720
STEPS_IN_FILE = 40
SHAPES = ((1, 360, 720), (8, 180, 360), (32, 90, 360), (200, 45, 90))
APPENDS = 1000
OURS = ("cftime", "h5py", "simstac.write")

type Digest = list[float]


def ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    return _ours(folder, {})


def ours_again(folder: str) -> Callable[[], Callable[[], Digest]]:
    _import_all(*OURS)
    target = tempfile.mkdtemp()
    _write(folder, target, {})

    def again() -> Callable[[], Digest]:
        assert not _write(folder, target, {})
        return partial(_digest, target)

    return again


def manual(folder: str) -> Callable[[], Callable[[], Digest]]:
    """``xr.open_mfdataset`` and ``to_icechunk``, as the manuals show them."""
    return _manual(folder, own_codec=False)


def manual_with_our_codec(folder: str) -> Callable[[], Callable[[], Digest]]:
    return _manual(folder, own_codec=True)


def bare(folder: str) -> Callable[[], Callable[[], Digest]]:
    """The same files read by the netCDF4 library, and nothing written."""
    import netCDF4

    def read() -> Callable[[], Digest]:
        count, total = 0, 0.0
        for path in sorted(Path(folder).glob("*.nc")):
            with netCDF4.Dataset(path) as data:
                data.set_auto_maskandscale(False)
                values = data["t"][...]
                count, total = count + values.size, total + float(values[::7, ::7, ::7].sum(dtype="f8"))
        digest = [count, total]
        return lambda: digest

    return read


def appends(first: int, last: int) -> Callable[[], float]:
    """Steps from one number to another appended, a file and a commit each, to a store that holds those before."""
    _import_all(*OURS)
    folder, target = Path(tempfile.mkdtemp()), tempfile.mkdtemp()
    _make_steps(folder, 0, first)
    _write(str(folder), target, {})

    def append() -> float:
        for number in range(first, last):
            _make_steps(folder, number, number + 1)
            assert _write(str(folder), target, {})
        return 0.0

    return append


def reading(chunks: list[int], what: str) -> Callable[[], float]:
    """A map, or a series of all steps at a point, from a store of these chunks."""
    import icechunk
    import xarray as xr

    _import_all(*OURS)
    target = cache_folder() / "grid-chunks" / "-".join(map(str, chunks))
    if not (target / "repo").exists():
        folder = make_files(400)
        _write(folder, str(target), dict(zip(("time", "lat", "lon"), chunks, strict=True)))
    store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(target))).readonly_session("main").store
    data = xr.open_zarr(store, consolidated=False, chunks=None)["t"]
    where: dict[str, Any] = {"time": 150} if what == "map" else {"lat": 100, "lon": 200}
    return lambda: float(data.isel(where).values.sum(dtype="f8"))


def building(chunks: list[int]) -> Callable[[], Callable[[], Digest]]:
    return _ours(make_files(400), dict(zip(("time", "lat", "lon"), chunks, strict=True)))


def make_files(megabytes: int) -> str:
    """Files of float32 fields, deflated and shuffled, a map a chunk; made once."""
    folder = cache_folder() / f"grid-{megabytes}"
    count = max(1, round(megabytes * 1e6 / (STEPS_IN_FILE * LATITUDES * LONGITUDES * 4)))
    if len(list(folder.glob("*.nc"))) < count:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number in range(count):
            _field(number * STEPS_IN_FILE, STEPS_IN_FILE, LATITUDES, LONGITUDES).to_netcdf(
                folder / f"{number:04}.nc",
                engine="netcdf4",
                encoding={"t": {"zlib": True, "complevel": 1, "chunksizes": (1, LATITUDES, LONGITUDES)}},
            )
    return str(folder)


def _field(first: int, steps: int, latitudes: int, longitudes: int) -> Any:
    import xarray as xr

    random = np.random.default_rng(first)
    waves = np.sin(np.linspace(0, 9, longitudes))[None, None] * np.cos(np.linspace(0, 5, latitudes))[None, :, None]
    noise = random.normal(0, 0.5, (steps, latitudes, longitudes))
    values = (280 + 20 * waves + np.arange(first, first + steps)[:, None, None] % 24 + noise).round(2).astype("f4")
    time = np.datetime64("2020-01-01", "ns") + np.arange(first, first + steps) * np.timedelta64(1, "h")
    return xr.Dataset(
        {"t": (("time", "lat", "lon"), values, {"units": "K"})},
        coords={
            "time": ("time", time),
            "lat": ("lat", np.linspace(-90, 90, latitudes), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(longitudes) * 360 / longitudes, {"units": "degrees_east"}),
        },
    )


def _make_steps(folder: Path, first: int, last: int) -> None:
    for number in range(first, last):
        _field(number, 1, 45, 90).to_netcdf(folder / f"{number:05}.nc", engine="netcdf4")


def _ours(folder: str, chunks: dict[str, int]) -> Callable[[], Callable[[], Digest]]:
    _import_all(*OURS)
    target = tempfile.mkdtemp()

    def build() -> Callable[[], Digest]:
        _write(folder, target, chunks)
        return partial(_digest, target)

    return build


def _write(folder: str, target: str, chunks: dict[str, int]) -> bool:
    from simstac.objects import files_at
    from simstac.sources.cf import CfFiles, find_files
    from simstac.storage import LocalPath
    from simstac.write import write_files

    files = CfFiles(find_files([f"{folder}/*.nc"], files_at))
    return write_files(files, target, LocalPath(), chunks=chunks)[0].changed


def _manual(folder: str, *, own_codec: bool) -> Callable[[], Callable[[], Digest]]:
    import icechunk
    import xarray as xr
    from icechunk.xarray import to_icechunk
    from zarr.codecs import BloscCodec

    _import_all("dask.array")
    target = tempfile.mkdtemp()
    codec = BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=4)

    def build() -> Callable[[], Digest]:
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(target))
        session = repository.writable_session("main")
        with xr.open_mfdataset(f"{folder}/*.nc", combine="by_coords") as data:
            to_icechunk(data, session, **({"encoding": {"t": {"compressors": [codec]}}} if own_codec else {}))
        session.commit("all")
        return partial(_digest, target)

    return build


def _import_all(*others: str) -> None:
    """What both sides need before the clock starts, and what one of them needs beside it."""
    import icechunk
    import netCDF4  # noqa: F401
    import xarray as xr

    for name in others:
        import_module(name)
    icechunk.set_logs_filter("error")
    xr.backends.list_engines()


def _digest(target: str) -> Digest:
    """How many values a store has, and the sum of some of them; the store is removed."""
    import icechunk
    import xarray as xr

    store = icechunk.Repository.open(icechunk.local_filesystem_storage(target)).readonly_session("main").store
    data = xr.open_zarr(store, consolidated=False, chunks=None)["t"]
    count, total = 0, 0.0
    for start in range(0, data.sizes["time"], STEPS_IN_FILE):
        values = data[start : start + STEPS_IN_FILE].values
        count, total = count + values.size, total + float(values[::7, ::7, ::7].sum(dtype="f8"))
    shutil.rmtree(target)
    return [count, total]


def _shape_line(chunks: tuple[int, ...]) -> str:
    (built,) = compare((building, [chunks]), repeats=3)
    (one_map,), (series,) = (compare((reading, [chunks, what]), repeats=3) for what in ("map", "series"))
    shape = " x ".join(map(str, chunks))
    return f"| {shape} | {built.seconds:.2f} s | {one_map.seconds * 1000:.0f} ms | {series.seconds * 1000:.0f} ms |"


def _append_lines() -> list[str]:
    lines = []
    for first in (10, 100, APPENDS):
        taken = measure(appends, first, first + 10)
        lines.append(f"| {first} | {taken.seconds / 10 * 1000:.0f} ms |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, help="MB of values")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    folder = make_files(options.size)
    sides = (ours, manual, manual_with_our_codec, bare, ours_again)
    mine, peer, same, read, again = compare(
        *((side, [folder]) for side in sides), repeats=options.repeats, tolerance=1e-9
    )
    gigabytes = f"{options.size / 1000:g} GB of NetCDF4"
    rows = [
        Row(f"{gigabytes} → Icechunk", mine, "`open_mfdataset` + `to_icechunk`", peer, "≥ 2.2x, ≤ 0.4 of the memory"),
        Row(f"{gigabytes} → Icechunk", mine, "the same with our codec", same, "≥ 1.5x"),
        Row(f"{gigabytes} → Icechunk", mine, "the files read by netCDF4, nothing written", read, "≥ 0.67x"),
        Row("the same files again", again, "`open_mfdataset` + `to_icechunk`", peer),
    ]
    text = [table(rows), "", "Appending a file of one step, listing, commit and read-back included:", ""]
    text += ["| steps that are there | a step |", "|---|---|", *_append_lines()]
    text += ["", f"Chunk shapes (time x lat x lon), 400 MB of {LATITUDES} x {LONGITUDES} maps:", ""]
    text += ["| chunk | build | a map | a series of all steps |", "|---|---|---|---|", *map(_shape_line, SHAPES)]
    write_section("gridded", "Gridded files", "\n".join(text))


if __name__ == "__main__":
    main()
