"""What every Item and every Collection of ours has, before extensions and links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from simstac.stac.document import ICECHUNK, STAC_VERSION, ZARR, Document, Subject, timestamp
from simstac.stac.geometry import Bbox, Geometry
from simstac.stac.metadata import Metadata
from simstac.stac.placement import is_absolute
from simstac.stac.temporal import temporal_properties


def item_document(
    subject: Subject,
    *,
    identifier: str,
    place: tuple[Geometry, Bbox],
    period: tuple[datetime, datetime],
    title: str,
    description: str,
) -> Document:
    """An Item with the store as its asset."""
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": identifier,
        "geometry": place[0],
        "bbox": list(place[1]),
        "properties": {
            **temporal_properties(*period),
            "title": title,
            "description": description,
            "license": subject.metadata.license,
            "updated": timestamp(subject.stored.written_at),
        },
        "assets": {asset_key(subject): store_asset(subject, depth=2)},
        "links": _store_links(subject),
    }


def collection_document(
    subject: Subject, *, boxes: Sequence[Bbox], period: tuple[datetime, datetime], description: str
) -> Document:
    """A Collection with the store as its asset."""
    metadata = subject.metadata
    document: Document = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": metadata.id,
        "title": metadata.name,
        "description": description,
        "license": metadata.license,
        "extent": {
            "spatial": {"bbox": [list(box) for box in boxes]},
            "temporal": {"interval": [[timestamp(moment) for moment in period]]},
        },
        "updated": timestamp(subject.stored.written_at),
        "assets": {asset_key(subject): store_asset(subject, depth=1)},
        "item_assets": {asset_key(subject): _item_asset(subject)},
        "links": [*said_links(metadata), *_store_links(subject)],
    }
    return document | metadata_fields(metadata)


def metadata_fields(metadata: Metadata) -> Document:
    """Keywords and providers, where some are said."""
    fields: Document = {}
    if metadata.keywords:
        fields["keywords"] = list(metadata.keywords)
    if metadata.providers:
        fields["providers"] = [_provider(provider.model_dump(exclude_none=True)) for provider in metadata.providers]
    return fields


def said_links(metadata: Metadata) -> list[Document]:
    """Links to the licence and to the DOI, where they are said."""
    links = []
    if metadata.license_url:
        links.append({"rel": "license", "href": metadata.license_url, "type": "text/html", "title": metadata.license})
    if metadata.doi:
        href = f"https://doi.org/{metadata.doi}"
        links.append({"rel": "cite-as", "href": href, "type": "text/html", "title": f"doi:{metadata.doi}"})
    return links


def asset_key(subject: Subject) -> str:
    """The stable key of the asset that holds the data."""
    return "icechunk" if subject.placement.media_type == ICECHUNK else "zarr"


def store_asset(subject: Subject, *, depth: int) -> Document:
    """The store as an asset of a document ``depth`` folders below the root."""
    kind = "Icechunk repository" if asset_key(subject) == "icechunk" else "Zarr store"
    tag = subject.stored.tag
    return {
        "href": subject.placement.primary.relative_to(depth),
        "type": subject.placement.media_type,
        "title": f"{subject.metadata.name} ({kind})",
        "description": f"{kind} (Zarr v{subject.placement.zarr_format})"
        + (f", pinned to the released version {tag}." if tag else "."),
        "roles": ["data"],
    }


def _item_asset(subject: Subject) -> Document:
    return {"title": "The store that holds the data", "type": subject.placement.media_type, "roles": ["data"]}


def _provider(said: dict[str, Any]) -> Document:
    return {key: list(value) if key == "roles" else value for key, value in said.items() if value}


def _store_links(subject: Subject) -> list[Document]:
    """A plain Zarr store with its version in the media type, which released readers do not take on an asset."""
    placement = subject.placement
    if placement.media_type == ICECHUNK or not is_absolute(placement.primary.href):
        return []
    media_type = f"{ZARR}; version={placement.zarr_format}"
    return [{"rel": "store", "href": placement.primary.href, "type": media_type, "title": "Zarr store"}]
