"""The files below one address, in a folder or in a bucket: listed with their versions, and fetched whole as streams."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from simstac.errors import SourceError, StorageError
from simstac.s3.answers import code_of, why_refused
from simstac.s3.bucket import endpoint_of, open_prefix
from simstac.storage import LocalPath, StorageScheme, scheme_from_url

if TYPE_CHECKING:
    from obstore.store import S3Store

CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as it is now.

    Attributes:
        path: Its path relative to the address, with forward slashes.
        size: Bytes.
        version: What differs when its bytes do: the ETag in a bucket, the time of the last change and the size on disk.
    """

    path: str
    size: int
    version: str


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
            for name in names:
                path = Path(folder, name)
                with _explained(path):
                    facts = path.stat()
                relative = path.relative_to(self.folder).as_posix()
                found.append(FileInfo(relative, facts.st_size, f"{facts.st_mtime_ns}-{facts.st_size}"))
        return tuple(sorted(found, key=lambda file: file.path))

    def read(self, path: str) -> bytes:
        """See `Files`."""
        with _explained(self.folder / path):
            return (self.folder / path).read_bytes()

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`."""
        with _explained(self.folder / path):
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
    """

    address: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False

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
            found = [
                FileInfo(meta["path"], meta["size"], (meta["e_tag"] or "").strip('"'))
                for page in pages
                for meta in page
            ]
        return tuple(sorted((file for file in found if not file.path.endswith("/")), key=lambda file: file.path))

    def read(self, path: str) -> bytes:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path):
            return bytes(obstore.get(self._store, path).bytes())

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path), to.open("wb") as file:
            result = obstore.get(self._store, path)
            size = result.meta["size"]
            for chunk in result.stream(min_chunk_size=CHUNK):
                file.write(chunk)
            written = file.tell()
        if written != size:
            raise SourceError(self.url(path), f"ended after {written} of {size} bytes", "run it again")

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
    if "://" in text:
        raise SourceError(text, "is neither a folder nor in a bucket", "write a path, or s3://bucket/prefix")
    return LocalFiles((base or Path.cwd()) / address)


def split_pattern(pattern: str) -> tuple[str, str]:
    """A glob pattern as the address that has no wildcards, and the pattern below it; empty where it has none.

    ``s3://bucket/runs/case-*/out.sql`` is ``s3://bucket/runs`` and ``case-*/out.sql``.
    """
    scheme, mark, rest = pattern.rpartition("://")
    parts = PurePosixPath(rest).parts
    plain = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return scheme + mark + str(PurePosixPath(*parts[:plain])), "/".join(parts[plain:])


def _raise(error: OSError) -> None:
    raise SourceError(error.filename or "folder", f"cannot be listed: {error.strerror}", "check its rights") from error


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "check that it is there and readable"
        raise SourceError(path, f"cannot be read: {error.strerror or error}", remedy) from error
