"""The xarray engine ``simstac`` and `open`: from STAC documents to data that xarray reads.

One module a step: ``documents`` (JSON → pystac), ``routes`` (pystac → addresses), ``trust``, ``stores`` and ``virtual``
(address → Zarr store), ``backend`` (store → Dataset or DataTree).
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

from simstac.engine.backend import SimstacBackend

if TYPE_CHECKING:
    import pystac
    import xarray as xr

__all__ = ["SimstacBackend", "open"]


def open(  # noqa: A001  # the public name is simstac.open
    source: str | PathLike[str] | pystac.Asset | pystac.STACObject,
    *,
    item: str | None = None,
    asset: str | None = None,
    group: str | None = None,
    chunks: Any = None,
    trust: str | Iterable[str] = (),
    **options: Any,
) -> xr.Dataset:
    """Open the data behind a STAC document; nothing is read until it is used.

    For example ``simstac.open("demo/site/office-study/collection.json")`` is a whole study, and
    ``simstac.open("https://data.example.org/stac/catalog.json", item="u0.20-l05-h20")`` one run of it. The same as
    ``xr.open_dataset`` of a pystac object, with the document read and the item found.

    Args:
        source: A path or URL of a Catalog, Collection or Item, or a pystac object. A Catalog needs ``item``, unless
            it has a single child.
        item: The id of an item somewhere below a Catalog or Collection; the item of a run opens as that run.
        asset: The key of the asset, where the document has several stores.
        group: The group inside the store; the root where none is given.
        chunks: As in `xarray.open_dataset`; None reads without Dask.
        trust: Endpoints of S3-compatible services that may see your credentials.
        options: Further arguments of `xarray.open_dataset`, or ``version``: a tag, branch or snapshot id.

    Raises:
        StorageError: If the document or its store cannot be opened.
        InvalidDocumentError: If the document is not STAC.
    """
    import xarray as xr  # noqa: PLC0415  # xarray imports this package while it lists its engines

    obj = _document(source, item)
    given = {"asset": asset, "group": group, "chunks": chunks, "trust": trust, **options}
    return xr.open_dataset(obj, engine=SimstacBackend, **given)  # type: ignore[arg-type]


def _document(source: Any, item: str | None) -> pystac.Asset | pystac.STACObject:
    import pystac  # noqa: PLC0415  # not needed to list engines

    from simstac.engine.documents import find_item, only_child, read_document  # noqa: PLC0415

    obj = read_document(source) if isinstance(source, (str, PathLike)) else source
    if item is not None:
        if not isinstance(obj, pystac.Catalog):
            raise TypeError(f"item= is for a Catalog or Collection, not for a {type(obj).__name__}")
        return find_item(obj, item)
    if isinstance(obj, pystac.Catalog) and not isinstance(obj, pystac.Collection):
        return only_child(obj)
    return obj
