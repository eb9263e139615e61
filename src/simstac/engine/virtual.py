"""Virtual stores: which places their chunks may be fetched from, and with which credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

import icechunk

from simstac.engine.routes import asset_routes
from simstac.engine.trust import ambient_allowed
from simstac.errors import StorageError
from simstac.storage import (
    AwsS3,
    Azure,
    CustomS3,
    Gcs,
    Http,
    LocalPath,
    StorageScheme,
    endpoint_settings,
    scheme_from_url,
)

if TYPE_CHECKING:
    import pystac

    type Access = (
        icechunk.S3Credentials.Anonymous
        | icechunk.S3Credentials.FromEnv
        | icechunk.AnyGcsCredential
        | icechunk.Credentials.LocalFileSystemAccess
        | icechunk.Credentials.HttpAccess
    )
    type StoreConfig = (
        icechunk.ObjectStoreConfig.S3
        | icechunk.ObjectStoreConfig.S3Compatible
        | icechunk.ObjectStoreConfig.Gcs
        | icechunk.ObjectStoreConfig.Http
        | icechunk.ObjectStoreConfig.LocalFileSystem
    )

_REGION = re.compile(r"[a-z0-9-]{1,32}")


@dataclass(frozen=True, slots=True)
class Container:
    """A place that a document names as the source of virtual chunks.

    Attributes:
        prefix: The URL that the chunks' addresses begin with, ending in a slash.
        scheme: Where the bytes live.
    """

    prefix: str
    scheme: StorageScheme


type Containers = tuple[Container, ...]


def declared_containers(asset: pystac.Asset, schemes: Mapping[str, Mapping[str, Any]]) -> Containers:
    """The containers of a virtual asset, from ``vrt:hrefs`` or ``icechunk:virtual_chunk_containers``.

    Raises:
        StorageError: If a source asset is not there or may not be read.
    """
    return tuple(dict.fromkeys([*_source_assets(asset, schemes), *_listed(asset)]))


def authorized(
    storage: icechunk.Storage, containers: Containers, trusted: frozenset[str]
) -> tuple[icechunk.RepositoryConfig, dict[str, icechunk.AnyCredential | None] | None]:
    """The configuration and the access with which a virtual store opens; nothing special where it has no containers.

    The store's own configuration is untrusted too: of it we keep the containers' names, prefixes and Amazon regions,
    never an endpoint.
    """
    config = icechunk.RepositoryConfig.default()
    if not containers:
        return config, None
    stored_config = icechunk.Repository.fetch_config(storage)
    stored = dict((stored_config.virtual_chunk_containers if stored_config else None) or {})
    access: dict[str, Access] = {}
    for container in containers:
        same = [entry for prefix, entry in stored.items() if _overlap(prefix, container.prefix)]
        for prefix, name, region in [(e.url_prefix, e.name, _amazon_region(e.store)) for e in same] or [
            (container.prefix, None, None)
        ]:
            store, access[prefix] = _store_and_access(container, region, trusted)
            config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, store, name=name))
    for prefix, entry in stored.items():
        if prefix not in access:
            config.set_virtual_chunk_container(entry)
    return config, icechunk.containers_credentials(access)


def _source_assets(asset: pystac.Asset, schemes: Mapping[str, Mapping[str, Any]]) -> Iterator[Container]:
    siblings = asset.owner.assets if asset.owner is not None else {}
    for entry in asset.extra_fields.get("vrt:hrefs") or ():
        key = entry.get("key") or str(entry.get("href", "")).rpartition("#/assets/")[2]
        if key not in siblings:
            raise StorageError(asset.href, f"its virtual chunks come from the asset {key!r}, which is not there")
        route = asset_routes(siblings[key], schemes)[0]
        if route.problem or route.scheme is None:
            raise StorageError(route.href, route.problem)
        href = route.href if "://" in route.href else f"file://{route.href}"
        folder = href if href.endswith("/") or isinstance(route.scheme, LocalPath) else f"{href.rpartition('/')[0]}/"
        yield Container(folder if folder.endswith("/") else f"{folder}/", route.scheme)


def _listed(asset: pystac.Asset) -> Iterator[Container]:
    for entry in asset.extra_fields.get("icechunk:virtual_chunk_containers") or ():
        anonymous = bool((entry.get("credentials") or {}).get("anonymous", False))
        scheme = scheme_from_url(entry["url_prefix"], anonymous=anonymous)
        if isinstance(scheme, LocalPath):
            raise StorageError(entry["url_prefix"], "a document may not name a local path as a source of chunks")
        yield Container(entry["url_prefix"], scheme)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _amazon_region(store: object) -> str | None:
    if not isinstance(store, icechunk.ObjectStoreConfig.S3):
        return None
    options: icechunk.S3Options = store._0  # type: ignore[attr-defined]  # noqa: SLF001  # no other name has it
    region = options.region or ""
    return region if options.endpoint_url is None and _REGION.fullmatch(region) else None


def _store_and_access(container: Container, region: str | None, trusted: frozenset[str]) -> tuple[StoreConfig, Access]:
    scheme = container.scheme
    ambient = ambient_allowed(scheme, trusted)
    match scheme:
        case AwsS3():
            store = icechunk.s3_store(region=region or scheme.region, requester_pays=scheme.requester_pays)
            return store, _s3_access(ambient=ambient and not scheme.anonymous)
        case CustomS3():
            store = icechunk.s3_store(
                region=scheme.region,
                endpoint_url=scheme.endpoint_url,
                allow_http=scheme.endpoint_url.startswith("http://"),
                s3_compatible=True,
                force_path_style=True,
            )
            return store, _s3_access(ambient=ambient and not scheme.anonymous)
        case Gcs():
            anonymous = scheme.anonymous or not ambient
            access = icechunk.gcs_credentials(anonymous=anonymous, from_env=not anonymous)
            return icechunk.gcs_store(endpoint_settings(scheme)), access
        case Http():
            return icechunk.http_store(), icechunk.Credentials.HttpAccess()
        case LocalPath():
            files = icechunk.local_filesystem_store(container.prefix)
            return files, icechunk.Credentials.LocalFileSystemAccess()
        case Azure():
            raise StorageError(container.prefix, "virtual chunks in Azure Blob Storage are not supported by Icechunk")
        case _:
            assert_never(scheme)


def _s3_access(*, ambient: bool) -> Access:
    return icechunk.s3_from_env_credentials() if ambient else icechunk.s3_anonymous_credentials()
