"""Blocks of series as xarray: a group for each environment and frequency, a dimension for each key space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simstac.sources.energyplus.cf import CONVENTIONS, TIME_ENCODING, time_attributes, utc_offset, variable_attributes
from simstac.sources.energyplus.names import key_space, unique_slugs
from simstac.sources.energyplus.series import FACTS, Block, Environment, EnvironmentKind, Location, Results, Series

_RESERVED = ("time", "time_bounds", "bounds", "run", "step", *FACTS, "source", "fingerprint")
"""Names that series must leave to coordinates, and to the facts that a study keeps beside its series."""

_NO_WEATHER_LEAP_DAY = "29 February is missing: the weather data have none, so the calendar has a gap there"


@dataclass(frozen=True, slots=True)
class _Variable:
    """The series of one variable: their rows in a block and, in the same order, their keys."""

    first: Series
    rows: tuple[int, ...]
    keys: tuple[str, ...]
    space: str | None


def group_names(environments: Sequence[Environment]) -> dict[Environment, str]:
    """The path before the frequency: none for the only weather run, else its name; ``sizing/…`` for sizing periods."""
    weather = [item for item in environments if item.kind == EnvironmentKind.WEATHER]
    sizing = [item for item in environments if item.kind != EnvironmentKind.WEATHER]
    run_slugs = unique_slugs((item.name for item in weather), taken=("sizing",))
    sizing_slugs = unique_slugs(item.name for item in sizing)
    names = {item: f"{run_slugs[item.name]}/" if len(weather) > 1 else "" for item in weather}
    return names | {item: f"sizing/{sizing_slugs[item.name]}/" for item in sizing}


def datasets(results: Results) -> dict[str, xr.Dataset]:
    """The groups of a run by their path, for example ``hourly`` or ``sizing/winter_day/hourly``."""
    prefixes = group_names(list(dict.fromkeys(block.environment for block in results.blocks)))
    return {
        f"{prefixes[block.environment]}{block.frequency}": block_dataset(block, results.names, results.location)
        for block in results.blocks
    }


def block_dataset(block: Block, names: Mapping[str, frozenset[str]], location: Location | None = None) -> xr.Dataset:
    """One block as a Dataset of variables (key space, time), (time) for meters."""
    variables = _variables(block.series, names)
    spaces: dict[str, dict[str, int]] = defaultdict(dict)
    for variable in variables:
        if variable.space:
            positions = spaces[variable.space]
            for key in variable.keys:
                positions.setdefault(key, len(positions))
    slugs = unique_slugs((_label(variable, variables) for variable in variables), taken=(*_RESERVED, *spaces))
    arrays = {
        slugs[_label(variable, variables)]: _array(block.values, variable, spaces.get(variable.space or ""))
        for variable in variables
    }
    coordinates = _coordinates(block, spaces, location)
    attributes = {
        "Conventions": CONVENTIONS,
        "frequency": str(block.frequency),
        "environment": block.environment.name,
        "environment_kind": str(block.environment.kind),
    }
    return xr.Dataset(arrays, coords=coordinates, attrs=attributes)


def _variables(series: Sequence[Series], names: Mapping[str, frozenset[str]]) -> list[_Variable]:
    """The series by variable, in the order of their first appearance."""
    rows: dict[tuple[str, bool, bool, str | None], list[int]] = defaultdict(list)
    for row, item in enumerate(series):
        rows[item.name, item.meter, item.cumulative, item.schedule].append(row)
    variables = []
    for members in rows.values():
        first = series[members[0]]
        keys = tuple(series[row].key or "" for row in members)
        space = None if first.meter else key_space(first.name, keys, names)
        variables.append(_Variable(first, tuple(members), keys, space))
    return variables


def _label(variable: _Variable, variables: Sequence[_Variable]) -> str:
    """What the variable's slug is made of: its name, and what else tells it from others of that name."""
    series = variable.first
    label = f"{series.name} Cumulative" if series.cumulative else series.name
    siblings = sum(other.first.name == series.name and not other.first.cumulative for other in variables)
    return f"{label} {series.schedule}" if series.schedule and siblings > 1 else label


def _array(
    values: NDArray[np.float64], variable: _Variable, positions: Mapping[str, int] | None
) -> tuple[tuple[str, ...], NDArray[np.float64], dict[str, str]]:
    """The variable's values on its key space, without a copy where the rows lie as they should."""
    attributes = variable_attributes(variable.first)
    if variable.space is None or positions is None:
        if variable.keys != ("",):
            attributes["key"] = variable.keys[0]
        return ("time",), values[variable.rows[0]], attributes
    wanted = [positions[key] for key in variable.keys]
    first = variable.rows[0]
    in_order = wanted == list(range(len(positions)))
    if in_order and variable.rows == tuple(range(first, first + len(wanted))):
        return (variable.space, "time"), values[first : first + len(wanted)], attributes
    dense = np.full((len(positions), values.shape[1]), np.nan)
    dense[wanted] = values[list(variable.rows)]
    return (variable.space, "time"), dense, attributes


def _coordinates(block: Block, spaces: Mapping[str, Mapping[str, int]], location: Location | None) -> dict[str, Any]:
    start, end = block.start.astype("M8[ns]"), block.end.astype("M8[ns]")
    comment = _NO_WEATHER_LEAP_DAY if _skips_leap_day(block) else ""
    offset = utc_offset(location.time_zone) if location else ""
    coordinates: dict[str, Any] = {
        "time": ("time", end, time_attributes(offset, comment), TIME_ENCODING),
        "time_bounds": (("time", "bounds"), np.stack([start, end], axis=1), {}, TIME_ENCODING),
    }
    for space, keys in spaces.items():
        label = space.replace("_", " ").capitalize()
        coordinates[space] = (space, np.array(list(keys), dtype=np.str_), {"long_name": f"{label} name"})
    return coordinates


def _skips_leap_day(block: Block) -> bool:
    """Whether steps of a day or less jump over a 29 February of the calendar."""
    lengths = block.end - block.start
    if not len(lengths) or np.isnat(lengths).any() or lengths.max() > np.timedelta64(1, "D"):
        return False
    gaps = np.flatnonzero(block.start[1:] - block.end[:-1] == np.timedelta64(1, "D"))
    skipped = block.end[gaps].astype("M8[D]")
    return bool(np.any(skipped - skipped.astype("M8[M]") == np.timedelta64(28, "D")) and _all_in_february(skipped))


def _all_in_february(days: NDArray[np.datetime64]) -> bool:
    return bool(np.all(days.astype("M8[M]").astype(int) % 12 == 1))
