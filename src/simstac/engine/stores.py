"""One route → a Zarr store that can be read: an Icechunk session at the right version, or plain Zarr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

import icechunk

from simstac.engine.fetch import probe
from simstac.engine.routes import Kind, Route
from simstac.engine.trust import ambient_allowed
from simstac.engine.virtual import Containers, authorized
from simstac.errors import StorageError
from simstac.s3.bucket import obstore_keys
from simstac.storage import (
    AwsS3,
    Azure,
    CustomS3,
    Gcs,
    Http,
    KeySource,
    LocalPath,
    StorageScheme,
    endpoint_settings,
    icechunk_storage,
    local_path,
    object_key,
)

if TYPE_CHECKING:
    from obstore.store import ObjectStore as ObjectStoreKind
    from zarr.abc.store import Store

_MAX_TRIES = 4
_CONNECT_TIMEOUT_MS = 10_000
_RETRY: Any = {"max_retries": _MAX_TRIES - 1, "retry_timeout": timedelta(seconds=60)}
_CLIENT: Any = {"allow_http": True, "connect_timeout": timedelta(milliseconds=_CONNECT_TIMEOUT_MS)}


def open_store(
    route: Route,
    kind: Kind,
    fields: Mapping[str, Any],
    *,
    version: str | None,
    containers: Containers,
    trusted: frozenset[str],
    credentials: KeySource | None = None,
) -> Store | str:
    """The Zarr store at the end of a route, read-only.

    Args:
        route: Where to look.
        kind: Icechunk or plain Zarr.
        fields: The asset's fields, which may pin a version.
        version: The tag, branch or snapshot id to open instead of the asset's.
        containers: Where the chunks of a virtual store live.
        trusted: Origins of S3 endpoints that may see credentials of the environment.
        credentials: Keys that may read the store, instead of those of the environment.

    Raises:
        StorageError: If the route is refused, or its version is not in the store.
        icechunk.IcechunkError: If Icechunk cannot open the store.
    """
    if route.problem or route.scheme is None:
        raise StorageError(route.href, route.problem)
    scheme = route.scheme
    ambient = ambient_allowed(scheme, trusted)
    if isinstance(scheme, LocalPath) and not local_path(route.href).is_dir():
        raise StorageError(route.href, "no such folder")
    if kind == "zarr":
        return _zarr_store(route.href, scheme, ambient=ambient, credentials=credentials)
    if isinstance(scheme, Http):
        probe(f"{route.href.rstrip('/')}/repo")
    storage = icechunk_storage(route.href, scheme, ambient=ambient, credentials=credentials)
    repository = open_repository(storage, containers, trusted)
    return _session(repository, route.href, fields, version).store


def open_repository(storage: icechunk.Storage, containers: Containers, trusted: frozenset[str]) -> icechunk.Repository:
    """The Icechunk repository in a storage, with access to the places that its virtual chunks may come from.

    Raises:
        icechunk.IcechunkError: If Icechunk cannot open it.
    """
    config, access = authorized(storage, containers, trusted)
    return icechunk.Repository.open(storage, config=_patient(config), authorize_virtual_chunk_access=access)


def _patient(config: icechunk.RepositoryConfig) -> icechunk.RepositoryConfig:
    """The configuration with a few retries, so that a host that is not there is noticed in a second."""
    config.storage = icechunk.StorageSettings(
        retries=icechunk.StorageRetriesSettings(max_tries=_MAX_TRIES),
        timeouts=icechunk.StorageTimeoutSettings(connect_timeout_ms=_CONNECT_TIMEOUT_MS),
    )
    return config


def _session(
    repository: icechunk.Repository, href: str, fields: Mapping[str, Any], version: str | None
) -> icechunk.Session:
    wanted = list(_references(fields, version))
    for reference in wanted:
        try:
            return repository.readonly_session(**reference)  # type: ignore[arg-type]  # as_of is never among them
        except (icechunk.NotFoundError, icechunk.InvalidInputError):
            continue
    names = ", ".join(sorted({f"{value!r}" for reference in wanted for value in reference.values()}))
    tags = ", ".join(sorted(repository.list_tags())) or "none"
    raise StorageError(href, f"has no tag, branch or snapshot {names}", f"its tags are {tags}")


def _references(fields: Mapping[str, Any], version: str | None) -> Iterator[dict[str, str]]:
    """What to ask the repository for, most explicit first; the branch ``main`` only where nothing is pinned."""
    if version is None:
        pinned = {kind: fields.get(f"icechunk:{kind}") for kind in ("branch", "tag", "snapshot_id")}
        yield from ({kind: value} for kind, value in pinned.items() if value)
        version = fields.get("version")
        if version is None and not any(pinned.values()):
            yield {"branch": "main"}
    if version is not None:
        yield from ({kind: version} for kind in ("tag", "branch", "snapshot_id"))


def _zarr_store(href: str, scheme: StorageScheme, *, ambient: bool, credentials: KeySource | None) -> Store | str:
    if isinstance(scheme, LocalPath):
        return str(local_path(href))
    from zarr.storage import ObjectStore  # noqa: PLC0415  # plain remote Zarr alone

    if isinstance(scheme, Http):
        probe(f"{href.rstrip('/')}/zarr.json", or_else=f"{href.rstrip('/')}/.zgroup")
    anonymous = not (ambient or credentials)
    return ObjectStore(_object_store(href, scheme, anonymous=anonymous, credentials=credentials), read_only=True)


def _object_store(
    href: str, scheme: AwsS3 | CustomS3 | Gcs | Azure | Http, *, anonymous: bool, credentials: KeySource | None
) -> ObjectStoreKind:
    from obstore.store import AzureStore, GCSStore, HTTPStore, S3Store  # noqa: PLC0415  # plain remote Zarr alone

    key, unsigned = object_key(href), anonymous or getattr(scheme, "anonymous", True)
    options: dict[str, Any] = {"client_options": _CLIENT, "retry_config": _RETRY}
    match scheme:
        case Http():
            return HTTPStore.from_url(href.rstrip("/"), **options)
        case AwsS3() | CustomS3():
            return S3Store(
                scheme.bucket,
                prefix=key,
                region=scheme.region,
                skip_signature=unsigned,
                config={"endpoint": scheme.endpoint_url} if isinstance(scheme, CustomS3) else None,
                credential_provider=obstore_keys(credentials) if credentials and not scheme.anonymous else None,
                **options,
            )
        case Gcs():
            options["config"] = endpoint_settings(scheme)
            return GCSStore(scheme.bucket, prefix=key, skip_signature=unsigned, **options)
        case Azure():
            options["config"] = endpoint_settings(scheme)
            path, account = key.partition("/")[2], scheme.account
            return AzureStore(scheme.container, prefix=path, account_name=account, skip_signature=unsigned, **options)
        case _:
            assert_never(scheme)
