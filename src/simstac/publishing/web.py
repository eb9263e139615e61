"""Reading an address as a stranger does: over plain HTTP(S) from a browser's origin, or from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from simstac.addresses import web_address

ORIGIN = "https://radiantearth.github.io"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status; 0 if no server answered. A file that is there is 200.
        headers: The headers, by lower-case name; empty for a file.
        content: The body.
        reason: Why there was no answer, or no file.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether something is there."""
        return self.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}

    @property
    def problem(self) -> str:
        """What is wrong, as a clause."""
        if self.status == HTTPStatus.NOT_FOUND and self.reason:
            return self.reason
        return f"answers {self.status}" if self.status else f"cannot be reached ({self.reason})"


def is_web(address: str) -> bool:
    """Whether an address is one of the web."""
    return address.startswith(("http://", "https://"))


def fetch(address: str, *, one_byte: bool = False) -> Answer:
    """Read an address without credentials.

    Args:
        address: An ``http(s)`` URL, a ``file`` URL or a path.
        one_byte: Whether the first byte, asked for by Range, is enough.
    """
    return _fetch_url(address, one_byte) if is_web(address) else _fetch_file(address, one_byte)


def _fetch_url(address: str, one_byte: bool) -> Answer:
    headers = {"Origin": ORIGIN, "User-Agent": "simstac"} | ({"Range": "bytes=0-0"} if one_byte else {})
    request = Request(web_address(address), headers=headers)  # noqa: S310  # http(s)
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310  # http(s)
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, response.read(2) if one_byte else response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, {name.lower(): value for name, value in error.headers.items()})
    except (URLError, OSError, HTTPException, ValueError) as error:
        return Answer(0, reason=str(getattr(error, "reason", error)))


def _fetch_file(address: str, one_byte: bool) -> Answer:
    path = Path(unquote(urlsplit(address).path)) if address.startswith("file:") else Path(address)
    try:
        with path.open("rb") as file:
            return Answer(200, content=file.read(1 if one_byte else -1))
    except FileNotFoundError:
        return Answer(HTTPStatus.NOT_FOUND, reason="is not there")
    except OSError as error:
        return Answer(0, reason=error.strerror or str(error))
