"""An asset's routes: every address that its document gives for the same bytes, in the order to try them.

Pure functions over pystac objects and one look at the local disk; nothing is opened here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urljoin, urlsplit

from simstac.errors import StorageError
from simstac.storage import LocalPath, StorageScheme, is_address, local_path, scheme_from_stac, scheme_from_url

if TYPE_CHECKING:
    import pystac

type Kind = Literal["icechunk", "zarr"]

MEDIA_TYPES: Mapping[str, Kind] = {
    "application/vnd.zarr+icechunk": "icechunk",
    "application/x-icechunk": "icechunk",
    "application/vnd.icechunk": "icechunk",
    "application/vnd.zarr": "zarr",
    "application/vnd+zarr": "zarr",
}

_OBJECT_SCHEMES = frozenset({"s3", "gs", "az"})
_OUR_SCHEMES = _OBJECT_SCHEMES | {"", "file", "http", "https"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to a store.

    Attributes:
        name: How the document calls it: ``primary``, or the key of an alternate.
        href: The absolute address.
        scheme: Where the bytes live; None where the document does not say it rightly.
        problem: Why the route may not be taken; empty where it may.
    """

    name: str
    href: str
    scheme: StorageScheme | None
    problem: str = ""


def claims(obj: Any) -> bool:
    """Whether an object is a pystac Asset, Item or Collection with an Icechunk or Zarr store we can reach."""
    pystac = sys.modules.get("pystac")
    if pystac is None:
        return False
    if isinstance(obj, pystac.Asset):
        return asset_kind(obj) is not None and urlsplit(obj.href).scheme in _OUR_SCHEMES
    return isinstance(obj, (pystac.Item, pystac.Collection)) and any(map(claims, obj.assets.values()))


def asset_kind(asset: pystac.Asset) -> Kind | None:
    """The format that the asset's media type names, parameters such as ``version=3`` aside."""
    return MEDIA_TYPES.get((asset.media_type or "").partition(";")[0].strip().lower())


def data_asset(obj: pystac.Item | pystac.Collection, key: str | None = None) -> tuple[str, pystac.Asset]:
    """The key and the asset that hold the data: the named one, else ``icechunk``, else the only or the latest one.

    Raises:
        StorageError: If there is none, or several and none stands out.
    """
    where = _address(obj)
    if key is not None:
        if key not in obj.assets:
            raise StorageError(where, f"has no asset {key!r}", f"its assets are {', '.join(sorted(obj.assets))}")
        return key, obj.assets[key]
    stores = {name: asset for name, asset in obj.assets.items() if asset_kind(asset) is not None}
    if not stores:
        remedy = "open one of its items with item=" if type(obj).__name__ == "Collection" else ""
        raise StorageError(where, "has no asset of type Icechunk or Zarr", remedy)
    choices = [
        [name for name in stores if name == "icechunk"],
        [name for name, asset in stores.items() if "latest-version" in (asset.roles or ())],
        [name for name, asset in stores.items() if asset_kind(asset) == "icechunk"],
        list(stores),
    ]
    for choice in choices:
        if len(choice) == 1:
            return choice[0], stores[choice[0]]
    raise StorageError(where, "has several stores", f"name one with asset=: {', '.join(sorted(stores))}")


def asset_routes(asset: pystac.Asset, schemes: Mapping[str, Mapping[str, Any]]) -> list[Route]:
    """The asset's href and then its alternates; a local copy beside a local document comes first.

    Args:
        asset: The asset, with its owner where it has one.
        schemes: The ``storage:schemes`` that its references name.
    """
    base = document_address(asset)
    entries = [("primary", asset.href, asset.extra_fields)]
    alternates: Mapping[str, Mapping[str, Any]] = asset.extra_fields.get("alternate") or {}
    inherited = {key: value for key, value in asset.extra_fields.items() if key.startswith("xarray:")}
    entries += [(name, alternate["href"], inherited | dict(alternate)) for name, alternate in alternates.items()]
    routes = [_route(name, _absolute(href, base), fields, schemes, base) for name, href, fields in entries]
    return sorted(routes, key=lambda route: not _is_local_copy(route))


def owner_of(asset: pystac.Asset) -> pystac.Item | pystac.Collection | None:
    """The document that the asset is part of, if any."""
    return cast("pystac.Item | pystac.Collection | None", asset.owner)


def declared_schemes(owner: pystac.Item | pystac.Collection | None) -> dict[str, Mapping[str, Any]]:
    """The ``storage:schemes`` of a document: an Item's properties first, then its top level."""
    schemes: dict[str, Mapping[str, Any]] = {}
    if owner is not None:
        schemes |= owner.extra_fields.get("storage:schemes") or {}
        schemes |= getattr(owner, "properties", {}).get("storage:schemes") or {}
    return schemes


def missing_refs(asset: pystac.Asset, schemes: Mapping[str, Any]) -> bool:
    """Whether the asset or an alternate refers to a scheme that is not among ``schemes``."""
    fields = [asset.extra_fields, *(asset.extra_fields.get("alternate") or {}).values()]
    return any(ref not in schemes for entry in fields for ref in entry.get("storage:refs") or ())


def document_address(asset: pystac.Asset) -> str | None:
    """Where the asset's document was read, or None where nobody knows."""
    owner = owner_of(asset)
    if owner is None:
        return None
    link = owner.get_root_link()
    root = link.target if link is not None and link.is_resolved() else None  # else pystac would fetch it
    return owner.get_self_href() or (cast("pystac.Catalog", root).get_self_href() if root is not None else None)


def is_remote(address: str | None) -> bool:
    """Whether a document's address lies outside this machine's file system: a ``file:`` URL does not."""
    return is_address(address) and urlsplit(str(address)).scheme != "file"


def resolve_scheme(
    href: str, fields: Mapping[str, Any], schemes: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]
) -> StorageScheme:
    """The scheme of an address: by its references, by ``xarray:storage_options``, or by the address alone.

    Raises:
        StorageError: If the reference dangles, or the scheme is incomplete or speaks of another bucket.
    """
    parts = urlsplit(href)
    if parts.scheme not in _OBJECT_SCHEMES:
        return scheme_from_url(href)
    refs = list(fields.get("storage:refs") or ())
    known = [schemes[ref] for ref in refs if ref in schemes]
    if refs and not known:
        raise StorageError(href, f"refers to the storage scheme {refs[0]!r}, which no document declares")
    if known:
        return _declared_scheme(href, known)
    options = fields.get("xarray:storage_options") or {}
    client = options.get("client_kwargs") or {}
    ambient_region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return scheme_from_url(
        href,
        endpoint_url=options.get("endpoint_url") or client.get("endpoint_url"),
        region=client.get("region_name") or fields.get("storage:region") or ambient_region,
        anonymous=bool(options.get("anon", False)),
    )


def _declared_scheme(href: str, known: list[Mapping[str, Any]]) -> StorageScheme:
    bucket = urlsplit(href).netloc
    entry = next((entry for entry in known if entry.get("bucket") == bucket), known[0])
    if urlsplit(href).scheme == "az":
        return scheme_from_stac(entry)
    if entry.get("bucket", bucket) != bucket:
        raise StorageError(href, f"its storage scheme names another bucket, {entry['bucket']!r}")
    platform = re.sub(r"\{bucket\}\.", "", str(entry.get("platform", "")))
    platform = re.sub(r"\{(\w+)\}", lambda match: str(entry.get(match[1], "")), platform)
    return scheme_from_stac({**entry, "bucket": bucket} | ({"platform": platform} if platform else {}))


def _route(
    name: str, href: str, fields: Mapping[str, Any], schemes: Mapping[str, Mapping[str, Any]], base: str | None
) -> Route:
    try:
        scheme = resolve_scheme(href, fields, schemes, os.environ)
    except StorageError as error:
        return Route(name=name, href=href, scheme=None, problem=error.problem)
    if isinstance(scheme, LocalPath) and is_remote(base):
        problem = "a catalog that was read from elsewhere may not name a path of this machine"
        return Route(name=name, href=href, scheme=scheme, problem=problem)
    if isinstance(scheme, LocalPath) and base is None and not Path(local_path(href)).is_absolute():
        return Route(name=name, href=href, scheme=scheme, problem="nobody knows what this path is relative to")
    return Route(name=name, href=href, scheme=scheme)


def _absolute(href: str, base: str | None) -> str:
    if base is None or urlsplit(href).scheme:
        return href
    parts = urlsplit(base)
    if parts.scheme in {"", "file"}:
        return os.path.normpath(local_path(base).parent / href)
    joined = urljoin(parts._replace(scheme="https").geturl(), href)
    return urlsplit(joined)._replace(scheme=parts.scheme).geturl()


def _is_local_copy(route: Route) -> bool:
    return isinstance(route.scheme, LocalPath) and not route.problem and local_path(route.href).exists()


def _address(obj: pystac.Item | pystac.Collection) -> str:
    return obj.get_self_href() or f"{type(obj).__name__} {obj.id}"


def describe(route: Route) -> str:
    """The route in a few words: its name and address."""
    return route.href if route.name == "primary" else f"{route.href} ({route.name})"
