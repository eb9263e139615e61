"""The runs of EP-Launch as a study: what it remembers of them are their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simstac.errors import SourceError
from simstac.sources.eplaunch.freshness import weather_name
from simstac.sources.eplaunch.launches import NO_SIMULATION, SUPERSEDED, Launch
from simstac.studies.definition import Study, with_parameters
from simstac.studies.parameters import cf_name
from simstac.studies.runs import Run, in_order
from simstac.studies.source import EnergyPlusSource, State


@dataclass(frozen=True, slots=True)
class EPLaunchSource(EnergyPlusSource):
    """EnergyPlus runs, some of whose results were replaced by those of a later run.

    Attributes:
        superseded: Why, by the path that stands for such a run.
    """

    superseded: Mapping[str, str] = field(default_factory=dict)

    def state(self, path: Path) -> State:
        """See `Source`; a superseded run has no data of its own any more."""
        if why := self.superseded.get(str(path)):
            return State(SUPERSEDED, why)
        return EnergyPlusSource.state(self, path)


def study_of_launches(launches: Sequence[Launch], top: Path) -> Study:
    """The study of all launches that simulate, each called by its file and workflow.

    Args:
        launches: The launches, from `simstac.sources.eplaunch.launches.find_launches`.
        top: The folder that published paths are relative to.

    Raises:
        SourceError: If none of them simulates, or one has a name that is not UTF-8.
    """
    simulated = [launch for launch in launches if launch.status != NO_SIMULATION]
    if not simulated:
        raise SourceError(top, "holds no simulation of EP-Launch", "run one of its files, or name another folder")
    superseded = {str(_stands_for(each)): each.message for each in simulated if each.status == SUPERSEDED}
    runs = in_order((_run(launch, top) for launch in simulated), str(top))
    table = _distinct({launch.name: _parameters(launch) for launch in simulated})
    return with_parameters(runs, EPLaunchSource(superseded=superseded), table)


def _run(launch: Launch, top: Path) -> Run:
    path = _stands_for(launch) if launch.status == SUPERSEDED else launch.result_file
    if path is None:
        return Run(launch.name, None, problem=launch.message)
    source = launch.outputs or launch.input
    return Run(launch.name, path, source.relative_to(top).as_posix())


def _stands_for(launch: Launch) -> Path:
    """A path that no other run has: superseded results have none of their own."""
    return launch.folder / f"{launch.entry.file}.{launch.entry.workflow}"


def _distinct(table: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The table with a number behind labels that would become one name, since workflows call columns what they like."""
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted({label for row in table.values() for label in row}):
        title, bracket, unit = label.partition(" [")
        called, number = title, 2
        while cf_name(called).casefold() in taken:
            called, number = f"{title} {number}", number + 1
        taken.add(cf_name(called).casefold())
        labels[label] = f"{called}{bracket}{unit}"
    return {run: {labels[label]: value for label, value in row.items()} for run, row in table.items()}


def _parameters(launch: Launch) -> dict[str, Any]:
    """The columns that EP-Launch remembers, under its name, and what the run was set up with."""
    remembered = {f"EP-Launch {column}": value for column, value in launch.entry.columns.items()}
    set_up = {key: value for key, value in launch.entry.config.items() if key != "weather"}
    parameters = {
        "input file": launch.input.name,
        "workflow": launch.entry.workflow,
        "weather": weather_name(launch),
        **{f"EP-Launch {key}": value for key, value in set_up.items()},
        **remembered,
    }
    return {_as_utf8(key): _as_utf8(value) for key, value in parameters.items()}


def _as_utf8(value: Any) -> Any:
    """A value that any store keeps: names of files need not be UTF-8, and EP-Launch keeps them as they are."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
