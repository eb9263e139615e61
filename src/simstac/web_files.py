"""Files below a web address: asked for by name and read, as `simstac.objects` does where a listing can be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from simstac.errors import SourceError
from simstac.objects import FileInfo, Folder, object_info, stream_object
from simstac.ranged import RangedFile
from simstac.s3.answers import TRUST_REMEDY, code_of, is_untrusted
from simstac.s3.bucket import RETRY, TIMEOUTS
from simstac.storage import Http, StorageScheme

if TYPE_CHECKING:
    from pathlib import Path

    from obstore.store import HTTPStore


@dataclass(frozen=True)
class WebFiles:
    """The files below an ``http(s)://`` address, which can be asked for by name and not be listed.

    Attributes:
        address: The address.
    """

    address: str

    @property
    def scheme(self) -> StorageScheme:
        """See `Files`."""
        return Http()

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        """Raise, for the web has no listing."""
        raise self._unlisted(prefix)

    def folder_at(self, path: str = "") -> Folder:
        """Raise, for the web has no listing."""
        raise self._unlisted(path)

    def find(self, path: str) -> FileInfo | None:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # the native module loads where it is used

        with self._explained(path):
            try:
                return object_info(obstore.head(self._store, unquote(path)))
            except FileNotFoundError:
                return None

    def read(self, path: str) -> bytes:
        """See `Files`."""
        import obstore  # noqa: PLC0415  # as above

        with self._explained(path):
            return bytes(obstore.get(self._store, unquote(path)).bytes())

    def fetch(self, path: str, to: Path) -> None:
        """See `Files`."""
        with self._explained(path):
            stream_object(self._store, unquote(path), to, self.url(path))

    def ranged(self, path: str, size: int) -> RangedFile:
        """A file that is read where it is, in blocks; reading it raises what `read` does."""
        import obstore  # noqa: PLC0415  # as above

        def fetch(start: int, end: int) -> bytes:
            with self._explained(path):
                return bytes(obstore.get_range(self._store, unquote(path), start=start, end=end))

        return RangedFile(size, fetch)

    def url(self, path: str) -> str:
        """See `Files`."""
        return f"{self.address}/{path}"

    @cached_property
    def _store(self) -> HTTPStore:
        from obstore.store import HTTPStore  # noqa: PLC0415  # as above

        options: Any = TIMEOUTS | {"allow_http": True}
        return HTTPStore.from_url(self.address, client_options=options, retry_config=RETRY)

    def __getstate__(self) -> dict[str, object]:
        """The address; another process connects itself."""
        return {"address": self.address}

    def _unlisted(self, path: str) -> SourceError:
        return SourceError(self.url(path), "cannot be listed over HTTP", "name what is there, or give its bucket")

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        import obstore  # noqa: PLC0415  # as above

        try:
            yield
        except FileNotFoundError:
            raise SourceError(self.url(path), "does not exist", "check the address") from None
        except obstore.exceptions.BaseError as error:
            if is_untrusted(error):
                raise SourceError(self.url(path), "has a certificate that is not trusted", TRUST_REMEDY) from None
            code = code_of(error)
            problem = f"the server answers {code.removeprefix('HTTP')}" if code else "cannot be reached"
            raise SourceError(self.url(path), problem, "check the address and the network") from None
