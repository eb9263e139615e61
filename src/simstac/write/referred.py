"""What a virtual store says of the files that it refers to: the table of them, and the variables that it copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simstac.sources.cf.decode import decoded
from simstac.sources.virtual.references import Kept
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.write.commit import VIRTUAL_LAYOUT
from simstac.write.repository import MAIN, Place, open_repository, read_head, release, store_errors

if TYPE_CHECKING:
    import xarray as xr

TABLE = "sources"


def released_references(
    href: str, scheme: StorageScheme, fingerprint: str, *, version: str | None, credentials: KeySource | None = None
) -> Stored | None:
    """The store as it is, if it refers to files of this fingerprint; None if it has to be written.

    Raises:
        StorageError: If the store cannot be reached.
    """
    place = Place(href, scheme, credentials)
    repository = open_repository(place)
    if repository is None:
        return None
    with store_errors(href):
        head = read_head(repository)
        same = head is not None and head.metadata.get("fingerprint") == fingerprint
        if head is None or not same or head.metadata.get("layout") != VIRTUAL_LAYOUT:
            return None
        return release(repository, place, version, changed=False)


def read_kept(href: str, scheme: StorageScheme, *, credentials: KeySource | None = None) -> Kept | None:
    """The files that a store refers to, and their copied variables; None where it is no virtual store.

    Raises:
        StorageError: If the store cannot be reached.
    """
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    repository = open_repository(Place(href, scheme, credentials))
    if repository is None:
        return None
    with store_errors(href):
        head = read_head(repository)
        if head is None or head.metadata.get("layout") != VIRTUAL_LAYOUT:
            return None
        store: Any = repository.readonly_session(MAIN).store
        table = _opened_table(store)
        whole = xr.open_dataset(store, engine="zarr", consolidated=False, chunks=None, decode_cf=False)
        small = whole.drop_vars(str(table.attrs["referenced"]).split())
        along = str(table.attrs["along"])
        growing = {
            str(name): decoded(str(name), each, {}, f"{href}: {name}")
            for name, each in small.variables.items()
            if along in each.dims
        }
        urls, versions = (tuple(map(str, table[name].values)) for name in ("file", "version"))
        return Kept(
            urls,
            versions,
            lengths=tuple(map(int, table["length"].values)),
            copied=_reasons(table),
            along=along,
            reading=str(head.metadata.get("reading", "")),
            small={
                name: (each.dims.index(along), each.read((slice(None),) * len(each.dims)))
                for name, each in growing.items()
            },
            calendars={name: str(each.attrs["calendar"]) for name, each in growing.items() if each.is_time},
        )


def copied_files(stored: Stored, *, credentials: KeySource | None = None) -> dict[str, str]:
    """Files that a virtual store has copies of, by their addresses, and why it does not refer to them.

    Raises:
        StorageError: If the store cannot be reached.
    """
    repository = open_repository(Place(stored.href, stored.scheme, credentials))
    if repository is None:
        return {}
    with store_errors(stored.href):
        head = read_head(repository)
        if head is None or not head.metadata.get("copied"):
            return {}
        table = _opened_table(repository.readonly_session(MAIN).store)
        rows = zip(map(str, table["file"].values), _reasons(table), strict=True)
        return {url: reason for url, reason in rows if reason}


def _opened_table(store: Any) -> xr.Dataset:
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    return xr.open_dataset(store, engine="zarr", group=TABLE, consolidated=False, chunks=None).load()


def _reasons(table: xr.Dataset) -> tuple[str, ...]:
    return tuple(map(str, table["copied"].values)) if "copied" in table else ("",) * table.sizes["file"]
