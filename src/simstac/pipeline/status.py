"""Every run of a project or a folder: how it ended, and whether the store has it as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from simstac.config import Collection, Project, load_project
from simstac.config.sources import EPLaunchSource, ScytheSource, StudySource
from simstac.errors import SourceError
from simstac.objects import files_at
from simstac.pipeline.experiment import known_runs, open_experiment
from simstac.pipeline.place import Place, store_place
from simstac.pipeline.study import configured_study, launched_study
from simstac.progress import OnProgress, silent
from simstac.sources.scythe.layout import find_runs, fingerprint, gathered_frames, why_incomplete
from simstac.storage import is_address
from simstac.studies import Run, State, Study, find_study
from simstac.studies.definition import OpenFiles
from simstac.studies.fetch import at_hand
from simstac.write import StoredRun, stored_runs

READING_THREADS = 8


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


def status(
    path: Path | str,
    *,
    engine: str = "energyplus",
    open_files: OpenFiles = files_at,
    on_progress: OnProgress = silent,
) -> tuple[RunStatus, ...]:
    """The runs of a configuration file, or of a folder of runs.

    Of a run that is in the store as it is, the store says how it ended; nothing of it is read or fetched.

    Args:
        path: A configuration, a folder, or the address of runs in a bucket.
        engine: The xarray engine that reads the runs of a folder.
        open_files: How the address is reached: `simstac.objects.files_at` with its keywords bound.
        on_progress: Hears of every run compared.

    Raises:
        ConfigError: If the configuration cannot be used.
        SourceError: If there are no runs.
        StorageError: If a store is there but cannot be opened.
    """
    if is_address(path) or Path(path).is_dir():
        rows = tuple(_rows("", find_study(path, engine=engine, open_files=open_files), {}, {}))
        if all(row.status == "missing" for row in rows):
            remedy = "name the folder that the runs' folders are in"
            raise SourceError(path, f"holds no runs that {engine} reads", remedy)
        return rows
    project = load_project(path)
    return tuple(row for each in project.collections for row in _collection_rows(project, each, on_progress))


def _collection_rows(project: Project, collection: Collection, on_progress: OnProgress) -> Iterator[RunStatus]:
    source, place = collection.source, store_place(project, collection)
    match source:
        case ScytheSource():
            yield from _experiment_rows(project, collection, source, place)
            return
        case StudySource():
            study = configured_study(project, source)
        case EPLaunchSource():
            study = launched_study(project, source)
        case _:
            return
    stored = stored_runs(place.href, place.scheme, credentials=place.credentials)
    yield from _rows(collection.id, study, study.fingerprints(on_progress), stored)


def _experiment_rows(
    project: Project, collection: Collection, source: ScytheSource, place: Place
) -> Iterator[RunStatus]:
    files, below = open_experiment(project, source)
    known, runs = known_runs(place), find_runs(files, below)
    for run in runs:
        frames, stored = gathered_frames(files, run), known.get(run.name)
        is_current = stored is not None and stored.fingerprint == fingerprint(frames)
        message = "" if is_current else why_incomplete(files, run, frames)
        store = "current" if is_current else "stale" if stored else "new"
        yield RunStatus(collection.id, run.name, "incomplete" if message else "completed", store, message)
    gone = () if below else sorted(known.keys() - {run.name for run in runs})
    yield from (RunStatus(collection.id, name, "missing", "kept", "its results are gone") for name in gone)


def _rows(
    collection: str, study: Study, marks: Mapping[str, str], stored: Mapping[str, StoredRun]
) -> Iterator[RunStatus]:
    with ThreadPoolExecutor(READING_THREADS) as pool:
        states = pool.map(lambda run: _state(study, run, marks.get(run.name, ""), stored.get(run.name)), study.runs)
        for run, state in zip(study.runs, states, strict=True):
            yield RunStatus(collection, run.name, state.status, _in_store(run.name, marks, stored), state.message)
    names = {run.name for run in study.runs}
    yield from (
        RunStatus(collection, name, "missing", "kept", "its results are gone") for name in stored if name not in names
    )


def _state(study: Study, run: Run, mark: str, stored: StoredRun | None) -> State:
    if run.path is None:
        return State("missing", "its results are not there")
    if stored and mark and stored.fingerprint == mark:
        return State(stored.status, stored.message)
    try:
        with at_hand(run.path, study.source) as here:
            state = here.state
    except SourceError as error:
        return State("incomplete", str(error))
    if state.status == "completed" and stored and not stored.fingerprint:
        return State("incomplete", "the last build could not use it; simstac build says why")
    return state


def _in_store(name: str, marks: Mapping[str, str], stored: Mapping[str, StoredRun]) -> str:
    if not marks:
        return ""
    if name not in stored:
        return "new"
    return "current" if stored[name].fingerprint == marks[name] else "stale"
