"""Every run that EP-Launch knows in a folder: its columns, how it ended, and whether it is of its input as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from simstac.sources.eplaunch.cache import Value, folders_with_cache
from simstac.sources.eplaunch.freshness import freshness
from simstac.sources.eplaunch.launches import find_launches
from simstac.storage import is_address


@dataclass(frozen=True, slots=True)
class LaunchStatus:
    """One workflow and input file.

    Attributes:
        run: The file's path below the folder, and the workflow.
        workflow: The workflow; empty where EP-Launch lost its entry.
        file: The input file's path below the folder.
        status: How it ended: completed, failed, incomplete, missing, superseded, or no simulation.
        fresh: ``fresh``, ``stale`` or ``unknown``: whether the results are of the input as it is; empty without any.
        reason: Why it is not fresh: input, weather, outputs, never run, failed, superseded.
        message: What the run or its place says, in one line.
        weather: The path of the weather file; empty where there is none.
        columns: The columns that EP-Launch remembers.
    """

    run: str
    workflow: str
    file: str
    status: str
    fresh: str
    reason: str
    message: str
    weather: str
    columns: Mapping[str, Value]

    @property
    def ok(self) -> bool:
        """Whether nothing has to be run again; superseded results are those of another launch."""
        return self.fresh in {"fresh", ""} or self.status == "superseded"


def is_launch_folder(path: Path | str) -> bool:
    """Whether EP-Launch worked in a folder or below it."""
    return not is_address(path) and Path(path).is_dir() and bool(folders_with_cache(Path(path)))


def launch_status(top: Path) -> tuple[tuple[LaunchStatus, ...], tuple[str, ...]]:
    """Every launch in a folder and below it, and warnings, a line each; what was not seen before is recorded.

    Raises:
        SourceError: If EP-Launch did not work there.
    """
    launches, warnings = find_launches(top)
    rows, unrecorded = [], dict[str, None]()
    for launch in launches:
        fresh = freshness(launch)
        if fresh.warning:
            unrecorded[fresh.warning] = None
        rows.append(
            LaunchStatus(
                run=launch.name,
                workflow=launch.entry.workflow,
                file=launch.input.relative_to(top).as_posix(),
                status=launch.status,
                fresh=fresh.state,
                reason=fresh.reason,
                message=launch.message,
                weather=launch.entry.weather,
                columns=launch.entry.columns,
            )
        )
    return tuple(rows), (*warnings, *unrecorded)
