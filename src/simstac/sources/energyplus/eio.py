"""The facts of an EnergyPlus ``.eio`` file that the result files lack: dates with their year, location, zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from simstac.errors import SourceError
from simstac.objects import readable
from simstac.sources.energyplus.series import EnvironmentKind, Location

_LEAP_YEAR = 2000
_DATE = r"\d\d/\d\d(?:/\d{4})?"
_PERIOD = re.compile(rf"^Environment,(?P<name>.*),(?P<kind>[^,]+),(?P<first>{_DATE}),(?P<last>{_DATE}),")
_KINDS = {"WeatherFileRunPeriod": EnvironmentKind.WEATHER, "SizingPeriod:DesignDay": EnvironmentKind.DESIGN_DAY}
_HEADER = re.compile(r"^! <(?P<label>Site:Location|Zone Information)>,(?P<columns>.*)")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a period; design days have no year."""

    year: int | None
    month: int
    day: int

    def date(self, nominal_year: int) -> np.datetime64:
        """The day as ``datetime64[D]``, in ``nominal_year`` where it has no year of its own."""
        first = np.datetime64(f"{self.year or nominal_year:04d}-{self.month:02d}-01", "D")
        return first + np.timedelta64(self.day - 1, "D")


@dataclass(frozen=True, slots=True)
class Period:
    """What an environment period is, its first and its last day."""

    name: str
    kind: EnvironmentKind
    first: Day
    last: Day


@dataclass(frozen=True, slots=True)
class Eio:
    """What an ``.eio`` file tells.

    Attributes:
        periods: The environment periods, in the order of simulation.
        location: Where the building stands, or None.
        zones: The names of the zones.
        floor_area: Square metres of the zones that are part of the building's total area, with multipliers.
    """

    periods: tuple[Period, ...] = ()
    location: Location | None = None
    zones: tuple[str, ...] = ()
    floor_area: float | None = None


def read_eio(path: Path | None) -> Eio:
    """The facts in the ``.eio`` file at ``path``; none where there is no such file.

    Raises:
        SourceError: If it cannot be read or is not what EnergyPlus writes; a last line that was cut off is left out.
    """
    if path is None:
        return Eio()
    with readable(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return _facts(text.rpartition("\n")[0])
    except (KeyError, ValueError) as error:
        problem = f"is not what EnergyPlus writes ({type(error).__name__}: {error})"
        raise SourceError(path, problem, "it was damaged: run the simulation again") from error


def _facts(complete_lines: str) -> Eio:
    periods: list[Period] = []
    zones: list[str] = []
    columns: dict[str, list[str]] = {}
    location = floor_area = None
    for line in complete_lines.splitlines():
        if match := _PERIOD.match(line):
            periods.append(Period(match["name"], _kind(match["kind"]), _day(match["first"]), _day(match["last"])))
        elif match := _HEADER.match(line):
            columns[match["label"]] = [column.strip() for column in match["columns"].split(",")]
        elif line.startswith("Site:Location,") and "Site:Location" in columns:
            location = _location(*_name_and_fields(line, columns["Site:Location"]))
        elif line.startswith(" Zone Information,") and "Zone Information" in columns:
            zone, fields = _name_and_fields(line, columns["Zone Information"])
            zones.append(zone)
            floor_area = (floor_area or 0.0) + _counted_area(fields)
    return Eio(tuple(periods), location, tuple(zones), floor_area)


def _name_and_fields(line: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """The name in ``label, name, field, …``, which may itself hold commas, and the fields after it by their column."""
    _, _, text = line.partition(",")
    name, *fields = text.rsplit(",", len(columns) - 1)
    return name.strip(), dict(zip(columns[1:], fields, strict=True))


def _location(name: str, fields: dict[str, str]) -> Location:
    latitude, longitude, time_zone, elevation = (float(field) for field in list(fields.values())[:4])
    return Location(" ".join(name.split()), latitude, longitude, time_zone, elevation)


def _counted_area(fields: dict[str, str]) -> float:
    """Floor area times the zone's and its list's multiplier, or 0 where it is no part of the building's total."""
    if fields["Part of Total Building Area"].strip() != "Yes":
        return 0.0
    return float(fields["Floor Area {m2}"]) * float(fields["Zone Multiplier"]) * float(fields["Zone List Multiplier"])


def _kind(text: str) -> EnvironmentKind:
    """The kind that the file calls ``text``."""
    return _KINDS.get(text, EnvironmentKind.DESIGN_PERIOD)


def _day(text: str) -> Day:
    """The day in ``MM/DD`` or ``MM/DD/YYYY``."""
    month, day, *year = map(int, text.split("/"))
    listed = date(_LEAP_YEAR, month, day)
    return Day(year[0] if year else None, listed.month, listed.day)
