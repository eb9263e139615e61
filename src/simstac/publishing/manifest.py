"""The published record of what a configuration owns: one small document, and a table of files for each dataset.

A dataset's table is written before its files, the small document after them: a table that the document does not name
is a publish that has not finished. So nothing owned is ever forgotten, and an unchanged dataset costs no request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from simstac.errors import PublishError
from simstac.publishing.site import File, Kind, headers_of, kind_of

FOLDER = ".simstac"
LAYOUT = "simstac/publish/1"
REMEDY = "delete it, and the next publish compares every file"
_OPTIONS = orjson.OPT_SORT_KEYS

type Entry = tuple[int, str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """The files of one dataset.

    Attributes:
        files: Size, digest and headers of each file, by path.
        gone: Files that were published once and are to be deleted when the new table holds.
        headers_changed: Whether some file differs from the one before by its headers alone.
    """

    files: Mapping[str, Entry] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    headers_changed: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What the owner's document says of one dataset.

    Attributes:
        files: SHA-256 of its table of files.
        table: The target's digest of the published table.
        gone: How many files are still to be deleted.
    """

    files: str
    table: str
    gone: int


def owner_path(owner: str) -> str:
    """Where the owner's document lies."""
    return f"{FOLDER}/{owner}.json"


def table_folder(owner: str) -> str:
    """The folder of an owner's tables, ending in a slash."""
    return f"{FOLDER}/{owner}/"


def table_path(owner: str, group: str) -> str:
    """Where the table of a dataset lies; the files of the root have one of their own."""
    return f"{table_folder(owner)}{group or '@root'}.json"


def group_of_table(path: str) -> str:
    """The dataset whose table lies at a path."""
    name = path.rpartition("/")[2].removesuffix(".json")
    return "" if name == "@root" else name


def entries_of(files: Iterable[File]) -> dict[str, Entry]:
    """The rows of a table for files of a site, which share the few headers that there are."""
    shared: dict[tuple[str, str], tuple[str, str]] = {}
    rows = ((file, headers_of(file.path, file.kind)) for file in files)
    return {file.path: (file.size, file.digest, shared.setdefault(pair, pair)) for file, pair in rows}


def count_documents(paths: Iterable[str]) -> int:
    """How many of the paths are items and collections."""
    return sum(kind_of(path) in {Kind.ITEM, Kind.COLLECTION} for path in paths)


def encode_table(table: Table) -> bytes:
    """A table as canonical JSON; headers are listed once and referred to by number."""
    return orjson.dumps(
        {
            "layout": LAYOUT,
            **_rows(table.files),
            "gone": sorted(table.gone),
            "headers_changed": table.headers_changed,
        },
        option=_OPTIONS,
    )


def files_digest(files: Mapping[str, Entry]) -> str:
    """SHA-256 of the rows alone."""
    return hashlib.sha256(orjson.dumps(_rows(files), option=_OPTIONS)).hexdigest()


def decode_table(path: str, content: bytes) -> Table:
    """The table that was published at ``path``.

    Raises:
        PublishError: If the document is not one.
    """
    with _damage_told(path):
        raw = _decode(path, content)
        headers = [tuple(pair) for pair in raw["headers"]]
        files = {name: (size, digest, headers[index]) for name, (size, digest, index) in raw["files"].items()}
        return Table(files, tuple(raw["gone"]), raw["headers_changed"])


def encode_records(records: Mapping[str, Record]) -> bytes:
    """The owner's document as canonical JSON."""
    groups = {name: [each.files, each.table, each.gone] for name, each in records.items()}
    return orjson.dumps({"layout": LAYOUT, "datasets": groups}, option=_OPTIONS)


def decode_records(path: str, content: bytes) -> dict[str, Record]:
    """The records that were published at ``path``.

    Raises:
        PublishError: If the document is not one.
    """
    with _damage_told(path):
        return {name: Record(*values) for name, values in _decode(path, content)["datasets"].items()}


def _rows(files: Mapping[str, Entry]) -> dict[str, object]:
    headers = sorted({entry[2] for entry in files.values()})
    index = {pair: number for number, pair in enumerate(headers)}
    rows = {path: (size, digest, index[pair]) for path, (size, digest, pair) in files.items()}
    return {"headers": headers, "files": rows}


def _decode(path: str, content: bytes) -> dict[str, Any]:
    raw = orjson.loads(content)
    if raw["layout"] != LAYOUT:
        raise PublishError(path, f"is not a manifest of layout {LAYOUT}", REMEDY)
    return dict(raw)


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise PublishError(path, "is no manifest, or a damaged one", REMEDY) from error
