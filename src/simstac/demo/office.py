"""A small office of one storey as an EnergyPlus 25.2 model: four perimeter zones around a core, built from its numbers.

Geometry, loads and schedules follow common practice for small offices (ASHRAE 90.1 and 62.1); nothing here simulates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import dist

LENGTH, WIDTH, HEIGHT = 27.7, 18.4, 3.05  # of the building, in m
PERIMETER_DEPTH = 4.6  # m
SILL, HEAD, JAMB = 0.9, 2.1, 0.5  # of the window bands: heights, and distance from the wall's ends, in m
FILM_RESISTANCE = 0.17  # m2 K W-1, inside and outside of a wall together (ISO 6946)
WEATHER_FILE = "USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw"

type Point = tuple[float, float]
type Vertex = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of the office.

    Attributes:
        u_value: Thermal transmittance of walls and roof, W m-2 K-1.
        lighting_power_density: Installed lighting power per floor area, W m-2.
        heating_setpoint: Air temperature kept while the office is open in winter, degC.
    """

    u_value: float
    lighting_power_density: float
    heating_setpoint: float

    @property
    def name(self) -> str:
        """A short name in which the parameters can be read, such as ``u0.20-l08-h20``."""
        return f"u{self.u_value:.2f}-l{self.lighting_power_density:02.0f}-h{self.heating_setpoint:.0f}"


def office_model(variant: Variant) -> str:
    """The text of the variant's input file (IDF).

    Format: EnergyPlus Input Output Reference, 25.2.
    """
    zones = _plan()
    objects = [
        *_simulation(),
        *_constructions(variant.u_value),
        *_schedules(variant.heating_setpoint),
        *(part for name, polygon in zones.items() for part in _geometry(name, polygon, zones)),
        *(part for name in zones for part in (*_loads(name, variant.lighting_power_density), *_air_system(name))),
        *_outputs(),
    ]
    return "\n".join([f"! Small office, {variant.name}; weather: {WEATHER_FILE}", *objects, ""])


def _idf(kind: str, *fields: object) -> str:
    """One object of an IDF on one line; a number is written in its shortest form, None as an empty field."""
    return ", ".join([kind, *("" if field is None else str(field) for field in fields)]) + ";"


def _plan() -> dict[str, list[Point]]:
    """The zones' floor plans, counterclockwise seen from above."""
    depth, length, width = PERIMETER_DEPTH, LENGTH, WIDTH
    outer = [(0.0, 0.0), (length, 0.0), (length, width), (0.0, width)]
    inner = [
        (depth, depth),
        (round(length - depth, 3), depth),
        (round(length - depth, 3), round(width - depth, 3)),
        (depth, round(width - depth, 3)),
    ]
    plan = {"Core": inner}
    for i, side in enumerate(("South", "East", "North", "West")):
        j = (i + 1) % 4
        plan[side] = [outer[i], outer[j], inner[j], inner[i]]
    return plan


def _edges(polygon: list[Point]) -> Iterator[tuple[Point, Point]]:
    return zip(polygon, [*polygon[1:], polygon[0]], strict=True)


def _geometry(name: str, polygon: list[Point], zones: dict[str, list[Point]]) -> Iterator[str]:
    """A zone with floor, roof, furniture, partitions to its neighbours, and façades with a band of windows."""
    neighbours = {
        (q, p): other for other, outline in zones.items() if other != name for p, q in _edges(outline)
    }  # a shared edge runs the other way round in the neighbour
    yield _idf("Zone", name)
    exposed = 0.0
    for start, end in _edges(polygon):
        neighbour = neighbours.get((start, end))
        corners = [(*start, HEIGHT), (*start, 0.0), (*end, 0.0), (*end, HEIGHT)]
        if neighbour:
            surface, other = f"{name} partition {neighbour}", f"{neighbour} partition {name}"
            yield _surface(surface, "Wall", "Partition", name, ("Surface", other, "NoSun", "NoWind"), corners)
        else:
            exposed += dist(start, end)
            yield _surface(
                f"{name} wall", "Wall", "Exterior wall", name, ("Outdoors", None, "SunExposed", "WindExposed"), corners
            )
            yield _window(name, start, end)
    roof = [(*point, HEIGHT) for point in polygon]
    yield _surface(f"{name} roof", "Roof", "Roof", name, ("Outdoors", None, "SunExposed", "WindExposed"), roof)
    slab = f"{name} slab"
    yield _idf("Construction:FfactorGroundFloor", slab, 0.93, _area(polygon), round(exposed, 3))
    floor = [(*point, 0.0) for point in reversed(polygon)]
    yield _surface(f"{name} floor", "Floor", slab, name, ("GroundFCfactorMethod", None, "NoSun", "NoWind"), floor)
    yield _idf("InternalMass", f"{name} furniture", "Furniture", name, None, _area(polygon))


def _surface(
    name: str, kind: str, construction: str, zone: str, boundary: tuple[object, ...], corners: Iterable[Vertex]
) -> str:
    coordinates = [value for corner in corners for value in corner]
    return _idf(
        "BuildingSurface:Detailed",
        *(name, kind, construction, zone, None, *boundary, "autocalculate"),
        *(len(coordinates) // 3, *coordinates),
    )


def _window(zone: str, start: Point, end: Point) -> str:
    """A band of windows in the façade from ``start`` to ``end``."""
    inset = JAMB / dist(start, end)

    def along(share: float) -> Point:
        return tuple(round(a + share * (b - a), 3) for a, b in zip(start, end, strict=True))  # type: ignore[return-value]

    left, right = along(inset), along(1 - inset)
    corners = [(*left, HEAD), (*left, SILL), (*right, SILL), (*right, HEAD)]
    coordinates = [value for corner in corners for value in corner]
    return _idf(
        "FenestrationSurface:Detailed",
        *(f"{zone} window", "Window", "Double glazing", f"{zone} wall", None, "autocalculate", None, 1),
        *(4, *coordinates),
    )


def _area(polygon: list[Point]) -> float:
    return round(sum(p[0] * q[1] - q[0] * p[1] for p, q in _edges(polygon)) / 2, 3)


def _simulation() -> list[str]:
    return [
        _idf("Version", "25.2"),
        _idf("SimulationControl", "No", "No", "No", "No", "Yes"),
        _idf("Building", "Small office", 0, "Suburbs", 0.04, 0.2, "FullExterior", 25, 6),
        _idf("Timestep", 4),
        _idf("GlobalGeometryRules", "UpperLeftCorner", "Counterclockwise", "World"),
        _idf("RunPeriod", "Year", 1, 1, 2025, 12, 31, 2025, "Wednesday", "No", "No", "No", "Yes", "Yes"),
    ]


def _constructions(u_value: float) -> list[str]:
    """Brick wall and steel-deck roof, insulated until they reach ``u_value`` (W m-2 K-1) with their air films."""
    brick, board, deck = (0.1, 0.89, 1920, 790), (0.0127, 0.16, 785, 830), (0.0015, 45.0, 7680, 418)
    others = {"Wall insulation": (brick, board), "Roof insulation": (deck, board)}
    insulation = {
        name: 1 / u_value - FILM_RESISTANCE - sum(layer[0] / layer[1] for layer in layers)
        for name, layers in others.items()
    }
    return [
        _idf("Material", "Brick", "Rough", *brick),
        _idf("Material", "Gypsum board", "Smooth", *board),
        _idf("Material", "Steel deck", "MediumSmooth", *deck),
        _idf("Material", "Wood", "MediumSmooth", 0.15, 0.12, 540, 1210),
        *(_idf("Material:NoMass", name, "Rough", round(value, 4)) for name, value in insulation.items()),
        _idf("WindowMaterial:SimpleGlazingSystem", "Glazing system", 1.4, 0.3, 0.5),
        _idf("Construction", "Exterior wall", "Brick", "Wall insulation", "Gypsum board"),
        _idf("Construction", "Roof", "Steel deck", "Roof insulation", "Gypsum board"),
        _idf("Construction", "Partition", "Gypsum board"),
        _idf("Construction", "Furniture", "Wood"),
        _idf("Construction", "Double glazing", "Glazing system"),
    ]


def _schedules(heating_setpoint: float) -> list[str]:
    """Office hours on weekdays from 7 to 19 h; setbacks at night and at weekends."""
    profiles = {
        "Occupancy": ("Fraction", [(7, 0.0), (8, 0.5), (12, 0.95), (13, 0.5), (17, 0.95), (19, 0.3), (24, 0.0)], 0.0),
        "Lighting": ("Fraction", [(6, 0.1), (8, 0.5), (18, 0.9), (20, 0.4), (24, 0.1)], 0.1),
        "Equipment": ("Fraction", [(7, 0.3), (8, 0.6), (18, 0.9), (20, 0.5), (24, 0.3)], 0.25),
        "Infiltration": ("Fraction", [(6, 1.0), (20, 0.5), (24, 1.0)], 1.0),
        "Outdoor air": ("Fraction", [(6, 0.0), (19, 1.0), (24, 0.0)], 0.0),
        "Heating setpoint": ("Temperature", [(5, 16.0), (19, heating_setpoint), (24, 16.0)], 16.0),
        "Cooling setpoint": ("Temperature", [(6, 29.0), (19, 25.0), (24, 29.0)], 29.0),
    }
    return [
        _idf("ScheduleTypeLimits", "Fraction", 0, 1, "Continuous"),
        _idf("ScheduleTypeLimits", "Temperature", -60, 200, "Continuous", "Temperature"),
        _idf("ScheduleTypeLimits", "Number", None, None, "Continuous"),
        _idf("Schedule:Constant", "Activity", "Number", 120),
        _idf("Schedule:Constant", "Dual setpoint", "Number", 4),
        *(_weekly(name, limits, steps, weekend) for name, (limits, steps, weekend) in profiles.items()),
    ]


def _weekly(name: str, limits: str, weekday: list[tuple[int, float]], weekend: float) -> str:
    until = [part for hour, value in weekday for part in (f"Until: {hour:02d}:00", value)]
    days = ["For: Weekdays SummerDesignDay WinterDesignDay", *until, "For: AllOtherDays", "Until: 24:00", weekend]
    return _idf("Schedule:Compact", name, limits, "Through: 12/31", *days)


def _loads(zone: str, lighting_power_density: float) -> list[str]:
    """People, lights, equipment and infiltration, each per floor or façade area."""
    per_area = (None, "Watts/Area", None)
    loads = [
        _idf(
            "People",
            f"{zone} people",
            zone,
            "Occupancy",
            "Area/Person",
            None,
            None,
            18.6,
            0.3,
            "autocalculate",
            "Activity",
        ),
        _idf("Lights", f"{zone} lights", zone, "Lighting", *per_area[1:], lighting_power_density, None, 0, 0.42, 0.18),
        _idf("ElectricEquipment", f"{zone} equipment", zone, "Equipment", *per_area[1:], 5.0, None, 0, 0.5, 0),
    ]
    if zone == "Core":
        return loads
    infiltration = _idf(
        "ZoneInfiltration:DesignFlowRate",
        *(
            f"{zone} infiltration",
            zone,
            "Infiltration",
            "Flow/ExteriorWallArea",
            None,
            None,
            0.0003,
            None,
            0,
            0,
            0.224,
            0,
        ),
    )
    return [*loads, infiltration]


def _air_system(zone: str) -> list[str]:
    """Ideal loads with outdoor air (2.5 L/s a person and 0.3 L/s a square metre), whose heat is recovered by 70 %.

    A dual thermostat controls them.
    """
    supply, exhaust, system = f"{zone} supply", f"{zone} exhaust", f"{zone} ideal loads"
    outdoor_air, equipment = f"{zone} outdoor air", f"{zone} equipment list"
    limits = (50, 13, 0.0156, 0.0077, *["NoLimit", None, None] * 2)
    return [
        _idf("DesignSpecification:OutdoorAir", outdoor_air, "Sum", 0.0025, 0.0003, None, None, "Outdoor air"),
        _idf(
            "ZoneHVAC:IdealLoadsAirSystem",
            *(system, None, supply, exhaust, None, *limits, None, None, "ConstantSensibleHeatRatio", 0.7),
            *("None", outdoor_air, None, "None", "NoEconomizer", "Sensible", 0.7),
        ),
        _idf(
            "ZoneHVAC:EquipmentList",
            *(equipment, "SequentialLoad", "ZoneHVAC:IdealLoadsAirSystem", system, 1, 1, None, None),
        ),
        _idf("ZoneHVAC:EquipmentConnections", zone, equipment, supply, exhaust, f"{zone} air", f"{zone} return"),
        _idf(
            "ZoneControl:Thermostat",
            *(f"{zone} thermostat", zone, "Dual setpoint", "ThermostatSetpoint:DualSetpoint", f"{zone} setpoints"),
        ),
        _idf("ThermostatSetpoint:DualSetpoint", f"{zone} setpoints", "Heating setpoint", "Cooling setpoint"),
    ]


def _outputs() -> list[str]:
    hourly = (
        "Site Outdoor Air Drybulb Temperature",
        "Zone Mean Air Temperature",
        "Zone Air Relative Humidity",
        "Zone Air System Sensible Heating Energy",
        "Zone Air System Sensible Cooling Energy",
        "Surface Window Transmitted Solar Radiation Rate",
    )
    meters = (
        "Electricity:Facility",
        "InteriorLights:Electricity",
        "InteriorEquipment:Electricity",
        "DistrictHeatingWater:Facility",
        "DistrictCooling:Facility",
    )
    return [
        _idf("Output:SQLite", "SimpleAndTabular"),
        _idf("Output:Table:SummaryReports", "AllSummary"),
        _idf("OutputControl:Table:Style", "HTML"),
        _idf("OutputControl:Files", "No", "No", "No"),
        *(_idf("Output:Variable", "*", name, "Hourly") for name in hourly),
        _idf("Output:Variable", "*", "Surface Inside Face Temperature", "Monthly"),
        *(_idf("Output:Meter", name, step) for name in meters for step in ("Hourly", "Monthly")),
    ]
