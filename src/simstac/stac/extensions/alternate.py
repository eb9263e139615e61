"""Alternate assets extension 1.2.0: the other routes to the same bytes."""

from __future__ import annotations

from urllib.parse import urlsplit

from simstac.stac.document import Document, Subject, data_asset, declare
from simstac.stac.extensions.storage import refer
from simstac.stac.placement import Route, is_absolute
from simstac.storage import AwsS3, Azure, CustomS3, Gcs


def apply(document: Document, subject: Subject) -> None:
    """Add each alternate route of the store to its asset."""
    placement = subject.placement
    if not placement.alternates:
        return
    asset = data_asset(document)
    depth = 2 if document["type"] == "Feature" else 1
    alternates: dict[str, Document] = {}
    for route in placement.alternates:
        entry: Document = {"href": route.relative_to(depth), "alternate:name": route_name(route)}
        refer(entry, route, subject)
        alternates[_free_key(route, alternates)] = entry
    asset["alternate:name"] = route_name(placement.primary)
    asset["alternate"] = alternates
    declare(document, "alternate-assets")


def route_name(route: Route) -> str:
    """A route's name for people."""
    match route.scheme:
        case AwsS3():
            return "Amazon S3"
        case CustomS3():
            return f"S3 API at {urlsplit(route.scheme.endpoint_url).netloc}"
        case Gcs():
            return "Google Cloud Storage"
        case Azure():
            return "Azure Blob Storage"
        case _:
            return "HTTPS" if is_absolute(route.href) else "Beside the catalog"


def _free_key(route: Route, taken: dict[str, Document]) -> str:
    key = urlsplit(route.href).scheme or "site"
    count = sum(1 for other in taken if other == key or other.startswith(f"{key}-"))
    return key if count == 0 else f"{key}-{count + 1}"
