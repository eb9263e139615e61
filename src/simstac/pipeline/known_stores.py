"""Items of existing stores that are in the site already: what they were described from, and their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simstac.catalog import collection_path, item_path, without_catalog_links
from simstac.pipeline.site import SiteFolder
from simstac.stac.document import Document
from simstac.stac.placement import is_absolute
from simstac.stac.stores import FINGERPRINT, WATCHED, data_asset_of


@dataclass(frozen=True, slots=True)
class Known:
    """An Item that is in the site.

    Attributes:
        item: It, without links between documents.
        watched: Versions of the files of its store, as they were.
        fingerprint: Of all else that it was made from.
        files: The files beside it, by path relative to the Collection's folder.
    """

    item: Document
    watched: Mapping[str, str]
    fingerprint: str
    files: Mapping[str, bytes]

    @property
    def href(self) -> str:
        """The address of its store."""
        href: str = data_asset_of(self.item)["href"]
        return href

    @property
    def marker(self) -> str:
        """The file that tells the format of its store."""
        return next(iter(self.watched), "")


def known_stores(site: SiteFolder, collection_id: str) -> dict[str, Known]:
    """The Items of a Collection of existing stores by the addresses of their stores; what is broken is not known."""
    collection = site.fields(collection_path(collection_id))
    links = [link for link in collection.get("links", ()) if link.get("rel") == "item"]
    found = (_known(site, collection_id, str(link["href"]).rpartition("/")[2]) for link in links)
    return {known.href: known for known in found if known is not None}


def _known(site: SiteFolder, collection_id: str, name: str) -> Known | None:
    identifier = name.removesuffix(".json")
    item = site.fields(item_path(collection_id, identifier))
    stores = [asset for asset in item.get("assets", {}).values() if WATCHED in asset]
    if not stores:
        return None
    files = {}
    for asset in item["assets"].values():
        if "file:checksum" in asset and not is_absolute(asset["href"]):
            path = f"{identifier}/{asset['href'].removeprefix('./')}"
            content = site.read(f"{collection_id}/{path}")
            if content is None:
                return None
            files[path] = content
    return Known(without_catalog_links(item), stores[0][WATCHED], stores[0].get(FINGERPRINT, ""), files)
