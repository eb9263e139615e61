"""Comparing one dataset of the site with what a target has of it: by the published table, or by a listing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simstac.errors import ConflictError, PublishError
from simstac.publishing.changes import ABSENT, Action, Change
from simstac.publishing.manifest import Entry, Table
from simstac.publishing.site import DATA, File, Kind, Site, digest_of, group_folders, headers_of
from simstac.publishing.target import Listed, Snapshot, Versioned

HEADERS = "changed headers"
PAGE = 1000
_SLASH = re.compile("/")
_CONDITIONAL = frozenset({Kind.POINTER, Kind.COLLECTION})
_NEW = {Kind.OBJECT: "new data", Kind.POINTER: "new dataset", Kind.ITEM: "new run", Kind.COLLECTION: "new collection"}
_CHANGED = {Kind.POINTER: "new version", Kind.ITEM: "changed metadata", Kind.COLLECTION: "changed metadata"}


@dataclass(slots=True)
class Reader:
    """A snapshot that remembers what it was asked, and counts the requests."""

    snapshot: Snapshot
    requests: int = 0
    _seen: dict[str, Versioned | None] = field(default_factory=dict)

    def read(self, path: str) -> Versioned | None:
        """A document of the target, or None; asked for once."""
        if path not in self._seen:
            self.requests += 1
            self._seen[path] = self.snapshot.read(path)
        return self._seen[path]

    def list(self, prefix: str) -> Mapping[str, Listed]:
        """The files of the target below ``prefix``."""
        listed = self.snapshot.list(prefix)
        self.requests += max(1, -(-len(listed) // PAGE))
        return listed


def compare_with_table(wanted: Mapping[str, File], table: Table, reader: Reader) -> list[Change]:
    """The changes of a dataset whose published table is known to hold.

    Raises:
        PublishError: If somebody else's file lies where a new one goes.
        ConflictError: If a store was changed by somebody else.
    """
    _refuse_foreign([file for path, file in wanted.items() if path not in table.files], table, reader)
    changes = []
    for path, file in wanted.items():
        old = table.files.get(path)
        if old is None:
            changes.append(_put(file, _NEW.get(file.kind, "new"), ABSENT))
        elif old[:2] != (file.size, file.digest):
            changes.append(_put(file, _CHANGED.get(file.kind, "changed"), _version(file, old, reader)))
        elif _new_headers(old, file, reader):
            changes.append(_put(file, HEADERS, _version(file, old, reader)))
    return changes + [_delete(path) for path in table.files if path not in wanted]


def compare_with_listing(
    group: str, wanted: Mapping[str, File], table: Table, site: Site, reader: Reader, *, settled: bool
) -> list[Change]:
    """The changes of a dataset by what is really there; the table says what is ours and how it is served.

    Args:
        group: The dataset.
        wanted: Its files in the site.
        table: Its published table; empty where there is none.
        site: Where contents are read from.
        reader: The target.
        settled: Whether the last publish of the dataset finished.

    Raises:
        PublishError: If somebody else's file lies where one of ours goes.
    """
    owned = {*table.files, *table.gone}
    actual = _actual(group, {*wanted, *owned}, reader)
    if reader.snapshot.exact:
        _refuse_blocked(group, wanted, actual, reader)
    changes = []
    for path, file in wanted.items():
        seen, old = actual.get(path), table.files.get(path)
        if seen is None:
            changes.append(_put(file, _NEW.get(file.kind, "new"), ABSENT))
        elif not _same(file, seen, site, reader):
            if path not in owned:
                raise _foreign(path)
            version = seen.version if file.kind in _CONDITIONAL else None
            changes.append(_put(file, _CHANGED.get(file.kind, "changed"), version))
        elif old and (_new_headers(old, file, reader) or (table.headers_changed and not settled)):
            changes.append(_put(file, HEADERS, seen.version if file.kind in _CONDITIONAL else None))
    return changes + [_delete(path) for path in sorted(owned) if path in actual and path not in wanted]


def _put(file: File, reason: str, expected: str | None) -> Change:
    known = expected != ABSENT
    expected = None if file.kind is Kind.OBJECT else expected
    return Change(file.path, Action.CHANGE if known else Action.ADD, file.size, reason, expected, file=file)


def _delete(path: str) -> Change:
    return Change(path, Action.DELETE, 0, "gone from the configuration")


def _version(file: File, old: Entry, reader: Reader) -> str | None:
    """The version that a changed file must still have; None where any will do.

    A store's pointer that is neither what we published nor what we have now was moved by another writer.
    """
    if file.kind not in _CONDITIONAL:
        return None
    found = reader.read(file.path)
    if found is None:
        return ABSENT
    if file.kind is Kind.POINTER and digest_of(found.content) not in {old[1], file.digest}:
        raise ConflictError(
            file.path,
            "was changed at the target by another writer",
            "rebuild from that store, or give this dataset another id",
        )
    return found.version


def _new_headers(old: Entry, file: File, reader: Reader) -> bool:
    return reader.snapshot.keeps_headers and tuple(old[2]) != headers_of(file.path, file.kind)


def _same(file: File, seen: Listed, site: Site, reader: Reader) -> bool:
    """Whether what is listed is what the site has; an Icechunk object's name stands for its bytes."""
    if seen.size not in {None, file.size}:
        return False
    if file.kind is Kind.OBJECT:
        return True
    if seen.digest is None:
        return False
    return seen.digest == file.listed or seen.digest == reader.snapshot.digest(site.content(file), seen.digest)


def _actual(group: str, paths: Iterable[str], reader: Reader) -> dict[str, Listed]:
    """What the target has of a dataset; the few files of the root are asked for one by one."""
    if group:
        return {path: each for folder in group_folders(group) for path, each in reader.list(folder).items()}
    found = {path: reader.read(path) for path in sorted(paths)}
    return {
        path: Listed(len(each.content), each.version, reader.snapshot.digest(each.content))
        for path, each in found.items()
        if each
    }


def _refuse_foreign(new: list[File], table: Table, reader: Reader) -> None:
    """Ask, by the fewest requests, whether a file that is not ours lies where a new one goes."""
    new = [file for file in new if file.kind is not Kind.OBJECT]
    folders = {
        file.path.partition("/")[0] + "/" for file in new if not file.path.startswith(f"{DATA}/") and "/" in file.path
    }
    if len(new) > len(table.files) // PAGE + 1:
        listed = {path for folder in sorted(folders) for path in reader.list(folder)}
        new = [file for file in new if file.path in listed or file.path.partition("/")[0] + "/" not in folders]
    for file in new:
        found = reader.read(file.path)
        if found and digest_of(found.content) != file.digest:
            raise _foreign(file.path)


def _refuse_blocked(group: str, wanted: Iterable[str], actual: Iterable[str], reader: Reader) -> None:
    """Refuse a file where a folder goes, and a folder where a file goes: Git would replace it without a word."""
    there = set(actual)
    if not (new := set(wanted) - there):
        return
    above = {folder.rstrip("/") for folder in group_folders(group)} | {DATA}
    there |= {path for path in above if reader.snapshot.read(path)}
    for path in sorted(there & _folders_of(new) | new & _folders_of(there)):
        raise _foreign(path)


def _folders_of(paths: Iterable[str]) -> set[str]:
    return {path[: mark.start()] for path in paths for mark in _SLASH.finditer(path)}


def _foreign(path: str) -> PublishError:
    return PublishError(
        path,
        "is there already and was not published by this configuration",
        "choose another prefix or collection id, or delete it first",
    )
