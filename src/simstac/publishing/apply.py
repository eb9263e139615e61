"""Publishing: a plan applied in the order in which nothing is linked before it is there, and again on a conflict."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from simstac.errors import ConflictError
from simstac.progress import OnProgress, Progress, silent
from simstac.publishing.changes import ABSENT, Change, Changes, stages
from simstac.publishing.plan import plan
from simstac.publishing.site import Site, read_site
from simstac.publishing.target import Edit, Snapshot, Target

ATTEMPTS = 20
LONGEST_PAUSE = 2.0
STAGE = "publish"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish has done, or would do.

    Attributes:
        changes: The last plan; empty if there was nothing to publish.
        applied: Whether it was applied.
        commit: The commit made, where the target has such a thing.
        attempts: How often it was planned, because somebody else published meanwhile.
    """

    changes: Changes
    applied: bool
    commit: str = ""
    attempts: int = 1


def publish(
    root: Path,
    target: Target,
    edit: Edit,
    *,
    owner: str | None = None,
    dry_run: bool = False,
    allow_shrink: bool = False,
    recheck: bool = False,
    on_progress: OnProgress = silent,
) -> Published:
    """Publish a built site, planning again when somebody else published meanwhile.

    Args:
        root: The folder of the built site.
        target: Where to.
        edit: Yields the documents shared with others (see `plan`).
        owner: Names the configuration at the target (see `plan`).
        dry_run: Whether to plan only.
        allow_shrink: Whether a dataset, or more than a tenth of the documents, may vanish.
        recheck: Whether the target is listed and compared, instead of trusting what was recorded there.
        on_progress: Hears of every file put.

    Raises:
        ConflictError: If somebody else was faster `ATTEMPTS` times, or moved a published store.
        PublishError: If the target refuses.
    """
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(target.snapshot)
        site = read_site(root, target.digest if recheck or target.exact else None)
    for attempt in range(1, ATTEMPTS + 1):
        snapshot = first.result() if attempt == 1 else target.snapshot()
        changes = plan(site, target, edit, owner=owner, allow_shrink=allow_shrink, recheck=recheck, snapshot=snapshot)
        if dry_run:
            return Published(changes, applied=False, attempts=attempt)
        if not changes and not changes.unfinished:
            return Published(changes, applied=True, attempts=attempt)
        try:
            return replace(apply(changes, target, on_progress), attempts=attempt)
        except ConflictError as error:
            logger.info("attempt %d: %s", attempt, error)
            if attempt == ATTEMPTS:
                raise
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.05 * 2**attempt)))  # noqa: S311  # spreads, hides nothing
    raise AssertionError


def apply(changes: Changes, target: Target, on_progress: OnProgress = silent) -> Published:
    """Apply a plan.

    Raises:
        ConflictError: If the target is no longer as it was planned against.
        PublishError: If the target refuses.
    """
    return Published(changes, applied=True, commit=target.commit(changes, on_progress))


class Writer(Protocol):
    """What a target does that is changed file by file."""

    def write(self, puts: Sequence[Change], site: Site, done: Callable[[Change], None]) -> str:
        """Put files, in any order, each under its precondition; returns the version of the last.

        Raises:
            ConflictError: If a precondition no longer holds and the target's bytes are not ours.
        """

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files; one that is not there is no error."""


def write_in_order(changes: Changes, writer: Writer, snapshot: Snapshot, on_progress: OnProgress) -> None:
    """Apply a plan file by file: the tables, data before what links to it, the record, then the deletions.

    Raises:
        ConflictError: If a precondition no longer holds.
    """
    if not changes:
        return
    total, count = len(changes.puts) + len(changes.gone), 0

    def done(change: Change) -> None:
        nonlocal count
        count += 1
        on_progress(Progress(STAGE, count, total, change.path))

    def ignore(_change: Change) -> None:
        return

    _check_guards(changes, snapshot)
    if changes.tables:
        writer.write(changes.tables, changes.site, ignore)
    for stage in stages(changes.puts):
        writer.write(stage, changes.site, done)
    version = writer.write([changes.record], changes.site, ignore) if changes.record else None
    if changes.gone:
        for paths in changes.deletes:
            writer.delete(paths)
        on_progress(Progress(STAGE, total, total, "deleted"))
    if changes.dropped:
        writer.delete(changes.dropped)
    if changes.swept:
        writer.write([replace(changes.swept, expected=version or changes.swept.expected)], changes.site, ignore)


def _check_guards(changes: Changes, snapshot: Snapshot) -> None:
    for path, version in changes.guards.items():
        found = snapshot.read(path)
        if (found.version if found else ABSENT) != version:
            raise ConflictError(path, "was changed by somebody else meanwhile", "run it again")
