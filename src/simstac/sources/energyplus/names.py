"""Names in xarray: slugs of variables, and the key space that a variable's keys belong to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

WHOLE_MODEL_KEYS = frozenset({"ENVIRONMENT", "WHOLE BUILDING", "FACILITY", "SITE", "SIMHVAC", "EMS"})
"""Keys of variables that exist once in a model; such a variable has no key dimension."""

OTHER_SPACE = "system"
"""The key space of objects that are in no other."""

_OBJECT_SPACES = {
    "AFN Linkage": "afn_linkage",
    "AFN Node": "afn_node",
    "AFN Surface": "afn_linkage",
    "Air System": "air_system",
    "Availability Manager": "availability_manager",
    "Baseboard": "baseboard",
    "Boiler": "boiler",
    "Chiller": "chiller",
    "Chiller Heater": "chiller_heater",
    "Cooling Coil": "cooling_coil",
    "Cooling Tower": "cooling_tower",
    "Daylighting": "daylighting_control",
    "Electric Equipment": "electric_equipment",
    "Electric Load Center": "electric_load_center",
    "Electric Storage": "electric_storage",
    "Enclosure": "enclosure",
    "Evaporative Cooler": "evaporative_cooler",
    "Exterior Equipment": "exterior_equipment",
    "Exterior Lights": "exterior_lights",
    "Fan": "fan",
    "Fan Coil": "fan_coil",
    "Fluid Heat Exchanger": "fluid_heat_exchanger",
    "Gas Equipment": "gas_equipment",
    "Generator": "generator",
    "Ground Heat Exchanger": "ground_heat_exchanger",
    "Heat Exchanger": "heat_exchanger",
    "Heat Pump": "heat_pump",
    "Heating Coil": "heating_coil",
    "Hot Water Equipment": "hot_water_equipment",
    "Humidifier": "humidifier",
    "ITE": "it_equipment",
    "Infiltration": "infiltration",
    "Inverter": "inverter",
    "Lights": "lights",
    "Other Equipment": "other_equipment",
    "People": "people",
    "Performance Curve": "curve",
    "Pipe": "pipe",
    "Plant Common Pipe": "plant_loop",
    "Plant Demand Side": "plant_loop",
    "Plant Load Profile": "plant_load_profile",
    "Plant Loop": "plant_loop",
    "Plant Supply Side": "plant_loop",
    "Plant System": "plant_loop",
    "Pump": "pump",
    "Refrigeration Case": "refrigeration_case",
    "Refrigeration Compressor Rack": "refrigeration_rack",
    "Refrigeration System": "refrigeration_system",
    "Refrigeration Walk In": "refrigeration_walk_in",
    "Schedule Value": "schedule",
    "Solar Collector": "solar_collector",
    "Space": "space",
    "Steam Equipment": "steam_equipment",
    "Surface": "surface",
    "System Node": "node",
    "Transformer": "transformer",
    "Unitary System": "unitary_system",
    "VRF Heat Pump": "vrf_heat_pump",
    "Water Heater": "water_heater",
    "Water System": "water_storage",
    "Water Use Connections": "water_use_connections",
    "Water Use Equipment": "water_use_equipment",
    "Zone Group": "zone_group",
    "Zone Ideal Loads": "ideal_loads",
    "Zone List": "zone_list",
    "Zone Packaged Terminal": "packaged_terminal_unit",
    "Zone Thermal Comfort": "people",
    "Zone Unit Heater": "unit_heater",
    "Zone Unit Ventilator": "unit_ventilator",
    "Zone VRF Air Terminal": "vrf_terminal",
    "Zone Ventilator": "energy_recovery_ventilator",
    "Zone Water to Air Heat Pump": "water_to_air_heat_pump",
    "Zone Window Air Conditioner": "window_air_conditioner",
}
_LONGEST_FIRST = sorted(_OBJECT_SPACES, key=len, reverse=True)
_WORD_STARTS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SEPARATORS = re.compile(r"[^0-9a-z]+")


def slug(text: str) -> str:
    """``text`` in lower-case ASCII letters, digits and underscores.

    ``DistrictHeatingWater:Facility`` becomes ``district_heating_water_facility``.
    """
    plain = unicodedata.normalize("NFKD", _WORD_STARTS.sub(" ", text).casefold())
    ascii_only = "".join(character for character in plain if not unicodedata.combining(character))
    return _SEPARATORS.sub("_", ascii_only).strip("_") or "unnamed"


def unique_slugs(texts: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A slug of each distinct text; equal ones, and those already ``taken``, get a number, in the texts' own order."""
    used = set(taken)
    slugs = {}
    for text in sorted(set(texts)):
        base = name = slug(text)
        number = 2
        while name in used:
            name = f"{base}_{number}"
            number += 1
        used.add(name)
        slugs[text] = name
    return slugs


def key_space(variable: str, keys: Collection[str], names: Mapping[str, frozenset[str]]) -> str | None:
    """The dimension that the keys of a variable lie on, or None for a variable that a model has once.

    The objects that a variable is about decide, as its name begins; then the names of the model's zones and surfaces,
    of which ``names`` holds the upper-case ones. A killed run may not tell the zones: then every other variable whose
    name begins with ``Zone`` is of zones.
    """
    upper = {key.upper() for key in keys}
    if len(upper) == 1 and upper <= WHOLE_MODEL_KEYS:
        return None
    for prefix in _LONGEST_FIRST:
        if variable == prefix or variable.startswith(f"{prefix} "):
            return _OBJECT_SPACES[prefix]
    if variable.startswith("Zone ") and not names.get("zone"):
        return "zone"
    for space, known in names.items():
        if upper <= known:
            return space
    return OTHER_SPACE
