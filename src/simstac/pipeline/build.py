"""Building: runs → stores → documents in the site folder; what is unchanged is left as it is."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from simstac.catalog import ROOT, Edit, remove_collection, upsert_collection
from simstac.config.model import Collection, Project
from simstac.errors import ConfigError, InvalidDocumentError, MetadataError, SimstacError
from simstac.pipeline.builders import Order, build_source
from simstac.pipeline.built import remember
from simstac.pipeline.describe import describe_store
from simstac.pipeline.extras import items_table
from simstac.pipeline.known_versions import forgotten_versions
from simstac.pipeline.place import placement
from simstac.pipeline.site import SiteFolder
from simstac.progress import OnProgress, silent
from simstac.stac.validate import validate_documents
from simstac.write.workers import SERIAL, Parallel

if TYPE_CHECKING:
    from simstac.stac.document import Documents
    from simstac.storage import Stored
    from simstac.studies import Study
    from simstac.write.plan import Dropped

logger = logging.getLogger(__name__)

SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionReport:
    """What building one collection did.

    Attributes:
        id: The collection.
        stored: Its store; None where it has none of its own.
        statuses: How each run, file or store ended, in their order.
        problems: A line for each that has no data.
        differences: What some runs lack that others have, and other things worth knowing.
        documents: The paths of the documents that changed.
        unit: What the statuses are of: ``run``, ``file``, ``store`` ….
    """

    id: str
    stored: Stored | None
    statuses: tuple[str, ...]
    problems: tuple[str, ...]
    differences: tuple[str, ...]
    documents: tuple[str, ...]
    unit: str = "run"

    @property
    def summary(self) -> str:
        """Such as ``written, version 1.0.0, 18 runs (17 completed, 1 failed)``."""
        parts = []
        if self.stored is not None:
            parts = ["written" if self.stored.changed else "unchanged", f"version {self.stored.tag}"]
        return ", ".join([*parts, *([count_of(self.statuses, self.unit)] if self.statuses else [])])


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


def build(
    project: Project,
    *,
    drop_vanished: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress = silent,
) -> BuildReport:
    """Write the store of every collection and the documents around it.

    Args:
        project: The configuration.
        drop_vanished: Whether runs whose results are gone leave the stores; else they stay as they were.
        jobs: Processes of this machine that read and write whole runs; this one alone where None.
        dask: The address of a Dask scheduler whose workers do so instead, or ``local`` for a cluster of ``jobs`` here.
        on_progress: Hears of every run read and written.

    Returns:
        What was done. A collection that cannot be built is an error in it and does not stop the others.

    Raises:
        ConfigError: If the configuration places a store where no reader could reach it, or the site is another's.
        PublishError: If the site's folder cannot be written.
    """
    site, parallel = SiteFolder(project.site), Parallel(jobs, dask)
    refuse_other_catalog(project, site)
    reports: list[CollectionReport] = []
    errors: list[SimstacError] = []
    for collection in project.collections:
        placement(project, collection)
    for collection in project.collections:
        try:
            report = build_collection(
                project, collection, drop_vanished=drop_vanished, parallel=parallel, on_progress=on_progress
            )
            reports.append(report)
        except MetadataError as error:
            where = collection.id if error.where == collection.id else f"{collection.id}: {error.where}"
            errors.append(MetadataError(where, error.problem, error.remedy))
        except SimstacError as error:
            errors.append(error)
    removed: list[str] = []
    for name in remember(project, site):
        removed += site.apply(remove_collection(site.read, name))
        site.apply([forgotten_versions(name)])
    return BuildReport(project.site, tuple(reports), tuple(errors), tuple(removed))


def build_collection(
    project: Project,
    collection: Collection,
    *,
    study: Study | None = None,
    drop_vanished: Dropped = False,
    parallel: Parallel = SERIAL,
    on_progress: OnProgress = silent,
) -> CollectionReport:
    """Write the store of one collection and the documents around it.

    Args:
        project: The configuration.
        collection: One of its collections.
        study: Its runs, where they are given in Python instead of by its source.
        drop_vanished: See `build`; or the names of those runs that leave the store.
        parallel: Which processes read and write its runs.
        on_progress: Hears of every run read and written.

    Raises:
        SimstacError: If it cannot be built.
    """
    order = Order(
        project=project,
        collection=collection,
        study=study,
        drop_vanished=drop_vanished,
        parallel=parallel,
        on_progress=on_progress,
    )
    source = collection.source
    logger.info("%s: reading %s (%s)", collection.id, " ".join(source.paths) or "stores", source.engine)
    built = build_source(order)
    return CollectionReport(
        id=collection.id,
        stored=built.stored,
        statuses=built.statuses,
        problems=built.problems,
        differences=(*built.notes, *built.documents.warnings),
        documents=put_documents(project, built.documents),
        unit=built.unit,
    )


def describe_collection(project: Project, collection: Collection, stored: Stored) -> tuple[str, ...]:
    """Describe a store anew; return the paths of the documents that changed.

    Raises:
        SimstacError: If it cannot be described.
    """
    return put_documents(project, describe_store(project, collection, stored))


def refuse_other_catalog(project: Project, site: SiteFolder) -> None:
    """Refuse a site folder that another catalog was built in.

    Raises:
        ConfigError: If it is another's.
        InvalidDocumentError: If its root is not JSON.
    """
    root = site.document(ROOT)
    other = project.catalog.id if root is None else root.get("id")
    if other != project.catalog.id:
        problem = f"is the site of the catalog {other!r}, not of {project.catalog.id!r}"
        raise ConfigError(project.site, problem, "give this catalog a folder of its own (catalog.site)")


def count_of(statuses: Sequence[str], unit: str = "run") -> str:
    """Such as ``18 runs (17 completed, 1 failed)``."""
    total, counts = len(statuses), sorted(Counter(statuses).items())
    parts = ", ".join(f"{number} {status}" for status, number in counts)
    return f"{total} {unit}{'' if total == 1 else 's'}" + (f" ({parts})" if parts else "")


def put_documents(project: Project, documents: Documents) -> tuple[str, ...]:
    """Write the documents of a collection into the site; return the paths of those that changed.

    Raises:
        InvalidDocumentError: If one of them breaks a rule; then none is written.
        PublishError: If the site's folder cannot be written.
    """
    site = SiteFolder(project.site)
    edits = partial(upsert_collection, site.read, project.catalog, documents, table=items_table())
    _refuse_invalid(site, edits())
    return site.apply(edits())


def _refuse_invalid(site: SiteFolder, edits: Iterable[Edit]) -> None:
    """Check the documents that would change, before any of them is written; it names the first few problems."""
    findings = validate_documents(site.changed(edits), whole=False).findings
    if findings:
        more = f" (and {len(findings) - SHOWN} more)" if len(findings) > SHOWN else ""
        problem = " | ".join(f"{finding.pointer}: {finding.problem}" for finding in findings[:SHOWN])
        raise InvalidDocumentError(findings[0].document, f"{problem}{more}", findings[0].remedy)
