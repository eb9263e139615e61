"""Times of NetCDF files that name no calendar, of which Iris takes the standard one: told, named or refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simstac.sources.cf.calendars import STANDARD, is_checked, note_of, refuse_doubtful
from simstac.sources.cf.times import calendar_of, microseconds, origin

if TYPE_CHECKING:
    from iris.coords import Coord
    from iris.cube import Cube


def naming(calendar: str) -> Callable[[Cube, Any, str], None]:
    """A callback of Iris's loading that gives times a calendar where their file names none.

    Without one to give it warns that the standard one is taken, as CF says, and refuses times that look otherwise.
    Units that say no date, such as months, are refused in any file.

    Args:
        calendar: The calendar of such times; empty where nobody says.
    """

    def name_calendars(cube: Cube, field: Any, filename: str) -> None:
        unnamed = _unnamed(cube, field)
        for coord in cube.coords():
            where, units = f"{filename}: {coord.var_name or coord.name()}", str(coord.units)
            if coord.units.is_time_reference():
                origin(units, coord.units.calendar, where)
            if coord not in unnamed:
                continue
            if calendar:
                coord.units = type(coord.units)(coord.units.origin, calendar=calendar_of(calendar))
                continue
            for values in (coord.points, coord.bounds):
                if values is not None and is_checked(values.shape):
                    refuse_doubtful(microseconds(values, units, STANDARD, where), units, where)
            warnings.warn(note_of(str(coord.var_name)), stacklevel=2)

    return name_calendars


def _unnamed(cube: Cube, field: Any) -> list[Coord]:
    """The times of a cube of a NetCDF file whose variables name no calendar."""
    variables = getattr(field, "cf_group", {})
    return [
        coord
        for coord in cube.coords()
        if coord.units.is_time_reference()
        and coord.var_name in variables
        and not getattr(variables[coord.var_name], "calendar", None)
    ]
