"""The ESO reader: ``.eso`` and ``.mtr``, with the ``.eio`` file beside them, as blocks of series on their time axes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.energyplus.dictionary import Entry, without_repeats
from simstac.sources.energyplus.eio import read_eio
from simstac.sources.energyplus.files import RunFiles
from simstac.sources.energyplus.pages import Layout, ReportData, scatter
from simstac.sources.energyplus.records import Declared, Records, read_records
from simstac.sources.energyplus.series import Block, Environment, Frequency, Location, Results, Series
from simstac.sources.energyplus.stamps import ENVIRONMENT, STEP, Stamps, read_stamps
from simstac.sources.energyplus.state import Status, state_of
from simstac.sources.energyplus.times import Times

_FREQUENCIES = {
    "TimeStep": Frequency.TIMESTEP,
    "Each Call": Frequency.HVAC,
    "Hourly": Frequency.HOURLY,
    "Daily": Frequency.DAILY,
    "Monthly": Frequency.MONTHLY,
    "RunPeriod": Frequency.RUNPERIOD,
    "Annual": Frequency.ANNUAL,
}
_DETAILED = "Each Call"
_CUMULATIVE = "Cumulative "
_LEFT_OUT = 0
"""The kind of the series that are left out: it has no step."""

_ROUNDING = 0.015  # minutes; the files give two decimals
_ENVIRONMENT_BITS = 48  # more than the milliseconds of 8,000 years

_SUMMED_UNITS = frozenset({"J", "m3", "kg", "hr", "s"})
_NOT_SUMMED = re.compile(
    r"Stored|Charge State|Inventory|Accumulation|Storage Tank Volume|Elapsed|Before Occupancy|Setpoint Heat Transfer"
)
_SUMMED_NAMES = re.compile(r"(?!Surface Window Model).*(Count|Calls)|(?!.*Cumulative).*Depth")


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """The steps of one frequency in all environments, and the place of each file's stamps on it (-1: none)."""

    environment: NDArray[np.int64]
    start: Times
    end: Times
    columns: list[NDArray[np.int32]]


def read_eso(files: RunFiles) -> Results:
    """Everything that the ESO and MTR files of a run report.

    Whether values are means or sums is not in these files: it is told from units and names. A series of the HVAC that
    is reported at every call lies on the zone timestep axis where the engine never subdivided a step.

    Raises:
        SourceError: If a file is not what EnergyPlus writes, ends too early, or the year is nowhere to be found.
    """
    parts = [read_records(path) for path in (files.eso, files.mtr) if path]
    if not parts:
        raise SourceError(files.directory, "holds neither .eso nor .mtr", "give the folder of a run of EnergyPlus")
    for part in parts:
        if not part.complete and state_of(files).status == Status.COMPLETED:
            raise SourceError(part.path, "is cut off, although the run has completed", "copy it again")
    eio = read_eio(files.eio)
    environments, stamps = read_stamps(parts, eio)
    return Results(
        blocks=tuple(_blocks(parts, stamps, environments, files)),
        names={"zone": frozenset(zone.upper() for zone in eio.zones)},
        location=eio.location or _location(parts),
        floor_area=eio.floor_area,
    )


def _blocks(
    parts: Sequence[Records], stamps: Sequence[Stamps], environments: Sequence[Environment], files: RunFiles
) -> Iterator[Block]:
    """The blocks of each environment in turn, on the steps that have values."""
    entries = _entries(parts, stamps, files)
    chosen = without_repeats(entries)
    kinds = _kinds(parts, chosen)
    present = [_present(part, kind, len(chosen) + 1) for part, kind in zip(parts, kinds, strict=True)]
    axes = [_axis([found[kind] for found in present], stamps) for kind in range(1, len(chosen) + 1)]
    arrays = _dense(parts, kinds, chosen, axes)
    for index, environment in enumerate(environments):
        for (frequency, members), axis, values in zip(chosen.items(), axes, arrays, strict=True):
            begin, stop = np.searchsorted(axis.environment, [index, index + 1]).tolist()
            if begin < stop:
                series = tuple(entry.series for entry in members)
                start, end = axis.start[begin:stop], axis.end[begin:stop]
                yield Block(frequency, environment, series, start, end, values[:, begin:stop])


def _entries(parts: Sequence[Records], stamps: Sequence[Stamps], files: RunFiles) -> list[Entry]:
    """The declared series, each once, in the order of their numbers."""
    meters = {declared.number for part in parts if part.path == files.mtr for declared in part.declared}
    subdivided = _subdivided(parts, stamps)
    entries: dict[int, Entry] = {}
    for declared in (declared for part in parts for declared in part.declared):
        detailed = declared.frequency == _DETAILED
        zone_step = detailed and declared.number not in subdivided
        frequency = Frequency.TIMESTEP if zone_step else _FREQUENCIES[declared.frequency]
        series = _series(declared, meter=declared.number in meters or "," not in declared.body)
        entries.setdefault(declared.number, Entry(declared.number, frequency, detailed, series))
    return sorted(entries.values(), key=lambda entry: entry.index)


def _series(declared: Declared, *, meter: bool) -> Series:
    if meter:
        name = declared.body.removeprefix(_CUMULATIVE)
        cumulative = name != declared.body
        return Series(name, None, declared.units, mean=False, meter=True, cumulative=cumulative)
    key, _, name = declared.body.rpartition(",")
    return Series(name, key, declared.units, mean=not _is_sum(name, declared.units), schedule=declared.schedule)


def _is_sum(name: str, units: str) -> bool:
    """Whether the engine adds up the values of a variable over an interval, by its output variables of version 25.2."""
    if units in _SUMMED_UNITS:
        return not _NOT_SUMMED.search(name)
    return units in {"", "m"} and bool(_SUMMED_NAMES.fullmatch(name))


def _subdivided(parts: Sequence[Records], stamps: Sequence[Stamps]) -> frozenset[int]:
    """The numbers of the series that have values at steps shorter than a zone timestep."""
    by_step = {"TimeStep", _DETAILED}
    if not any(declared.frequency == _DETAILED for part in parts for declared in part.declared):
        return frozenset()
    steps = []
    for part, part_stamps in zip(parts, stamps, strict=True):
        of_steps = _flags(part, (declared.number for declared in part.declared if declared.frequency in by_step))
        seen = np.zeros(len(part.stamps), dtype=bool)
        for rows in part.blocks:
            seen[rows.first[of_steps[rows.second]]] = True
        steps.append(seen & (part_stamps.kind == STEP))
    longest = max((each.minutes[seen].max() for each, seen in zip(stamps, steps, strict=True) if seen.any()), default=0)
    found: set[int] = set()
    for part, part_stamps, seen in zip(parts, stamps, steps, strict=True):
        short = seen & (part_stamps.minutes < longest - _ROUNDING)
        if short.any():
            found.update(*(np.unique(rows.second[short[rows.first]]).tolist() for rows in part.blocks))
    return frozenset(found)


def _flags(part: Records, numbers: Iterable[int]) -> NDArray[np.bool_]:
    """A table of all numbers of a file that is true at the given ones."""
    flags = np.zeros(part.largest_number + 1, dtype=bool)
    flags[list(numbers)] = True
    return flags


def _kinds(parts: Sequence[Records], chosen: Mapping[Frequency, Sequence[Entry]]) -> list[NDArray[np.int8]]:
    """For each file, which frequency a number belongs to, counted from 1; 0 is for what is left out."""
    kinds = []
    for part in parts:
        kind = np.full(part.largest_number + 1, _LEFT_OUT, dtype=np.int8)
        for number, members in enumerate(chosen.values(), start=1):
            kind[[entry.index for entry in members if entry.index < len(kind)]] = number
        kinds.append(kind)
    return kinds


def _present(part: Records, kind: NDArray[np.int8], count: int) -> NDArray[np.bool_]:
    """Whether a file has values of a frequency at a stamp, of shape (frequencies, stamps)."""
    present = np.zeros((count, len(part.stamps)), dtype=bool)
    for rows in part.blocks:
        present[kind[rows.second], rows.first] = True
    return present


def _axis(present: Sequence[NDArray[np.bool_]], stamps: Sequence[Stamps]) -> _Axis:
    """The axis on which all stamps lie that have values, by environment and time."""
    rows = [
        np.flatnonzero(found & (part.environment >= 0) & (part.kind != ENVIRONMENT))
        for found, part in zip(present, stamps, strict=True)
    ]
    environment, start, end = (
        np.concatenate([getattr(part, name)[chosen] for part, chosen in zip(stamps, rows, strict=True)])
        for name in ("environment", "start", "end")
    )
    since = (end - end[:1].astype("M8[Y]")).astype(np.int64) if len(end) else np.array([], dtype=np.int64)
    _, first, place = np.unique(environment << _ENVIRONMENT_BITS | since, return_index=True, return_inverse=True)
    columns = []
    for part, chosen, places in zip(stamps, rows, np.split(place, np.cumsum([len(r) for r in rows])[:-1]), strict=True):
        column = np.full(len(part.kind), -1, dtype=np.int32)
        column[chosen] = places
        columns.append(column)
    return _Axis(environment[first], start[first], end[first], columns)


def _dense(
    parts: Sequence[Records],
    kinds: Sequence[NDArray[np.int8]],
    chosen: Mapping[Frequency, Sequence[Entry]],
    axes: Sequence[_Axis],
) -> list[NDArray[np.float64]]:
    """The values of each frequency, of shape (series, steps of its axis)."""
    shapes = [(len(members), len(axis.end)) for members, axis in zip(chosen.values(), axes, strict=True)]
    begins = np.cumsum([0, *(rows * columns for rows, columns in shapes)]).tolist()
    values = np.full(begins[-1], np.nan)
    for number, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
        origin = np.zeros(len(kind), dtype=np.int64)
        for members, (_, steps), begin in zip(chosen.values(), shapes, begins, strict=False):
            for row, entry in enumerate(members):
                if entry.index < len(kind):
                    origin[entry.index] = begin + row * steps
        column = np.stack([np.full(len(part.stamps), -1, dtype=np.int32), *(axis.columns[number] for axis in axes)])
        data = ReportData(values, np.zeros(column.shape, dtype=bool))
        for rows in part.blocks:
            scatter(part.path, rows, Layout(origin, kind, column, len(values)), data)
    return [
        values[begin : begin + rows * steps].reshape(rows, steps)
        for (rows, steps), begin in zip(shapes, begins, strict=False)
    ]


def _location(parts: Sequence[Records]) -> Location | None:
    """Where the building stands, as the first environment's stamp says."""
    for line in (line for part in parts for line in part.stamps[:1]):
        latitude, longitude, time_zone, elevation = (float(field) for field in line.rsplit(b",", 4)[1:])
        return Location("", latitude, longitude, time_zone, elevation)
    return None
