"""The built site as a table of files: what each one is, its media type and caching, its size and digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from simstac.errors import PublishError
from simstac.media_types import media_type_of
from simstac.publishing.lock import held

CATALOG = "catalog.json"
OWN = ".simstac"
"""The folder of a site that is not published; who changes the site's documents holds it alone."""
DATA = "data"
OUTPUTS = "outputs"
STORE_SUFFIX = ".icechunk"
MUTABLE = "no-cache"
IMMUTABLE = "public, max-age=31536000, immutable"
DIGEST_LENGTH = 32
_IN_STORE = f"{STORE_SUFFIX}/"
_OBJECT_FOLDERS = frozenset({"chunks", "manifests", "snapshots", "transactions"})
_BACKUP_FOLDERS = frozenset({"overwritten"})
_PICTURES = (".jpg", ".png", ".svg", ".webp")
_DEEPEST_DOCUMENT = 3
_BLOCK = 1 << 24


class Kind(IntEnum):
    """What a published file is, in the order in which files are put: nothing is linked before it is there."""

    OBJECT = 0
    POINTER = 1
    PICTURE = 2
    OTHER = 3
    ITEM = 4
    TABLE = 5
    COLLECTION = 6
    CATALOG = 7


@dataclass(frozen=True, slots=True)
class File:
    """One file of the site.

    Attributes:
        path: Its path below the site, with ``/``.
        kind: What it is.
        size: Its size in bytes.
        digest: The first 32 hexadecimal digits of its SHA-256; empty for an immutable Icechunk object, whose name is
            unique to its bytes.
        listed: The digest that a target's listing shows for its bytes; empty where it was not asked for.
    """

    path: str
    kind: Kind
    size: int
    digest: str
    listed: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """The files of a built site, as they were when it was read.

    Attributes:
        root: The site's folder.
        files: Every file to be published but the root catalog, by path, sorted.
        pointers: The bytes of each store's mutable files, read before the objects they point to were listed.
    """

    root: Path
    files: Mapping[str, File]
    pointers: Mapping[str, bytes]

    def content(self, file: File) -> bytes:
        """The bytes of a file, which are those that were planned.

        Raises:
            PublishError: If the file has changed since, or cannot be read.
        """
        if file.path in self.pointers:
            return self.pointers[file.path]
        where = f"{self.root}/{file.path}"
        try:
            content = read_bytes(where)
        except OSError as error:
            raise _changed(where) from error
        if len(content) != file.size or (file.digest and digest_of(content) != file.digest):
            raise _changed(where)
        return content

    @contextmanager
    def held(self, file: File) -> Iterator[Path]:
        """The path of a large file while it is copied.

        Raises:
            PublishError: If it has changed since it was planned or meanwhile, or cannot be read.
        """
        path = self.root / file.path
        try:
            before = path.stat()
            if before.st_size != file.size or (file.digest and _digest_of_file(str(path)) != file.digest):
                raise _changed(str(path))
            yield path
            after = path.stat()
        except FileNotFoundError as error:
            raise _changed(str(path)) from error
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise _changed(str(path))


def read_site(root: Path, listed: Callable[[bytes], str] | None = None) -> Site:
    """Read the table of a site's files, as a build leaves them: hidden ones and Icechunk's own backups are left out.

    Args:
        root: The site's folder.
        listed: Yields `File.listed`, for a plan that compares every file with a listing.

    Raises:
        PublishError: If the folder is no built site or cannot be read.
    """
    if not (root / CATALOG).is_file():
        raise PublishError(root, "is not a built site (no catalog.json)", "run simstac build first")
    files: dict[str, File] = {}
    pointers: dict[str, bytes] = {}
    try:
        with held(root / OWN, alone=False) if (root / OWN).is_dir() else nullcontext():
            for path, entry in _walk(root, ""):
                path.encode()
                kind = kind_of(path)
                if kind is Kind.OBJECT:
                    files[path] = File(path, kind, entry.stat().st_size, "")
                    continue
                if kind is not Kind.POINTER and (size := entry.stat().st_size) > _BLOCK:
                    files[path] = File(path, kind, size, _digest_of_file(entry.path))
                    continue
                content = read_bytes(entry.path)
                if kind is Kind.POINTER:
                    pointers[path] = content
                files[path] = File(path, kind, len(content), digest_of(content), listed(content) if listed else "")
    except OSError as error:
        raise PublishError(error.filename or root, f"cannot be read ({error.strerror})", "check the site") from error
    except UnicodeEncodeError as error:
        raise PublishError(root / error.object, "has a name that no address can hold", "rename it") from error
    files.pop(CATALOG, None)
    return Site(root, dict(sorted(files.items())), pointers)


def kind_of(path: str) -> Kind:
    """What the file at a path below the site is."""
    if _IN_STORE in path:
        return _kind_in_store(path)
    folder, _, name = path.rpartition("/")
    if path.count("/") < _DEEPEST_DOCUMENT:
        if name == CATALOG:
            return Kind.CATALOG
        if name == "collection.json":
            return Kind.COLLECTION
        if folder and name == f"{folder.rpartition('/')[2]}.json":
            return Kind.ITEM
        if name.lower().endswith(".parquet"):
            return Kind.TABLE
    return Kind.PICTURE if name.lower().endswith(_PICTURES) else Kind.OTHER


def _kind_in_store(path: str) -> Kind:
    below = path.partition(_IN_STORE)[2].split("/")
    return Kind.OBJECT if below[0] in _OBJECT_FOLDERS and len(below) > 1 else Kind.POINTER


def headers_of(path: str, kind: Kind) -> tuple[str, str]:
    """The Content-Type and the Cache-Control with which a file of a kind is served."""
    match kind:
        case Kind.OBJECT:
            return "application/octet-stream", IMMUTABLE
        case Kind.POINTER:
            return "application/octet-stream", MUTABLE
        case Kind.ITEM:
            return "application/geo+json", MUTABLE
        case Kind.TABLE:
            return "application/vnd.apache.parquet", MUTABLE
        case Kind.COLLECTION | Kind.CATALOG:
            return "application/json", MUTABLE
        case Kind.PICTURE | Kind.OTHER:
            return media_type_of(path), MUTABLE


def group_of(path: str) -> str:
    """The dataset a file belongs to: a collection's folder and its store are one; empty for files of the root."""
    first, _, rest = path.partition("/")
    if first == DATA and "/" in rest:
        return rest.partition("/")[0].removesuffix(STORE_SUFFIX)
    return first if rest else ""


def group_folders(group: str) -> tuple[str, ...]:
    """The folders, ending in a slash, in which the files of a dataset lie."""
    return (f"{group}/", f"{DATA}/{group}{STORE_SUFFIX}/") if group else ()


def digest_of(content: bytes) -> str:
    """The digest by which contents are compared."""
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


def _digest_of_file(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]


def read_bytes(path: str) -> bytes:
    """A whole file, by the fewest system calls: a site has tens of thousands of small ones."""
    handle = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size
        content = os.read(handle, size + 1)
        if len(content) == size:
            return content
        parts = [content]
        while parts[-1]:
            parts.append(os.read(handle, 1 << 20))
        return b"".join(parts)
    finally:
        os.close(handle)


def _walk(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file, those of a folder before those below it: a store's pointer is read before its objects are listed."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".") and "#" not in entry.name]
    folders = [entry for entry in shown if entry.is_dir()]
    yield from ((prefix + entry.name, entry) for entry in shown if not entry.is_dir())
    in_store = prefix.endswith(f"{STORE_SUFFIX}/")
    for entry in sorted(folders, key=lambda entry: entry.name):
        if not (in_store and entry.name in _BACKUP_FOLDERS):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _changed(where: str) -> PublishError:
    return PublishError(where, "changed while it was published", "wait until the build has finished and run it again")
