"""Files → Iris cubes, whatever format Iris knows, with its complaints as errors and notes."""

from __future__ import annotations

import struct
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from simstac.errors import SourceError
from simstac.sources.cf.netcdf3 import NETCDF3, read_header
from simstac.sources.iris.calendars import naming

if TYPE_CHECKING:
    from iris.cube import Cube, CubeList

NEEDS_IRIS = "pip install 'simstac[iris]'"


def load(paths: Sequence[Path], names: Sequence[str] = (), *, calendar: str = "") -> CubeList:
    """The cubes in some files, merged and concatenated over them by Iris's recommended policy; data stay lazy.

    Cubes that only attributes or units of time keep apart, such as ``tracking_id`` in files of one simulation, are
    joined without those attributes; a warning names them.

    Args:
        paths: The files.
        names: The cubes to take, by standard name, long name, variable name or STASH code; all where empty.
        calendar: The calendar of times of NetCDF files that name none; the standard one, and a warning, where empty.

    Raises:
        SourceError: If Iris is missing or cannot read a file, there is no cube of a name, or times may mean several.
    """
    try:
        import iris  # noqa: PLC0415  # 1.5 s that other sources need not pay
        from iris.exceptions import IrisError  # noqa: PLC0415  # as above
    except ImportError as error:
        raise SourceError(paths[0], "is read by Iris, which is not installed", NEEDS_IRIS) from error
    for path in paths:
        _refuse_cut(path)
    try:
        with iris.FUTURE.context(date_microseconds=True), iris.LOAD_POLICY.context("recommended"):
            cubes = iris.load([str(path) for path in paths], list(names) or None, callback=naming(calendar))
    except SourceError:
        raise
    except ImportError as error:
        raise SourceError(paths[0], f"needs the package {error.name}", "pip install iris-grib") from error
    except (IrisError, *reading_errors()) as error:
        raise _unreadable(_named(paths), error) from error
    _refuse_unmatched(cubes, names, paths)
    return _joined(cubes)


def load_with_notes(
    paths: Sequence[Path], names: Sequence[str] = (), *, calendar: str = ""
) -> tuple[CubeList, tuple[str, ...]]:
    """What `load` gives, and what Iris warned of meanwhile, a line each.

    Raises:
        SourceError: As `load`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cubes = load(paths, names, calendar=calendar)
    told = [" ".join(str(each.message).split()) for each in caught if issubclass(each.category, UserWarning)]
    return cubes, tuple(dict.fromkeys(told))


@contextmanager
def reading(paths: Sequence[Path]) -> Iterator[None]:
    """Turn what goes wrong when lazy data are read into an error that names the files.

    Raises:
        SourceError: If they cannot be read.
    """
    try:
        yield
    except reading_errors() as error:
        raise _unreadable(_named(paths), error) from error


def reading_errors() -> tuple[type[Exception], ...]:
    """What Iris and the libraries below it raise on damaged files."""
    grib = sys.modules.get("gribapi.errors")
    known = (OSError, ValueError, TypeError, KeyError, IndexError, EOFError, RuntimeError, struct.error)
    return known if grib is None else (*known, grib.GribInternalError)


def reader() -> str:
    """The reader's name and version: when they change, files are read again."""
    from importlib.metadata import version  # noqa: PLC0415  # needed by builds alone

    try:
        return f"iris/{version('scitools-iris')} simstac/{version('simstac')}"
    except ImportError as error:
        raise SourceError("engine: iris", "needs Iris, which is not installed", NEEDS_IRIS) from error


def _joined(cubes: CubeList) -> CubeList:
    from iris.cube import CubeList  # noqa: PLC0415  # as above
    from iris.util import equalise_attributes, unify_time_units  # noqa: PLC0415  # as above

    by_name: dict[str, list[Cube]] = {}
    for cube in cubes:
        by_name.setdefault(cube.name(), []).append(cube)
    whole = CubeList()
    for name, parts in by_name.items():
        trial = CubeList(cube.copy() for cube in parts)
        removed = equalise_attributes(trial) if len(parts) > 1 else []
        unify_time_units(trial)
        joined = trial.concatenate() if len(parts) > 1 else trial
        if len(joined) == len(parts):
            whole.extend(parts)
            continue
        whole.extend(joined)
        lost = ", ".join(sorted({str(getattr(key, "name", key)) for each in removed for key in each}))
        if lost:
            warnings.warn(f"{name}: joined from {len(parts)} parts without what differs in them: {lost}", stacklevel=3)
    return whole


def _refuse_cut(path: Path) -> None:
    """Refuse a NetCDF3 file that ends before its last value, which the library reads as if there were some."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(NETCDF3)) == NETCDF3:
            read_header(file, str(path))


def _unreadable(where: str, error: Exception) -> SourceError:
    reason = " ".join(str(error).split())[:200]
    problem = f"cannot be read by Iris ({type(error).__name__}: {reason})"
    return SourceError(where, problem, "check that the file is whole, and of a format of Iris's")


def _named(paths: Sequence[Path]) -> str:
    return str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _refuse_unmatched(cubes: CubeList, names: Sequence[str], paths: Sequence[Path]) -> None:
    for name in names:
        if not cubes.extract(name):
            known = ", ".join(sorted({cube.name() for cube in cubes})) or "none of those asked for"
            raise SourceError(_named(paths), f"has no cube {name!r}", f"correct names; it has {known}")
    if not cubes:
        raise SourceError(_named(paths), "has no cubes", "check that these are the files that are meant")
