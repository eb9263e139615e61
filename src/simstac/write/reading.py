"""Stores read back: the data for whoever describes it, the fingerprints for whoever compares them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simstac.sources.attributes import said_in
from simstac.storage import KeySource, StorageScheme, Stored, icechunk_storage
from simstac.write.commit import DATASET_LAYOUT
from simstac.write.containers import Container, access, containers_of
from simstac.write.previous import read_texts
from simstac.write.provenance import GROUP
from simstac.write.referred import TABLE
from simstac.write.repository import (
    MAIN,
    METADATA_KEY,
    Place,
    open_repository,
    read_head,
    released_tag,
    retire_tags,
    retired_tags,
    store_errors,
    stored_as,
)

if TYPE_CHECKING:
    import icechunk
    import xarray as xr


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What a store says of a run.

    Attributes:
        fingerprint: What its results were made from; empty where it has to be read again.
        status: How it ended.
        message: Why, where it did not complete.
    """

    fingerprint: str
    status: str
    message: str


def open_stored(
    stored: Stored, *, credentials: KeySource | None = None, source_keys: KeySource | None = None
) -> xr.DataTree:
    """The released snapshot of a store as a lazy DataTree.

    Args:
        stored: What writing returned.
        credentials: Keys that may read it, instead of those of the environment.
        source_keys: Keys that may read the files that it refers to.

    Raises:
        StorageError: If the store cannot be opened.
    """
    import icechunk  # noqa: PLC0415  # 0.9 s that --help need not pay
    import xarray as xr  # noqa: PLC0415  # as above

    with store_errors(stored.href):
        storage = icechunk_storage(stored.href, stored.scheme, credentials=credentials)
        repository = icechunk.Repository.open(storage)
        containers = _containers(repository, stored)
        if containers:
            repository = repository.reopen(authorize_virtual_chunk_access=access(containers, source_keys))
        store: Any = repository.readonly_session(snapshot_id=stored.snapshot_id).store
        data = xr.open_datatree(store, engine="zarr", consolidated=False, chunks=None)
        return data.drop_nodes(TABLE) if containers else data


def tables_of_files(data: xr.DataTree) -> tuple[str, ...]:
    """The groups in which a store of ours remembers the files that it was made from, with their addresses."""
    combined = GROUP in data.children and said_in(data.attrs).get("layout") == DATASET_LAYOUT
    referring = TABLE in data.children and "referenced" in data.children[TABLE].attrs
    return (*([GROUP] if combined else []), *([TABLE] if referring else []))


def stored_containers(stored: Stored, *, credentials: KeySource | None = None) -> tuple[Container, ...]:
    """Where the files are that a released snapshot refers to; none where it holds all of its chunks.

    Raises:
        StorageError: If the store cannot be opened.
    """
    import icechunk  # noqa: PLC0415  # as above

    with store_errors(stored.href):
        storage = icechunk_storage(stored.href, stored.scheme, credentials=credentials)
        return _containers(icechunk.Repository.open(storage), stored)


def current_version(
    href: str, scheme: StorageScheme, *, version: str | None = None, credentials: KeySource | None = None
) -> Stored | None:
    """The released version at the tip of ``main``, as it is; None where there is none.

    Args:
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        version: The version whose tag is preferred, where the snapshot has several.
        credentials: Keys that may read it, instead of those of the environment.

    Raises:
        StorageError: If the store cannot be opened.
    """
    place = Place(href, scheme, credentials)
    repository = open_repository(place)
    if repository is None:
        return None
    with store_errors(href):
        tags = {tag: repository.lookup_tag(tag) for tag in repository.list_tags()}
        info = next(iter(repository.ancestry(branch=MAIN)))
        tag = released_tag(tags, info.id, version) or released_tag(tags, info.id, None)
        return None if tag is None else stored_as(info, place, tag, changed=False)


def older_versions(stored: Stored, *, credentials: KeySource | None = None) -> tuple[Stored, ...]:
    """The released versions of a store before this one, oldest first; of several tags at a snapshot the first.

    Versions that expire are left out as soon as that is decided.

    Raises:
        StorageError: If the store cannot be opened.
    """
    import icechunk  # noqa: PLC0415  # as above

    with store_errors(stored.href):
        storage = icechunk_storage(stored.href, stored.scheme, credentials=credentials)
        repository = icechunk.Repository.open(storage)
        tags: dict[str, str] = {}
        for tag in sorted(repository.list_tags() - retired_tags(repository), reverse=True):
            tags[repository.lookup_tag(tag)] = tag
        history = list(repository.ancestry(snapshot_id=stored.snapshot_id))
    older = [info for info in reversed(history) if info.id in tags and info.id != stored.snapshot_id]
    return tuple(
        replace(stored, snapshot_id=info.id, tag=tags[info.id], written_at=info.written_at, changed=False)
        for info in older
    )


def released_versions(href: str, scheme: StorageScheme, *, credentials: KeySource | None = None) -> tuple[Stored, ...]:
    """Every tag of a store that catalogs may list, with its snapshot; in the order of the tags' names.

    Raises:
        StorageError: If the store cannot be opened.
    """
    place = Place(href, scheme, credentials)
    repository = open_repository(place)
    if repository is None:
        return ()
    with store_errors(href):
        listed = sorted(repository.list_tags() - retired_tags(repository))
        return tuple(stored_as(next(iter(repository.ancestry(tag=tag))), place, tag, changed=False) for tag in listed)


def retire_versions(
    href: str, scheme: StorageScheme, tags: Collection[str], *, credentials: KeySource | None = None
) -> None:
    """Let catalogs list some tags no more; their data stay until the store is expired.

    Raises:
        StorageError: If the store cannot be written.
    """
    repository = open_repository(Place(href, scheme, credentials))
    if repository is not None and tags:
        with store_errors(href):
            retire_tags(repository, tags)


def stored_fingerprints(href: str, scheme: StorageScheme, *, credentials: KeySource | None = None) -> dict[str, str]:
    """The fingerprint of each run that a store holds, by name; empty where there is no store.

    Raises:
        StorageError: If the store cannot be opened, or is not a study's.
    """
    return {name: run.fingerprint for name, run in stored_runs(href, scheme, credentials=credentials).items()}


def stored_runs(href: str, scheme: StorageScheme, *, credentials: KeySource | None = None) -> dict[str, StoredRun]:
    """The runs that a store holds, by name; empty where there is no store.

    Raises:
        StorageError: If the store cannot be opened, or is not a study's.
    """
    repository = open_repository(Place(href, scheme, credentials))
    if repository is None or read_head(repository) is None:
        return {}
    with store_errors(href):
        columns = read_texts(repository.readonly_session(MAIN).store, "fingerprint", "status", "message")
    return {name: StoredRun(*(column[name] for column in columns)) for name in columns[0]}


def _containers(repository: icechunk.Repository, stored: Stored) -> tuple[Container, ...]:
    info = next(iter(repository.ancestry(snapshot_id=stored.snapshot_id)))
    said = info.metadata.get(METADATA_KEY)
    return containers_of(said) if isinstance(said, Mapping) else ()
