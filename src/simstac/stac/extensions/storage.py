"""Storage extension 2.0.0: where the object-store routes of the store lie."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare, fields
from simstac.stac.placement import Route, scheme_keys, storage_schemes


def apply(document: Document, subject: Subject) -> None:
    """Add the schemes, and to each asset the reference to its own.

    An Item carries its schemes twice: in its properties, where the specification puts them, and at the top level,
    where the released xpystac reads them.
    """
    routes = all_routes(subject)
    schemes = storage_schemes(routes)
    if not schemes:
        return
    fields(document)["storage:schemes"] = schemes
    document["storage:schemes"] = schemes
    declare(document, "storage")
    refer(data_asset(document), subject.placement.primary, subject)
    for link in document["links"]:
        if link["rel"] == "store":
            refer(link, subject.placement.primary, subject)


def refer(asset: Document, route: Route, subject: Subject) -> None:
    """Add ``storage:refs`` to an asset, a link or an alternate whose route needs a scheme."""
    keys = scheme_keys(all_routes(subject))
    if route.scheme in keys:
        asset["storage:refs"] = [keys[route.scheme]]


def all_routes(subject: Subject) -> list[Route]:
    """Every route that the document mentions: the store's, then those of its virtual containers."""
    return [*subject.placement.routes, *(route for _, route, _ in subject.placement.containers)]
