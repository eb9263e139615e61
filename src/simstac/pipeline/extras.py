"""What is made beside the documents where its extra is installed, and only when what it shows has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from simstac.catalog import collection_path
from simstac.pipeline.site import SiteFolder
from simstac.stac.document import Document, Documents
from simstac.stac.geometry import overall_box

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.metadata import Metadata
    from simstac.stac.pictures import Picture

PICTURES = ("chart", "thumbnail")


def items_table() -> Callable[[Iterable[Document]], bytes] | None:
    """What makes the items parquet, once for the same Items; None without the extra ``parquet``."""
    if find_spec("stac_geoparquet") is None:
        return None
    made: list[bytes] = []

    def table(items: Iterable[Document]) -> bytes:
        from simstac.stac.parquet import items_parquet  # noqa: PLC0415  # a second that unchanged Items need not pay

        if not made:
            made.append(items_parquet(items))
        return made[0]

    return table


def with_picture(site: SiteFolder, documents: Documents, data: xr.DataTree, metadata: Metadata) -> Documents:
    """The documents with a picture of the data: the one in the site if it is of the same snapshot, else a new one.

    A picture that cannot be drawn is a warning in the documents; without the extra ``plot`` there is none.
    """
    if find_spec("matplotlib") is None:
        return documents
    from simstac.stac import pictures  # noqa: PLC0415  # as above

    picture = _picture_of_same(site, documents.collection)
    try:
        box = overall_box(documents.collection["extent"]["spatial"]["bbox"])
        return pictures.with_picture(documents, picture or pictures.draw_picture(data, metadata, box))
    except pictures.PictureError as error:
        return replace(documents, warnings=(*documents.warnings, str(error)))


def _picture_of_same(site: SiteFolder, collection: Document) -> Picture | None:
    from simstac.stac.pictures import Picture  # noqa: PLC0415  # as above

    before = site.document(collection_path(collection["id"])) or {}
    if _drawn_from(before) != _drawn_from(collection):
        return None
    for key in PICTURES:
        asset = before["assets"].get(key)
        drawn = site.read(f"{collection['id']}/{key}.png")
        if asset and drawn:
            return Picture(key, drawn, asset)
    return None


def _drawn_from(collection: Document) -> tuple[Any, ...]:
    snapshot = collection.get("assets", {}).get("icechunk", {}).get("icechunk:snapshot_id")
    return snapshot, collection.get("title"), collection.get("extent", {}).get("spatial")
