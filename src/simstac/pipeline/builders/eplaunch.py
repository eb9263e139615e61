"""Folders of EP-Launch → one ensemble store."""

from __future__ import annotations

from dataclasses import replace

from simstac.config.sources import EPLaunchSource
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.builders.study import build_runs
from simstac.sources.eplaunch.freshness import STALE, UNKNOWN, freshness
from simstac.sources.eplaunch.launches import SUPERSEDED, find_launches
from simstac.studies.eplaunch import study_of_launches


def build_eplaunch(order: Order, source: EPLaunchSource) -> Built:
    """Write the ensemble of all runs, and tell which are not of their input any more.

    Raises:
        SimstacError: If it cannot be built.
    """
    top = order.project.folder / source.path
    launches, warnings = find_launches(top)
    built = build_runs(order, study_of_launches(launches, top))
    superseded = {launch.name for launch in launches if launch.status == SUPERSEDED}
    problems = [line for line in built.problems if line.partition(f": {SUPERSEDED}")[0] not in superseded]
    notes = [line for line in built.problems if line not in problems]
    for launch in launches:
        fresh = freshness(launch)
        if launch.status == "completed" and fresh.state in {STALE, UNKNOWN}:
            notes.append(f"{launch.name}: {fresh.state}: {fresh.reason}")
    return replace(built, problems=tuple(problems), notes=(*built.notes, *warnings, *notes))
