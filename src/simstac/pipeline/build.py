"""Building: runs → stores → documents in the site folder; what is unchanged is left as it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from simstac.catalog import ROOT, remove_collection, upsert_collection
from simstac.config.model import Collection, Project
from simstac.errors import ConfigError, InvalidDocumentError, SimstacError
from simstac.pipeline.extras import items_table, with_picture
from simstac.pipeline.place import placement, store_place
from simstac.pipeline.site import SiteFolder
from simstac.progress import OnProgress, silent
from simstac.stac.validate import validate_documents

if TYPE_CHECKING:
    from simstac.storage import Stored
    from simstac.write import Report
    from simstac.write.plan import Dropped

BUILT = ".simstac/built.json"
COMPLETED = "completed"
SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionReport:
    """What building one collection did.

    Attributes:
        id: The collection.
        stored: Its store.
        statuses: How each run ended, in the order of the runs.
        problems: A line for each run that has no data.
        differences: What some runs lack that others have, and other things worth knowing.
        documents: The paths of the documents that changed.
    """

    id: str
    stored: Stored
    statuses: tuple[str, ...]
    problems: tuple[str, ...]
    differences: tuple[str, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        site: The site's folder.
        collections: A report for each collection that was built.
        errors: Why other collections could not be built; their old stores and documents are untouched.
        removed: Documents of collections that the configuration no longer has.
    """

    site: Path
    collections: tuple[CollectionReport, ...]
    errors: tuple[SimstacError, ...]
    removed: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that changed."""
        return (*(path for collection in self.collections for path in collection.documents), *self.removed)

    @property
    def ok(self) -> bool:
        """Whether every run of every collection is there."""
        return not self.errors and not any(collection.problems for collection in self.collections)


def build(project: Project, *, drop_vanished: bool = False, on_progress: OnProgress = silent) -> BuildReport:
    """Write the store of every collection and the documents around it.

    Args:
        project: The configuration.
        drop_vanished: Whether runs whose results are gone leave the stores; else they stay as they were.
        on_progress: Hears of every run read and written.

    Returns:
        What was done. A collection that cannot be built is an error in it and does not stop the others.

    Raises:
        ConfigError: If the configuration places a store where no reader could reach it, or the site is another's.
        PublishError: If the site's folder cannot be written.
    """
    site = SiteFolder(project.site)
    _refuse_other_catalog(project, site)
    reports: list[CollectionReport] = []
    errors: list[SimstacError] = []
    for collection in project.collections:
        placement(project, collection)
    for collection in project.collections:
        try:
            reports.append(build_collection(project, collection, drop_vanished=drop_vanished, on_progress=on_progress))
        except SimstacError as error:
            errors.append(error)
    removed = [path for name in _let_go(project, site) for path in site.apply(remove_collection(site.read, name))]
    return BuildReport(project.site, tuple(reports), tuple(errors), tuple(removed))


def build_collection(
    project: Project, collection: Collection, *, drop_vanished: Dropped = False, on_progress: OnProgress = silent
) -> CollectionReport:
    """Write the store of one collection and the documents around it.

    Args:
        project: The configuration.
        collection: One of its collections.
        drop_vanished: See `build`; or the names of those runs that leave the store.
        on_progress: Hears of every run read and written.

    Raises:
        SimstacError: If it cannot be built.
    """
    from simstac.studies import find_study  # noqa: PLC0415  # xarray, which an unbuilt site does not need
    from simstac.write import write_study  # noqa: PLC0415  # as above

    place, source = store_place(project, collection), collection.source
    study = find_study(source.path, parameters=source.parameters, engine=source.engine, base=project.folder)
    stored, report = write_study(
        study,
        place.href,
        place.scheme,
        version=collection.version,
        chunks=collection.store.chunks,
        drop_vanished=drop_vanished,
        credentials=place.credentials,
        on_progress=on_progress,
    )
    changed, warnings = describe_collection(project, collection, stored)
    return CollectionReport(
        id=collection.id,
        stored=stored,
        statuses=tuple(report.statuses.values()),
        problems=_problems(report),
        differences=(*_notes(report), *warnings),
        documents=changed,
    )


def describe_collection(
    project: Project, collection: Collection, stored: Stored
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write the documents around a store; return the paths of those that changed, and warnings.

    Raises:
        SimstacError: If it cannot be described.
    """
    from simstac.stac.releases import Release  # noqa: PLC0415  # as above
    from simstac.stac.study import describe_study  # noqa: PLC0415  # as above
    from simstac.write import older_versions, open_stored  # noqa: PLC0415  # as above

    credentials, site = store_place(project, collection).credentials, SiteFolder(project.site)
    read = partial(open_stored, credentials=credentials)
    releases = [Release(each, read(each)) for each in older_versions(stored, credentials=credentials)]
    data, metadata, where = read(stored), collection.described(), placement(project, collection)
    documents = describe_study(data, stored, metadata, where, releases=releases)
    documents = with_picture(site, documents, data, metadata)
    edits = partial(upsert_collection, site.read, project.catalog, documents, table=items_table())
    _refuse_invalid(site, edits())
    return site.apply(edits()), documents.warnings


def _refuse_other_catalog(project: Project, site: SiteFolder) -> None:
    root = _document(site, ROOT)
    other = root["id"] if root else project.catalog.id
    if other != project.catalog.id:
        problem = f"is the site of the catalog {other!r}, not of {project.catalog.id!r}"
        raise ConfigError(project.site, problem, "give this catalog a folder of its own (catalog.site)")


def _document(site: SiteFolder, path: str) -> dict[str, Any]:
    content = site.read(path)
    if content is None:
        return {}
    try:
        document: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        problem = f"is not JSON ({error})"
        raise InvalidDocumentError(site.root / path, problem, "repair or remove it, then build again") from error
    return document


def _let_go(project: Project, site: SiteFolder) -> list[str]:
    """The collections that this configuration built before and no longer has; remembers those that it has."""
    name = Path(os.path.relpath(project.file, project.site)).as_posix()
    ids = sorted(collection.id for collection in project.collections)
    built: dict[str, list[str]] = {}

    def remembered() -> Iterator[tuple[str, bytes]]:
        built.update(_document(site, BUILT))
        yield BUILT, orjson.dumps({**built, name: ids}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)

    site.apply(remembered())
    before = built.get(name, [])
    others = {each for owner, names in built.items() if owner != name for each in names}
    return [each for each in before if each not in ids and each not in others]


def _refuse_invalid(site: SiteFolder, edits: Iterable[tuple[str, bytes | None]]) -> None:
    """Check the documents that would change, before any of them is written; it names the first few problems."""
    changed = (
        (path, content)
        for path, content in edits
        if content is not None and path.endswith(".json") and content != site.read(path)
    )
    findings = validate_documents(changed, whole=False).findings
    if findings:
        more = f" (and {len(findings) - SHOWN} more)" if len(findings) > SHOWN else ""
        problem = " | ".join(f"{finding.pointer}: {finding.problem}" for finding in findings[:SHOWN])
        raise InvalidDocumentError(findings[0].document, f"{problem}{more}", findings[0].remedy)


def _problems(report: Report) -> tuple[str, ...]:
    lines = []
    for run, status in report.statuses.items():
        if status != COMPLETED:
            message = report.messages.get(run, "")
            lines.append(f"{run}: {status}" + (f": {message}" if message else ""))
    return tuple(lines)


def _notes(report: Report) -> tuple[str, ...]:
    kept = [f"{run} is gone from the source and kept; --drop-vanished drops it" for run in report.vanished]
    return (*report.differences, *kept)
