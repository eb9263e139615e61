"""Items of older released versions that the site has already: a version never changes, so neither does its Item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import orjson

from simstac.catalog import Edit, item_path, without_catalog_links
from simstac.pipeline.site import SiteFolder
from simstac.publishing.site import OWN
from simstac.stac.document import Document, canonical_json, data_asset
from simstac.stac.metadata import Metadata
from simstac.stac.placement import Placement
from simstac.stac.releases import version_id, without_version_links

if TYPE_CHECKING:
    from simstac.storage import Stored

DIGITS = 32


def known_versions(
    site: SiteFolder, metadata: Metadata, placement: Placement, versions: Sequence[Stored]
) -> dict[str, Document]:
    """The Items of those versions that need not be described anew, by tag; without links between documents.

    An Item counts where the last build described it from the same snapshot in the same way, and it lies there as that
    build left it.
    """
    said = site.fields(_memory(metadata.id))
    if said.get("from") != _fingerprint(metadata, placement):
        return {}
    digests, found = said["items"], {}
    for each in versions:
        name = version_id(metadata, each.tag)
        item = site.fields(item_path(metadata.id, name)) if name in digests else {}
        if not item.get("links"):
            continue
        bare = without_version_links(without_catalog_links(item))
        if _digest(bare) == digests[name] and data_asset(bare)["icechunk:snapshot_id"] == each.snapshot_id:
            found[each.tag] = bare
    return found


def remember_versions(site: SiteFolder, metadata: Metadata, placement: Placement, items: Iterable[Document]) -> None:
    """Note the Items of older versions as they were described, for the next build.

    Raises:
        PublishError: If the site's folder cannot be written.
    """
    digests = {item["id"]: _digest(without_version_links(item)) for item in items}
    if not digests and site.read(_memory(metadata.id)) is None:
        return
    said = {"from": _fingerprint(metadata, placement), "items": digests}
    site.apply([(_memory(metadata.id), orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))])


def forgotten_versions(collection_id: str) -> Edit:
    """The edit that takes what is remembered of a Collection out of the site, with the Collection."""
    return _memory(collection_id), None


def made_from(*parts: str) -> str:
    """A digest of what a document is made from, this release of simstac among it."""
    return hashlib.sha256("\0".join((_release(), *parts)).encode()).hexdigest()[:DIGITS]


def _memory(collection_id: str) -> str:
    return f"{OWN}/versions/{collection_id}.json"


def _fingerprint(metadata: Metadata, placement: Placement) -> str:
    """A digest of all that the Item of a version is made from but the store."""
    return made_from(metadata.model_dump_json(), repr(placement))


@cache
def _release() -> str:
    return version("simstac")


def _digest(item: Document) -> str:
    return hashlib.sha256(canonical_json(item)).hexdigest()[:DIGITS]
