"""A file of any format, opened lazily: its variables as they are stored, and its attributes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.attributes import json_attrs
from simstac.sources.cf.calendars import lacks_calendar
from simstac.sources.cf.decode import REFERRING, Decoded, Slab, decoded, owners_of_bounds, said_of_time
from simstac.sources.cf.hdf5 import ChunkReader
from simstac.sources.cf.netcdf3 import NETCDF3, read_header
from simstac.sources.cf.options import CfOptions
from simstac.storage import LocalPath, icechunk_store

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr

HDF5, GRIB = b"\x89HDF\r\n\x1a\n", b"GRIB"
ZARR_MARKS = ("zarr.json", ".zgroup", ".zmetadata")
ICECHUNK_MARK = "repo"
SIGNATURE_BYTES = 2048
OWN_EXTRA = {"netcdf4": "cf", "cfgrib": "grib", "h5netcdf": "cf"}


class OpenFile:
    """A file of one dataset; nothing of it is read before it is asked for.

    Attributes:
        where: Its address, for errors.
        variables: Its variables by name.
        attrs: Its attributes.
        names: The names of all its data variables, wanted or not.
        assumed: The units of the times whose calendar nobody says, by name.
    """

    def __init__(self, path: Path, where: str, options: CfOptions, pool: Executor | None = None) -> None:
        """Open a file.

        Args:
            path: Where it is on this machine.
            where: Its address, for errors.
            options: What to read of it.
            pool: Threads that may decode the chunks of HDF5 files; without them xarray does.

        Raises:
            SourceError: If it cannot be opened, or does not have what is wanted.
        """
        self.where = where
        self._dataset = _opened(path, where, options)
        names = _wanted(self._dataset, options.variables, where)
        owners = owners_of_bounds(variable.attrs for variable in self._dataset.variables.values())
        self.variables: Mapping[str, Decoded] = {
            name: decoded(
                name, self._dataset.variables[name], owners.get(name, {}), f"{where}: {name}", calendar=options.calendar
            )
            for name in names
        }
        said = {name: said_of_time(self._dataset.variables[name].attrs, owners.get(name, {})) for name in names}
        self.assumed: Mapping[str, str] = {
            name: str(attrs["units"])
            for name, attrs in said.items()
            if self.variables[name].is_time and not options.calendar and lacks_calendar(attrs)
        }
        self.attrs = json_attrs(self._dataset.attrs)
        self.names = frozenset(str(name) for name in self._dataset.data_vars)
        self._chunks = ChunkReader(path, options.group, pool) if pool is not None and _starts(path, HDF5) else None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it."""
        self._dataset.close()
        if self._chunks is not None:
            self._chunks.close()

    def read(self, name: str, slab: Slab, out: NDArray[Any]) -> None:
        """Read a slab of a variable, as it is stored, into an array of the slab's shape.

        Leading dimensions of length 1 that the file lacks, where a scalar coordinate became an axis, are left out.

        Raises:
            SourceError: If it cannot be read.
        """
        variable = self.variables[name]
        slab, out = own_dimensions(slab, out, len(variable.dims))
        with read_errors(f"{self.where}: {name}"):
            raw = self._dataset.variables[name]
            if self._chunks is None or not self._chunks.read(name, variable, raw, slab, out):
                out[...] = variable.read(slab)

    def values(self, name: str) -> NDArray[Any]:
        """All values of a small variable.

        Raises:
            SourceError: If it cannot be read.
        """
        variable = self.variables[name]
        with read_errors(f"{self.where}: {name}"):
            return variable.read((slice(None),) * len(variable.dims))


def own_dimensions(slab: Slab, out: NDArray[Any], count: int) -> tuple[Slab, NDArray[Any]]:
    """A slab and an array without the leading dimensions of length 1 that a file's variable of ``count`` lacks."""
    more = out.ndim - count
    return slab[more:], out.reshape(out.shape[more:]) if more else out


@contextmanager
def read_errors(where: str) -> Iterator[None]:
    """Turn errors of the libraries that read files into `SourceError`."""
    try:
        yield
    except SourceError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, EOFError, zlib.error) as error:
        reason = str(error).strip().splitlines()
        problem = f"cannot be read: {reason[0] if reason else type(error).__name__}"
        raise SourceError(where, problem, "it may be damaged, or still being written") from error


def _opened(path: Path, where: str, options: CfOptions) -> xr.Dataset:
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    engine, target = _engine(path, where), path
    extra: dict[str, Any] = {}
    if engine == "cfgrib":
        extra = {"indexpath": "", "errors": "raise", "filter_by_keys": dict(options.filter_by_keys)}
    elif options.group:
        extra = {"group": options.group}
    if engine == "zarr":
        extra |= {"consolidated": False}
        target = icechunk_store(str(path), LocalPath()) if (path / ICECHUNK_MARK).is_file() else path
    if engine == "netcdf4" and _starts(path, NETCDF3):
        with path.open("rb") as file:
            read_header(file, where)
    with read_errors(where):
        try:
            return xr.open_dataset(
                target, engine=engine, decode_cf=False, cache=False, chunks=None, backend_kwargs=extra
            )
        except (ImportError, ValueError) as error:
            if isinstance(error, ImportError) or "unrecognized engine" in str(error):
                remedy = f"pip install 'simstac[{OWN_EXTRA.get(engine, 'cf')}]'"
                raise SourceError(where, f"needs a reader that is not installed ({engine})", remedy) from error
            if engine == "cfgrib":
                remedy = "choose some of its messages with filter_by_keys, such as {typeOfLevel: surface}"
                raise SourceError(where, f"does not make one dataset: {str(error).splitlines()[0]}", remedy) from error
            raise


def _engine(path: Path, where: str) -> str:
    """The xarray engine that reads a path, by its first bytes."""
    if path.is_dir():
        if any((path / mark).exists() for mark in (*ZARR_MARKS, ICECHUNK_MARK)):
            return "zarr"
    elif _starts(path, HDF5) or _starts(path, NETCDF3):
        return "netcdf4"
    elif _starts(path, GRIB):
        return "cfgrib"
    if path.is_file() and not path.stat().st_size:
        raise SourceError(where, "is empty", "it may still be being written; remove it, or run again later")
    raise SourceError(where, "is neither NetCDF, HDF5, GRIB nor Zarr", "narrow the path, for example output/*.nc")


def _starts(path: Path, signature: bytes) -> bool:
    """Whether a file begins with a signature; HDF5 may have a user block of 512, 1024 … bytes before it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(SIGNATURE_BYTES)
    if signature == HDF5:
        return any(head[start:].startswith(signature) for start in (0, 512, 1024))
    return head.startswith(signature)


def _wanted(dataset: xr.Dataset, variables: Sequence[str], where: str) -> list[str]:
    """The names of the variables that are wanted, and of those that they refer to."""
    names = [str(name) for name in dataset.variables]
    if not names:
        raise SourceError(where, "has no variables", "name the group to read (source.group)")
    if not variables:
        return names
    kept = [name for name in variables if name in names]
    for name in kept:
        said = dataset.variables[name]
        words = [word for key in REFERRING for word in str(said.attrs.get(key, said.encoding.get(key, ""))).split()]
        kept += [each for each in (*map(str, said.dims), *words) if each in names and each not in kept]
    return kept
