"""Small buildings as IDF text for the real engine; each test asks for the outputs and periods that it is about."""

from collections.abc import Sequence
from typing import Any

HEADER = """
Version,25.2;
Timestep,{timesteps};
Building,{building},0,Suburbs,0.04,0.4,FullExterior,25,6;
GlobalGeometryRules,UpperLeftCorner,Counterclockwise,World;
Site:GroundTemperature:BuildingSurface,18,18,18,18,18,18,18,18,18,18,18,18;
Material,Concrete,Rough,0.15,1.1,2200,900,0.9,0.7,0.7;
Material,Insulation,Rough,{insulation},0.035,40,1400,0.9,0.7,0.7;
WindowMaterial:SimpleGlazingSystem,Glass,1.6,0.5;
Construction,Wall,Insulation,Concrete;
Construction,Slab,Concrete;
Construction,Window,Glass;
ScheduleTypeLimits,Any;
Schedule:Constant,Always,Any,1;
Schedule:Constant,Activity,Any,120;
Schedule:Compact,Workdays,Any,Through: 12/31,For: Weekdays SummerDesignDay,Until: 8:00,0,Until: 18:00,1,Until: 24:00,0,
  For: AllOtherDays,Until: 24:00,0;
HVACTemplate:Thermostat,Thermostat,,20,,26;
Output:SQLite,SimpleAndTabular;
"""

ZONE = """
Zone,{zone},0,0,0,0;
BuildingSurface:Detailed,{zone} Floor,Floor,Slab,{zone},,Ground,,NoSun,NoWind,,4,
  {x1},0,0,{x0},0,0,{x0},8,0,{x1},8,0;
BuildingSurface:Detailed,{zone} Roof,Roof,Wall,{zone},,Outdoors,,SunExposed,WindExposed,,4,
  {x0},8,3,{x0},0,3,{x1},0,3,{x1},8,3;
BuildingSurface:Detailed,{zone} South,Wall,Wall,{zone},,Outdoors,,SunExposed,WindExposed,,4,
  {x0},0,3,{x0},0,0,{x1},0,0,{x1},0,3;
BuildingSurface:Detailed,{zone} North,Wall,Wall,{zone},,Outdoors,,SunExposed,WindExposed,,4,
  {x1},8,3,{x1},8,0,{x0},8,0,{x0},8,3;
BuildingSurface:Detailed,{zone} West,Wall,Wall,{zone},,Adiabatic,,NoSun,NoWind,,4,
  {x0},8,3,{x0},8,0,{x0},0,0,{x0},0,3;
BuildingSurface:Detailed,{zone} East,Wall,Wall,{zone},,Adiabatic,,NoSun,NoWind,,4,
  {x1},0,3,{x1},0,0,{x1},8,0,{x1},8,3;
FenestrationSurface:Detailed,{zone} Pane,Window,Window,{zone} South,,,,,4,
  {w0},0,2.5,{w0},0,1,{w1},0,1,{w1},0,2.5;
Lights,{zone} Lights,{zone},Workdays,Watts/Area,,10,,0,0.4,0.2,1,General;
ZoneInfiltration:DesignFlowRate,{zone} Infiltration,{zone},Always,AirChanges/Hour,,,,0.3,1,0,0,0;
"""

IDEAL = "HVACTemplate:Zone:IdealLoadsAirSystem,{zone},Thermostat;\n"
PTAC = "HVACTemplate:Zone:PTAC,{zone},Thermostat;\n"

DESIGN_DAYS = """
SizingPeriod:DesignDay,Winter Day,1,21,WinterDesignDay,-18.8,0,DefaultMultipliers,,Wetbulb,-18.8,,,,,81198,3,340,
  No,No,No,ASHRAEClearSky,,,,,0;
SizingPeriod:DesignDay,Summer Day,7,21,SummerDesignDay,32.6,15.2,DefaultMultipliers,,Wetbulb,15.5,,,,,81198,4,120,
  No,No,No,ASHRAEClearSky,,,,,1;
"""

_FACES = (
    ("Floor", "Floor", [(6, 0, 0), (0, 0, 0), (0, 8, 0), (6, 8, 0)]),
    ("Roof", "Roof", [(0, 8, 3), (0, 0, 3), (6, 0, 3), (6, 8, 3)]),
    ("South", "Wall", [(0, 0, 3), (0, 0, 0), (6, 0, 0), (6, 0, 3)]),
    ("North", "Wall", [(6, 8, 3), (6, 8, 0), (0, 8, 0), (0, 8, 3)]),
    ("West", "Wall", [(0, 8, 3), (0, 8, 0), (0, 0, 0), (0, 0, 3)]),
    ("East", "Wall", [(6, 0, 3), (6, 0, 0), (6, 8, 0), (6, 8, 3)]),
)

FREQUENCIES = ("Timestep", "Hourly", "Daily", "Monthly", "RunPeriod", "Annual")


def run_period(name: str = "Year", begin: str = "1/1", end: str = "12/31", year: int | str = 2017) -> str:
    """A RunPeriod from ``begin`` to ``end`` (month/day); an empty year lets the engine choose one."""
    month, day = begin.split("/")
    last_month, last_day = end.split("/")
    return f"RunPeriod,{name},{month},{day},{year},{last_month},{last_day},{year},,No,No,No,Yes,Yes;\n"


def output(name: str, frequency: str = "Hourly", key: str = "*", schedule: str = "") -> str:
    """An Output:Variable."""
    return f"Output:Variable,{key},{name},{frequency},{schedule};\n"


def meter(name: str, frequency: str = "Hourly", *, cumulative: bool = False) -> str:
    """An Output:Meter."""
    return f"Output:Meter{':Cumulative' if cumulative else ''},{name},{frequency};\n"


def building(
    *objects: str,
    zones: Sequence[str] = ("Core",),
    system: str = IDEAL,
    insulation: float = 0.1,
    timesteps: int = 4,
    run_sizing: bool = False,
    name: str = "Small office",
) -> str:
    """A row of box-shaped rooms, 6 by 8 by 3 metres each, with what ``objects`` add: periods, outputs and others."""
    run = "Yes" if run_sizing else "No"
    sizing = "Yes" if system == PTAC else "No"
    parts = [
        HEADER.format(timesteps=timesteps, building=name, insulation=insulation),
        f"SimulationControl,{sizing},No,No,{run},Yes;\n",
        DESIGN_DAYS,
    ]
    for index, zone in enumerate(zones):
        left = 6 * index
        parts.append(ZONE.format(zone=zone, x0=left, x1=left + 6, w0=left + 1, w1=left + 5))
        parts.append(system.format(zone=zone))
    return "".join([*parts, *objects])


def free_floating_room(zone: str, period: str) -> dict[str, Any]:
    """One room without any system as epJSON, whose names may hold what IDF text cannot, such as commas."""
    surfaces = {}
    for face, kind, corners in _FACES:
        surfaces[f"{zone} {face}"] = {
            "surface_type": kind,
            "construction_name": "Slab",
            "zone_name": zone,
            "outside_boundary_condition": "Adiabatic" if kind == "Floor" else "Outdoors",
            "sun_exposure": "NoSun" if kind == "Floor" else "SunExposed",
            "wind_exposure": "NoWind" if kind == "Floor" else "WindExposed",
            "vertices": [{f"vertex_{axis}_coordinate": v for axis, v in zip("xyz", c, strict=True)} for c in corners],
        }
    names = ("Zone Mean Air Temperature", "Surface Inside Face Temperature")
    days = {"begin_month": 1, "begin_day_of_month": 1, "begin_year": 2017}
    rules = {"starting_vertex_position": "UpperLeftCorner", "vertex_entry_direction": "Counterclockwise"}
    concrete = {"roughness": "Rough", "thickness": 0.15, "conductivity": 1.1, "density": 2200, "specific_heat": 900}
    return {
        "Version": {"Version": {"version_identifier": "25.2"}},
        "Building": {"Room": {}},
        "GlobalGeometryRules": {"Rules": {**rules, "coordinate_system": "World"}},
        "SimulationControl": {"Control": {"run_simulation_for_sizing_periods": "No"}},
        "RunPeriod": {period: {**days, "end_month": 1, "end_day_of_month": 2, "end_year": 2017}},
        "Material": {"Concrete": concrete},
        "Construction": {"Slab": {"outside_layer": "Concrete"}},
        "Zone": {zone: {}},
        "BuildingSurface:Detailed": surfaces,
        "Output:SQLite": {"SQLite": {"option_type": "Simple"}},
        "Output:Variable": {
            name: {"key_value": "*", "variable_name": name, "reporting_frequency": "Hourly"} for name in names
        },
    }
