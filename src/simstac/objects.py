"""The files below one address, in a folder or in a bucket: listed with their versions, and fetched whole as streams."""

from __future__ import annotations

import glob
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from simstac.errors import SourceError, StorageError
from simstac.ranged import RangedFile
from simstac.s3.answers import code_of, why_refused
from simstac.s3.bucket import endpoint_of, open_prefix
from simstac.storage import KeySource, LocalPath, StorageScheme, is_address, scheme_from_url

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import HTTPStore, S3Store

logger = logging.getLogger(__name__)

CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as it is now.

    Attributes:
        path: Its path relative to the address, with forward slashes.
        size: Bytes.
        version: What differs when its bytes do: the ETag in a bucket, the time of the last change and the size on disk.
        modified: When it was last written, UTC, to the second; None where nobody says.
    """

    path: str
    size: int
    version: str
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Folder:
    """One level below an address.

    Attributes:
        files: The files in it.
        folders: The names of the folders in it.
    """

    files: tuple[FileInfo, ...]
    folders: tuple[str, ...]

    @property
    def names(self) -> dict[str, FileInfo]:
        """The files by name."""
        return {file.path.rpartition("/")[2]: file for file in self.files}


@runtime_checkable
class Files(Protocol):
    """The files below one address; picklable, so that workers fetch too."""

    @property
    def address(self) -> str:
        """The folder's path or the ``s3://bucket/prefix`` address, no slash at its end."""

    @property
    def scheme(self) -> StorageScheme:
        """Where their bytes live."""

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        """The files below a folder, sorted by path; all of them where ``prefix`` is empty.

        Raises:
            SourceError: If the address is not there or cannot be listed.
        """

    def folder_at(self, path: str = "") -> Folder:
        """One level alone, which costs one request in a bucket however much lies deeper.

        Raises:
            SourceError: If it is not there or cannot be listed.
        """

    def find(self, path: str) -> FileInfo | None:
        """A file as it is now, by one request; None where there is none.

        Raises:
            SourceError: If that cannot be told.
        """

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            SourceError: If it is not there or cannot be read.
        """

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to a path on this machine, as a stream.

        Raises:
            SourceError: If it is not there, cannot be read, or ends before its size.
        """

    def url(self, path: str) -> str:
        """The address of a file."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The files below a folder of this machine.

    Attributes:
        folder: The folder.
    """

    folder: Path

    @property
    def address(self) -> str:
        """See `Files`."""
        return str(self.folder)

    @property
    def scheme(self) -> StorageScheme:
        """See `Files`."""
        return LocalPath()

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        """See `Files`; hidden folders are left out, links to folders are not followed."""
        top = self.folder / prefix
        if not top.is_dir():
            raise SourceError(top, "does not exist", "check the path")
        found = []
        for folder, folders, names in os.walk(top, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(folder).relative_to(self.folder).as_posix()
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118  # a Path each would cost more than its stat
                with readable(path), suppress(FileNotFoundError):  # gone meanwhile, or a link to nothing
                    facts = os.stat(path)  # noqa: PTH116  # as above
                    found.append(_local_file(name if below == "." else f"{below}/{name}", facts))
        return tuple(sorted(found, key=lambda file: file.path))

    def folder_at(self, path: str = "") -> Folder:
        """See `Files`; hidden folders are left out."""
        top = self.folder / path
        if not top.is_dir():
            raise SourceError(top, "does not exist", "check the path")
        files, folders = list[FileInfo](), list[str]()
        with readable(top):
            for entry in sorted(top.iterdir()):
                if entry.is_dir():
                    folders += [] if entry.name.startswith(".") else [entry.name]
                    continue
                with suppress(FileNotFoundError):  # as above
                    files.append(_local_file(entry.relative_to(self.folder).as_posix(), entry.stat()))
        return Folder(tuple(files), tuple(folders))

    def find(self, path: str) -> FileInfo | None:
        """See `Files`."""
        with readable(self.folder / path):
            try:
                return _local_file(path, (self.folder / path).stat())
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read(self, path: str) -> bytes:
        """See `Files`."""
        with readable(self.folder / path):
            return (self.folder / path).read_bytes()

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`."""
        with readable(self.folder / path):
            shutil.copyfile(self.folder / path, to)

    def url(self, path: str) -> str:
        """See `Files`."""
        return str(self.folder / path)


@dataclass(frozen=True)
class BucketFiles:
    """The files below a prefix of a bucket.

    Attributes:
        address: ``s3://bucket/prefix``.
        endpoint_url: The service's endpoint, where it is not Amazon's.
        region: The bucket's region.
        profile: The profile of the AWS configuration whose keys read it.
        anonymous: Whether it is read without keys.
        keys: Yields the keys that read it, instead of the profile.
    """

    address: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    keys: KeySource | None = field(default=None, repr=False)

    @property
    def scheme(self) -> StorageScheme:
        """See `Files`."""
        endpoint = endpoint_of(self.endpoint_url) or None
        return scheme_from_url(self.address, endpoint_url=endpoint, region=self.region, anonymous=self.anonymous)

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        """See `Files`; an empty prefix of a bucket that is there has no files, which is no error."""
        import obstore  # noqa: PLC0415  # the native module loads where S3 is used

        with self._explained(prefix):
            pages = obstore.list(self._store, prefix.strip("/") or None)
            found = [object_info(meta) for page in pages for meta in page]
        logger.debug("listed %d objects below %s", len(found), self.url(prefix))
        return tuple(sorted((file for file in found if not file.path.endswith("/")), key=lambda file: file.path))

    def folder_at(self, path: str = "") -> Folder:
        """See `Files`; an empty prefix of a bucket that is there holds nothing, which is no error."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path):
            found = obstore.list_with_delimiter(self._store, path.strip("/") or None)
        files = sorted((object_info(meta) for meta in found["objects"]), key=lambda file: file.path)
        folders = sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"])
        return Folder(tuple(file for file in files if not file.path.endswith("/")), tuple(folders))

    def find(self, path: str) -> FileInfo | None:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path):
            try:
                return object_info(obstore.head(self._store, path))
            except FileNotFoundError as error:
                if code_of(error) == "NoSuchBucket":
                    raise
                return None

    def read(self, path: str) -> bytes:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path):
            return bytes(obstore.get(self._store, path).bytes())

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`."""
        with self._explained(path):
            stream_object(self._store, path, to, self.url(path))

    def ranged(self, path: str, size: int) -> RangedFile:
        """A file that is read where it is, in blocks; reading it raises what `read` does."""
        import obstore  # noqa: PLC0415  # as above

        def fetch(start: int, end: int) -> bytes:
            with self._explained(path):
                return bytes(obstore.get_range(self._store, path, start=start, end=end))

        return RangedFile(size, fetch)

    def url(self, path: str) -> str:
        """See `Files`."""
        return f"{self.address}/{path}"

    def __getstate__(self) -> dict[str, object]:
        """What the address is; another process opens the bucket itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_store"}

    @cached_property
    def _store(self) -> S3Store:
        try:
            return open_prefix(
                self.address,
                endpoint_url=self.endpoint_url,
                region=self.region,
                profile=self.profile,
                anonymous=self.anonymous,
                keys=self.keys,
            )
        except StorageError as error:
            raise SourceError(error.where, error.problem, error.remedy) from error

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        import obstore  # noqa: PLC0415  # as above

        try:
            yield
        except FileNotFoundError as error:
            if code_of(error) != "NoSuchBucket":
                raise SourceError(self.url(path), "does not exist", "check the path") from None
            raise SourceError(self.address, *why_refused(error, endpoint_of(self.endpoint_url))) from None
        except obstore.exceptions.BaseError as error:
            raise SourceError(self.url(path), *why_refused(error, endpoint_of(self.endpoint_url))) from None


def files_at(
    address: str | Path,
    *,
    base: Path | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    anonymous: bool = False,
) -> Files:
    """The files below an address; nothing is read yet.

    Args:
        address: A folder, or ``s3://bucket/prefix``.
        base: What a relative folder is relative to; the current folder where None.
        endpoint_url: The S3 endpoint, where it is not Amazon's.
        region: The bucket's region.
        profile: The profile of the AWS configuration whose keys read it.
        anonymous: Whether it is read without keys.

    Raises:
        SourceError: If it is an address of another kind.
    """
    text = str(address)
    if text.startswith("s3://"):
        return BucketFiles(text.rstrip("/"), endpoint_url, region, profile, anonymous)
    if is_address(text):
        raise SourceError(text, "is neither a folder nor in a bucket", "write a path, or s3://bucket/prefix")
    return LocalFiles((base or Path.cwd()) / address)


def object_info(meta: ObjectMeta) -> FileInfo:
    """An object; its ETag without quotes and weakness, or when it was written where a server gives none."""
    modified = meta["last_modified"].astimezone(UTC).replace(microsecond=0)
    version = (meta["e_tag"] or "").removeprefix("W/").strip('"') or f"{modified.isoformat()}-{meta['size']}"
    return FileInfo(meta["path"], meta["size"], version, modified)


def stream_object(store: S3Store | HTTPStore, path: str, to: Path, where: str) -> None:
    """Copy an object to a path on this machine; errors of its store pass.

    Raises:
        SourceError: If it ends before its size.
    """
    import obstore  # noqa: PLC0415  # as above

    with to.open("wb") as file:
        result = obstore.get(store, path)
        size = result.meta["size"]
        for chunk in result.stream(min_chunk_size=CHUNK):
            file.write(chunk)
        written = file.tell()
    if written != size:
        raise SourceError(where, f"ended after {written} of {size} bytes", "run it again")


def split_pattern(pattern: str) -> tuple[str, str]:
    """A glob pattern as the address that has no wildcards, and the pattern below it; empty where it has none.

    ``s3://bucket/runs/case-*/out.sql`` is ``s3://bucket/runs`` and ``case-*/out.sql``.
    """
    scheme, mark, rest = pattern.rpartition("://")
    parts = PurePosixPath(rest).parts
    plain = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return scheme + mark + str(PurePosixPath(*parts[:plain])), "/".join(parts[plain:])


@contextmanager
def readable(path: Path | str) -> Iterator[None]:
    """Say which file of this machine cannot be read.

    Raises:
        SourceError: If an `OSError` ends the block.
    """
    try:
        yield
    except OSError as error:
        remedy = "check that it is there and readable"
        raise SourceError(path, f"cannot be read: {error.strerror or error}", remedy) from error


def _local_file(path: str, facts: os.stat_result) -> FileInfo:
    modified = datetime.fromtimestamp(int(facts.st_mtime), UTC)
    return FileInfo(path, facts.st_size, f"{facts.st_mtime_ns}-{facts.st_size}", modified)


def _raise(error: OSError) -> None:
    raise SourceError(error.filename or "folder", f"cannot be listed: {error.strerror}", "check its rights") from error
