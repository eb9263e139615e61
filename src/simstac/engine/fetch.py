"""Plain HTTP(S) reads of documents and of one byte of a store; a redirect is refused, and no credential is sent."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from simstac.addresses import web_address
from simstac.errors import StorageError

_TIMEOUT_SECONDS = 30
_MAX_DOCUMENT_BYTES = 256 * 1024 * 1024


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(  # the signature is urllib's
        self,
        req: Request,
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: HTTPMessage,  # noqa: ARG002
        newurl: str,
    ) -> None:
        raise StorageError(
            req.full_url, f"redirects to {newurl}, which is not followed", "open that address yourself if you trust it"
        )


_opener = build_opener(_NoRedirect)


def read(url: str) -> bytes:
    """The bytes at an ``http(s)://`` URL.

    Raises:
        StorageError: If the host cannot be reached, redirects, refuses, or sends more than 256 MiB.
    """
    body = _request(Request(web_address(url)))  # noqa: S310  # callers pass http(s) only
    if len(body) > _MAX_DOCUMENT_BYTES:
        raise StorageError(url, "is larger than any STAC document")
    return body


def probe(url: str, *, or_else: str = "") -> None:
    """Ask for one byte, to learn of a redirect or of a host without Range before a store is opened there.

    An absent object says nothing: ``or_else`` is asked next, and the reader itself has the last word.

    Raises:
        StorageError: If the host cannot be reached, redirects, or ignores Range.
    """
    request = Request(web_address(url), headers={"Range": "bytes=0-0"})  # noqa: S310  # callers pass http(s) only
    try:
        body = _request(request, limit=2)
    except StorageError as error:
        if not isinstance(error.__cause__, HTTPError):
            raise
        if or_else:
            probe(or_else)
        return
    if len(body) > 1:
        raise StorageError(url, "its host ignores the Range header", "serve the store from one that honours it")


def _request(request: Request, limit: int = _MAX_DOCUMENT_BYTES + 1) -> bytes:
    url = request.full_url
    try:
        with _opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            content: bytes = response.read(limit)
            return content
    except HTTPError as error:
        with error:
            meaning = HTTPStatus(error.code).phrase if error.code in set(HTTPStatus) else "refused"
            raise StorageError(url, f"the server answers {error.code} {meaning}") from error
    except (URLError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise StorageError(url, f"cannot be reached: {reason}", "check the address and the network") from error
