"""Where a project's stores are written and how its documents address them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never
from urllib.parse import quote

from simstac.addresses import not_in_an_href
from simstac.config.model import Collection, GitTarget, LocalTarget, Project, S3Target
from simstac.errors import ConfigError
from simstac.publishing import GitTarget as GitDestination
from simstac.publishing import LocalTarget as LocalDestination
from simstac.publishing import S3Target as S3Destination
from simstac.publishing import Target
from simstac.s3.credentials import ProfileKeys, key_source
from simstac.sources.mounts import canonical, refuse_lost_mounts
from simstac.stac.placement import Placement, Route, place_store
from simstac.storage import CustomS3, KeySource, LocalPath, StorageScheme, is_address, local_path, scheme_from_url

if TYPE_CHECKING:
    from simstac.write import Container

NETCDF = "application/netcdf"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store of a collection is written.

    Attributes:
        href: The store's address.
        scheme: Where its bytes live.
        credentials: Keys of the profile that may write; None for those of the environment.
    """

    href: str
    scheme: StorageScheme
    credentials: KeySource | None = None


def store_place(project: Project, collection: Collection) -> Place:
    """Where the store of a collection is written.

    Raises:
        StorageError: If its profile has no keys.
        ConfigError: If the site lies in a mount.
        SourceError: If the mount that it lies in is lost.
    """
    store = collection.store
    if store.url is None:
        return _in_site(project, collection)
    scheme = scheme_from_url(store.url, endpoint_url=store.endpoint_url, region=store.region, anonymous=store.anonymous)
    if isinstance(scheme, LocalPath):
        folder = project.folder / local_path(store.url)
        return _behind_mount(folder) or Place(str(folder), scheme)
    credentials = key_source(store.profile) if store.profile else None
    if credentials is not None:
        credentials()
    return Place(store.url.rstrip("/"), scheme, credentials)


def _in_site(project: Project, collection: Collection) -> Place:
    folder = project.site / "data" / f"{collection.id}.icechunk"
    mounted = _behind_mount(folder)
    if mounted is not None:
        problem = f"{project.site} lies in a mount of {mounted.href}, which no store can be written through"
        raise ConfigError("catalog.site", problem, "choose a folder on a disk, and publish to the bucket by a target")
    return Place(str(folder), LocalPath())


def _behind_mount(folder: Path) -> Place | None:
    """The place in the bucket of a folder in a mount, which Icechunk writes to directly; None for other folders."""
    refuse_lost_mounts([folder])
    origin = canonical(folder)
    if origin is None:
        return None
    if quote(origin.href.removeprefix("s3:")) != origin.href.removeprefix("s3:"):
        problem = f"{origin.href} holds a character that no address may hold as it is"
        raise ConfigError("store.url", problem, "name it in letters, digits, '-', '_' and '.'")
    return Place(origin.href, origin.scheme)


def placement(project: Project, collection: Collection) -> Placement:
    """How the documents of a collection address its store.

    A bucket whose prefix no href may hold is no route: readers come there by the address of the catalog.

    Raises:
        ConfigError: If the store is a folder outside the site, which no reader could reach.
    """
    public_url = project.catalog.public_url
    place = store_place(project, collection)
    if collection.store.url is None:
        buckets = [target for target in project.targets if isinstance(target, S3Target)]
        mirrors = [_mirror(target) for target in buckets if not not_in_an_href(target.url)]
        return place_store(collection.id, public_url=public_url, targets=mirrors)
    if isinstance(place.scheme, LocalPath):
        href = _inside_site(project, collection, Path(place.href))
        return place_store(collection.id, public_url=public_url, store=Route(href))
    return place_store(collection.id, public_url=public_url, store=Route(place.href, place.scheme))


def source_keys(collection: Collection) -> KeySource | None:
    """Keys of the profile that may read the files of a collection's source; None for those of the environment."""
    return key_source(collection.source.profile) if collection.source.profile else None


def container_route(project: Project, container: Container) -> tuple[str, Route, str]:
    """How the documents of a collection address a place that its store refers to, as `Placement.containers` has it."""
    href, scheme = container.prefix, container.scheme
    if isinstance(scheme, LocalPath):
        folder = os.path.relpath(local_path(href), project.site.absolute())
        href = f"{Path(folder).as_posix()}/"
    return container.name, Route(href, scheme), NETCDF


def destination(project: Project, target: S3Target | GitTarget | LocalTarget) -> Target:
    """What publishes to a configured target."""
    match target:
        case S3Target():
            return S3Destination(target.url, target.endpoint_url, target.region, target.profile)
        case GitTarget():
            return GitDestination(project.folder / target.clone, prefix=target.prefix, push=target.push)
        case LocalTarget():
            return LocalDestination(project.folder / target.path)
        case _:
            assert_never(target)


def trusted_endpoints(project: Project) -> tuple[str, ...]:
    """The S3 endpoints that the configuration names, which may see its user's credentials."""
    stores = [_store_endpoint(project, collection) for collection in project.collections]
    sources = [collection.source.endpoint_url for collection in project.collections]
    targets = [target.endpoint_url for target in project.targets if isinstance(target, S3Target)]
    return tuple(sorted({url for url in (*stores, *sources, *targets) if url}))


def _store_endpoint(project: Project, collection: Collection) -> str | None:
    store = collection.store
    if store.url is None or is_address(store.url):
        return store.endpoint_url
    scheme = store_place(project, collection).scheme
    return scheme.endpoint_url if isinstance(scheme, CustomS3) else None


def _mirror(target: S3Target) -> Route:
    endpoint_url = target.endpoint_url or (ProfileKeys(target.profile).endpoint_url if target.profile else None)
    scheme = scheme_from_url(target.url, endpoint_url=endpoint_url, region=target.region, anonymous=target.anonymous)
    return Route(target.url, scheme)


def _inside_site(project: Project, collection: Collection, folder: Path) -> str:
    site = project.site.resolve()
    where = f"collections.{collection.id}.store.url"
    if not folder.resolve().is_relative_to(site):
        raise ConfigError(where, f"{folder} lies outside the site", "leave it out, or write to s3://bucket/prefix")
    href = folder.resolve().relative_to(site).as_posix()
    if quote(href) != href:
        problem = f"{href} holds a character that no address may hold as it is"
        raise ConfigError(where, problem, "name it in letters, digits, '-', '_' and '.'")
    return href
