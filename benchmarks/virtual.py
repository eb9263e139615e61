"""References to many small NetCDF4 files, beside VirtualiZarr's ``open_virtual_mfdataset`` and ``to_icechunk``."""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness import Row, cache_folder, compare, table, write_section

FILES = 500
LAT, LON = 96, 144
LOADED = ["time", "time_bnds", "lat", "lon"]

type Digest = list[float]


def refer_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    from simstac.objects import files_at
    from simstac.sources.virtual import placed_files
    from simstac.storage import LocalPath
    from simstac.write import write_virtual

    _import_all()
    target = tempfile.mkdtemp()

    def refer() -> Callable[[], Digest]:
        files = placed_files(["*.nc"], partial(files_at, base=Path(folder)))
        write_virtual(files, target, LocalPath())
        return partial(_digest, target, folder)

    return refer


def append_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    """One file more, behind all the others."""
    from simstac.objects import files_at
    from simstac.sources.virtual import placed_files
    from simstac.storage import LocalPath
    from simstac.write import write_virtual

    target = tempfile.mkdtemp()
    write_virtual(placed_files(["*.nc"], partial(files_at, base=Path(folder)))[:-1], target, LocalPath())

    def append() -> Callable[[], Digest]:
        write_virtual(placed_files(["*.nc"], partial(files_at, base=Path(folder))), target, LocalPath())
        return partial(_digest, target, folder)

    return append


def refer_virtualizarr(folder: str) -> Callable[[], Callable[[], Digest]]:
    import icechunk
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import LocalStore
    from virtualizarr import open_virtual_mfdataset
    from virtualizarr.parsers import HDFParser

    _import_all()
    warnings.simplefilter("ignore")
    target = tempfile.mkdtemp()

    def refer() -> Callable[[], Digest]:
        urls = [f"file://{path}" for path in sorted(Path(folder).glob("*.nc"))]
        virtual: Any = open_virtual_mfdataset(
            urls,
            registry=ObjectStoreRegistry({"file://": LocalStore()}),
            parser=HDFParser(),
            combine="nested",
            concat_dim="time",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            loadable_variables=LOADED,
        )
        config = icechunk.RepositoryConfig.default()
        store = icechunk.local_filesystem_store(f"{folder}/")
        config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(f"file://{folder}/", store))
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(target), config)
        session = repository.writable_session("main")
        virtual.vz.to_icechunk(session.store)
        session.commit("all files")
        return partial(_digest, target, folder)

    return refer


def _import_all() -> None:
    """What both sides load, so that neither pays for it while it is measured; a first Dataset loads Dask."""
    import h5py
    import icechunk
    import xarray as xr
    import zarr

    icechunk.set_logs_filter("off")
    assert all((h5py, zarr, xr.Dataset({"x": 1}).x.item()))


def _digest(target: str, folder: str) -> Digest:
    """What is read through the references: the shape, sums of some steps, the last time."""
    import icechunk
    import xarray as xr

    access = {f"file://{folder}/": icechunk.Credentials.LocalFileSystemAccess()}
    repository = icechunk.Repository.open(
        icechunk.local_filesystem_storage(target),
        authorize_virtual_chunk_access=icechunk.containers_credentials(access),
    )
    store: Any = repository.readonly_session("main").store
    data = xr.open_zarr(store, consolidated=False, chunks=None)
    sums = [float(data[name].isel(time=step).sum()) for name in ("tas", "pr") for step in (0, 7, -1)]
    return [*map(float, data.tas.shape), *sums, float(data.time.values[-1].astype("datetime64[s]").astype(int))]


def _inputs(count: int) -> Path:
    """Daily files of two variables, written once."""
    import netCDF4
    import numpy as np

    folder = cache_folder() / f"virtual-{count}"
    if (folder / f"{count - 1:04d}.nc").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    for number in range(count):
        with netCDF4.Dataset(folder / f"{number:04d}.nc", "w") as file:
            for name, size in (("time", None), ("bnds", 2), ("lat", LAT), ("lon", LON)):
                file.createDimension(name, size)
            file.Conventions = "CF-1.8"
            time = file.createVariable("time", "f8", ("time",))
            time.setncatts({"units": "days since 2000-01-01", "calendar": "standard", "bounds": "time_bnds"})
            time[:] = [number + 0.5]
            file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = [[number, number + 1]]
            for name, size, edge, unit in (("lat", LAT, 89, "degrees_north"), ("lon", LON, 178, "degrees_east")):
                axis = file.createVariable(name, "f8", (name,))
                axis.units = unit
                axis[:] = np.linspace(-edge, edge, size)
            for name in ("tas", "pr"):
                field = file.createVariable(
                    name, "f4", ("time", "lat", "lon"), zlib=True, chunksizes=(1, LAT, LON), fill_value=1e20
                )
                field.setncatts({"units": "K", "standard_name": "air_temperature", "cell_methods": "time: mean"})
                field[:] = random.normal(280, 10, (1, LAT, LON))
    return folder


def main(count: int = FILES, repeats: int = 5) -> None:
    folder = str(_inputs(count))
    ours, peer, grown = compare(
        (refer_ours, [folder]), (refer_virtualizarr, [folder]), (append_ours, [folder]), repeats=repeats, tolerance=1e-6
    )
    name = "`open_virtual_mfdataset` + `to_icechunk`"
    rows = [
        Row(f"{count} files → committed references", ours, name, peer, "≥ 3x"),
        Row(f"one file more, {count - 1} known", grown, f"{name}, all files", peer),
    ]
    note = (
        "Two variables a file; VirtualiZarr loads the coordinates that simstac copies, and both read the same values."
    )
    write_section("virtual", "Virtual references", f"{table(rows)}\n\n{note}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
