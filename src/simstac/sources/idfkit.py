"""Where idfkit keeps its runs: its file systems, and those of users that satisfy its protocols, as places of files."""

from __future__ import annotations

import asyncio
import inspect
import posixpath
import re
from asyncio import AbstractEventLoop
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from simstac.errors import SourceError
from simstac.objects import BucketFiles, FileInfo, Files, Folder
from simstac.s3.credentials import LIFETIME
from simstac.storage import LocalPath, S3Keys, StorageScheme

HOME = "idfkit.simulation.fs"
PIECE = 8 << 20
_HELD_WHOLE = Lock()
"""Held while a file is in memory whole."""
_AMAZON = re.compile(r"s3(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?")


@runtime_checkable
class Result(Protocol):
    """What is needed of an ``idfkit.simulation.SimulationResult``."""

    run_dir: Path
    success: bool
    stderr: str
    fs: Any
    async_fs: Any


@runtime_checkable
class Event(Protocol):
    """What is needed of an ``idfkit.simulation.SimulationEvent``."""

    label: str
    result: Result


def place_of(fs: Any, directory: str, loop: AbstractEventLoop | None = None) -> Path | Files:
    """The files below a directory of a file system: a folder of this machine, or what lists and fetches them.

    Buckets are read with the keys and the endpoint of their file system, but as streams, where idfkit's own classes
    would hold whole files in memory. Those of users are read as `FileSystemFiles` says.

    Args:
        fs: A ``FileSystem`` or an ``AsyncFileSystem``; None for this machine.
        directory: A path in it.
        loop: The event loop that an ``AsyncFileSystem`` of a user belongs to, running in another thread.
    """
    match _name_in_idfkit(fs):
        case "LocalFileSystem" | "AsyncLocalFileSystem" | "NoneType":
            return Path(directory)
        case "S3FileSystem":
            return _bucket_files(fs._bucket, fs._prefix, directory, fs._client)  # noqa: SLF001  # no public names
        case "AsyncS3FileSystem":
            from idfkit.simulation.fs import S3FileSystem  # noqa: PLC0415  # it is there, but heavy

            same = S3FileSystem(fs._bucket, fs._prefix, **fs._boto_kwargs)  # noqa: SLF001  # as above
            return place_of(same, directory)
        case _:
            return FileSystemFiles(fs, directory.rstrip("/") or "/", loop)


@dataclass(frozen=True)
class FileSystemFiles:
    """The files below a directory of a user's own file system; they have no sizes and no versions.

    idfkit's protocol reads whole files (``read_bytes``), so one file is in memory while it is fetched, never two in a
    process. A file system that also has ``open(path, "rb")``, which the protocol lacks and fsspec has, is read in
    pieces. Large results in a file system that cannot have it are better read by a `simstac.objects.Files`.

    Attributes:
        fs: A ``FileSystem`` or an ``AsyncFileSystem``; workers can read it if it can be pickled.
        address: The directory.
        loop: The event loop that it belongs to, running in another thread; None for a new one at each call.
    """

    fs: Any
    address: str
    loop: AbstractEventLoop | None = field(default=None, repr=False)

    @property
    def scheme(self) -> StorageScheme:
        """Nothing that STAC could describe."""
        return LocalPath()

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        """See `Files`; ``glob`` is asked for both the files here and those deeper, as some recurse and some do not."""
        top = posixpath.join(self.address, prefix).rstrip("/")
        with self._explained(top):
            found = {str(path) for pattern in ("*", "**/*") for path in self._call("glob", top, pattern)}
        start = f"{self.address.rstrip('/')}/"
        paths = sorted(path.replace("\\", "/").removeprefix(start).lstrip("/") for path in found)
        folders = {posixpath.dirname(path) for path in paths}
        return tuple(FileInfo(path, -1, "") for path in paths if path not in folders and not path.endswith("/"))

    def folder_at(self, path: str = "") -> Folder:
        """See `Files`; all that lies deeper is listed too."""
        start = f"{path.strip('/')}/".lstrip("/")
        below = [file for file in self.list() if file.path.startswith(start)]
        inner = {file.path.removeprefix(start).partition("/")[0] for file in below if "/" in file.path[len(start) :]}
        return Folder(tuple(file for file in below if "/" not in file.path[len(start) :]), tuple(sorted(inner)))

    def find(self, path: str) -> FileInfo | None:
        """See `Files`; what is listed, as ``exists`` of idfkit says no where it may not look."""
        return next((file for file in self.list() if file.path == path), None)

    def read(self, path: str) -> bytes:
        """See `Files`."""
        with self._explained(self.url(path)):
            content: bytes = self._call("read_bytes", self.url(path))
        return content

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`; in pieces if the file system has ``open(path, "rb")``, else whole, one file at a time."""
        with to.open("wb") as target, closing(self._pieces(path)) as pieces:
            target.writelines(pieces)

    def url(self, path: str) -> str:
        """See `Files`; the path in the file system."""
        return posixpath.join(self.address, path)

    def __getstate__(self) -> dict[str, Any]:
        """An event loop stays where it is."""
        return {**self.__dict__, "loop": None}

    def _pieces(self, path: str) -> Generator[bytes]:
        where, opens = self.url(path), callable(getattr(self.fs, "open", None))
        if not opens:
            with _HELD_WHOLE:
                yield self.read(path)
            return
        with self._explained(where), self.fs.open(where, "rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def _call(self, method: str, *arguments: str) -> Any:
        result = getattr(self.fs, method)(*arguments)
        if not inspect.isawaitable(result):
            return result
        if self.loop is not None and self.loop.is_running():
            return asyncio.run_coroutine_threadsafe(_awaited(result), self.loop).result()
        return asyncio.run(_awaited(result))

    @contextmanager
    def _explained(self, where: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise SourceError(where, "does not exist", "check the path") from error
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
            raise SourceError(where, problem, "check that it is there and readable") from error
        except MemoryError as error:
            problem = f"does not fit into memory, and {type(self.fs).__name__} reads whole files"
            raise SourceError(where, problem, 'give it a method open(path, "rb"), which is read in pieces') from error


@dataclass(frozen=True)
class ClientKeys:
    """The keys of an S3 client, renewed as it renews them; a copy in another process keeps those of this moment.

    Attributes:
        credentials: The credentials as botocore has them.
    """

    credentials: Any = field(repr=False)

    def __call__(self) -> S3Keys:
        """The keys, as of now."""
        frozen = self.credentials.get_frozen_credentials()
        return S3Keys(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            expires_after=datetime.now(UTC) + LIFETIME,
        )

    def __reduce__(self) -> tuple[type[HeldKeys], tuple[S3Keys]]:
        """The keys of this moment."""
        return HeldKeys, (self(),)


@dataclass(frozen=True)
class HeldKeys:
    """Keys that do not change.

    Attributes:
        keys: The keys.
    """

    keys: S3Keys

    def __call__(self) -> S3Keys:
        """The keys."""
        return self.keys


def _bucket_files(bucket: str, prefix: str, directory: str, client: Any) -> Files:
    """The files below a directory of an ``S3FileSystem``, by the settings of its client."""
    credentials = client._request_signer._credentials  # noqa: SLF001  # botocore has no public name for them
    signed = credentials is not None and isinstance(client.meta.config.signature_version, str)
    endpoint = str(client.meta.endpoint_url)
    return BucketFiles(
        "/".join(part for part in (f"s3://{bucket}", prefix.strip("/"), directory.strip("/")) if part),
        endpoint_url=None if _AMAZON.fullmatch(urlsplit(endpoint).netloc) else endpoint,
        region=client.meta.region_name,
        anonymous=not signed,
        keys=ClientKeys(credentials) if signed else None,
    )


def _name_in_idfkit(fs: Any) -> str:
    """The name of idfkit's own class; of a class made from it, which may read otherwise, empty."""
    kind = type(fs)
    return kind.__name__ if fs is None or kind.__module__ == HOME else ""


async def _awaited(result: Any) -> Any:
    return await result
