"""What a reader of EnergyPlus results yields, whatever the file: identified series as dense blocks on time axes.

Both readers, of SQL and of ESO files, produce these values; `assemble` makes them xarray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FACTS = (
    "status",
    "message",
    "warnings",
    "severe_errors",
    "software",
    "location",
    "latitude",
    "longitude",
    "elevation",
    "time_zone",
    "time_start",
    "time_end",
)
"""The names of what is told about a run beside its results."""


class Frequency(StrEnum):
    """The groups that series fall into by their time axis, finest first."""

    HVAC = "hvac"
    TIMESTEP = "timestep"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"
    RUNPERIOD = "runperiod"
    ANNUAL = "annual"


class EnvironmentKind(StrEnum):
    """What an environment period simulates; the members' order is that of the engine's codes 1 to 5."""

    DESIGN_DAY = "design_day"
    DESIGN_PERIOD = "design_period"
    WEATHER = "weather"
    HVAC_SIZING_DESIGN_DAY = "hvac_sizing_design_day"
    HVAC_SIZING_DESIGN_PERIOD = "hvac_sizing_design_period"


@dataclass(frozen=True, slots=True)
class Environment:
    """A simulated period.

    Attributes:
        name: As the model names it, for example ``RUN PERIOD 1``.
        kind: A weather run, or a sizing period.
    """

    name: str
    kind: EnvironmentKind


@dataclass(frozen=True, slots=True)
class Series:
    """One output variable of one key, or one meter, at one frequency.

    Attributes:
        name: The engine's name, for example ``Zone Mean Air Temperature`` or ``Electricity:Facility``.
        key: The key as the engine writes it, or None for a meter.
        units: The engine's unit, for example ``C``; empty where dimensionless.
        mean: Whether values are means over the interval (``Avg``); otherwise sums (``Sum``).
        meter: Whether this is a meter.
        cumulative: Whether the meter adds up since the start of the environment (``Output:Meter:Cumulative``).
        schedule: The schedule that says when values are reported, or None for always.
    """

    name: str
    key: str | None
    units: str
    mean: bool
    meter: bool = False
    cumulative: bool = False
    schedule: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Series that share a time axis.

    Attributes:
        frequency: The group of the axis.
        environment: The period that the axis lies in; an axis never spans two.
        series: The series, in the engine's order.
        start: Start of every interval, ``datetime64[ms]`` of shape (time,), local standard time.
        end: End of every interval, likewise; what values are stamped with.
        values: float64 of shape (series, time); NaN where a series has no value.
    """

    frequency: Frequency
    environment: Environment
    series: tuple[Series, ...]
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Location:
    """Where the building stands.

    Attributes:
        name: As the weather file or the model names it.
        latitude: Degrees north.
        longitude: Degrees east.
        time_zone: Hours east of UTC of local standard time.
        elevation: Metres above sea level.
    """

    name: str
    latitude: float
    longitude: float
    time_zone: float
    elevation: float


@dataclass(frozen=True, slots=True)
class Total:
    """One number about a whole run.

    Attributes:
        value: The number.
        units: Its unit, as UDUNITS reads it.
        long_name: What it is.
    """

    value: float
    units: str
    long_name: str


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All that a run reported.

    Attributes:
        blocks: The series by axis, one block at most of an environment and a frequency; environments in their order.
        names: The names known of each key space, upper case: ``zone`` and, from SQL, ``surface``.
        location: Where the building stands, or None where no file says.
        floor_area: Square metres of the building's total area, or None where no file says.
        totals: Tabular results by name; empty where there is no table.
    """

    blocks: tuple[Block, ...]
    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    location: Location | None = None
    floor_area: float | None = None
    totals: Mapping[str, Total] = field(default_factory=dict)
