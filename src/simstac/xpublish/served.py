"""The datasets of STAC documents, each opened from its store when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from simstac.engine.backend import StoreOfAsset, open_store_of
from simstac.engine.documents import read_document
from simstac.engine.routes import claims
from simstac.errors import StorageError
from simstac.write import tables_of_files
from simstac.xpublish.chunks import StoredChunks, stored_chunks

if TYPE_CHECKING:
    import pystac
    import xarray as xr


@dataclass(frozen=True, slots=True)
class Served:
    """A dataset that came from a store.

    Attributes:
        document: The Item or Collection that names the store.
        opened: The store.
        chunks: Its hierarchy by keys, without the tables of the files that it was made from: where these lie on this
            machine is nobody's business.
        tree: Its data, read lazily; without these tables too.
    """

    document: pystac.Item | pystac.Collection
    opened: StoreOfAsset
    chunks: StoredChunks
    tree: xr.DataTree


@dataclass(slots=True)
class Shelf:
    """Datasets by id.

    Attributes:
        addresses: The path or URL of the STAC document of each.
        trust: Endpoints of S3-compatible services that may see your credentials.
        lazy: Whether arrays are Dask arrays, for those with a Dask client.
    """

    addresses: Mapping[str, str]
    trust: tuple[str, ...] = ()
    lazy: bool = False
    _open: dict[str, Served] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, dataset_id: str) -> Served | None:
        """A dataset; None where there is none of that id.

        Raises:
            StorageError: If its document or its store cannot be opened.
            InvalidDocumentError: If the document is not STAC.
        """
        if dataset_id not in self.addresses:
            return None
        with self._lock:
            if dataset_id not in self._open:
                self._open[dataset_id] = self._opened(self.addresses[dataset_id])
            return self._open[dataset_id]

    def _opened(self, address: str) -> Served:
        import pystac  # noqa: PLC0415  # loaded with the first document
        import xarray as xr  # noqa: PLC0415  # as above

        document = read_document(address)
        if not isinstance(document, pystac.Item | pystac.Collection):
            raise StorageError(address, "is a Catalog", "serve it with catalogued(address)")
        opened = open_store_of(document, trust=self.trust)
        chunks: Any = {} if self.lazy else None
        tree = xr.open_datatree(opened.store, engine="zarr", consolidated=False, chunks=chunks)
        hidden = tables_of_files(tree)
        return Served(document, opened, stored_chunks(opened.store, hidden), tree.drop_nodes(hidden))


def catalogued(address: str | PathLike[str]) -> dict[str, str]:
    """Every dataset of a catalog: its id, and the address of its document.

    A Collection whose own asset is a store is one dataset; of others, each Item with a store is one, called
    ``<collection>.<item>``.

    Raises:
        StorageError: If a document cannot be read.
        InvalidDocumentError: If a document is not STAC.
    """
    import pystac  # noqa: PLC0415  # as above

    root = read_document(address)
    if not isinstance(root, pystac.Catalog):
        return {root.id: _address_of(root)}
    collections = [root] if isinstance(root, pystac.Collection) else []
    for link in root.get_child_links():
        child = read_document(link.get_absolute_href() or str(link.target))
        collections += [child] if isinstance(child, pystac.Collection) else []
    found: dict[str, str] = {}
    for collection in collections:
        if claims(collection):
            found[collection.id] = _address_of(collection)
            continue
        for link in collection.get_item_links():
            item = read_document(link.get_absolute_href() or str(link.target))
            if claims(item):
                found[f"{collection.id}.{item.id}"] = _address_of(item)
    return found


def _address_of(document: pystac.STACObject) -> str:
    return document.get_self_href() or ""
