"""Released versions: an Item for each older one, and the links that lead from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simstac.stac.document import GEOJSON, JSON, Document
from simstac.stac.metadata import Metadata, identifier

if TYPE_CHECKING:
    import xarray as xr

    from simstac.storage import Stored


@dataclass(frozen=True, slots=True)
class Release:
    """An older released version of a store.

    Attributes:
        stored: Its tag, snapshot and commit time.
        data: The store as of that tag, opened lazily.
    """

    stored: Stored
    data: xr.Dataset | xr.DataTree


def version_id(metadata: Metadata, tag: str) -> str:
    """The Item id of a released version."""
    return f"{metadata.id}-{identifier(tag)}"


def version_title(metadata: Metadata, tag: str) -> str:
    """The title of a released version."""
    return f"{metadata.name}, version {tag}"


def link_versions(items: Sequence[Document], collection: Document | None = None) -> None:
    """Add version links to Items of one Collection, oldest first; a Collection given is the newest version itself.

    An older version links the one before, the one after and the latest; the latest links the one before alone, since
    STAC Browser calls outdated what links a latest version.
    """
    chain = [*items, collection] if collection is not None else [*items]
    for index, document in enumerate(chain):
        if index > 0:
            document["links"].append(_link("predecessor-version", document, chain[index - 1]))
        if index < len(chain) - 1:
            document["links"].append(_link("successor-version", document, chain[index + 1]))
            document["links"].append(_link("latest-version", document, chain[-1]))


def without_version_links(item: Document) -> Document:
    """An Item as it was before `link_versions`."""
    return {**item, "links": [link for link in item["links"] if not link["rel"].endswith("-version")]}


def _link(rel: str, source: Document, target: Document) -> Document:
    above = "../" if source["type"] == "Feature" else "./"
    if target["type"] == "Feature":
        href, media_type = f"{above}{target['id']}/{target['id']}.json", GEOJSON
        title = target["properties"]["title"]
    else:
        href, media_type, title = f"{above}collection.json", JSON, target["title"]
    return {"rel": rel, "href": href, "type": media_type, "title": title}
