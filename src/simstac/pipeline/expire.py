"""Expiring old versions of a project's stores, and finding out which versions its published catalogs still name."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any

import orjson

from simstac.catalog import ROOT, collection_path
from simstac.config.model import Collection, Project
from simstac.errors import PublishError, SimstacError
from simstac.pipeline.build import describe_collection
from simstac.pipeline.place import destination, store_place
from simstac.pipeline.publish import names_at_targets, place_of
from simstac.pipeline.site import SiteFolder
from simstac.progress import OnProgress, Progress, silent
from simstac.publishing import S3Target
from simstac.publishing.target import Listed, Snapshot
from simstac.stac.experiment import is_run_of_experiment
from simstac.stac.placement import is_absolute
from simstac.storage import LocalPath
from simstac.write import Expiry, Retention, current_version
from simstac.write import expire as expire_store

WORKERS = 16
DEFAULT_KEEP = 3
DEFAULT_AGE = timedelta(days=90)
_BELOW = frozenset({"child", "item"})

type ReadDocument = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class ExpireReport:
    """What expiring the store of one collection did, or would do.

    Attributes:
        collection: The collection.
        expiry: What goes and what stays; None where there is no store, or it failed.
        error: Why it failed.
    """

    collection: str
    expiry: Expiry | None = None
    error: SimstacError | None = None


def expire(
    project: Project,
    *,
    keep: int = DEFAULT_KEEP,
    older_than: timedelta = DEFAULT_AGE,
    dry_run: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[ExpireReport, ...]:
    """Expire old versions of every store of a project and delete the objects that only they use.

    What the site or the catalog at any configured target names stays, so all of them are read first. Older versions
    that catalogs list beside the current one leave the site; a store that published catalogs address directly keeps
    them until those catalogs were published anew and it is expired again.

    Args:
        project: The configuration.
        keep: How many of the newest versions of each store stay, however old they are.
        older_than: Nothing younger goes.
        dry_run: Whether to tell only what would go.
        on_progress: Hears of every document read and every store done.

    Returns:
        A report for each collection. A store that fails does not stop the others.

    Raises:
        PublishError: If the site or a target cannot be read; nothing is expired then.
    """
    limit, catalogs = datetime.now(UTC) - older_than, named_versions(project, on_progress)
    reports = []
    for collection in project.collections:
        is_mirrored = isinstance(store_place(project, collection).scheme, LocalPath)
        linked = {} if is_mirrored else catalogs.linked
        retention = Retention(limit, keep, catalogs.named, linked)
        try:
            expiry = _expire_collection(project, collection, retention, dry_run=dry_run, on_progress=on_progress)
            reports.append(ExpireReport(collection.id, expiry))
        except SimstacError as error:
            reports.append(ExpireReport(collection.id, error=error))
        on_progress(Progress("expire", len(reports), len(project.collections), collection.id))
    return tuple(reports)


@dataclass(frozen=True, slots=True)
class Catalogs:
    """What catalogs name: snapshot ids, or tags where an asset has no snapshot id.

    Attributes:
        named: Those that must stay, and where each is named.
        linked: Those that published catalogs list as outdated versions, and where.
    """

    named: Mapping[str, str]
    linked: Mapping[str, str]


def named_versions(project: Project, on_progress: OnProgress = silent) -> Catalogs:
    """What the site and the catalogs at every configured target name.

    Outdated versions that the site lists are left out, since the site is described anew when they go.

    Raises:
        PublishError: If the site or a target cannot be read whole.
    """
    site = SiteFolder(project.site)
    named, _ = _named_in(site.read, str(project.site), on_progress)
    linked: dict[str, str] = {}
    published = names_at_targets(site)
    for configured in project.targets:
        target = destination(project, configured)
        try:
            snapshot = target.snapshot()
            if place_of(configured, target) in published and snapshot.read(ROOT) is None:
                problem = "it was published to, and holds no catalog now"
                raise PublishError(ROOT, problem, "make it readable, or publish to it again")
            current, outdated = _named_in(_sparing(snapshot, site), target.url, on_progress)
        except SimstacError as error:
            problem = f"cannot be read, so nothing was expired: {error.where} {error.problem}"
            raise PublishError(target.url, problem, error.remedy or "make it readable, then run it again") from error
        named, linked = {**current, **named}, {**outdated, **linked}
    return Catalogs(named, linked)


def _expire_collection(
    project: Project, collection: Collection, retention: Retention, *, dry_run: bool, on_progress: OnProgress
) -> Expiry | None:
    place = store_place(project, collection)

    def unlist() -> None:
        if SiteFolder(project.site).read(collection_path(collection.id)) is None:
            return
        stored = current_version(place.href, place.scheme, version=collection.version, credentials=place.credentials)
        if stored is not None:
            describe_collection(project, collection, stored)

    return expire_store(
        place.href,
        place.scheme,
        retention,
        dry_run=dry_run,
        unlist=unlist,
        credentials=place.credentials,
        read_object=_object_reader(collection),
        on_progress=on_progress,
    )


def _named_in(read: ReadDocument, where: str, on_progress: OnProgress) -> tuple[dict[str, str], dict[str, str]]:
    """What the catalog names that begins at the root, and what of it as outdated; nothing where there is none."""
    named: dict[str, str] = {}
    outdated: dict[str, str] = {}
    seen, level, count = {ROOT}, [ROOT] if read(ROOT) is not None else [], 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while level:
            below: dict[str, None] = {}
            for path, content in zip(level, pool.map(read, level), strict=True):
                document = _parsed(path, content)
                (outdated if _is_outdated(document) else named).update(dict.fromkeys(_names(document), where))
                below |= dict.fromkeys(each for each in _links(path, document) if each not in seen)
            count += len(level)
            seen.update(below)
            level = list(below)
            on_progress(Progress("read catalogs", count, None, where))
    return named, outdated


def _is_outdated(document: Mapping[str, Any]) -> bool:
    """Whether a document describes an older version, as STAC Browser tells it; a run of an experiment is none."""
    if is_run_of_experiment(document):
        return False
    return any(link.get("rel") == "latest-version" for link in document.get("links", ()))


def _parsed(path: str, content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise PublishError(path, "is linked but not there", "build and publish again with --recheck")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise PublishError(path, f"is not JSON ({error})", "build and publish again with --recheck") from error
    return document if isinstance(document, dict) else {}


def _names(document: Mapping[str, Any]) -> Iterator[str]:
    for asset in document.get("assets", {}).values():
        name = asset.get("icechunk:snapshot_id") or asset.get("icechunk:tag") or asset.get("version")
        if name:
            yield str(name)


def _links(path: str, document: Mapping[str, Any]) -> Iterator[str]:
    folder = posixpath.dirname(path)
    for link in document.get("links", ()):
        href = str(link.get("href", ""))
        if link.get("rel") in _BELOW and href and not is_absolute(href):
            path_below = posixpath.normpath(posixpath.join(folder, href))
            if not path_below.startswith("../"):
                yield path_below


def _sparing(snapshot: Snapshot, site: SiteFolder) -> ReadDocument:
    """Reads a target's documents; those that a listing shows to be the same in the site are read from there."""
    listed: dict[str, Mapping[str, Listed]] = {"": {}}
    listing = Lock()

    def read(path: str) -> bytes | None:
        folder = path.partition("/")[0] if "/" in path else ""
        with listing:
            if folder not in listed:
                listed[folder] = snapshot.list(f"{folder}/")
        there = listed[folder].get(path)
        if there is not None and there.digest:
            ours = site.read(path)
            if ours is not None and snapshot.digest(ours) == there.digest:
                return ours
        return _content(snapshot, path)

    return read


def _object_reader(collection: Collection) -> ReadDocument | None:
    """Reads objects of a store in a bucket; None for any other."""
    store = collection.store
    if store.url is None or not store.url.startswith("s3://"):
        return None
    return partial(_content, S3Target(store.url, store.endpoint_url, store.region, store.profile))


def _content(snapshot: Snapshot, path: str) -> bytes | None:
    found = snapshot.read(path)
    return found.content if found else None
