"""Any CF dataset → a Collection with the store, and one Item for each released version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pystac

from simstac.errors import MetadataError
from simstac.stac.document import ICECHUNK, ZARR, Document, Documents, Subject, fields, groups_of
from simstac.stac.extensions import apply_all
from simstac.stac.geometry import Bbox, box_of, boxes_of, enclosing_bbox, padded
from simstac.stac.horizontal import Horizontal, find_horizontal
from simstac.stac.metadata import Metadata, Overrides
from simstac.stac.placement import Placement, Route
from simstac.stac.releases import Release, link_versions, version_id, version_title
from simstac.stac.skeleton import asset_key, collection_document, item_document
from simstac.stac.snippet import describe, open_snippet
from simstac.stac.source_files import add_source_files
from simstac.stac.temporal import interval, period_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from simstac.storage import Stored

MOST_NAMED = 6

type Data = xr.Dataset | xr.DataTree


def build_item(
    data: Data,
    *,
    id: str,  # noqa: A002  # pystac calls it so
    stored: Stored,
    metadata: Metadata,
    placement: Placement | None = None,
) -> pystac.Item:
    """A dataset as one free-standing Item.

    Args:
        data: The dataset, opened lazily; only coordinates are read.
        id: The Item's id.
        stored: What writing it returned.
        metadata: What people say about it, and answers where it is ambiguous.
        placement: How the store is addressed; its own address where none is given.

    Raises:
        MetadataError: If the dataset's place or time is missing or ambiguous.
    """
    document = describe_item(data, identifier=id, stored=stored, metadata=metadata, placement=placement)
    return pystac.Item.from_dict(document, migrate=False)


def build_collection(
    data: Data, *, stored: Stored, metadata: Metadata, placement: Placement | None = None
) -> pystac.Collection:
    """A dataset as one free-standing Collection.

    Args:
        data: The dataset, opened lazily; only coordinates are read.
        stored: What writing it returned.
        metadata: What people say about it, and answers where it is ambiguous.
        placement: How the store is addressed; its own address where none is given.

    Raises:
        MetadataError: If the dataset's place or time is missing or ambiguous.
    """
    subject = _subject(data, stored, metadata, placement)
    document = _collection(subject, [_horizontal(subject).bbox], [_period(subject)])
    return pystac.Collection.from_dict(document, migrate=False)


def describe_item(
    data: Data, *, identifier: str, stored: Stored, metadata: Metadata, placement: Placement | None = None
) -> Document:
    """The document of `build_item`, without links between documents.

    Raises:
        MetadataError: If the dataset's place or time is missing or ambiguous.
    """
    return _item(_subject(data, stored, metadata, placement), identifier, metadata.name)


def describe_dataset(
    data: Data,
    stored: Stored,
    metadata: Metadata,
    placement: Placement,
    *,
    releases: Sequence[Release | Document] = (),
) -> Documents:
    """The documents of a dataset: a Collection, and an Item for each released version.

    Args:
        data: The newest version as opened from the store.
        stored: What writing it returned.
        metadata: What people say about it.
        placement: How the store is addressed.
        releases: The older versions, oldest first; or their Items as described before, without version links.

    Raises:
        MetadataError: If the dataset's place or time is missing or ambiguous.
    """
    newest = _subject(data, stored, metadata, placement)
    items = [*(_older(release, metadata, placement) for release in releases), _version(newest)]
    collection = _collection(newest, [box_of(item) for item in items], [period_of(item) for item in items])
    link_versions(items)
    return Documents(collection=collection, items=items, versions=items[:-1])


def _older(release: Release | Document, metadata: Metadata, placement: Placement) -> Document:
    if not isinstance(release, Release):
        return release
    return _version(_subject(release.data, release.stored, metadata, placement, latest=False))


def _version(subject: Subject) -> Document:
    metadata, tag = subject.metadata, subject.stored.tag
    return _item(subject, version_id(metadata, tag), version_title(metadata, tag))


def _subject(
    data: Data, stored: Stored, metadata: Metadata, placement: Placement | None, *, latest: bool = True
) -> Subject:
    groups = groups_of(data)
    unnamed = [name for dataset in groups.values() for name in dataset.dims if not isinstance(name, str)]
    if unnamed:
        raise MetadataError(str(unnamed[0]), "is a dimension whose name is no text", "rename it")
    return Subject(
        groups=groups,
        stored=stored,
        metadata=metadata,
        placement=placement or _own_address(stored),
        horizontal=_place(groups, metadata),
        latest=latest,
    )


def _own_address(stored: Stored) -> Placement:
    """A store at its own address; one without a snapshot is plain Zarr."""
    media_type = ICECHUNK if stored.snapshot_id else ZARR
    return Placement(primary=Route(stored.href, stored.scheme), media_type=media_type)


def _place(groups: Mapping[str, xr.Dataset], overrides: Overrides) -> Horizontal:
    """Where the first group is that says; the root's problem where none does."""
    first: MetadataError | None = None
    for dataset in groups.values():
        try:
            return find_horizontal(dataset, overrides)
        except MetadataError as error:
            if dataset.coords and error.where != "dataset":
                raise
            first = first or error
    raise first or MetadataError("dataset", "is empty", "write data into it")


def _period(subject: Subject) -> tuple[datetime, datetime]:
    """From the first to the last moment of all groups that have a time."""
    periods, first = [], None
    for dataset in subject.groups.values():
        try:
            periods.append(interval(dataset, subject.metadata))
        except MetadataError as error:
            if error.where != "dataset":
                raise
            first = first or error
    if not periods:
        raise first or MetadataError("dataset", "is empty", "write data into it")
    return min(start for start, _ in periods), max(end for _, end in periods)


def _item(subject: Subject, identifier: str, title: str) -> Document:
    metadata, horizontal = subject.metadata, _horizontal(subject)
    path = f"{metadata.id}/{identifier}/{identifier}.json"
    document = item_document(
        subject,
        identifier=identifier,
        place=(horizontal.geometry, horizontal.bbox),
        period=_period(subject),
        title=title,
        description="",
    )
    apply_all(document, subject)
    version = f"\n\nVersion {subject.stored.tag}." if subject.stored.tag else ""
    document["properties"]["description"] = describe(_prose(subject, document) + version, _snippet(path, subject))
    add_source_files(document, subject.groups[""].attrs)
    return document


def _collection(newest: Subject, boxes: Sequence[Bbox], periods: Sequence[tuple[datetime, datetime]]) -> Document:
    """The Collection around the newest version, in the extent of all."""
    box = enclosing_bbox(boxes)
    document = collection_document(
        newest,
        boxes=boxes_of(padded(box)),
        period=(min(start for start, _ in periods), max(end for _, end in periods)),
        description="",
    )
    apply_all(document, newest)
    snippet = _snippet(f"{newest.metadata.id}/collection.json", newest)
    document["description"] = describe(_prose(newest, document), snippet)
    return document


def _prose(subject: Subject, document: Document) -> str:
    """What people said of the data; else the name, and what the first variables of the document are called."""
    if said := subject.metadata.description.strip():
        return said
    variables = fields(document).get("cube:variables", {}).values()
    called = sorted({each["description"].replace("_", " ") for each in variables if each["type"] == "data"})
    more = f" and {len(called) - MOST_NAMED} more" if len(called) > MOST_NAMED else ""
    return (
        f"{subject.metadata.name}: {', '.join(called[:MOST_NAMED])}{more}." if called else f"{subject.metadata.name}."
    )


def _snippet(path: str, subject: Subject) -> str:
    """How to open the store: the root, or the first group with data where the root has none."""
    groups = [path for path, dataset in subject.groups.items() if dataset.data_vars]
    return open_snippet(path, subject.placement, asset=asset_key(subject), groups=groups or [""])


def _horizontal(subject: Subject) -> Horizontal:
    if subject.horizontal is None:
        raise MetadataError("dataset", "has no place", "set metadata: {bbox: [west, south, east, north]}")
    return subject.horizontal
