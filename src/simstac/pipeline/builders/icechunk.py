"""Stores that exist already → an Item each; what has not changed is not read again, and nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from simstac.catalog import item_path, upsert_collection
from simstac.config.sources import IcechunkSource
from simstac.errors import SimstacError, SourceError
from simstac.pipeline.builders.order import Built, Order, kept_note
from simstac.pipeline.describe_existing import (
    KEPT,
    UNCHANGED,
    Outcome,
    describe_existing_store,
    failed,
    fingerprint_of,
)
from simstac.pipeline.existing_stores import Candidate, Search, find_stores
from simstac.pipeline.known_stores import Known, known_stores
from simstac.pipeline.site import SiteFolder
from simstac.progress import Progress
from simstac.stac.document import Documents
from simstac.stac.stores import describe_stores
from simstac.stac.validate import validate_documents

WORKERS = 16
SHOWN = 3


def build_existing(order: Order, source: IcechunkSource) -> Built:
    """Find the stores of a source, describe those that are new or have changed, and keep the Items of the others.

    Raises:
        SourceError: If no place could be searched, or there is no store.
    """
    site = SiteFolder(order.project.site)
    known = known_stores(site, order.collection.id)
    markers = {href: each.marker for href, each in known.items()}
    with ThreadPoolExecutor(WORKERS) as pool:
        search = find_stores(order.project, source, markers, pool)
        if not search.stores:
            raise next(iter(search.failures), _nothing(order))
        outcomes = []
        for outcome in pool.map(partial(_outcome, order, source, known), search.stores):
            outcomes.append(outcome)
            store = search.stores[len(outcomes) - 1].identifier
            order.on_progress(Progress("read stores", len(outcomes), len(search.stores), store))
    outcomes = _checked(order, site, [*outcomes, *_vanished(order, search, known)], known)
    failures = [str(failure) for failure in search.failures]
    return Built(
        documents=_documents(order, outcomes),
        stored=None,
        statuses=tuple(outcome.status for outcome in outcomes),
        problems=(*failures, *(outcome.problem for outcome in outcomes if outcome.problem)),
        notes=tuple(outcome.note for outcome in outcomes if outcome.note),
        unit="store",
    )


def _nothing(order: Order) -> SourceError:
    return SourceError(order.collection.id, "no store was found", "check stores, under and registry")


def _outcome(order: Order, source: IcechunkSource, known: Mapping[str, Known], store: Candidate) -> Outcome:
    before = known.get(store.href)
    fingerprint = fingerprint_of(order, source, store)
    try:
        if store.found is None:
            raise store.error or SourceError(store.address, "cannot be read")
        if before is not None and before.fingerprint == fingerprint and before.item["id"] == store.identifier:
            found = store.found.watching(before.watched)
            if found.watched == before.watched:
                return Outcome(UNCHANGED, before.item, before.files)
        return describe_existing_store(order, source, store, fingerprint)
    except SimstacError as error:
        return failed(f"{store.identifier}: {error}", before)


def _vanished(order: Order, search: Search, known: Mapping[str, Known]) -> Iterator[Outcome]:
    """Items whose stores are not there: kept, unless they may be dropped and every place was searched."""
    ids = {store.identifier for store in search.stores}
    there = {store.href for store in search.stores}
    for href, each in sorted(known.items()):
        name = each.item["id"]
        if href in there or name in ids:
            continue
        if order.drop_vanished is True and not search.failures:
            continue
        unsure = f"{name} was not looked for everywhere and kept; --drop-vanished drops it"
        yield Outcome(KEPT, each.item, each.files, note=unsure if search.failures else kept_note(name))


def _checked(order: Order, site: SiteFolder, outcomes: list[Outcome], known: Mapping[str, Known]) -> list[Outcome]:
    """The outcomes, where an Item that breaks a rule is a failure of its store alone, not of the whole catalog."""
    edits = upsert_collection(site.read, order.project.catalog, _documents(order, outcomes))
    findings = validate_documents(site.changed(edits), whole=False).findings
    broken = {finding.document: finding for finding in reversed(findings)}
    before = {each.item["id"]: each for each in known.values()}
    checked = []
    for outcome in outcomes:
        name = outcome.item["id"] if outcome.item is not None else ""
        finding = broken.get(item_path(order.collection.id, name))
        if finding is None:
            checked.append(outcome)
            continue
        problem = f"{name}: {finding.pointer}: {finding.problem}; {finding.remedy}"
        checked.append(failed(problem, before.get(name)))
    return checked


def _documents(order: Order, outcomes: Sequence[Outcome]) -> Documents:
    items = [outcome.item for outcome in outcomes if outcome.item is not None]
    if not items:
        problems = " | ".join(outcome.problem for outcome in outcomes[:SHOWN])
        raise SourceError(order.collection.id, f"no store can be described: {problems}", "see each of them")
    files = {path: content for outcome in outcomes for path, content in outcome.files.items()}
    documents = describe_stores(items, order.collection.described(), public_url=order.project.catalog.public_url)
    return replace(documents, files=files)
