"""Virtual assets extension 1.0.0: where the chunks of a virtual store lie."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare
from simstac.stac.extensions.storage import refer


def apply(document: Document, subject: Subject) -> None:
    """Add an asset for each container of virtual chunks, and refer to it from the store's asset."""
    containers = subject.placement.containers
    if not containers:
        return
    item = document["type"] == "Feature"
    name = f"{document['id']}.json" if item else "collection.json"
    asset = data_asset(document)
    asset["roles"] = [*asset["roles"], "virtual"]
    asset["vrt:hrefs"] = [{"key": key, "href": f"./{name}#/assets/{key}"} for key, _, _ in containers]
    for key, route, media_type in containers:
        source: Document = {
            "href": route.relative_to(2 if item else 1),
            "type": media_type,
            "title": "Original files that hold the chunks",
            "roles": ["source"],
        }
        refer(source, route, subject)
        document["assets"][key] = source
    declare(document, "virtual-assets")
