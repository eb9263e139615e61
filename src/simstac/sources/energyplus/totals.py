"""Scalar results of a run: totals of its meters over the run, besides those that its tables hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from simstac.sources.energyplus.names import unique_slugs
from simstac.sources.energyplus.series import Block, Environment, EnvironmentKind, Frequency, Results, Total

_JOULE_A_KWH = 3.6e6
_EXACT_FIRST = (Frequency.RUNPERIOD, Frequency.MONTHLY, Frequency.DAILY, Frequency.HOURLY, Frequency.TIMESTEP)
_UNITS = {"J": (1 / _JOULE_A_KWH, "kWh"), "m3": (1.0, "m3")}


def run_totals(results: Results) -> dict[str, Total]:
    """Every scalar result by name: meters, end uses, floor area and site energy use intensity.

    Meters are added up over all weather run periods, in kWh (energy) or m3 (water), from the coarsest frequency that
    is complete in each of them: ``Electricity:Facility`` becomes ``electricity_facility_total``.
    """
    totals = dict(_meter_totals(results.blocks))
    totals.update(results.totals)
    if results.floor_area:
        totals["floor_area"] = Total(results.floor_area, "m2", "Total building area")
    return dict(sorted(totals.items()))


def _meter_totals(blocks: Sequence[Block]) -> dict[str, Total]:
    weather = [block for block in blocks if block.environment.kind == EnvironmentKind.WEATHER]
    environments = set(dict.fromkeys(block.environment for block in weather))
    sums: dict[str, tuple[float, str]] = {}
    for frequency in _EXACT_FIRST:
        by_meter: dict[tuple[str, str], dict[Environment, float]] = {}
        for block in weather:
            if block.frequency == frequency:
                for key, value in _sums(block).items():
                    by_meter.setdefault(key, {})[block.environment] = value
        for (name, unit), values in by_meter.items():
            total = math.fsum(values.values())
            if set(values) == environments and not math.isnan(total):
                sums.setdefault(name, (total, unit))
    return _named(sums)


def _sums(block: Block) -> Mapping[tuple[str, str], float]:
    """The sum over a block of every meter that has a unit we add up; NaN where a value is missing."""
    return {
        (series.name, series.units): math.fsum(values)
        for series, values in zip(block.series, block.values, strict=True)
        if series.meter and not series.cumulative and series.units in _UNITS
    }


def _named(sums: Mapping[str, tuple[float, str]]) -> dict[str, Total]:
    slugs = unique_slugs(f"{name} Total" for name in sums)
    totals = {}
    for name, (value, unit) in sums.items():
        factor, target = _UNITS[unit]
        totals[slugs[f"{name} Total"]] = Total(value * factor, target, f"{name}, total of the run")
    return totals
