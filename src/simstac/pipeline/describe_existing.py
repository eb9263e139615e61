"""One existing store as its Item: opened, described from what it says of itself and what people say, and drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from simstac.config.sources import IcechunkSource, StoreNotes
from simstac.errors import ConfigError, SimstacError, SourceError
from simstac.pipeline.builders.order import Order
from simstac.pipeline.existing_stores import Candidate, inside_site
from simstac.pipeline.known_stores import Known
from simstac.pipeline.known_versions import made_from
from simstac.s3.credentials import key_source
from simstac.sources.existing.prose import licence, prose
from simstac.stac.document import ICECHUNK, ZARR, Document, text
from simstac.stac.metadata import Metadata
from simstac.stac.placement import Route
from simstac.stac.stores import describe_existing, said_description, said_title
from simstac.storage import LocalPath, local_path

if TYPE_CHECKING:
    import xarray as xr

    from simstac.engine.existing import Existing
    from simstac.engine.virtual import Container
    from simstac.sources.existing.registry import Entry
    from simstac.sources.existing.stores import Found

DESCRIBED, UNCHANGED, FAILED, KEPT = "described", "unchanged", "failed", "kept"
ANY_FILE = "application/octet-stream"
_DRAWING = BoundedSemaphore(os.cpu_count() or 1)
"""So many pictures are drawn at once, each by another process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one store.

    Attributes:
        status: ``described``, ``unchanged``, ``failed`` or ``kept``.
        item: Its Item; None where it failed and there was none.
        files: The files beside the Item, by path relative to the Collection's folder.
        problem: Why it failed.
        note: What else is worth knowing.
    """

    status: str
    item: Document | None
    files: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""
    note: str = ""


def failed(problem: str, before: Known | None) -> Outcome:
    """A store that could not be described, with the Item that it had."""
    if before is None:
        return Outcome(FAILED, None, problem=problem)
    return Outcome(FAILED, before.item, before.files, f"{problem} (its Item stays as it was)")


def fingerprint_of(order: Order, source: IcechunkSource, store: Candidate) -> str:
    """A digest of all that an Item is made from but the store: an Item of the same digest need not be made anew."""
    return made_from(
        order.collection.described().model_dump_json(),
        source.items.get(store.identifier, StoreNotes()).model_dump_json(),
        repr(store.placement),
        repr(store.entry),
        str(source.thumbnails),
    )


def describe_existing_store(order: Order, source: IcechunkSource, store: Candidate, fingerprint: str) -> Outcome:
    """Open a store and describe it.

    Raises:
        SimstacError: If it cannot be opened or described.
    """
    from simstac.engine.existing import open_existing  # noqa: PLC0415  # what unchanged stores need not load
    from simstac.engine.trust import trusted_endpoints  # noqa: PLC0415  # as above

    if store.found is None:
        raise store.error or SourceError(store.address, "cannot be read")
    notes = source.items.get(store.identifier, StoreNotes())
    opened = open_existing(
        store.address,
        store.scheme,
        store.found.format,
        zarr_format=store.found.zarr_format,
        modified=store.found.modified,
        trusted=trusted_endpoints(source.endpoint_url or ()),
        credentials=key_source(source.profile) if source.profile and not store.is_anonymous else None,
        decode_times=not (notes.metadata.calendar or order.collection.metadata.calendar),
    )
    try:
        metadata = _metadata(order, source, store, opened.data.attrs)
        item = _item(order, store, opened, metadata, fingerprint)
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RuntimeError, OSError) as error:
        if isinstance(error, SimstacError):
            raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(store.address, f"cannot be described: {reason}") from error
    return (
        _with_picture(Outcome(DESCRIBED, item), opened.data, metadata)
        if source.thumbnails
        else Outcome(DESCRIBED, item)
    )


def _metadata(order: Order, source: IcechunkSource, store: Candidate, attrs: Mapping[Any, Any]) -> Metadata:
    """What is said of a store: by the configuration, else by the store, else by the registry."""
    said, entry = order.collection.described(), store.entry
    notes = source.items.get(store.identifier, StoreNotes())
    fallback = entry.name if entry and len(entry.places) == 1 else store.identifier
    changes: dict[str, Any] = {
        "title": notes.title or said_title(attrs, fallback),
        "description": notes.description
        or prose(said_description(attrs))
        or (entry.description if entry else "")
        or said.description,
        "license": licence(text(attrs.get("license"))) or (entry.license if entry else None) or said.license,
        **{name: getattr(notes.metadata, name) for name in notes.metadata.model_fields_set},
    }
    return said.model_copy(update=changes)


def _item(order: Order, store: Candidate, opened: Existing, metadata: Metadata, fingerprint: str) -> Document:
    if store.found is None:
        raise SourceError(store.address, "cannot be read")
    is_icechunk = store.found.format == "icechunk"
    placement = replace(
        store.placement,
        media_type=ICECHUNK if is_icechunk else ZARR,
        zarr_format=opened.zarr_format,
        consolidated=opened.consolidated,
        containers=tuple(_containers(order, opened.containers)),
    )
    watched = store.found if is_icechunk or opened.consolidated else _watching_time(store.found, opened)
    return describe_existing(
        opened.data,
        identifier=store.identifier,
        stored=opened.stored,
        metadata=metadata,
        placement=placement,
        watched=watched.watched,
        fingerprint=fingerprint,
        credit=_credit(store.entry),
    )


def _watching_time(found: Found, opened: Existing) -> Found:
    """A store without consolidated metadata grows without touching its root: its time coordinate tells."""
    from simstac.stac.temporal import is_time  # noqa: PLC0415  # numpy, which unchanged stores need not load

    root = opened.data.to_dataset()
    times = [str(name) for name, array in sorted(root.coords.items(), key=str) if array.ndim == 1 and is_time(array)]
    if not times:
        return found
    return found.watching([f"{times[0]}/{'zarr.json' if opened.zarr_format == 3 else '.zarray'}"])  # noqa: PLR2004


def _containers(order: Order, containers: tuple[Container, ...]) -> list[tuple[str, Route, str]]:
    """Where virtual chunks lie, as the documents name it: ``source``, ``source-2`` and so on."""
    named = []
    for number, container in enumerate(containers, start=1):
        scheme, href = container.scheme, container.prefix
        if isinstance(scheme, LocalPath):
            href = f"{inside_site(order.project, local_path(href))}/"
        named.append(("source" if number == 1 else f"source-{number}", Route(href, scheme), ANY_FILE))
    return named


def _credit(entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    credit: dict[str, Any] = {"keywords": list(entry.keywords)} if entry.keywords else {}
    if entry.manager:
        name, url = entry.manager
        credit["providers"] = [{"name": name, "url": url} if url else {"name": name}]
    return credit


def _with_picture(outcome: Outcome, data: xr.DataTree, metadata: Metadata) -> Outcome:
    """The Item with a map or a chart; one that cannot be drawn is a note."""
    if find_spec("matplotlib") is None:
        raise ConfigError("thumbnails", "need matplotlib", "pip install 'simstac[plot]', or leave it out")
    from simstac.stac import pictures  # noqa: PLC0415  # a second that unchanged stores need not pay

    item = outcome.item or {}
    try:
        box = tuple(item["bbox"])
        with _DRAWING:
            picture = pictures.beside_the_map(pictures.draw_picture(data, metadata, box), box)
    except pictures.PictureError as error:
        return replace(outcome, note=f"{item['id']}: {error.problem}")
    pictures.attach(item, picture)
    return replace(outcome, files={f"{item['id']}/{picture.key}.png": picture.content})
