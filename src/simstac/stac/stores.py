"""Stores that others wrote → an Item each, and one Collection around them that is made of the Items alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simstac.stac.dataset import describe_item
from simstac.stac.document import STAC_VERSION, Document, Documents, plain, text, timestamp
from simstac.stac.extensions import scientific
from simstac.stac.geometry import box_of, enclosing_bbox, padded
from simstac.stac.metadata import Metadata
from simstac.stac.skeleton import metadata_fields, said_links
from simstac.stac.snippet import describe, first_item_snippet
from simstac.stac.temporal import period_of

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.placement import Placement
    from simstac.storage import Stored

WATCHED = "simstac:watched"
FINGERPRINT = "simstac:fingerprint"
TITLES = ("title", "name", "dataset_name", "dataset_id")
PROSE = ("description", "summary", "abstract", "comment")
VERSIONS = ("dataset_version", "product_version")
LONGEST_TITLE = 200


def describe_existing(
    data: xr.Dataset | xr.DataTree,
    *,
    identifier: str,
    stored: Stored,
    metadata: Metadata,
    placement: Placement,
    watched: Mapping[str, str],
    fingerprint: str,
    credit: Mapping[str, Any] | None = None,
) -> Document:
    """A store as an Item that remembers what it was described from.

    Args:
        data: The store, opened lazily; only coordinates are read.
        identifier: The Item's id.
        stored: Its address and version.
        metadata: What is said about it.
        placement: How it is addressed.
        watched: Versions of the files that change when the store does, by path below it.
        fingerprint: Of all else that the Item was made from.
        credit: Further fields for its properties, such as providers and keywords.

    Raises:
        MetadataError: If its place or time is missing or ambiguous.
    """
    item = describe_item(data, identifier=identifier, stored=stored, metadata=metadata, placement=placement)
    item["properties"].update(credit or {})
    asset = data_asset_of(item)
    asset[WATCHED] = dict(sorted(watched.items()))
    asset[FINGERPRINT] = fingerprint
    return item


def describe_stores(items: Sequence[Document], metadata: Metadata, *, public_url: str | None) -> Documents:
    """The Collection of stores and their Items, without links between documents.

    Args:
        items: The Items, at least one.
        metadata: What is said about them all.
        public_url: Where the catalog is read.
    """
    first = items[0]
    prose = metadata.description.strip() or f"{metadata.name}."
    assets = {key: asset for item in items for key, asset in item["assets"].items() if WATCHED in asset}
    periods = [period_of(item) for item in items]
    start, end = min(start for start, _ in periods), max(end for _, end in periods)
    collection: Document = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": metadata.id,
        "title": metadata.name,
        "description": describe(prose, first_item_snippet(metadata.id, first, public_url)),
        "license": metadata.license,
        "extent": {
            "spatial": {"bbox": [list(padded(enclosing_bbox([box_of(item) for item in items])))]},
            "temporal": {"interval": [[timestamp(start), timestamp(end)]]},
        },
        "updated": max(item["properties"]["updated"] for item in items),
        "assets": {},
        "item_assets": {
            key: {"title": "The store that holds the data", "type": asset["type"], "roles": ["data"]}
            for key, asset in sorted(assets.items())
        },
        "links": said_links(metadata),
        **metadata_fields(metadata),
    }
    scientific.add_citation(collection, metadata)
    return Documents(collection=collection, items=tuple(items))


def data_asset_of(item: Document) -> Document:
    """The asset of the store that an Item describes."""
    key = next(key for key, asset in item["assets"].items() if "data" in asset["roles"])
    asset: Document = item["assets"][key]
    return asset


def said_title(attrs: Mapping[Any, Any], fallback: str) -> str:
    """The title that a store declares, with its version where it declares one; else the one given."""
    title = next((said for key in TITLES if (said := text(attrs.get(key)))), "") or fallback
    version = next((said for key in VERSIONS if (said := text(attrs.get(key)))), "")
    known = not version or version in title
    return (title if known else f"{title}, version {version}")[:LONGEST_TITLE]


def said_description(attrs: Mapping[Any, Any]) -> str:
    """The description that a store declares; empty where it declares none."""
    return next((str(said) for key in PROSE if (said := plain(attrs.get(key)))), "")
