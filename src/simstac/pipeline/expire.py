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

from simstac.catalog import ROOT
from simstac.config.model import Collection, Project
from simstac.errors import PublishError, SimstacError
from simstac.pipeline.place import destination, store_place
from simstac.pipeline.site import SiteFolder
from simstac.progress import OnProgress, Progress, silent
from simstac.publish import S3Target
from simstac.publish.target import Listed, Snapshot
from simstac.stac.placement import is_absolute
from simstac.write.expire import Expiry, expire as expire_store

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

    What the site or the catalog at any configured target names stays, so all of them are read first.

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
    limit = datetime.now(UTC) - older_than
    named = named_versions(project, on_progress)
    reports = []
    for collection in project.collections:
        place = store_place(project, collection)
        try:
            expiry = expire_store(
                place.href,
                place.scheme,
                older_than=limit,
                keep=keep,
                named=named,
                dry_run=dry_run,
                credentials=place.credentials,
                read_object=_object_reader(collection),
                on_progress=on_progress,
            )
            reports.append(ExpireReport(collection.id, expiry))
        except SimstacError as error:
            reports.append(ExpireReport(collection.id, error=error))
        on_progress(Progress("expire", len(reports), len(project.collections), collection.id))
    return tuple(reports)


def named_versions(project: Project, on_progress: OnProgress = silent) -> dict[str, str]:
    """The snapshot ids, or tags where an asset has no snapshot id, that catalogs name, and where each is named.

    Raises:
        PublishError: If the site or a target cannot be read whole.
    """
    site = SiteFolder(project.site)
    named = _named_in(site.read, str(project.site), on_progress)
    for configured in project.targets:
        target = destination(project, configured)
        try:
            read = _sparing(target.snapshot(), site)
            named = _named_in(read, target.url, on_progress) | named
        except SimstacError as error:
            problem = f"cannot be read, so nothing was expired: {error.where} {error.problem}"
            raise PublishError(target.url, problem, error.remedy or "make it readable, then run it again") from error
    return named


def _named_in(read: ReadDocument, where: str, on_progress: OnProgress) -> dict[str, str]:
    """What the catalog names that begins at the root; empty where there is none."""
    names: set[str] = set()
    seen, level = {ROOT}, [ROOT] if read(ROOT) is not None else []
    with ThreadPoolExecutor(WORKERS) as pool:
        while level:
            below: list[str] = []
            for path, content in zip(level, pool.map(read, level), strict=True):
                document = _parsed(path, content)
                names.update(_names(document))
                below += [each for each in _links(path, document) if each not in seen]
                seen.update(below)
            on_progress(Progress("read catalogs", len(seen) - len(below), None, where))
            level = list(dict.fromkeys(below))
    return dict.fromkeys(names, where)


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
        if link.get("rel") in _BELOW and not is_absolute(link["href"]):
            path_below = posixpath.normpath(posixpath.join(folder, link["href"]))
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
