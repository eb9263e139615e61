"""A Scythe experiment → one store with a commit and a tag for each of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from simstac.config.sources import ScytheSource
from simstac.errors import SourceError
from simstac.objects import FileInfo, Files
from simstac.pipeline.builders.order import Built, Order, kept_note
from simstac.pipeline.describe import describe_store
from simstac.pipeline.experiment import known_runs, open_experiment
from simstac.progress import Progress
from simstac.sources.scythe.layout import (
    ScytheRun,
    find_runs,
    fingerprint,
    gathered_frames,
    why_incomplete,
)
from simstac.storage import Stored
from simstac.write import retire_versions, write

COMPLETED, INCOMPLETE, KEPT = "completed", "incomplete", "kept"


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one run: its state, the version stored, a problem, and other things worth knowing."""

    run: str
    status: str
    stored: Stored | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


def build_scythe(order: Order, source: ScytheSource) -> Built:
    """Write the runs of an experiment that the store does not hold yet, the oldest first, and describe them all.

    A run that is in the store as it is costs a listing; one that is not complete is left for the next build.

    Raises:
        SimstacError: If the experiment or the store cannot be used, or no run of it is complete.
    """
    files, below = open_experiment(order.project, source)
    known, runs = known_runs(order.place), find_runs(files, below)
    done = list(_each(order, files, runs, known))
    gone = [] if below else sorted(known.keys() - {run.name for run in runs})
    done += _without_source(order, gone, known)
    listed = [each.stored for each in done if each.stored is not None]
    if not listed:
        reasons = "; ".join(each.problem for each in done if each.problem)
        raise SourceError(source.path, f"has no complete run: {reasons}", "build again when one is complete")
    newest = max(listed, key=lambda stored: stored.written_at)
    return Built(
        documents=describe_store(order.project, order.collection, newest),
        stored=newest,
        statuses=tuple(each.status for each in done),
        problems=tuple(each.problem for each in done if each.problem),
        notes=tuple(note for each in done for note in each.notes),
    )


def _each(order: Order, files: Files, runs: tuple[ScytheRun, ...], known: Mapping[str, Stored]) -> Iterator[_Done]:
    for number, run in enumerate(runs, start=1):
        try:
            done = _build_run(order, files, run, known.get(run.name))
        except SourceError as error:
            done = _Done(run.name, INCOMPLETE, known.get(run.name), f"{run.name}: {error}")
        order.on_progress(Progress("read runs", number, len(runs), run.name))
        yield done


def _build_run(order: Order, files: Files, run: ScytheRun, stored: Stored | None) -> _Done:
    frames = gathered_frames(files, run)
    mark = fingerprint(frames)
    if stored is not None and stored.fingerprint == mark:
        return _Done(run.name, COMPLETED, stored)
    if reason := why_incomplete(files, run, frames):
        return _Done(run.name, INCOMPLETE, stored, f"{run.name}: incomplete: {reason}")
    meanwhile = known_runs(order.place).get(run.name)
    if meanwhile is not None and meanwhile.fingerprint == mark:
        return _Done(run.name, COMPLETED, meanwhile)
    written, notes = _write_run(order, files, run, frames, mark)
    if stored is not None and stored.tag != written.tag:
        place = order.place
        retire_versions(place.href, place.scheme, [stored.tag], credentials=place.credentials)
    return _Done(run.name, COMPLETED, written, notes=notes)


def _write_run(
    order: Order, files: Files, run: ScytheRun, frames: tuple[FileInfo, ...], mark: str
) -> tuple[Stored, tuple[str, ...]]:
    from simstac.sources.scythe.read import read_run  # noqa: PLC0415  # what a build without news need not load

    place = order.place
    with TemporaryDirectory(prefix="simstac-scythe-") as scratch:
        read = read_run(files, run, frames, Path(scratch), order.on_progress)
        stored = write(
            read.data,
            place.href,
            place.scheme,
            fingerprint=mark,
            version=run.name,
            chunks=order.collection.store.chunks,
            credentials=place.credentials,
            on_progress=order.on_progress,
        )
    return stored, read.notes


def _without_source(order: Order, gone: list[str], known: Mapping[str, Stored]) -> Iterator[_Done]:
    """The runs in the store whose results are gone; those to be dropped leave the catalog."""
    dropped = order.drop_vanished
    leaving = {run for run in gone if dropped is True or (dropped and run in dropped)}
    place = order.place
    tags = [known[run].tag for run in sorted(leaving)]
    retire_versions(place.href, place.scheme, tags, credentials=place.credentials)
    for run in gone:
        if run not in leaving:
            yield _Done(run, KEPT, known[run], notes=(kept_note(run),))
