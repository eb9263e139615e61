"""The plan of a publish: what is put, what is deleted, why, how many bytes, and what must still be so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from simstac.publishing.site import File, Kind, Site, kind_of

ABSENT = ""
LARGE = 8 << 20
DELETES_PER_REQUEST = 1000


_STREAMED = frozenset({Kind.OBJECT, Kind.PICTURE, Kind.OTHER, Kind.TABLE})


class Action(StrEnum):
    """What happens to a file, by the sign it is printed with."""

    ADD = "+"
    CHANGE = "~"
    DELETE = "-"


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is put or deleted.

    Attributes:
        path: Where, below the target.
        action: Added, changed or deleted.
        size: The bytes that are put; 0 for a deletion.
        reason: Why, in a word or two.
        expected: The version that must still be there, ``ABSENT`` if nothing may be, None if anything may.
        content: The bytes, where they are not a file of the site.
        file: The file of the site, where there is one.
        is_late: Whether it is put after all else: a store's pointer that only loses versions, which documents still
            list until then.
    """

    path: str
    action: Action
    size: int
    reason: str
    expected: str | None = None
    content: bytes | None = None
    file: File | None = None
    is_late: bool = False

    @property
    def stage(self) -> int:
        """When it is put or, in the opposite order, deleted."""
        return max(Kind) + 1 if self.is_late else self.kind

    @property
    def kind(self) -> Kind:
        """What kind of file it is."""
        return self.file.kind if self.file else kind_of(self.path)

    @property
    def streams(self) -> bool:
        """Whether it is copied from its file piece by piece; documents and pointers, put under conditions, are not."""
        return self.file is not None and self.size > LARGE and self.kind in _STREAMED

    @property
    def requests(self) -> int:
        """The requests that putting it in a bucket takes: what streams goes in parts, between two that frame them."""
        return -(-self.size // LARGE) + 2 if self.streams else 1

    def body(self, site: Site) -> bytes:
        """The bytes to put.

        Raises:
            PublishError: If the site has changed since it was read.
        """
        return site.content(self.file) if self.file else self.content or b""


@dataclass(frozen=True, slots=True)
class Changes:
    """A plan, made against one state of a target.

    Attributes:
        target: The target's address.
        owner: The configuration that publishes.
        base: The state of the target that the plan was made against (see `Snapshot.base`).
        site: Where contents come from.
        puts: What is put, in the order of `Change.stage`.
        gone: What is deleted after that, in the opposite order: nothing linked goes before what links to it.
        guards: Documents that were read for an edit but are not written, with the version each must still have.
        tables: The tables of files, put before anything else.
        dropped: Tables of datasets that are gone, deleted after their files.
        record: The owner's document, put when everything else is in place; None if nothing changes.
        swept: The owner's document once the deletions are done; None if nothing is deleted.
        reads: How many requests planning took.
        unfinished: See `Snapshot.unfinished`.
    """

    target: str
    owner: str
    base: str
    site: Site
    puts: tuple[Change, ...]
    gone: tuple[Change, ...]
    guards: Mapping[str, str]
    tables: tuple[Change, ...]
    dropped: tuple[str, ...]
    record: Change | None
    swept: Change | None
    reads: int
    unfinished: bool = False

    def __bool__(self) -> bool:
        """Whether anything is written at all."""
        return bool(self.puts or self.gone or self.tables or self.dropped or self.record or self.swept)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is put and what is deleted."""
        return self.puts + self.gone

    @property
    def deletes(self) -> tuple[tuple[str, ...], ...]:
        """The paths that are deleted, in groups to be deleted one after the other."""
        return tuple(tuple(change.path for change in stage) for stage in stages(self.gone))

    @property
    def bytes(self) -> int:
        """The bytes that are put, without the record of what is owned."""
        return sum(change.size for change in self.puts)

    @property
    def requests(self) -> int:
        """The requests that applying the plan to a bucket takes, beyond those that only read."""
        own = len(self.tables) + (self.record is not None) + (self.swept is not None) + bool(self.dropped)
        return (
            sum(change.requests for change in self.puts)
            + own
            + sum(-(-len(paths) // DELETES_PER_REQUEST) for paths in self.deletes)
        )

    def totals(self) -> dict[str, dict[str, int]]:
        """How many files of each kind are added, changed and deleted, with the bytes put."""
        table: dict[str, Counter[str]] = {}
        for change in self.changes:
            row = table.setdefault(change.kind.name.lower(), Counter(added=0, changed=0, deleted=0, bytes=0))
            row[{"+": "added", "~": "changed", "-": "deleted"}[change.action]] += 1
            row["bytes"] += change.size
        return {kind: dict(row) for kind, row in table.items()}

    def lines(self) -> Iterator[str]:
        """The plan for people: one line a file, then the totals."""
        for change in self.changes:
            size = f"{change.size:>12,} B" if change.action is not Action.DELETE else " " * 14
            yield f"{change.action.value} {size}  {change.path}  ({change.reason})"
        for kind, row in self.totals().items():
            yield f"{kind}: +{row['added']} ~{row['changed']} -{row['deleted']}, {row['bytes']:,} bytes"
        yield self.summary

    @property
    def summary(self) -> str:
        """The totals in one line."""
        if not self:
            last = "; an earlier commit is pushed and checked out" if self.unfinished else ""
            return f"{self.target}: nothing to publish{last}"
        counts = Counter(change.action.value for change in self.changes)
        files = " ".join(f"{action.value}{counts[action.value]}" for action in Action)
        return f"{self.target}: {files}, {self.bytes:,} bytes, {self.requests} requests"

    def to_json(self) -> Iterator[dict[str, Any]]:
        """The plan for machines: one object a file, then the totals."""
        for change in self.changes:
            yield {
                "target": self.target,
                "action": change.action.name.lower(),
                "path": change.path,
                "kind": change.kind.name.lower(),
                "bytes": change.size,
                "reason": change.reason,
            }
        last = {"unfinished": True} if self.unfinished else {}
        yield {"target": self.target, "totals": self.totals(), "requests": self.requests} | last


def stages(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Changes in order, one list for each stage."""
    for _, stage in groupby(changes, key=lambda change: change.stage):
        yield list(stage)
