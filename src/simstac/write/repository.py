"""Icechunk repositories opened, locked, committed to and tagged; every Icechunk error leaves as one of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simstac.errors import ConflictError, StorageError
from simstac.progress import OnProgress, Progress
from simstac.storage import Http, KeySource, LocalPath, StorageScheme, Stored, icechunk_storage, local_path

if TYPE_CHECKING:
    import icechunk

MAIN = "main"
BUILD_BRANCH = "simstac-build"
METADATA_KEY = "simstac"
RETIRED = "retired"
SAVED = "saved"
ROWS_IN_MANIFEST = 64
MANIFESTS_AT_ONCE = 40
FIRST_TRIES = 3
CONNECT_TIMEOUT_MS = 10_000
STORE_ENTRIES = frozenset(
    {"chunks", "config.yaml", "manifests", "overwritten", "refs", "repo", "snapshots", "transactions"}
)
LOCAL_REMEDY = "check that the disk has room and the folder may be written"
DAMAGED_REMEDY = "restore it from a copy, or move it away and build again"
REMOTE_REMEDY = "check the bucket, its region and endpoint, and that your credentials may read and write it"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is, and the keys to it.

    Attributes:
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
    """

    href: str
    scheme: StorageScheme
    credentials: KeySource | None = None


@contextmanager
def store_errors(href: str) -> Iterator[None]:
    """Turn errors of Icechunk and of the file system into `StorageError`, a lost race into `ConflictError`."""
    import icechunk  # noqa: PLC0415  # 0.9 s that --help need not pay

    try:
        yield
    except icechunk.ConflictError as error:
        remedy = "run again: what is there already is kept"
        raise ConflictError(href, "was changed by somebody else meanwhile", remedy) from error
    except icechunk.IcechunkError as error:
        remedy = REMOTE_REMEDY if "://" in href else LOCAL_REMEDY
        if not isinstance(error, icechunk.StorageError):
            remedy = DAMAGED_REMEDY
        raise StorageError(href, f"cannot be used: {_reason(error)}", remedy) from error
    except OSError as error:
        raise StorageError(href, f"cannot be used: {error.strerror or error}", LOCAL_REMEDY) from error


@contextmanager
def exclusive(place: Place, on_progress: OnProgress) -> Iterator[None]:
    """Hold a local store alone, among the processes of this machine; object stores detect races at the commit.

    The store's folder itself is locked, so no lock file is left behind. File systems without locks are not guarded.
    """
    if not isinstance(place.scheme, LocalPath) or os.name != "posix":
        yield
        return
    import fcntl  # noqa: PLC0415  # POSIX only

    folder = local_path(place.href)
    with store_errors(place.href):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress(Progress("wait for another build of this store", 0, None, place.href))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            folder.rmdir()


def open_repository(place: Place) -> icechunk.Repository | None:
    """The repository at a place, or None where there is none.

    Raises:
        StorageError: If the store cannot be reached.
    """
    import icechunk  # noqa: PLC0415  # as above

    with store_errors(place.href):
        if isinstance(place.scheme, LocalPath) and not (local_path(place.href) / "repo").exists():
            return None
        storage = _writable_storage(place)
        if not _is_there(storage):
            return None
        return icechunk.Repository.open(storage, config=_config())


def create_repository(place: Place) -> icechunk.Repository:
    """A new repository; what an interrupted creation left there is taken over.

    Raises:
        StorageError: If the place is not empty, or cannot be written.
    """
    import icechunk  # noqa: PLC0415  # as above

    is_local = isinstance(place.scheme, LocalPath)
    with store_errors(place.href):
        if is_local:
            _refuse_other_files(local_path(place.href))
        storage = _writable_storage(place)
        return icechunk.Repository.create(storage, config=_config(), check_clean_root=not is_local)


class Transaction:
    """Changes to ``main`` that become visible all at once, or not at all.

    Attributes:
        repository: The repository.
        base: The snapshot that ``main`` stands at when the transaction begins.
        session: The writable session; another one after `checkpoint`.
        resumed: Whether it goes on from what an interrupted one saved.
    """

    def __init__(self, repository: icechunk.Repository, *, layout: str | None = None) -> None:
        """Begin at the tip of ``main``, or where a transaction that saved this layout on top of it was interrupted."""
        self.repository = repository
        self.base = repository.lookup_branch(MAIN)
        saved = _saved(repository, self.base, layout)
        self.resumed = saved is not None
        self._snapshot = saved or self.base
        self.session = repository.writable_session(BUILD_BRANCH if self.resumed else MAIN)

    def checkpoint(self, layout: str | None = None) -> str:
        """Make what was written so far a snapshot off ``main``, to read or to fork from; return its id.

        Args:
            layout: The layout of the store, where it is consistent and a later transaction may go on from here.
        """
        if not self.session.has_uncommitted_changes:
            return self._snapshot
        metadata = {METADATA_KEY: {SAVED: layout}}
        if self._snapshot == self.base:
            self._snapshot = self.session.flush("being built", metadata=metadata)
            if BUILD_BRANCH in self.repository.list_branches():
                self.repository.delete_branch(BUILD_BRANCH)
            self.repository.create_branch(BUILD_BRANCH, self._snapshot)
        else:
            self._snapshot = self.session.amend("being built", metadata=metadata)
        self.session = self.repository.writable_session(BUILD_BRANCH)
        return self._snapshot

    @property
    def has_changes(self) -> bool:
        """Whether anything was written."""
        return self.session.has_uncommitted_changes or self._snapshot != self.base

    def commit(self, message: str, metadata: Mapping[str, Any]) -> str:
        """Move ``main`` to one new snapshot with all changes; return its id."""
        properties = {METADATA_KEY: dict(metadata)}
        if self._snapshot == self.base:
            return self.session.commit(message, properties)
        snapshot = self.session.amend(message, metadata=properties, allow_empty=True)
        self.repository.reset_branch(MAIN, snapshot, from_snapshot_id=self.base)
        self.repository.delete_branch(BUILD_BRANCH)
        return snapshot


@dataclass(frozen=True, slots=True)
class Head:
    """The tip of ``main``.

    Attributes:
        snapshot_id: The snapshot.
        metadata: What its writer said of it; empty where that was not simstac.
    """

    snapshot_id: str
    metadata: Mapping[str, Any]


def read_head(repository: icechunk.Repository) -> Head | None:
    """The tip of ``main``, or None where nothing was committed yet."""
    info = next(iter(repository.ancestry(branch=MAIN)))
    if info.parent_id is None:
        return None
    metadata = info.metadata.get(METADATA_KEY)
    return Head(info.id, metadata if isinstance(metadata, Mapping) else {})


def release(repository: icechunk.Repository, place: Place, version: str | None, *, changed: bool) -> Stored:
    """Make sure that the tip of ``main`` has a tag of this version, and say what is stored; a new tag is a change."""
    import icechunk  # noqa: PLC0415  # as above

    info = next(iter(repository.ancestry(branch=MAIN)))
    tags = {tag: repository.lookup_tag(tag) for tag in repository.list_tags()}
    tag = released_tag(tags, info.id, version)
    while tag is None:
        candidate = next_tag(tags, version)
        try:
            repository.create_tag(candidate, info.id)
            tag, changed = candidate, True
        except icechunk.AlreadyExistsError:
            tags[candidate] = ""
    return stored_as(info, place, tag, changed=changed)


def stored_as(info: icechunk.SnapshotInfo, place: Place, tag: str, *, changed: bool) -> Stored:
    """What is stored in a snapshot that has a tag."""
    metadata = info.metadata.get(METADATA_KEY)
    return Stored(
        href=place.href.rstrip("/"),
        scheme=place.scheme,
        snapshot_id=info.id,
        tag=tag,
        written_at=info.written_at,
        fingerprint=str(metadata.get("fingerprint", "")) if isinstance(metadata, Mapping) else "",
        changed=changed,
    )


def released_tag(tags: Mapping[str, str], snapshot_id: str, version: str | None) -> str | None:
    """The latest tag of this version at a snapshot; without a version, of any; None where there is none."""
    here = [tag for tag, snapshot in tags.items() if snapshot == snapshot_id]
    if version is not None:
        here = [tag for tag in here if _revision(tag, version)]
    return max(here, key=lambda tag: (_revision(tag, version), tag), default=None)


def next_tag(tags: Mapping[str, str], version: str | None) -> str:
    """The tag that the next snapshot gets: ``1.0.0``, ``1.0.0+2``, ``1.0.0+3`` …; without a version ``1``, ``2`` …."""
    last = max((_revision(tag, version) for tag in tags), default=0)
    if version is None:
        return str(last + 1)
    return f"{version}+{last + 1}" if last else version


def retire_tags(repository: icechunk.Repository, tags: Iterable[str]) -> None:
    """Remember tags that catalogs shall no longer list; they stay for whoever links them until they are deleted."""
    repository.update_metadata({METADATA_KEY: {RETIRED: sorted(retired_tags(repository) | {*tags})}})


def retired_tags(repository: icechunk.Repository) -> frozenset[str]:
    """The tags that catalogs shall no longer list."""
    said = repository.get_metadata().get(METADATA_KEY)
    return frozenset(said.get(RETIRED, ())) & repository.list_tags() if isinstance(said, Mapping) else frozenset()


def _saved(repository: icechunk.Repository, base: str, layout: str | None) -> str | None:
    """The snapshot that an interrupted transaction saved in a layout on top of ``base``; None where there is none."""
    if layout is None or BUILD_BRANCH not in repository.list_branches():
        return None
    info = next(iter(repository.ancestry(branch=BUILD_BRANCH)))
    said = info.metadata.get(METADATA_KEY)
    return info.id if info.parent_id == base and said == {SAVED: layout} else None


def _revision(tag: str, version: str | None) -> int:
    """Which revision of a version a tag names, from 1; 0 if it is of another version."""
    if version is None:
        return int(tag) if tag.isdecimal() else 0
    if tag == version:
        return 1
    matched = re.fullmatch(re.escape(version) + r"\+(\d+)", tag)
    return int(matched[1]) if matched else 0


def _writable_storage(place: Place) -> icechunk.Storage:
    if isinstance(place.scheme, Http):
        raise StorageError(place.href, "is read over HTTP and cannot be written", "write to a path or an s3:// address")
    scheme = place.scheme if isinstance(place.scheme, LocalPath) else replace(place.scheme, anonymous=False)
    return icechunk_storage(place.href, scheme, credentials=place.credentials)


def _is_there(storage: icechunk.Storage) -> bool:
    """Whether a store is there, told soon even where nothing answers.

    Icechunk takes a bucket that is missing or closed for one without a store; listing it raises the error.
    """
    import icechunk  # noqa: PLC0415  # as above

    few = icechunk.StorageRetriesSettings(max_tries=FIRST_TRIES)
    soon = icechunk.StorageTimeoutSettings(connect_timeout_ms=CONNECT_TIMEOUT_MS)
    there = icechunk.Repository.exists(storage, icechunk.StorageSettings(retries=few, timeouts=soon))
    if not there:
        next(iter(storage.list_objects_metadata()), None)
    return there


def _refuse_other_files(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if foreign := sorted(names - STORE_ENTRIES):
        raise StorageError(folder, f"holds other files, such as {foreign[0]}", "choose an empty folder for the store")


def _config() -> icechunk.RepositoryConfig:
    import icechunk  # noqa: PLC0415  # as above

    growing = icechunk.ManifestSplitDimCondition.Axis(0)  # that of runs, of times, of forecasts
    splitting = icechunk.ManifestSplittingConfig.from_dict(
        {icechunk.ManifestSplitCondition.AnyArray(): {growing: ROWS_IN_MANIFEST}}
    )
    return icechunk.RepositoryConfig(
        manifest=icechunk.ManifestConfig(
            splitting=splitting, max_concurrent_manifest_fetches_during_commit=MANIFESTS_AT_ONCE
        )
    )


def _reason(error: icechunk.IcechunkError) -> str:
    text = str(getattr(error, "message", error)).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
