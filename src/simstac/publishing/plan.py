"""Planning a publish: which files of a built site to put and which to delete, with the preconditions of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from simstac.errors import PublishError
from simstac.publishing.changes import ABSENT, Action, Change, Changes
from simstac.publishing.compare import HEADERS, Reader, compare_with_listing, compare_with_table
from simstac.publishing.manifest import (
    FOLDER,
    Record,
    Table,
    count_documents,
    decode_records,
    decode_table,
    encode_records,
    encode_table,
    entries_of,
    files_digest,
    group_of_table,
    owner_path,
    table_folder,
    table_path,
)
from simstac.publishing.site import File, Kind, Site, group_of, kind_of
from simstac.publishing.target import Edit, Listed, Snapshot, Target, Versioned

SHRINK_LIMIT = 0.1
SHOWN = 3
DEFAULT_OWNER = "site"


def plan(
    site: Site,
    target: Target,
    edit: Edit,
    *,
    owner: str | None = None,
    allow_shrink: bool = False,
    recheck: bool = False,
    snapshot: Snapshot | None = None,
) -> Changes:
    """Plan the publishing of a site.

    Args:
        site: The built site (see `read_site`).
        target: Where to.
        edit: Yields the documents shared with others (the root catalog) from those that the target has, given the
            names of the datasets that the configuration published before and no longer describes.
        owner: The configuration's name at the target; by default the one that published any of these before.
        allow_shrink: Whether a dataset, or more than a tenth of the documents, may vanish.
        recheck: Whether the target is listed and compared, instead of trusting its record.
        snapshot: The target as it stands; looked at now where none is given.

    Raises:
        PublishError: If the target refuses, would shrink, or holds somebody else's files at our paths.
        ConflictError: If a published store was changed by somebody else.
    """
    target.check({path: file.size for path, file in site.files.items()})
    reader = Reader(snapshot or target.snapshot())
    built = {group_of(path) for path in site.files}
    listed = reader.list(f"{FOLDER}/")
    owner = owner or _owner(built, listed, reader)
    found = reader.read(owner_path(owner))
    records = decode_records(owner_path(owner), found.content) if found else {}
    tables = _tables(listed, owner)
    shared, guards = _edited(reader, edit, frozenset({*records, *tables} - _described(site)))
    wanted = _by_dataset(site, shared)
    datasets = [
        _Dataset(name, wanted.get(name, {}), table_path(owner, name), records.get(name), tables.get(name))
        for name in sorted({*wanted, *records, *tables})
    ]
    groups = [_plan_group(each, site, reader, recheck=recheck or reader.snapshot.exact) for each in datasets]
    changes = _in_order(shared.values(), groups)
    record, swept = _records(owner_path(owner), groups, found)
    if not allow_shrink:
        _refuse_shrinking(target.url, groups)
    return Changes(
        target=target.url,
        owner=owner,
        base=reader.snapshot.base,
        site=site,
        puts=tuple(change for change in changes if change.action is not Action.DELETE),
        gone=tuple(change for change in reversed(changes) if change.action is Action.DELETE),
        guards=guards,
        tables=tuple(group.table for group in groups if group.table),
        dropped=tuple(group.dropped for group in groups if group.dropped),
        record=record,
        swept=swept,
        reads=reader.requests,
        unfinished=reader.snapshot.unfinished,
    )


def _tables(listed: Mapping[str, Listed], owner: str) -> dict[str, Listed]:
    return {group_of_table(path): each for path, each in listed.items() if path.startswith(table_folder(owner))}


def _described(site: Site) -> set[str]:
    """The datasets that have a Collection; of others the site may still hold the store."""
    return {group_of(path) for path, file in site.files.items() if file.kind is Kind.COLLECTION}


def _in_order(shared: Iterable[Change | None], groups: Iterable[_Planned]) -> list[Change]:
    changes = [change for change in shared if change] + [change for group in groups for change in group.changes]
    return sorted(changes, key=lambda change: (change.stage, change.path))


def _by_dataset(site: Site, shared: Mapping[str, object]) -> dict[str, dict[str, File]]:
    """The files of each dataset, without the documents shared with others."""
    wanted: dict[str, dict[str, File]] = {}
    for path, file in site.files.items():
        if path not in shared:
            wanted.setdefault(group_of(path), {})[path] = file
    return wanted


@dataclass(frozen=True, slots=True)
class _Dataset:
    """One dataset: its files in the site, and what the target's manifest has of it."""

    name: str
    wanted: Mapping[str, File]
    path: str
    record: Record | None
    listed: Listed | None


@dataclass(frozen=True, slots=True)
class _Planned:
    """The plan of one dataset: its changes, its table if that is put or dropped, its record, and what it loses."""

    name: str
    record: Record | None
    documents: int
    changes: tuple[Change, ...] = ()
    table: Change | None = None
    dropped: str = ""
    lost: tuple[str, ...] = ()


def _edited(reader: Reader, edit: Edit, gone: frozenset[str]) -> tuple[dict[str, Change | None], dict[str, str]]:
    """The changes of the shared documents (None where one stays as it is), and the versions of those only read."""
    seen: dict[str, Versioned | None] = {}

    def read(path: str) -> bytes | None:
        seen[path] = found = reader.read(path)
        return found.content if found else None

    changes: dict[str, Change | None] = {}
    for path, content in edit(read, gone).items():
        before = read(path)
        found = seen[path]
        if content == before:
            changes[path] = None
        elif content is None:
            changes[path] = Change(path, Action.DELETE, 0, "gone from the catalog")
        elif found is None:
            changes[path] = Change(path, Action.ADD, len(content), "new catalog", ABSENT, content)
        else:
            changes[path] = Change(path, Action.CHANGE, len(content), "changed links", found.version, content)
    guards = {path: found.version if found else ABSENT for path, found in seen.items() if changes.get(path) is None}
    return changes, guards


def _owner(wanted: Iterable[str], listed: Iterable[str], reader: Reader) -> str:
    """The configuration that published any of these datasets before, or a new name after the first of them."""
    names = {name for name in wanted if name}
    owners: dict[str, set[str]] = {}
    for path in listed:
        owner, _, table = path.removeprefix(f"{FOLDER}/").removesuffix(".json").partition("/")
        owners.setdefault(owner, set()).update([group_of_table(path)] if table else ())
    for owner in [owner for owner, groups in owners.items() if not groups]:
        found = reader.read(owner_path(owner))
        owners[owner] |= decode_records(owner_path(owner), found.content).keys() if found else set()
    shared = {owner: groups & names for owner, groups in owners.items() if groups & names}
    if len(shared) > 1:
        lists = "; ".join(f"{owner}: {', '.join(sorted(groups))}" for owner, groups in sorted(shared.items()))
        raise PublishError(
            FOLDER,
            f"these collections were published by several configurations ({lists})",
            "publish them from one configuration each, or remove them with the other first",
        )
    if shared:
        return next(iter(shared))
    name = min(names, default=DEFAULT_OWNER)
    while name in owners:
        name += "+"
    return name


def _plan_group(dataset: _Dataset, site: Site, reader: Reader, *, recheck: bool) -> _Planned:
    """Plan one dataset by its table where the last publish of it finished, else by a listing."""
    name, record, listed = dataset.name, dataset.record, dataset.listed
    rows = entries_of(dataset.wanted.values())
    documents, files = count_documents(dataset.wanted), files_digest(rows)
    settled = record is not None and listed is not None and record.table == listed.digest and not record.gone
    if settled and not recheck and record is not None and record.files == files:
        return _Planned(name, record, documents)
    found = reader.read(dataset.path) if listed else None
    # a table that was lost named files of ours: those that are wanted may be replaced
    ours = Table(gone=tuple(dataset.wanted) if record else ())
    table = decode_table(dataset.path, found.content) if found else ours
    if found is not None and record is not None:
        settled = record.table == reader.snapshot.digest(found.content) and not record.gone
    if settled and not recheck:
        changes = compare_with_table(dataset.wanted, table, reader)
    else:
        changes = compare_with_listing(name, dataset.wanted, table, site, reader, settled=settled)
    if settled:
        _refuse_lost_items(site, dataset.wanted, changes)
    lost = tuple(path for path in table.files if path not in dataset.wanted)
    before = documents if table.files == rows else count_documents(table.files)
    gone = tuple(change.path for change in changes if change.action is Action.DELETE)
    dropped = dataset.path if found is not None and not dataset.wanted else ""
    if not dataset.wanted and not gone:
        return _Planned(name, None, before, dropped=dropped, lost=lost)
    if settled and not changes and record is not None and record.files == files:
        return _Planned(name, record, before)
    reheaded = any(change.reason == HEADERS for change in changes)
    content = encode_table(Table(rows, gone, reheaded))
    put = Change(dataset.path, Action.CHANGE, len(content), "record", found.version if found else ABSENT, content)
    after = Record(files, reader.snapshot.digest(content), len(gone))
    written = None if found is not None and found.content == content else put
    ordered = _smaller_store_last(changes) if settled else tuple(changes)
    return _Planned(name, after, before, ordered, written, dropped, lost)


def _smaller_store_last(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Changes where a store that only loses objects gets its pointer when no document lists what it has lost.

    That holds after a publish that finished: else objects of a new version may be there already.
    """
    changes = tuple(changes)
    objects = {change.action for change in changes if change.kind is Kind.OBJECT}
    if objects != {Action.DELETE}:
        return changes
    return tuple(replace(each, is_late=each.kind is Kind.POINTER and each.action is Action.CHANGE) for each in changes)


def _refuse_lost_items(site: Site, wanted: Mapping[str, File], changes: Iterable[Change]) -> None:
    """Refuse to delete Items that were published with the very Collection that stays: it links them."""
    stays = {path for path, file in wanted.items() if file.kind is Kind.COLLECTION} - {each.path for each in changes}
    lost = [each.path for each in changes if each.action is Action.DELETE and each.kind is Kind.ITEM]
    if stays and lost:
        raise PublishError(site.root / lost[0], "is not there, and its collection links it", "build again")


def _records(path: str, groups: Iterable[_Planned], found: Versioned | None) -> tuple[Change | None, Change | None]:
    """The owner's document before and after the deletions; None where it is not written."""
    held = {group.name: group.record for group in groups if group.record}
    dropped = {group.name for group in groups if group.dropped}
    final = {name: replace(record, gone=0) for name, record in held.items() if name not in dropped}
    version = found.version if found else ABSENT
    first, last = encode_records(held), encode_records(final)
    record = None
    if found is None or found.content != first:
        record = Change(path, Action.CHANGE if found else Action.ADD, len(first), "record", version, first)
    if not held and found is None:
        record = None
    swept = Change(path, Action.CHANGE, len(last), "record", version, last) if last != first else None
    return record, swept


def _refuse_shrinking(url: str, groups: list[_Planned]) -> None:
    """Refuse a plan by which a dataset or more than a tenth of the documents vanish."""
    remedy = "check that every source is there, then allow it with --allow-shrink"
    vanished = sorted({group.name for group in groups for path in group.lost if _is_dataset(path)})
    if vanished:
        raise PublishError(url, f"publishing would remove the dataset {', '.join(vanished)}", remedy)
    lost = [path for group in groups for path in group.lost if count_documents([path])]
    before = sum(group.documents for group in groups)
    if len(lost) > SHRINK_LIMIT * before:
        named = ", ".join(lost[:SHOWN]) + (", …" if len(lost) > SHOWN else "")
        raise PublishError(url, f"publishing would remove {len(lost)} of {before} documents ({named})", remedy)


def _is_dataset(path: str) -> bool:
    return kind_of(path) in {Kind.POINTER, Kind.COLLECTION}
