"""How a store is addressed from a catalog: the primary route, the alternates, and the rules that choose them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from simstac.storage import R2_HOST, AwsS3, Azure, CustomS3, Gcs, Http, LocalPath, StorageScheme, scheme_to_stac


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a store.

    Attributes:
        href: An absolute URL, or a path relative to the catalog's root folder such as ``data/x.icechunk``.
        scheme: The storage scheme of an object-store URL; None where STAC needs none.
    """

    href: str
    scheme: StorageScheme | None = None

    def relative_to(self, depth: int) -> str:
        """The href as written in a document that lies ``depth`` folders below the root."""
        return self.href if is_absolute(self.href) else "../" * depth + self.href


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """All addresses of one store, and where its catalog is read.

    Attributes:
        primary: The route that readers try first.
        alternates: Other routes to the same bytes, in order.
        public_url: The catalog's folder URL without a trailing slash; None while it is local.
        containers: Where the chunks of a virtual store lie, as (name, route, media type).
        media_type: The store's media type.
        zarr_format: The version of the Zarr format.
        consolidated: Whether a plain Zarr store has consolidated metadata.
    """

    primary: Route
    alternates: tuple[Route, ...] = ()
    public_url: str | None = None
    containers: tuple[tuple[str, Route, str], ...] = ()
    media_type: str = "application/vnd.zarr+icechunk"
    zarr_format: int = 3
    consolidated: bool = False

    @property
    def routes(self) -> tuple[Route, ...]:
        """The primary route, then the alternates."""
        return (self.primary, *self.alternates)

    def url(self, path: str) -> str:
        """The address of a document: absolute where the catalog is public, else its path below the root."""
        return f"{self.public_url}/{path}" if self.public_url else path


def place_store(
    store_id: str,
    *,
    public_url: str | None = None,
    store: Route | None = None,
    targets: Sequence[Route] = (),
) -> Placement:
    """The placement of a store by the configuration.

    Args:
        store_id: The id of the collection, for the store beside the catalog: ``data/<id>.icechunk``.
        public_url: Where the catalog is read.
        store: The store's own address, where it does not lie beside the catalog; then its only route.
        targets: The S3 targets that mirror the catalog: each a folder URL ``s3://bucket/prefix`` and its scheme.
    """
    public_url = public_url.rstrip("/") if public_url else None
    if store is not None:
        return Placement(primary=Route(store.href.rstrip("/"), store.scheme), public_url=public_url)
    path = f"data/{store_id}.icechunk"
    beside = Route(path)
    mirrors = [Route(f"{target.href.rstrip('/')}/{path}", target.scheme) for target in targets]
    direct = [route for route in mirrors if isinstance(route.scheme, AwsS3)]
    if not direct and public_url is None:
        direct = mirrors[:1]
    if not direct:
        return Placement(primary=beside, alternates=tuple(mirrors), public_url=public_url)
    others = [beside, *(route for route in mirrors if route != direct[0])]
    return Placement(primary=direct[0], alternates=tuple(others), public_url=public_url)


def storage_schemes(routes: Sequence[Route]) -> dict[str, dict[str, Any]]:
    """The ``storage:schemes`` of some routes, keyed by `scheme_keys`; empty where none needs a scheme."""
    keys = scheme_keys(routes)
    return {key: scheme_to_stac(scheme) or {} for scheme, key in keys.items()}


def scheme_keys(routes: Sequence[Route]) -> dict[StorageScheme, str]:
    """A short stable key for each distinct scheme that STAC describes, in the order of the routes."""
    keys: dict[StorageScheme, str] = {}
    for route in routes:
        if route.scheme is None or isinstance(route.scheme, Http | LocalPath) or route.scheme in keys:
            continue
        keys[route.scheme] = free_scheme_key(route.scheme, set(keys.values()))
    return keys


def free_scheme_key(scheme: AwsS3 | CustomS3 | Gcs | Azure, taken: Container[str]) -> str:
    """A short key for a scheme that is not among those taken."""
    key, count = _key(scheme), 1
    while (candidate := key if count == 1 else f"{key}-{count}") in taken:
        count += 1
    return candidate


def is_absolute(href: str) -> bool:
    """Whether an href carries its own scheme."""
    return bool(urlsplit(href).scheme)


def _key(scheme: AwsS3 | CustomS3 | Gcs | Azure) -> str:
    match scheme:
        case AwsS3():
            return "aws"
        case CustomS3():
            return "r2" if scheme.endpoint_url.rstrip("/").endswith(R2_HOST) else "s3"
        case Gcs():
            return "gcs"
        case Azure():
            return "azure"
