"""A site served on 127.0.0.1 as a good host would: CORS, Range, ETag, media types; nothing is printed."""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import unquote, urlsplit

from simstac.browse.stac_browser import built_browser
from simstac.errors import StorageError
from simstac.media_types import media_type_of
from simstac.progress import OnProgress, silent

logger = logging.getLogger(__name__)

BROWSER_PATH = "/browser/"
PUBLIC_BROWSER = "https://radiantearth.github.io/stac-browser/#/external/"
HEADERS = {
    "Accept-Ranges": "bytes",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag, Last-Modified",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "Content-Type, If-Match, If-None-Match, If-Range, Range",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "600",
}
_DRAWABLE_BOXES = (
    "window.STAC_BROWSER_CONFIG.preprocessSTAC = stac => {"
    " const box = stac.bbox;"
    " if (Array.isArray(box) && box.length === 4 && box[0] > box[2]) stac.bbox = [-180, box[1], 180, box[3]];"
    " return stac; };"
)
"""An Item's box with west > east, as GeoJSON wants it across the antimeridian, is an empty extent to STAC Browser 4."""
_ZARR_2_NAMES = frozenset({".zarray", ".zattrs", ".zgroup", ".zmetadata"})
_BLOCK_BYTES = 1 << 20
_POLL_SECONDS = 0.05


class SiteServer(ThreadingHTTPServer):
    """A server of one site; as a context manager it answers in the background until the block ends."""

    daemon_threads = True

    def __init__(self, site: Path, port: int, browser: Path | None) -> None:
        """Bind to the port on 127.0.0.1; see `serve`."""
        self.site = site.resolve()
        self.browser = browser.resolve() if browser is not None else None
        self._thread: threading.Thread | None = None
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """The address of the site, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def catalog_url(self) -> str:
        """The address of the root document."""
        name = next((name for name in ("catalog.json", "collection.json") if (self.site / name).is_file()), "")
        return f"{self.url}/{name}"

    @property
    def browser_url(self) -> str:
        """The address of STAC Browser on this site: our own where it is served, else the public one."""
        return f"{PUBLIC_BROWSER}{self.catalog_url}" if self.browser is None else f"{self.url}{BROWSER_PATH}"

    def __enter__(self) -> Self:
        """Begin to answer, in a thread."""
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop answering and free the port."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what ended a connection, such as a reader that went away."""
        logger.debug("connection %s of %s ended", request, client_address)

    def wait(self) -> None:
        """Block until the server stops or the caller is interrupted."""
        if self._thread is not None:
            self._thread.join()


def serve(
    site: str | os.PathLike[str], port: int = 0, *, browser: bool | Path = False, on_progress: OnProgress = silent
) -> SiteServer:
    """A server of a site on 127.0.0.1, to be used as a context manager.

    Whatever page is open in a browser on this machine may read the site while it is served (CORS allows every
    origin, so that a STAC Browser from elsewhere can show it); other machines cannot.

    Args:
        site: The folder of the catalog.
        port: The port; any free one by default.
        browser: Whether to serve STAC Browser too, below ``/browser/``, built on first use; or the folder of a build.
        on_progress: Called while STAC Browser is built.

    Raises:
        StorageError: If the folder holds no ``catalog.json`` or ``collection.json``, or the port is taken.
        SimstacError: If STAC Browser cannot be built.
    """
    folder = Path(site)
    if not any((folder / name).is_file() for name in ("catalog.json", "collection.json")):
        raise StorageError(folder, "holds no catalog.json", "build the site first: simstac build CONFIG")
    build = browser if isinstance(browser, Path) else built_browser(on_progress) if browser else None
    try:
        return SiteServer(folder, port, build)
    except OSError as error:
        raise StorageError(f"127.0.0.1:{port}", f"cannot listen: {error.strerror}", "choose another --port") from error


def media_type(path: Path) -> str:
    """The media type of a file of a site; ``<id>/<id>.json`` is an Item."""
    if path.suffix == ".json" and path.stem == path.parent.name:
        return "application/geo+json"
    return media_type_of(path.name)


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes ``start`` to ``stop`` (exclusive) of a file."""

    start: int
    stop: int


def requested_span(header: str | None, size: int) -> _Span | None:
    """The span that a Range header asks for, or None where the whole file is to be sent.

    Raises:
        ValueError: If the span begins beyond the end.
    """
    unit, _, text = (header or "").partition("=")
    first, dash, last = text.strip().partition("-")
    if (
        unit.strip() != "bytes"
        or not dash
        or not (first + last).isdecimal()
        or (first and last and int(first) > int(last))
    ):
        return None
    start = int(first) if first else size - min(int(last), size)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= size:
        raise ValueError(header)
    return _Span(start, stop)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET, HEAD and OPTIONS for one site."""

    server: SiteServer
    protocol_version = "HTTP/1.1"
    server_version = "simstac"
    sys_version = ""
    timeout = 30

    def do_OPTIONS(self) -> None:
        self._answer(HTTPStatus.NO_CONTENT, PREFLIGHT_HEADERS)

    def do_HEAD(self) -> None:
        self._respond()

    def do_GET(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is http.server's
        logger.debug(format, *args)

    def _respond(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path in {"/", BROWSER_PATH.rstrip("/")}:
            self._answer(HTTPStatus.FOUND, {"Location": self._start_page()})
        elif self.server.browser is not None and path in {BROWSER_PATH, f"{BROWSER_PATH}index.html"}:
            self._send_browser(self.server.browser)
        elif self.server.browser is not None and path.startswith(BROWSER_PATH):
            self._send_file(_file_below(self.server.browser, path.removeprefix(BROWSER_PATH)))
        else:
            self._send_file(_file_below(self.server.site, path))

    def _start_page(self) -> str:
        return self.server.catalog_url if self.server.browser is None else self.server.browser_url

    def _send_browser(self, browser: Path) -> None:
        """STAC Browser's page, told at run time which catalog is its root."""
        config = json.dumps({"catalogUrl": self.server.catalog_url, "allowExternalAccess": True})
        script = f"<head><script>window.STAC_BROWSER_CONFIG={config};{_DRAWABLE_BOXES}</script>"
        page = (browser / "index.html").read_text(encoding="utf-8").replace("<head>", script, 1).encode()
        self._answer(HTTPStatus.OK, {"Content-Type": media_type_of("index.html")}, page)

    def _send_file(self, path: Path | None) -> None:
        if path is None:
            self._answer(HTTPStatus.NOT_FOUND, {"Content-Type": media_type_of("404.txt")}, b"not found\n")
            return
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            modified = formatdate(status.st_mtime, usegmt=True)
            headers = {"Content-Type": media_type(path), "ETag": etag, "Last-Modified": modified}
            if _matches(self.headers.get("If-None-Match"), etag):
                self._answer(HTTPStatus.NOT_MODIFIED, {"ETag": etag})
                return
            fresh = self.headers.get("If-Range", etag) == etag
            try:
                span = requested_span(self.headers.get("Range") if fresh else None, status.st_size)
            except ValueError:
                beyond = {"Content-Range": f"bytes */{status.st_size}"}
                self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, beyond)
                return
            self._send_bytes(file, span, status.st_size, headers)

    def _send_bytes(self, file: BinaryIO, span: _Span | None, size: int, headers: dict[str, str]) -> None:
        start, stop = (span.start, span.stop) if span else (0, size)
        if span:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        self.send_response(HTTPStatus.PARTIAL_CONTENT if span else HTTPStatus.OK)
        self._end_headers(headers | {"Content-Length": str(stop - start)})
        if self.command != "GET":
            return
        file.seek(start)
        while start < stop and (block := file.read(min(_BLOCK_BYTES, stop - start))):
            self.wfile.write(block)
            start += len(block)
        self.close_connection = self.close_connection or start < stop

    def _answer(self, status: HTTPStatus, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            headers = headers | {"Content-Length": str(len(body))}
        self._end_headers(headers)
        if self.command == "GET":
            self.wfile.write(body)

    def _end_headers(self, headers: dict[str, str]) -> None:
        for name, value in (HEADERS | headers).items():
            self.send_header(name, value)
        self.end_headers()


def _file_below(folder: Path, path: str) -> Path | None:
    """The file that a request's path names; None where it is absent, hidden, or outside the folder."""
    parts = [part for part in path.split("/") if part]
    if "\0" in path or any(part.startswith(".") and part not in _ZARR_2_NAMES for part in parts):
        return None
    try:
        found = folder.joinpath(*parts).resolve()
        return found if found.is_relative_to(folder) and found.is_file() else None
    except OSError:  # a name longer than the file system allows
        return None


def _matches(header: str | None, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
    return "*" in tags or etag in tags
