"""CF attributes of EnergyPlus variables and of their coordinates."""

from __future__ import annotations

from simstac.sources.energyplus.series import Series
from simstac.sources.energyplus.units import udunits

CONVENTIONS = "CF-1.11"

TIME_ENCODING = {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"}
"""How times and their bounds are written to files alike."""

STANDARD_NAMES = {
    "Site Diffuse Solar Radiation Rate per Area": "surface_diffuse_downwelling_shortwave_flux_in_air",
    "Site Direct Solar Radiation Rate per Area": "surface_direct_along_beam_shortwave_flux_in_air",
    "Site Outdoor Air Barometric Pressure": "air_pressure",
    "Site Outdoor Air Density": "air_density",
    "Site Outdoor Air Dewpoint Temperature": "dew_point_temperature",
    "Site Outdoor Air Drybulb Temperature": "air_temperature",
    "Site Outdoor Air Humidity Ratio": "humidity_mixing_ratio",
    "Site Outdoor Air Relative Humidity": "relative_humidity",
    "Site Outdoor Air Wetbulb Temperature": "wet_bulb_temperature",
    "Site Wind Direction": "wind_from_direction",
    "Site Wind Speed": "wind_speed",
    "Zone Air Humidity Ratio": "humidity_mixing_ratio",
    "Zone Air Relative Humidity": "relative_humidity",
    "Zone Air Temperature": "air_temperature",
    "Zone Mean Air Dewpoint Temperature": "dew_point_temperature",
    "Zone Mean Air Humidity Ratio": "humidity_mixing_ratio",
    "Zone Mean Air Temperature": "air_temperature",
}


def variable_attributes(series: Series) -> dict[str, str]:
    """The attributes of the variable that ``series`` is one key of."""
    attributes = {
        "long_name": series.name,
        "units": udunits(series.units),
        "original_units": series.units,
        "cell_methods": "time: point" if series.cumulative else f"time: {'mean' if series.mean else 'sum'}",
    }
    if standard_name := STANDARD_NAMES.get(series.name):
        attributes["standard_name"] = standard_name
    if series.cumulative:
        attributes["comment"] = "Sum since the environment period began"
    if series.schedule:
        attributes["report_schedule"] = series.schedule
    return attributes


def time_attributes(utc_offset: str, comment: str) -> dict[str, str]:
    """The attributes of a time coordinate in the local standard time of ``utc_offset``, for example ``UTC-07:00``."""
    reference = f"local standard time ({utc_offset})" if utc_offset else "local standard time"
    attributes = {
        "standard_name": "time",
        "long_name": f"End of the interval, {reference}, without daylight saving",
        "axis": "T",
        "bounds": "time_bounds",
        "time_reference": reference,
    }
    if comment:
        attributes["comment"] = comment
    return attributes


def utc_offset(hours: float) -> str:
    """``UTC-07:00`` for -7."""
    minutes = round(abs(hours) * 60)
    return f"UTC{'-' if hours < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
