"""Every run of a project or a folder: how it ended, and whether the store has it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simstac.config import Collection, Project, load_project
from simstac.config.sources import StudySource
from simstac.errors import SourceError
from simstac.pipeline.place import store_place
from simstac.progress import OnProgress, silent
from simstac.studies import Run, State, Study, find_study
from simstac.write import stored_fingerprints


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run.

    Attributes:
        collection: The collection it belongs to; empty for a folder without a configuration.
        run: The run's name.
        status: How it ended: completed, failed, incomplete or missing.
        store: ``current``, ``stale`` (its results changed), ``new`` (not built yet), ``kept`` (its results are gone),
            or empty for a folder without a configuration.
        message: Why, where it did not complete.
    """

    collection: str
    run: str
    status: str
    store: str
    message: str


def status(path: Path, *, engine: str = "energyplus", on_progress: OnProgress = silent) -> tuple[RunStatus, ...]:
    """The runs of a configuration file, or of a folder of runs.

    Args:
        path: A configuration or a folder.
        engine: The xarray engine that reads the runs of a folder.
        on_progress: Hears of every run compared.

    Raises:
        ConfigError: If the configuration cannot be used.
        SourceError: If there are no runs.
        StorageError: If a store is there but cannot be opened.
    """
    if path.is_dir():
        return tuple(_rows("", find_study(path, engine=engine), {}, {}))
    project = load_project(path)
    return tuple(row for each in project.collections for row in _collection_rows(project, each, on_progress))


def _collection_rows(project: Project, collection: Collection, on_progress: OnProgress) -> Iterator[RunStatus]:
    source, place = collection.source, store_place(project, collection)
    if not isinstance(source, StudySource):
        return
    study = find_study(source.path, parameters=source.parameters, engine=source.engine, base=project.folder)
    stored = stored_fingerprints(place.href, place.scheme, credentials=place.credentials)
    yield from _rows(collection.id, study, study.fingerprints(on_progress), stored)


def _rows(collection: str, study: Study, marks: dict[str, str], stored: dict[str, str]) -> Iterator[RunStatus]:
    for run in study.runs:
        state = _state(study, run)
        if state.status == "completed" and stored.get(run.name) == "":
            state = State("incomplete", "the last build could not use it; simstac build says why")
        yield RunStatus(collection, run.name, state.status, _in_store(run.name, marks, stored), state.message)
    names = {run.name for run in study.runs}
    yield from (
        RunStatus(collection, name, "missing", "kept", "its results are gone") for name in stored if name not in names
    )


def _state(study: Study, run: Run) -> State:
    if run.path is None:
        return State("missing", "its results are not there")
    try:
        return study.source.state(run.path)
    except SourceError as error:
        return State("incomplete", str(error))


def _in_store(name: str, marks: dict[str, str], stored: dict[str, str]) -> str:
    if not marks:
        return ""
    if name not in stored:
        return "new"
    return "current" if stored[name] == marks[name] else "stale"
