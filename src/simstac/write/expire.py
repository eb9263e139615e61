"""Stores made smaller: old versions expired and their objects freed, or a whole local store deleted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from simstac.errors import StorageError
from simstac.progress import OnProgress, silent
from simstac.storage import KeySource, LocalPath, StorageScheme, local_path
from simstac.write.repository import (
    BUILD_BRANCH,
    LOCAL_REMEDY,
    MAIN,
    STORE_ENTRIES,
    Place,
    exclusive,
    open_repository,
    store_errors,
)

if TYPE_CHECKING:
    import icechunk

READERS = 16
REPO = "repo"
_DESCRIBING = frozenset({"manifests", "snapshots"})
_COUNTED = frozenset({"chunks", *_DESCRIBING})

type ReadObject = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class Version:
    """A released version of a store.

    Attributes:
        tags: Its tags.
        snapshot_id: The snapshot they name.
        written_at: When it was committed, UTC.
        kept: Why it stays; empty if it goes.
    """

    tags: tuple[str, ...]
    snapshot_id: str
    written_at: datetime
    kept: str


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
    *,
    older_than: datetime,
    keep: int = 3,
    named: Mapping[str, str] | None = None,
    dry_run: bool = False,
    credentials: KeySource | None = None,
    read_object: ReadObject | None = None,
    on_progress: OnProgress = silent,
) -> Expiry | None:
    """Forget versions of a store that are old and that nobody names, and delete the objects that only they use.

    Nothing younger than ``older_than`` goes, whatever it is; on an object store choose it longer than a build takes,
    since what an unfinished build has written looks like garbage. Branches and the tip of ``main`` stay.

    Args:
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        older_than: Only what was committed before goes; with a time zone.
        keep: How many of the newest versions stay, however old they are; at least 1.
        named: Snapshot ids and tags that must stay, and by whom each is named.
        dry_run: Whether to tell only what would go.
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
        return _expiry(place, keep, older_than, named or {}, lambda plan: _would_free(place, plan, read_object))
    with exclusive(place, on_progress):
        return _expiry(place, keep, older_than, named or {}, lambda plan: _free(place, plan))


def delete_store(folder: Path) -> None:
    """Delete a whole local store: first what makes it one, so that no reader meets half of it.

    Raises:
        StorageError: If the folder holds anything else, or cannot be deleted.
    """
    place = Place(str(folder), LocalPath())
    with store_errors(place.href):
        refuse_other_files(folder)
    with exclusive(place, silent), store_errors(place.href):
        (folder / REPO).unlink(missing_ok=True)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def refuse_other_files(folder: Path) -> None:
    """Refuse a folder that is not a store alone.

    Raises:
        StorageError: If it is a link or holds anything else.
    """
    if folder.is_symlink():
        raise StorageError(folder, "is a link to another folder", "delete the store there, then the link")
    others = sorted({entry.name for entry in folder.iterdir()} - STORE_ENTRIES)
    if others:
        raise StorageError(folder, f"holds other files, such as {others[0]}", "move them away first")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What goes: tags, and snapshots without a tag that were committed before ``limit``."""

    repository: icechunk.Repository
    versions: tuple[Version, ...]
    unreleased: int
    limit: datetime
    older_than: datetime
    drop_build: bool


def _expiry(
    place: Place, keep: int, older_than: datetime, named: Mapping[str, str], free: Callable[[_Plan], int | None]
) -> Expiry | None:
    with store_errors(place.href):
        repository = open_repository(place)
        if repository is None:
            return None
        plan = _plan(repository, keep, older_than, named)
        return Expiry(place.href.rstrip("/"), plan.versions, plan.unreleased, free(plan))


def _plan(repository: icechunk.Repository, keep: int, older_than: datetime, named: Mapping[str, str]) -> _Plan:
    tags: dict[str, list[str]] = {}
    for tag in sorted(repository.list_tags()):
        tags.setdefault(repository.lookup_tag(tag), []).append(tag)
    branches = {branch: repository.lookup_branch(branch) for branch in repository.list_branches()}
    snapshots = _snapshots(repository, {*tags, *branches.values()})
    loose = [info for info in snapshots.values() if info.id not in tags and info.parent_id is not None]
    limit = min([older_than, *(info.written_at for info in loose if info.id in named)])
    released = sorted((snapshots[each] for each in tags), key=lambda info: (info.written_at, info.id), reverse=True)
    reasons = {name: f"named by {by}" for name, by in named.items()}
    reasons |= {info.id: f"among the newest {keep}" for info in released[: max(keep, 1)]}
    reasons |= {info.id: f"not older than {older_than:%Y-%m-%d %H:%M}" for info in released if info.written_at >= limit}
    reasons[branches[MAIN]] = "is current"
    versions = []
    for info in released:
        names = tuple(tags[info.id])
        kept = next((reasons[name] for name in (info.id, *names) if name in reasons), "")
        versions.append(Version(names, info.id, info.written_at, kept))
    build = branches.get(BUILD_BRANCH)
    drop_build = build is not None and snapshots[build].written_at < limit
    tips = {tip for branch, tip in branches.items() if not (drop_build and branch == BUILD_BRANCH)}
    unreleased = sum(info.written_at < limit and info.id not in tips for info in loose)
    return _Plan(repository, tuple(versions), unreleased, limit, older_than, drop_build)


def _snapshots(repository: icechunk.Repository, tips: set[str]) -> dict[str, icechunk.SnapshotInfo]:
    """Every snapshot that a tag or a branch leads to, by id."""
    found: dict[str, icechunk.SnapshotInfo] = {}
    for tip in sorted(tips):
        for info in repository.ancestry(snapshot_id=tip):
            if info.id in found:
                break
            found[info.id] = info
    return found


def _free(place: Place, plan: _Plan) -> int:
    _forget(plan.repository, plan)
    summary = plan.repository.garbage_collect(plan.older_than)
    if summary.objects_failed_to_delete:
        problem = f"{summary.objects_failed_to_delete} objects could not be deleted"
        raise StorageError(place.href, problem, "check that you may delete there, then run it again")
    return int(summary.bytes_deleted)


def _forget(repository: icechunk.Repository, plan: _Plan) -> None:
    for version in plan.versions:
        if not version.kept:
            for tag in version.tags:
                repository.delete_tag(tag)
    if plan.drop_build:
        repository.delete_branch(BUILD_BRANCH)
    repository.expire_snapshots(plan.limit)


def _would_free(place: Place, plan: _Plan, read_object: ReadObject | None) -> int | None:
    """The bytes that would be freed, found by forgetting the versions in a copy of the repository's records."""
    with TemporaryDirectory(prefix="simstac-expire-") as name:
        if isinstance(place.scheme, LocalPath) and os.name == "posix":
            _link(local_path(place.href), Path(name))
        elif read_object is not None:
            _imitate(plan.repository, read_object, Path(name))
        else:
            return None
        copy = open_repository(Place(name, LocalPath()))
        if copy is None:
            raise StorageError(place.href, "is gone", LOCAL_REMEDY)
        _forget(copy, plan)
        return int(copy.garbage_collect(plan.older_than, dry_run=True).bytes_deleted)


def _link(store: Path, folder: Path) -> None:
    """A copy of the mutable record beside links to the objects, which nothing but a real collection deletes."""
    shutil.copyfile(store / REPO, folder / REPO)
    for name in _COUNTED:
        if (store / name).is_dir():
            (folder / name).symlink_to((store / name).absolute(), target_is_directory=True)


def _imitate(repository: icechunk.Repository, read_object: ReadObject, folder: Path) -> None:
    """The records of an object store, and for its chunks empty files of the same sizes and times."""

    def fetch(info: icechunk.StorageObjectInfo) -> None:
        path, kind = folder / info.key, info.key.partition("/")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind in _DESCRIBING or kind == REPO:
            path.write_bytes(read_object(info.key) or b"")
        else:
            path.touch()
            os.truncate(path, info.size_bytes)
        os.utime(path, (info.created_at.timestamp(),) * 2)

    kinds = _COUNTED | {REPO}
    objects = [info for info in repository.storage.list_objects_metadata() if info.key.partition("/")[0] in kinds]
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(fetch, objects))
