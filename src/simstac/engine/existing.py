"""Stores that others wrote, opened to be described: data, the version to pin, and where virtual chunks come from."""

from __future__ import annotations

import heapq
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import icechunk

from simstac.engine.fetch import probe
from simstac.engine.routes import Kind, Route
from simstac.engine.stores import open_repository, open_store
from simstac.engine.trust import ambient_allowed
from simstac.engine.virtual import Container
from simstac.errors import StorageError
from simstac.natural_order import natural_key
from simstac.storage import (
    AwsS3,
    CustomS3,
    Gcs,
    Http,
    KeySource,
    LocalPath,
    StorageScheme,
    Stored,
    icechunk_storage,
    scheme_from_url,
)

if TYPE_CHECKING:
    import xarray as xr

MAIN = "main"
MAX_TAGS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A store that somebody wrote, opened.

    Attributes:
        data: Its groups, opened lazily.
        stored: Its address and, for Icechunk, the snapshot at the tip of ``main`` and the tag that names it.
        zarr_format: The version of the Zarr format.
        consolidated: Whether a plain Zarr store has consolidated metadata.
        containers: Where its virtual chunks come from.
    """

    data: xr.DataTree
    stored: Stored
    zarr_format: int
    consolidated: bool
    containers: tuple[Container, ...] = ()


def open_existing(
    href: str,
    scheme: StorageScheme,
    kind: Kind,
    *,
    zarr_format: Literal[2, 3] = 3,
    modified: datetime | None = None,
    trusted: frozenset[str] = frozenset(),
    credentials: KeySource | None = None,
    decode_times: bool = True,
) -> Existing:
    """Open a store as it is now.

    Args:
        href: Its address.
        scheme: Where its bytes live.
        kind: Icechunk or plain Zarr.
        zarr_format: The version of the Zarr format; a bucket that may not be listed denies what the other would have.
        modified: When plain Zarr was last written, as its server says.
        trusted: Origins of S3 endpoints that may see credentials.
        credentials: Keys that may read it, instead of those of the environment.
        decode_times: Whether times become dates; without, they keep the numbers and units of a calendar to be told.

    Raises:
        StorageError: If it cannot be opened.
    """
    import zarr  # noqa: PLC0415  # xarray imports this package while it lists its engines
    from obstore.exceptions import BaseError  # noqa: PLC0415  # as above

    failures = (icechunk.IcechunkError, zarr.errors.BaseZarrError, BaseError, OSError, LookupError, ValueError)
    try:
        if kind == "icechunk":
            return _open_icechunk(href, scheme, trusted, credentials, decode_times=decode_times)
        store = _zarr_store(href, scheme, trusted, credentials)
        return _open_zarr(href, scheme, store, zarr_format, modified, decode_times=decode_times)
    except StorageError:
        raise
    except failures as error:
        reason = str(error.args[0] if error.args else error).strip().partition("\n")[0]
        raise StorageError(href, f"cannot be opened: {reason or type(error).__name__}") from error


def _open_icechunk(
    href: str, scheme: StorageScheme, trusted: frozenset[str], credentials: KeySource | None, *, decode_times: bool
) -> Existing:
    if isinstance(scheme, Http):
        probe(f"{href}/repo")
    storage = icechunk_storage(href, scheme, ambient=ambient_allowed(scheme, trusted), credentials=credentials)
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("off")  # as in `open_store`
    repository = icechunk.Repository.open(storage)
    containers = tuple(_containers(repository.config, href, scheme))
    if containers:
        repository = open_repository(storage, _readable(containers, href, scheme), trusted)
    info = next(iter(repository.ancestry(branch=MAIN)))
    tag = _tag_at(repository, info.id)
    stored = Stored(
        href=href,
        scheme=scheme,
        snapshot_id=info.id,
        tag=tag or info.id,
        written_at=info.written_at,
        fingerprint="",
        changed=False,
    )
    store = repository.readonly_session(snapshot_id=info.id).store
    data = _open_tree(store, zarr_format=3, consolidated=False, decode_times=decode_times)
    return Existing(data=data, stored=stored, zarr_format=3, consolidated=False, containers=containers)


def _tag_at(repository: icechunk.Repository, snapshot_id: str) -> str | None:
    """The tag that names a snapshot, of several the last by name; each of the last `MAX_TAGS` costs a request."""
    latest = heapq.nlargest(MAX_TAGS, repository.list_tags(), key=natural_key)
    return next((tag for tag in latest if repository.lookup_tag(tag) == snapshot_id), None)


def _zarr_store(href: str, scheme: StorageScheme, trusted: frozenset[str], credentials: KeySource | None) -> Any:
    route = Route(name="primary", href=href, scheme=scheme)
    return open_store(route, "zarr", {}, version=None, containers=(), trusted=trusted, credentials=credentials)


def _open_zarr(
    href: str,
    scheme: StorageScheme,
    store: Any,
    zarr_format: Literal[2, 3],
    modified: datetime | None,
    *,
    decode_times: bool,
) -> Existing:
    import zarr  # noqa: PLC0415  # as above

    group = zarr.open_group(store, mode="r", zarr_format=zarr_format)
    consolidated = group.metadata.consolidated_metadata is not None
    if isinstance(scheme, Http) and not consolidated:
        remedy = "consolidate it, or give the address of its bucket"
        raise StorageError(href, "has no consolidated metadata, and the web lists nothing", remedy)
    data = _open_tree(store, zarr_format=zarr_format, consolidated=consolidated, decode_times=decode_times)
    stored = Stored(
        href=href,
        scheme=scheme,
        snapshot_id="",
        tag="",
        written_at=modified or EPOCH,
        fingerprint="",
        changed=False,
    )
    return Existing(data=data, stored=stored, zarr_format=zarr_format, consolidated=consolidated)


def _open_tree(store: Any, **options: Any) -> xr.DataTree:
    import xarray as xr  # noqa: PLC0415  # as above

    return xr.open_datatree(store, engine="zarr", chunks=None, **options)


def _containers(config: icechunk.RepositoryConfig, href: str, scheme: StorageScheme) -> Iterator[Container]:
    """The places that a store's own configuration names; local ones only where the store is local too."""
    for prefix, entry in sorted((config.virtual_chunk_containers or {}).items()):
        if prefix.startswith("file:") and not isinstance(scheme, LocalPath):
            raise StorageError(href, f"takes chunks from {prefix}, a folder of its writer's machine")
        yield Container(prefix, _container_scheme(prefix, entry.store))


def _readable(containers: tuple[Container, ...], href: str, scheme: StorageScheme) -> tuple[Container, ...]:
    """The places as they may be read from here, for a stranger's store must not lead us to what only we can reach.

    Those of a store that is read without keys are read without keys, and none lies in this machine's own network,
    unless the store lies at the same host.

    Raises:
        StorageError: If a place lies in a private network.
    """
    own = _host(href, scheme)
    for container in containers:
        host = _host(container.prefix, container.scheme)
        if host != own and _is_private(host):
            raise StorageError(href, f"takes chunks from {container.prefix}, an address of a private network")
    if not getattr(scheme, "anonymous", isinstance(scheme, Http)):
        return containers
    return tuple(
        replace(container, scheme=replace(container.scheme, anonymous=True))
        if isinstance(container.scheme, AwsS3 | CustomS3 | Gcs)
        else container
        for container in containers
    )


def _host(href: str, scheme: StorageScheme) -> str:
    address = scheme.endpoint_url if isinstance(scheme, CustomS3) else href
    return urlsplit(address).hostname or "" if address.startswith(("http://", "https://")) else ""


def _is_private(host: str) -> bool:
    """Whether a host is written as one of a private network; what a name of the public DNS means is not asked."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host.rstrip(".") == "localhost" or host.rstrip(".").endswith((".localhost", ".local", ".internal"))


def _container_scheme(prefix: str, store: object) -> StorageScheme:
    if not isinstance(store, icechunk.ObjectStoreConfig.S3 | icechunk.ObjectStoreConfig.S3Compatible):
        return scheme_from_url(prefix)
    options: icechunk.S3Options = store._0  # type: ignore[union-attr]  # noqa: SLF001  # no other name has it
    bucket = prefix.partition("://")[2].partition("/")[0]
    region = options.region or "us-east-1"
    if options.endpoint_url:
        return CustomS3(bucket=bucket, endpoint_url=options.endpoint_url, region=region, anonymous=options.anonymous)
    pays = bool(getattr(options, "requester_pays", False))
    return AwsS3(bucket=bucket, region=region, anonymous=options.anonymous, requester_pays=pays)
