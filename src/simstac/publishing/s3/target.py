"""Publishing to a bucket: many objects at once, each mutable one under If-Match or If-None-Match."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simstac.errors import ConflictError, PublishError
from simstac.progress import OnProgress
from simstac.publishing.apply import write_in_order
from simstac.publishing.changes import ABSENT, DELETES_PER_REQUEST, LARGE, Change, Changes
from simstac.publishing.site import Site, headers_of
from simstac.publishing.target import Listed, Versioned
from simstac.s3.answers import code_of, why_refused
from simstac.s3.bucket import endpoint_of, open_prefix

if TYPE_CHECKING:
    from obstore.store import S3Store

CONCURRENCY = 32
IN_FLIGHT = 64 << 20
PARTS = 4
PAUSES = (0.1, 0.3, 1.0, 3.0)
_MD5 = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


@dataclass(frozen=True)
class S3Target:
    """A prefix of a bucket.

    Attributes:
        url: ``s3://bucket/prefix``.
        endpoint_url: The service's endpoint, where it is not Amazon's.
        region: The bucket's region; the profile's or ``us-east-1`` where none is given.
        profile: The profile of the AWS configuration whose credentials are used.
        base: A bucket has no state that a commit must find.
        exact: Listing a bucket costs a request for every thousand objects.
        keeps_headers: Objects keep Content-Type and Cache-Control.
        unfinished: A commit is done when its last file is put.
    """

    url: str
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    base: str = ""
    exact: bool = False
    keeps_headers: bool = True
    unfinished: bool = False

    def snapshot(self) -> S3Target:
        """The bucket as it stands, which is the bucket itself."""
        return self

    def check(self, sizes: Mapping[str, int]) -> None:
        """Accept any site: a bucket has no bounds."""

    def read(self, path: str) -> Versioned | None:
        """An object's bytes and its ETag, or None."""
        import obstore  # noqa: PLC0415  # the native module loads where S3 is used

        try:
            result = obstore.get(self._store, path)
            return Versioned(bytes(result.bytes()), result.meta["e_tag"] or "")
        except FileNotFoundError as error:
            if code_of(error) == "NoSuchBucket":
                raise self._refused(error) from None
            return None
        except obstore.exceptions.BaseError as error:
            raise self._refused(error) from None

    def list(self, prefix: str) -> dict[str, Listed]:
        """The objects below a folder; the digest is the ETag where that is an MD5."""
        import obstore  # noqa: PLC0415

        try:
            pages = obstore.list(self._store, prefix.rstrip("/") or None)
            return {meta["path"]: _listed(meta) for page in pages for meta in page}
        except obstore.exceptions.BaseError as error:
            raise self._refused(error) from None

    def digest(self, content: bytes, like: str = "", /) -> str:
        """The MD5, which is an object's ETag unless it was encrypted; that of the parts' where it was sent in parts."""
        if "-" not in like:
            return md5(content, usedforsecurity=False).hexdigest()
        starts = range(0, len(content), LARGE)
        parts = [md5(content[start : start + LARGE], usedforsecurity=False).digest() for start in starts]
        return f"{md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"

    def commit(self, changes: Changes, on_progress: OnProgress) -> str:
        """Apply a plan.

        Raises:
            ConflictError: If an object is no longer as it was planned against.
            PublishError: If the bucket refuses.
        """
        write_in_order(changes, self, self, on_progress)
        return ""

    def write(self, puts: Sequence[Change], site: Site, done: Callable[[Change], None]) -> str:
        """Put objects, many at once, the small ones first; returns the ETag of the last."""
        bound, etags = IN_FLIGHT // CONCURRENCY, dict[str, str]()
        for some in ([each for each in puts if each.size <= bound], [each for each in puts if each.size > bound]):
            if some:
                self._write_at_once(some, site, done, etags)
        return etags[puts[-1].path]

    def _write_at_once(
        self, puts: Sequence[Change], site: Site, done: Callable[[Change], None], etags: dict[str, str]
    ) -> None:
        largest = max(change.size for change in puts)
        workers = min(CONCURRENCY, len(puts), max(4, IN_FLIGHT // max(largest, 1)))
        queue, lock, stop = iter(puts), threading.Lock(), threading.Event()

        def work() -> None:
            while True:
                with lock:
                    change = None if stop.is_set() else next(queue, None)
                if change is None:
                    return
                etag: str | None = None
                try:
                    etag = self._put(change, site)
                finally:
                    if etag is None:
                        stop.set()
                with lock:
                    etags[change.path] = etag
                    done(change)

        with ThreadPoolExecutor(workers) as pool:
            try:
                for future in [pool.submit(work) for _ in range(workers)]:
                    future.result()
            finally:
                stop.set()

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects, a thousand a request."""
        import obstore  # noqa: PLC0415

        try:
            for start in range(0, len(paths), DELETES_PER_REQUEST):
                page = paths[start : start + DELETES_PER_REQUEST]
                _again_if_unanswered(partial(obstore.delete, self._store, page))
        except obstore.exceptions.BaseError as error:
            raise self._refused(error) from None

    @cached_property
    def _store(self) -> S3Store:
        return open_prefix(self.url, endpoint_url=self.endpoint_url, region=self.region, profile=self.profile)

    def _put(self, change: Change, site: Site) -> str:
        """Put one object; a failed precondition where the bytes are ours is success, for a retry may cause it."""
        if change.streams and change.file:
            if change.expected == ABSENT and self._holds(change.path):
                raise _changed(f"{self.url}/{change.path}")
            with site.held(change.file) as path:
                return self._send(change, path, mode="overwrite", use_multipart=True)
        body = change.body(site)
        try:
            return self._send(change, body, mode=_mode(change), use_multipart=False)
        except ConflictError:
            found = self.read(change.path)
            if found is None or found.content != body:
                raise
            return found.version

    def _holds(self, path: str) -> bool:
        """Whether an object is there: what goes in parts has no precondition of its own."""
        import obstore  # noqa: PLC0415

        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        except obstore.exceptions.BaseError as error:
            raise self._refused(error) from None
        return True

    def _send(self, change: Change, body: bytes | Path, **how: Any) -> str:
        import obstore  # noqa: PLC0415  # the native module loads where S3 is used

        attributes = dict(zip(("Content-Type", "Cache-Control"), headers_of(change.path, change.kind), strict=True))
        settings: dict[str, Any] = {"attributes": attributes, "chunk_size": LARGE, "max_concurrency": PARTS, **how}
        try:
            result = _again_if_unanswered(partial(obstore.put, self._store, change.path, body, **settings))
        except (obstore.exceptions.BaseError, FileNotFoundError) as error:
            if not _is_conflict(error, change):
                raise self._refused(error) from None
            raise _changed(f"{self.url}/{change.path}") from None
        return str(result["e_tag"] or "")

    def _refused(self, error: Exception) -> PublishError:
        return PublishError(self.url, *why_refused(error, endpoint_of(self.endpoint_url)))


def _again_if_unanswered[T](request: Callable[[], T]) -> T:
    """Repeat a request that got no answer; obstore does so by itself only where that is harmless without a check."""
    import obstore  # noqa: PLC0415

    for pause in PAUSES:
        try:
            return request()
        except obstore.exceptions.BaseError as error:
            if code_of(error):
                raise
            time.sleep(pause)
    return request()


def _changed(where: str) -> ConflictError:
    return ConflictError(where, "was changed by somebody else meanwhile", "run it again")


def _mode(change: Change) -> Any:
    match change.expected:
        case None:
            return "overwrite"
        case "":
            return "create"
        case etag:
            return {"e_tag": etag}


def _is_conflict(error: Exception, change: Change) -> bool:
    """Whether a precondition has failed: 412, 409 while two write at once, or 404 where there was an object."""
    import obstore  # noqa: PLC0415

    if change.expected is None or code_of(error) == "NoSuchBucket":
        return False
    conflicts = (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError, FileNotFoundError)
    return isinstance(error, conflicts) or code_of(error) == "ConditionalRequestConflict"


def _listed(meta: Mapping[str, Any]) -> Listed:
    etag = meta["e_tag"] or ""
    digest = etag.strip('"')
    return Listed(meta["size"], etag, digest if _MD5.fullmatch(digest) else None)
