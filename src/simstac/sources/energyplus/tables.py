"""Tabular results of the SQL file: end uses, site energy, floor area, location."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from simstac.sources.energyplus.names import slug
from simstac.sources.energyplus.series import Location, Total

_SUMMARY = "AnnualBuildingUtilityPerformanceSummary"
_TO_KWH = {
    "GJ": 1e9 / 3.6e6,
    "MJ": 1e6 / 3.6e6,
    "J": 1 / 3.6e6,
    "kWh": 1.0,
    "Wh": 1e-3,
    "MWh": 1e3,
    "kBtu": 1055.05585262 * 1e3 / 3.6e6,
}
_TO_M3 = {"m3": 1.0, "gal": 3.785411784e-3, "L": 1e-3}
_WATER = "Water"
_ALL_USES = "Total End Uses"


def tabular_totals(connection: sqlite3.Connection, area: float | None) -> dict[str, Total]:
    """End uses of every fuel that is used, in kWh or m3, and the site energy use intensity in kWh m-2.

    They are of the annual summary report, which covers all weather run periods; its unit conversion is undone.
    """
    if not _has_tables(connection):
        return {}
    totals = _end_uses(connection)
    site = _cell(connection, "Site and Source Energy", "Total Site Energy", "Total Energy")
    if site and area and site[1] in _TO_KWH:
        energy = site[0] * _TO_KWH[site[1]]
        totals["eui"] = Total(energy / area, "kWh m-2", "Total site energy per total building area")
    return totals


def floor_area(connection: sqlite3.Connection) -> float | None:
    """Square metres of the zones that are part of the building's total area, with multipliers; None without zones."""
    query = "SELECT sum(FloorArea * Multiplier * ListMultiplier) FROM Zones WHERE IsPartOfTotalArea"
    area: float | None = connection.execute(query).fetchone()[0]
    return area


def tabular_location(connection: sqlite3.Connection) -> Location | None:
    """Where the building stands, as the input verification summary says; None where it was not reported."""
    if not _has_tables(connection):
        return None
    query = (
        "SELECT RowName, Value FROM TabularDataWithStrings"
        " WHERE ReportName = 'InputVerificationandResultsSummary' AND TableName = 'General'"
    )
    general = {row: value.strip() for row, value in connection.execute(query)}
    try:
        return Location(
            name=" ".join(general["Weather File"].split()),
            latitude=float(general["Latitude"]),
            longitude=float(general["Longitude"]),
            time_zone=float(general["Time Zone"]),
            elevation=float(general["Elevation"]),
        )
    except (KeyError, ValueError):
        return None


def _end_uses(connection: sqlite3.Connection) -> dict[str, Total]:
    query = (
        "SELECT ColumnName, RowName, Value, Units FROM TabularDataWithStrings"
        " WHERE ReportName = ? AND TableName = 'End Uses' ORDER BY TabularDataIndex"
    )
    by_fuel: dict[str, dict[str, Total]] = defaultdict(dict)
    for fuel, use, text, unit in connection.execute(query, (_SUMMARY,)):
        value = _number(text)
        factors, target = (_TO_M3, "m3") if fuel == _WATER else (_TO_KWH, "kWh")
        if use.strip() and value is not None and unit in factors:
            by_fuel[fuel][use] = Total(value * factors[unit], target, f"{use}, {fuel}")
    return {
        _end_use_name(use, fuel): total
        for fuel, uses in by_fuel.items()
        if any(total.value for total in uses.values())
        for use, total in uses.items()
    }


def _end_use_name(use: str, fuel: str) -> str:
    return f"end_use_{'total' if use == _ALL_USES else slug(use)}_{slug(fuel)}"


def _cell(connection: sqlite3.Connection, table: str, row: str, column: str) -> tuple[float, str] | None:
    """The value and the unit of one cell of the annual summary report."""
    query = (
        "SELECT Value, Units FROM TabularDataWithStrings"
        " WHERE ReportName = ? AND TableName = ? AND RowName = ? AND ColumnName = ?"
    )
    found = connection.execute(query, (_SUMMARY, table, row, column)).fetchone()
    value = _number(found[0]) if found else None
    return None if value is None else (value, found[1])


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _has_tables(connection: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'TabularDataWithStrings'"
    return bool(connection.execute(query).fetchone()[0])
