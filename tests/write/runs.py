"""Runs of an invented format for tests: one JSON file a run, read by an xarray engine of its own."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from simstac.errors import SourceError
from simstac.studies import EngineSource, State
from simstac.studies.source import Source

FILE = "results.json"
STATUS = "status.txt"


class JsonBackend(BackendEntrypoint):
    """A run: ``{"attrs": {…}, "groups": {path: {"coords": {name: [dims, values, units]}, "data": {…}}}}``."""

    supports_groups = True

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: Any = None) -> xr.Dataset:
        raise NotImplementedError

    def open_datatree(self, filename_or_obj: Any, *, drop_variables: Any = None) -> xr.DataTree:
        try:
            content = json.loads((Path(filename_or_obj) / FILE).read_text())
        except ValueError as error:
            raise SourceError(Path(filename_or_obj) / FILE, "is torn", "simulate again") from error
        groups = {path: _dataset(group) for path, group in content["groups"].items()}
        groups["/"] = groups.get("/", xr.Dataset()).assign_attrs(content.get("attrs", {}))
        return xr.DataTree.from_dict(groups)

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        return (Path(filename_or_obj) / FILE).exists()


class StatusSource(EngineSource):
    """The engine, and a status in a file of its own."""

    def state(self, path: Path) -> State:
        said = (path / STATUS).read_text() if (path / STATUS).exists() else "completed"
        status, _, message = said.partition(":")
        facts = {"warnings": 3, "software": "Json 1"} if status != "missing" else {}
        return State(status, message, facts, super().state(path).files)


class DeadlySource(StatusSource):
    """The same, and a file ``deaths/RUN`` beside the runs' folder says how often reading a run kills its process."""

    def open(self, path: Path) -> xr.DataTree:
        deaths = path.parent.parent / "deaths" / path.name
        left = int(deaths.read_text()) if deaths.exists() else 0
        if left:
            deaths.write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        if deaths.parent.is_dir():  # a worker in another folder must not leave a log there
            with (path.parent.parent / "read.log").open("a") as log:
                log.write(f"{path.name}\n")
        return super().open(path)


def json_source() -> Source:
    return StatusSource(JsonBackend)


def write_run(folder: Path, groups: Mapping[str, Any], attrs: Mapping[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({"attrs": attrs or {}, "groups": groups}))
    return folder


def series_group(
    zones: list[str], hours: list[int], data: Mapping[str, Any], *, meters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A group with variables (zone, time) and meters (time); hours since 2013-01-01, each of one hour."""
    return {
        "coords": {"zone": [["zone"], zones], "time": [["time"], hours]},
        "bounds": [[hour - 1, hour] for hour in hours],
        "data": {
            **{name: [["zone", "time"], values] for name, values in data.items()},
            **{name: [["time"], values] for name, values in (meters or {}).items()},
        },
    }


def _dataset(group: Mapping[str, Any]) -> xr.Dataset:
    def variable(name: str, dims: list[str], values: Any, units: str = "") -> xr.Variable:
        if name == "time":
            return xr.Variable(dims, _times(values), {"bounds": "time_bounds"} if "bounds" in group else {})
        return xr.Variable(dims, values, {"long_name": name.replace("_", " ")} | ({"units": units} if units else {}))

    coords = {name: variable(name, *content) for name, content in group.get("coords", {}).items()}
    if "bounds" in group:
        coords["time_bounds"] = xr.Variable(("time", "bounds"), _times(group["bounds"]))
    data = {name: variable(name, *content) for name, content in group.get("data", {}).items()}
    return xr.Dataset(data, coords)


def _times(hours: Any) -> np.ndarray:
    array = np.asarray(hours, dtype="int64").reshape(np.shape(hours) or (0,))
    return np.datetime64("2013-01-01", "ms") + array * np.timedelta64(3_600_000, "ms")
