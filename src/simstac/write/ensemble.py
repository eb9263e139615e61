"""A study → one Icechunk store: only what changed is read and written, all of it in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from simstac.errors import SourceError
from simstac.progress import OnProgress, silent
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.studies import Study
from simstac.write.build import Build
from simstac.write.commit import written
from simstac.write.plan import Dropped, Plan, plan_update, study_fingerprint
from simstac.write.previous import STUDY_LAYOUT, Previous, read_previous, read_texts
from simstac.write.repository import MAIN, Place, Transaction, read_head, release, stored_as
from simstac.write.table import RunTable
from simstac.write.workers import SERIAL, Parallel

if TYPE_CHECKING:
    import icechunk

COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Report:
    """What writing a study did.

    Attributes:
        statuses: How each run in the store ended, by name.
        messages: Why, of those that have something to say.
        added: Runs that were not in the store before.
        rewritten: Runs whose source changed.
        unreadable: Why runs whose source changed could not be read, by name; they stay as they were in the store.
        vanished: Runs in the store whose results are gone, and that were kept.
        dropped: Such runs that were removed.
        differences: What some of the runs just read lack that others have, a line each.
    """

    statuses: Mapping[str, str]
    messages: Mapping[str, str]
    added: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """The runs without data, and those whose data are older than their source, a line each."""
        bad = {run: status for run, status in self.statuses.items() if status != COMPLETED}
        said = self.messages
        without = [f"{run}: {status}" + (f": {said[run]}" if said.get(run) else "") for run, status in bad.items()]
        older = [f"{run}: its last results are kept: {why}" for run, why in sorted(self.unreadable.items())]
        return (*without, *older)


def write_study(  # noqa: PLR0913  # each is a choice of its own
    study: Study,
    href: str,
    scheme: StorageScheme,
    *,
    version: str | None = None,
    chunks: Mapping[str, int] | None = None,
    drop_vanished: Dropped = False,
    credentials: KeySource | None = None,
    parallel: Parallel = SERIAL,
    on_progress: OnProgress = silent,
) -> tuple[Stored, Report]:
    """Write a study to its store, in one commit that readers see whole or not at all.

    Runs whose fingerprint is in the store are not read; changed runs are written in place, new ones are appended.
    A study that is in the store already makes no commit. Every tip of ``main`` gets a tag. What a build saved that was
    interrupted is gone on from: only the runs that it had not written since are read.

    Args:
        study: The runs.
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        version: The version that the tag names; ``1``, ``2`` … where None.
        chunks: Chunk lengths by dimension, for example ``{"run": 16}``; chosen by size where left out.
        drop_vanished: Whether runs that the study has no more are removed from the store, or which of them.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
        parallel: Which processes read and write the runs, where there are more than one chunk of them.
        on_progress: Listens to the progress.

    Returns:
        What is stored, and what was done.

    Raises:
        StorageError: If the store cannot be read or written, or holds something else.
        ConflictError: If others keep committing to the same store meanwhile.
        SourceError: If no run completed, or a parameter is called like a result, a series, a fact or a dimension.
        ConfigError: If ``chunks`` names a dimension that the data do not have.
    """
    place = Place(href, scheme, credentials)
    task = _Task(study, place, version, dict(chunks or {}), drop_vanished, parallel, on_progress)
    return written(place, partial(_write_once, task), on_progress)


def write_ahead(
    study: Study,
    href: str,
    scheme: StorageScheme,
    *,
    chunks: Mapping[str, int] | None = None,
    credentials: KeySource | None = None,
    on_progress: OnProgress = silent,
) -> None:
    """Write the runs of a study that will be written again with more of them: a commit that is no version.

    Args:
        study: The runs so far.
        href: As in `write_study`.
        scheme: As in `write_study`.
        chunks: As in `write_study`.
        credentials: As in `write_study`.
        on_progress: Listens to the progress.

    Raises:
        SimstacError: As `write_study` does.
    """
    place = Place(href, scheme, credentials)
    task = _Task(study, place, None, dict(chunks or {}), False, SERIAL, on_progress, is_version=False)
    written(place, partial(_write_once, task), on_progress)


@dataclass(frozen=True, slots=True)
class _Task:
    """What `write_study` was asked for, and whether the tip shall be a version."""

    study: Study
    place: Place
    version: str | None
    chunks: Mapping[str, int]
    drop_vanished: Dropped
    parallel: Parallel
    on_progress: OnProgress
    is_version: bool = True

    def fingerprint(self, marks: Mapping[str, str]) -> str:
        """The study's, given those of its runs."""
        return study_fingerprint(self.study, marks, self.chunks, drop_vanished=self.drop_vanished)


def _write_once(task: _Task, repository: icechunk.Repository) -> tuple[Stored, Report]:
    study, place, on_progress = task.study, task.place, task.on_progress
    transaction = Transaction(repository, layout=STUDY_LAYOUT)
    is_new = read_head(repository) is None
    marks = {} if is_new and not transaction.resumed else study.fingerprints(on_progress)
    same = None if is_new else _report_of_same(repository, task.fingerprint(marks))
    if same is not None:
        return _released(repository, task, changed=False), same
    committed = Previous() if is_new else read_previous(place.href, repository.readonly_session(MAIN).store)
    plan = plan_update(study, marks, committed.table, drop_vanished=task.drop_vanished)
    previous, left = committed, plan
    if transaction.resumed:
        previous = read_previous(place.href, transaction.session.store)
        left = plan_update(study, marks, previous.table, drop_vanished=task.drop_vanished)
    build = Build(study, marks, left, previous, transaction, task.chunks, on_progress, place.href, task.parallel)
    table, lacks = build.write()
    changed = transaction.has_changes
    if changed:
        _refuse_no_data(study, table)
        marks = table.texts("fingerprint") | marks
        complete = not build.kept and _is_complete(study, table)
        metadata = {"layout": STUDY_LAYOUT, "fingerprint": task.fingerprint(marks), "complete": complete}
        transaction.commit(plan.message(), metadata)
    done = replace(plan, rewritten=tuple(run for run in plan.rewritten if changed and run not in build.kept))
    report = replace(_report(done, table, lacks), unreadable=build.kept)
    return _released(repository, task, changed=changed), report


def _released(repository: icechunk.Repository, task: _Task, *, changed: bool) -> Stored:
    if task.is_version:
        return release(repository, task.place, task.version, changed=changed)
    return stored_as(next(iter(repository.ancestry(branch=MAIN))), task.place, "", changed=changed)


def _report_of_same(repository: icechunk.Repository, fingerprint: str) -> Report | None:
    """The report if the store was made from just this study, and none of its runs must be read again."""
    head = read_head(repository)
    if head is None or not head.metadata.get("complete") or head.metadata.get("fingerprint") != fingerprint:
        return None
    session = repository.readonly_session(snapshot_id=head.snapshot_id)
    statuses, messages = read_texts(session.store, "status", "message")
    return Report(statuses, {run: message for run, message in messages.items() if message})


def _refuse_no_data(study: Study, table: RunTable) -> None:
    """Refuse to replace what the store holds by nothing, as when a wrong engine is named or a disk is away."""
    statuses = table.texts("status")
    if COMPLETED in statuses.values():
        return
    first = study.runs[0]
    said = table.texts("message").get(first.name, "")
    reason = f"{first.name} is {statuses.get(first.name, 'missing')}" + (f" ({said})" if said else "")
    remedy = "see simstac status, mend the runs and build again"
    raise SourceError(str(first.path or first.name), f"no run of the study completed: {reason}", remedy)


def _is_complete(study: Study, table: RunTable) -> bool:
    """Whether no run must be read again."""
    marks = table.texts("fingerprint")
    return all(marks[run.name] for run in study.runs if run.path is not None)


def _report(plan: Plan, table: RunTable, lacks: tuple[str, ...]) -> Report:
    return Report(
        statuses=table.texts("status"),
        messages={run: message for run, message in table.texts("message").items() if message},
        added=plan.added,
        rewritten=plan.rewritten,
        vanished=plan.vanished,
        dropped=plan.dropped,
        differences=lacks,
    )
