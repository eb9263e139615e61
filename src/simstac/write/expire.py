"""Stores made smaller: old versions expired and the objects freed that only they use, or a local store deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simstac.errors import StorageError
from simstac.progress import OnProgress, silent
from simstac.storage import KeySource, LocalPath, StorageScheme
from simstac.write.rehearsal import ReadObject, rehearsed
from simstac.write.repository import (
    BUILD_BRANCH,
    MAIN,
    STORE_ENTRIES,
    Place,
    exclusive,
    open_repository,
    retire_tags,
    retired_tags,
    store_errors,
)

if TYPE_CHECKING:
    import icechunk


@dataclass(frozen=True, slots=True)
class Retention:
    """What of a store must stay.

    Attributes:
        older_than: Everything committed at this time or later, whatever it is; with a time zone.
        keep: How many of the newest released versions stay, however old they are; at least 1.
        named: Snapshot ids and tags that catalogs name, and where; these stay.
        linked: Snapshot ids and tags of older versions that published catalogs list beside the current one, and
            where; these leave the catalog, and the store when nobody lists them any more.
    """

    older_than: datetime
    keep: int = 3
    named: Mapping[str, str] = field(default_factory=dict)
    linked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A released version of a store.

    Attributes:
        tags: Its tags.
        snapshot_id: The snapshot they name.
        written_at: When it was committed, UTC.
        kept: Why it stays; empty if it goes.
        listed: Whether catalogs built from now on may list it.
    """

    tags: tuple[str, ...]
    snapshot_id: str
    written_at: datetime
    kept: str
    listed: bool


@dataclass(frozen=True, slots=True)
class Expiry:
    """What expiring a store did, or would do.

    Attributes:
        href: The store's address.
        versions: Its released versions, the newest first.
        unreleased: How many snapshots without a tag go, such as those of interrupted builds.
        bytes: What is freed; None if that is not known beforehand.
    """

    href: str
    versions: tuple[Version, ...]
    unreleased: int
    bytes: int | None

    @property
    def expired(self) -> tuple[Version, ...]:
        """The versions that go."""
        return tuple(version for version in self.versions if not version.kept)


def expire(
    href: str,
    scheme: StorageScheme,
    retention: Retention,
    *,
    dry_run: bool = False,
    unlist: Callable[[], None] = lambda: None,
    credentials: KeySource | None = None,
    read_object: ReadObject | None = None,
    on_progress: OnProgress = silent,
) -> Expiry | None:
    """Forget old versions of a store that nobody names, and delete the objects that only they use.

    The tip of ``main`` and other branches stay. On an object store choose ``older_than`` longer ago than a build
    takes, since what an unfinished build has written looks like garbage.

    Args:
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        retention: What must stay.
        dry_run: Whether to tell only what would go.
        unlist: Called when it is decided which versions leave the catalog and before any of them is gone.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
        read_object: Reads an object below ``href``; without it a dry run tells no bytes for an object store.
        on_progress: Hears of waiting for another process.

    Returns:
        What was done, or None where there is no store.

    Raises:
        StorageError: If the store cannot be read or written, or objects cannot be deleted.
    """
    place = Place(href, scheme, credentials)
    if open_repository(place) is None:
        return None
    if dry_run:
        return _expiry(place, retention, lambda plan: _would_free(place, plan, read_object))
    with exclusive(place, on_progress):
        return _expiry(place, retention, lambda plan: _free(place, plan, unlist))


def delete_store(folder: Path) -> None:
    """Delete a local store: first the record that makes it one, so that nobody opens half of it.

    Raises:
        StorageError: If the folder holds anything else, or cannot be deleted.
    """
    place = Place(str(folder), LocalPath())
    refuse_other_files(folder)
    with exclusive(place, silent), store_errors(place.href):
        (folder / "repo").unlink(missing_ok=True)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def refuse_other_files(folder: Path) -> None:
    """Refuse a folder that is not a store alone.

    Raises:
        StorageError: If it is a link, or holds anything else.
    """
    if folder.is_symlink():
        raise StorageError(folder, "is a link to another folder", "delete the store there, then the link")
    with store_errors(str(folder)):
        others = sorted({entry.name for entry in folder.iterdir()} - STORE_ENTRIES)
    if others:
        raise StorageError(folder, f"holds other files, such as {others[0]}", "move them away first")


@dataclass(frozen=True, slots=True)
class _Plan:
    """The versions of a repository, and with those that go every loose snapshot committed before ``limit``."""

    repository: icechunk.Repository
    versions: tuple[Version, ...]
    unreleased: int
    limit: datetime
    older_than: datetime
    drop_build: bool


def _expiry(place: Place, retention: Retention, free: Callable[[_Plan], int | None]) -> Expiry | None:
    with store_errors(place.href):
        repository = open_repository(place)
        if repository is None:
            return None
        plan = _plan(repository, retention)
        return Expiry(place.href.rstrip("/"), plan.versions, plan.unreleased, free(plan))


def _plan(repository: icechunk.Repository, retention: Retention) -> _Plan:
    tags: dict[str, tuple[str, ...]] = {}
    for tag in sorted(repository.list_tags()):
        snapshot = repository.lookup_tag(tag)
        tags[snapshot] = (*tags.get(snapshot, ()), tag)
    branches = {branch: repository.lookup_branch(branch) for branch in repository.list_branches()}
    snapshots = _snapshots(repository, {*tags, *branches.values()})
    loose = [info for info in snapshots.values() if info.id not in tags and info.parent_id is not None]
    named = {**retention.linked, **retention.named}
    limit = min([retention.older_than, *(info.written_at for info in loose if info.id in named)])
    build = branches.get(BUILD_BRANCH)
    drop_build = build is not None and snapshots[build].written_at < limit
    tips = {tip for branch, tip in branches.items() if not (drop_build and branch == BUILD_BRANCH)}
    return _Plan(
        repository,
        tuple(_judged([(snapshots[each], names) for each, names in tags.items()], branches[MAIN], limit, retention)),
        sum(info.written_at < limit and info.id not in tips for info in loose),
        limit,
        retention.older_than,
        drop_build,
    )


def _snapshots(repository: icechunk.Repository, tips: set[str]) -> dict[str, icechunk.SnapshotInfo]:
    """Every snapshot that a tag or a branch leads to, by id."""
    found: dict[str, icechunk.SnapshotInfo] = {}
    for tip in sorted(tips):
        for info in repository.ancestry(snapshot_id=tip):
            if info.id in found:
                break
            found[info.id] = info
    return found


def _judged(
    released: list[tuple[icechunk.SnapshotInfo, tuple[str, ...]]], tip: str, limit: datetime, retention: Retention
) -> list[Version]:
    """The released versions, the newest first, each with the reason why it stays."""
    versions = []
    for rank, (info, tags) in enumerate(sorted(released, key=lambda each: each[0].written_at, reverse=True)):
        names = (info.id, *tags)
        named = next((retention.named[name] for name in names if name in retention.named), "")
        linked = next((retention.linked[name] for name in names if name in retention.linked), "")
        reasons = {
            "current": info.id == tip,
            f"among the newest {retention.keep}": rank < max(retention.keep, 1),
            "not old enough": info.written_at >= limit,
            f"named by {named}": named,
        }
        kept = next((reason for reason, holds in reasons.items() if holds), "")
        waits = f"still listed by {linked}: publish, then expire again" if linked else ""
        versions.append(Version(tags, info.id, info.written_at, kept or waits, listed=bool(kept)))
    return versions


def _free(place: Place, plan: _Plan, unlist: Callable[[], None]) -> int:
    leaving = {tag for version in plan.versions if not version.listed for tag in version.tags}
    if leaving - retired_tags(plan.repository):
        retire_tags(plan.repository, leaving)
    if leaving:
        unlist()
    _forget(plan.repository, plan)
    summary = plan.repository.garbage_collect(plan.older_than)
    if summary.objects_failed_to_delete:
        problem = f"{summary.objects_failed_to_delete} objects could not be deleted"
        raise StorageError(place.href, problem, "check that you may delete there, then run it again")
    return int(summary.bytes_deleted)


def _would_free(place: Place, plan: _Plan, read_object: ReadObject | None) -> int | None:
    """The bytes that would be freed, found by forgetting the versions in a copy of the store's records."""
    with rehearsed(place, plan.repository, read_object) as copy:
        if copy is None:
            return None
        _forget(copy, plan)
        return int(copy.garbage_collect(plan.older_than, dry_run=True).bytes_deleted)


def _forget(repository: icechunk.Repository, plan: _Plan) -> None:
    for version in plan.versions:
        for tag in () if version.kept else version.tags:
            repository.delete_tag(tag)
    if plan.drop_build:
        repository.delete_branch(BUILD_BRANCH)
    repository.expire_snapshots(plan.limit)
