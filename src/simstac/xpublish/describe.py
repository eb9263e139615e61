"""What the server says of its datasets: a STAC Item for each, a Collection of all, and an intake catalog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pystac
import yaml

from simstac.stac.dataset import build_item
from simstac.stac.document import GEOJSON, ICECHUNK, JSON, STAC_VERSION, ZARR, Document, text
from simstac.stac.geometry import Bbox, enclosing_bbox
from simstac.stac.metadata import Metadata
from simstac.stac.placement import Placement, Route
from simstac.stac.snippet import describe, open_snippet
from simstac.storage import Http, LocalPath, Stored
from simstac.xpublish.chunks import MARK

if TYPE_CHECKING:
    import xarray as xr

    from simstac.xpublish.served import Served

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def item(
    dataset_id: str,
    tree: xr.DataTree,
    served: Served | None,
    public_url: str | None,
    metadata: Metadata | None,
    *,
    local_url: str | None = None,
) -> Document:
    """The Item of a dataset, as it is read at ``/datasets/<id>/stac``.

    Its asset is the Icechunk repository that the dataset comes from, where readers can reach it; else this server's
    Zarr endpoint.

    Args:
        dataset_id: The dataset's id.
        tree: Its data.
        served: Where it comes from; None for a dataset that the server was given.
        public_url: Where readers reach the server; hrefs are relative where None.
        metadata: What is said about it, where neither the document it comes from nor its attributes say so.
        local_url: Where this machine reaches the server, which the lines of Python name where ``public_url`` is None.

    Raises:
        MetadataError: If neither the data nor ``metadata`` say where and when it is.
    """
    said = metadata or (_said_by(served, dataset_id) if served else _said_by_attributes(dataset_id, tree))
    stored, placement = _stored(dataset_id, served, public_url)
    bare = tree.copy(deep=False)
    bare.attrs.pop(MARK, None)
    document: Document = build_item(bare, id=dataset_id, stored=stored, metadata=said, placement=placement).to_dict(
        include_self_link=False, transform_hrefs=False
    )
    asset = next(key for key in ("icechunk", "zarr") if key in document["assets"])
    prose = said.description.strip() or f"{said.name}."
    read_at = replace(placement, public_url=public_url or local_url)
    document["properties"]["description"] = describe(
        prose, open_snippet(f"datasets/{dataset_id}/stac", read_at, asset=asset)
    )
    if not stored.snapshot_id:
        document["assets"][asset]["description"] = "Served as Zarr by this server."
        document["properties"].pop("updated", None)
    document["links"] = [
        {"rel": rel, "href": "../../stac/collection.json", "type": JSON, "title": "All datasets of this server"}
        for rel in ("root", "parent", "collection")
    ]
    document["collection"] = "all"
    return document


def collection(items: Sequence[Document], above: str) -> Document:
    """A Collection of all Items.

    Args:
        items: The Items; at least one.
        above: The relative path from where the Collection is read to the server's root, ``./`` or ``../``.
    """
    title = "All datasets of this server"
    boxes: list[Bbox] = [(west, south, east, north) for west, south, east, north in (each["bbox"] for each in items)]
    moments = [moment for each in items for moment in _moments(each["properties"])]
    links = [
        {"rel": "root", "href": f"{above}stac/collection.json", "type": JSON, "title": title},
        *(
            {
                "rel": "item",
                "href": f"{above}datasets/{each['id']}/stac",
                "type": GEOJSON,
                "title": each["properties"]["title"],
            }
            for each in items
        ),
    ]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": "all",
        "title": title,
        "description": "Datasets served from memory or from their stores, an Item each.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(enclosing_bbox(boxes))]},
            "temporal": {"interval": [[min(moments), max(moments)]]},
        },
        "links": links,
    }


def intake_catalog(zarr_paths: Mapping[str, str], descriptions: Mapping[str, str]) -> str:
    """An intake catalog (version 1) of the Zarr endpoints, which lie beside it.

    Args:
        zarr_paths: The endpoint of each dataset relative to the server's root, by id.
        descriptions: A line on each, by id.
    """
    sources = {
        dataset_id: {
            "driver": "zarr",
            "description": descriptions.get(dataset_id, dataset_id),
            "args": {"urlpath": f"{{{{ CATALOG_DIR }}}}/{path}", "consolidated": True},
        }
        for dataset_id, path in sorted(zarr_paths.items())
    }
    return yaml.safe_dump({"metadata": {"version": 1}, "sources": sources}, sort_keys=False, allow_unicode=True)


def zarr_path(dataset_id: str, served: Served | None) -> str:
    """The server's Zarr endpoint of a dataset: stored chunks where there are some, else encoded ones."""
    return f"datasets/{dataset_id}/{'zarr' if served is None else 'kerchunk'}"


def _stored(dataset_id: str, served: Served | None, public_url: str | None) -> tuple[Stored, Placement]:
    """What is stored, and how readers reach it."""
    here = Route(zarr_path(dataset_id, served))
    if public_url:
        here = Route(f"{public_url}/{here.href}", Http())
    at_server = Placement(primary=here, public_url=public_url, media_type=ZARR, consolidated=True)
    by_server = Stored(
        href=here.href,
        scheme=Http(),
        snapshot_id="",
        tag="",
        written_at=UNKNOWN_TIME,
        fingerprint="",
        changed=False,
    )
    if served is None:
        return by_server, at_server
    fields, route = served.opened.asset.extra_fields, served.opened.route
    snapshot = fields.get("icechunk:snapshot_id")
    if not snapshot or route.scheme is None or isinstance(route.scheme, LocalPath):
        return by_server, at_server
    stored = Stored(
        href=route.href,
        scheme=route.scheme,
        snapshot_id=str(snapshot),
        tag=str(fields.get("version") or snapshot),
        written_at=_updated(served.document),
        fingerprint="",
        changed=False,
    )
    return stored, Placement(primary=Route(route.href, route.scheme), public_url=public_url, media_type=ICECHUNK)


def _updated(document: pystac.Item | pystac.Collection) -> datetime:
    fields = document.extra_fields if isinstance(document, pystac.Collection) else document.properties
    return datetime.fromisoformat(fields["updated"]) if "updated" in fields else UNKNOWN_TIME


def _said_by(served: Served, dataset_id: str) -> Metadata:
    """What the document says that the dataset comes from; place and time too, which a study's data do not say."""
    document = served.document
    if isinstance(document, pystac.Collection):
        box, (start, end) = document.extent.spatial.bboxes[0], document.extent.temporal.intervals[0]
        title, description, license_id = document.title, document.description, document.license
    else:
        box = document.bbox or [-180.0, -90.0, 180.0, 90.0]
        common = document.common_metadata
        start, end = common.start_datetime or document.datetime, common.end_datetime or document.datetime
        title, license_id = common.title, common.license or "other"
        description = str(document.properties.get("description", ""))
    flat = list(box)
    west, south, east, north = flat if len(flat) == 4 else (flat[0], flat[1], flat[3], flat[4])  # noqa: PLR2004  # 2-D
    return Metadata(
        id=dataset_id,
        title=title or dataset_id,
        description=(description or "").partition("\n## ")[0].strip(),
        license=license_id,
        bbox=(west, south, east, north),
        start_datetime=start or end,
        end_datetime=end or start,
    )


def _said_by_attributes(dataset_id: str, tree: xr.DataTree) -> Metadata:
    attrs = tree.attrs
    return Metadata(
        id=dataset_id,
        title=text(attrs.get("title")) or dataset_id,
        description=text(attrs.get("summary") or attrs.get("description") or attrs.get("comment")),
        license="other",
    )


def _moments(properties: Mapping[str, Any]) -> tuple[str, ...]:
    known = (properties.get(key) for key in ("start_datetime", "end_datetime", "datetime"))
    return tuple(moment for moment in known if moment)
