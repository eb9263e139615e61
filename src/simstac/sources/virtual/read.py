"""Many files indexed, and values of theirs read as their own library reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from itertools import batched
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simstac.progress import OnProgress, Progress, silent
from simstac.sources.cf.calendars import is_checked, lacks_calendar, refuse_doubtful
from simstac.sources.cf.decode import decoded, owners_of_bounds, said_of_time
from simstac.sources.cf.hdf5 import name_in_hdf5
from simstac.sources.cf.netcdf3 import NETCDF3
from simstac.sources.cf.options import CfOptions
from simstac.sources.cf.times import calendar_of, is_time_unit, origin
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.header import undecoded
from simstac.sources.virtual.index import EVERYTHING, FileIndex, index_hdf5
from simstac.sources.virtual.netcdf3 import index_netcdf3
from simstac.sources.virtual.places import PlacedFile
from simstac.sources.virtual.references import IndexedFile

AT_ONCE = 16
"""So many remote files are opened at once: their first blocks come together, HDF5 reads them one by one."""
HDF5 = b"\x89HDF\r\n\x1a\n"
SIGNATURES = 1032


def index_files(
    files: Sequence[PlacedFile], on_progress: OnProgress = silent, *, options: CfOptions = EVERYTHING
) -> list[IndexedFile]:
    """What files hold; the first one says how all are structured.

    Raises:
        SourceError: If a file cannot be read, or has times without a calendar that may mean several.
        UnfitError: If one cannot be referenced where it is.
    """
    parts: list[IndexedFile] = []
    first: FileIndex | None = None
    for some in batched(files, AT_ONCE):
        with ExitStack() as stack:
            for file, opened in zip(some, _opened(some, stack), strict=True):
                index = _with_calendar(_index(file, opened, first, options), file.where, options.calendar)
                first = first or index
                parts.append(IndexedFile(file, index))
                on_progress(Progress("index files", len(parts), len(files), file.name))
    return parts


def stored_values(file: PlacedFile, name: str, at: tuple[slice, ...], *, group: str | None = None) -> NDArray[Any]:
    """Values of a variable as they are stored.

    Raises:
        OSError: If the file cannot be read.
    """
    import h5py  # noqa: PLC0415  # an extra

    with _open(file) as opened:
        if not _is_classic(opened):
            with h5py.File(opened, "r") as root:
                holder = root[group or "/"]
                return np.asarray(holder[name_in_hdf5(holder, name)][at])
        return _classic_values(opened, name, at)


def _index(file: PlacedFile, opened: BinaryIO | str, first: FileIndex | None, options: CfOptions) -> FileIndex:
    try:
        if not _is_classic(opened):
            return index_hdf5(opened, file.where, first=first, options=options)
        with nullcontext(opened) if not isinstance(opened, str) else Path(opened).open("rb") as plain:
            return index_netcdf3(plain, file.where, first=first, options=options)
    except UnfitError as error:
        raise UnfitError(f"{file.name}: {error}") from None


def _with_calendar(index: FileIndex, where: str, calendar: str) -> FileIndex:
    """The index with a calendar for each time that names none: the given one, else the standard one, as CF says.

    Raises:
        SourceError: If a time says no date, or may mean several.
    """
    owners = owners_of_bounds(each.attrs for each in index.variables.values())
    numbers = {name: each for name, each in index.variables.items() if each.dtype.kind in "fiu"}
    said = {name: said_of_time(each.attrs, owners.get(name, {})) for name, each in numbers.items()}
    for name, attrs in said.items():
        if is_time_unit(attrs.get("units")):
            origin(str(attrs["units"]), calendar_of(attrs.get("calendar") or calendar), f"{where}: {name}")
    lacking = sorted(
        (name for name, attrs in said.items() if lacks_calendar(attrs)), key=lambda name: (name in owners, name)
    )
    for name in lacking if not calendar else ():
        each, at = numbers[name], f"{where}: {name}"
        if each.values is not None and is_checked(each.shape):
            times = decoded(name, undecoded(each), said[name], at).read((slice(None),) * len(each.dims))
            refuse_doubtful(times, str(said[name]["units"]), at)
    unnamed = [name for name in lacking if name not in owners]
    named = {
        name: replace(numbers[name], attrs={**numbers[name].attrs, "calendar": calendar_of(calendar)})
        for name in unnamed
    }
    return replace(index, variables={**index.variables, **named}, assumed=() if calendar else tuple(unnamed))


def _classic_values(opened: BinaryIO | str, name: str, at: tuple[slice, ...]) -> NDArray[Any]:
    import netCDF4  # noqa: PLC0415  # an extra

    memory = None if isinstance(opened, str) else opened.read()
    with netCDF4.Dataset(opened if isinstance(opened, str) else "file", memory=memory) as dataset:
        dataset.set_auto_maskandscale(False)
        return np.asarray(dataset[name][at])


def _is_classic(opened: BinaryIO | str) -> bool:
    """Whether a file is NetCDF3 by its first bytes, and not HDF5."""
    if isinstance(opened, str):
        with Path(opened).open("rb") as file:
            return _is_classic(file)
    opened.seek(0)
    start = opened.read(SIGNATURES)
    opened.seek(0)
    if start.startswith(NETCDF3):
        return True
    if not any(start[at:].startswith(HDF5) for at in (0, 512, 1024)):
        raise UnfitError("it is neither HDF5 nor NetCDF")
    return False


def _opened(files: Sequence[PlacedFile], stack: ExitStack) -> list[BinaryIO | str]:
    """The files, opened together."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        opened = list(pool.map(lambda file: file.open(), files))
    for each in opened:
        if not isinstance(each, str):
            stack.enter_context(each)
    return opened


@contextmanager
def _open(file: PlacedFile) -> Iterator[BinaryIO | str]:
    opened = file.open()
    try:
        yield opened
    finally:
        if not isinstance(opened, str):
            opened.close()
