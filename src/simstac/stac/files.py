"""Files as assets: those that are shipped beside a document, and those that lie in a bucket or on the web."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simstac.media_types import media_type_of
from simstac.stac.document import Document, declare, fields
from simstac.stac.placement import free_scheme_key, is_absolute
from simstac.storage import Http, LocalPath, StorageScheme, scheme_to_stac

SHA2_256 = "1220"


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A file to be copied into the site, whose bytes stay on the disk until then.

    Attributes:
        path: Where it lies now.
        size: Bytes.
        sha256: Its digest in hexadecimal, which the copy must have.
    """

    path: Path
    size: int
    sha256: str


def file_asset(
    document: Document,
    key: str,
    href: str,
    *,
    title: str = "",
    roles: Sequence[str] = ("source",),
    size: int | None = None,
    sha256: str | None = None,
    scheme: StorageScheme | None = None,
) -> Document:
    """Add a file to an Item or a Collection as an asset, with its extensions; return the asset.

    Its media type is that of its name. Objects that the document shares with others are replaced, not changed.

    Args:
        document: The Item or Collection.
        key: The asset's key; a number is appended where the document has it already.
        href: Relative to the document for a file that is shipped beside it, else absolute.
        title: One line for people; the file's name where empty.
        roles: What it is for.
        size: Bytes, where known.
        sha256: Its digest in hexadecimal, where known.
        scheme: Where the bytes of an absolute href live; STAC describes object stores alone.
    """
    name = href.rstrip("/").rpartition("/")[2]
    asset: Document = {
        "href": href,
        "type": media_type_of(name),
        "title": title or name,
        "roles": list(roles),
    }
    if size is not None:
        asset["file:size"] = size
    if sha256 is not None:
        asset["file:checksum"] = SHA2_256 + sha256
    if size is not None or sha256 is not None:
        declare(document, "file")
    if scheme is not None and is_absolute(href):
        _refer(document, asset, scheme)
    document["assets"] = {**document["assets"], _free(key, document["assets"]): asset}
    return asset


def _refer(document: Document, asset: Document, scheme: StorageScheme) -> None:
    """Name the scheme in the document, once and in both places where an Item has it, and refer to it."""
    if isinstance(scheme, Http | LocalPath):
        return
    described = scheme_to_stac(scheme)
    schemes: Document = fields(document).get("storage:schemes", {})
    key = next((name for name, known in schemes.items() if known == described), None)
    if key is None:
        key = free_scheme_key(scheme, schemes)
        schemes = {**schemes, key: described}
        fields(document)["storage:schemes"] = schemes
        document["storage:schemes"] = schemes
        declare(document, "storage")
    asset["storage:refs"] = [key]


def _free(key: str, taken: Document) -> str:
    number, free = 2, key
    while free in taken:
        number, free = number + 1, f"{key}-{number}"
    return free
