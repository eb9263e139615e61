"""A proxy before an S3 server that counts requests and misbehaves as a test wishes."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to a request instead of an answer."""

    RESET = auto()  # the connection breaks before the server sees the request
    LOSE = auto()  # the server does it, and the answer is lost
    TRUNCATE = auto()  # the answer's body ends in the middle
    BUSY = auto()  # 503 SlowDown
    BROKEN = auto()  # 500 InternalError
    DENY = auto()  # 403 AccessDenied
    EXPIRE = auto()  # 400 ExpiredToken
    FULL = auto()  # 507, as a server whose disk is full


ERRORS = {
    Fault.BUSY: (503, "SlowDown"),
    Fault.BROKEN: (500, "InternalError"),
    Fault.DENY: (403, "AccessDenied"),
    Fault.EXPIRE: (400, "ExpiredToken"),
    Fault.FULL: (507, "XMinioStorageFull"),
}


@dataclass
class Proxy:
    """A running proxy: ``fault(method, path, number)`` decides, ``seen`` lists what came, ``sent`` bytes by path."""

    upstream: str
    fault: Callable[[str, str, int], Fault | None] = lambda _method, _path, _number: None
    latency: float = 0.0
    disguise: dict[int, int] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    seen: list[tuple[str, str]] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    url: str = ""

    @property
    def writes(self) -> list[str]:
        return [path for method, path in self.seen if method in {"PUT", "DELETE", "POST"}]


def sometimes(fault: Fault, share: float, seed: int = 7) -> Callable[[str, str, int], Fault | None]:
    """A fault in a share of the requests, the same ones on every run."""
    dice = random.Random(seed)  # noqa: S311  # a repeatable choice
    return lambda _method, _path, _number: fault if dice.random() < share else None


class Server(ThreadingHTTPServer):
    """A server that may break its connections and does not mind its clients doing so."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.proxy = proxy
        self.lock = threading.Lock()

    def handle_error(self, *_: Any) -> None:
        return

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        return

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        with self.server.lock:
            number = len(proxy.seen)
            proxy.seen.append((self.command, self.path))
            fault = proxy.fault(self.command, self.path, number)
        time.sleep(proxy.latency)
        if fault in ERRORS:
            status, code = ERRORS[fault]
            self.answer(
                status, [("Content-Type", "application/xml")], b"<Error><Code>%s</Code></Error>" % code.encode()
            )
            return
        if fault is Fault.RESET:
            self.reset()
            return
        status, headers, content = self.forward(body)
        if fault is Fault.LOSE:
            self.reset()
        elif fault is Fault.TRUNCATE and content:
            self.answer(status, headers, content, cut=len(content) // 2)
        else:
            self.answer(status, headers, content)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any  # noqa: N815

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(self.server.proxy.upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"connection", "expect"}:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        skipped = {"connection", "transfer-encoding", "content-length", "date", "server"} | self.server.proxy.hidden
        headers = [pair for pair in response.getheaders() if pair[0].lower() not in skipped]
        if self.command == "HEAD":
            headers.append(("Content-Length", response.getheader("Content-Length") or "0"))
        connection.close()
        return response.status, headers, content

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: int | None = None) -> None:
        if status in self.server.proxy.disguise:
            status, content = self.server.proxy.disguise[status], b""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with self.server.lock:
                self.server.proxy.sent[self.path] += len(content[:cut])
            self.wfile.write(content[:cut])
        if cut is not None:
            self.reset()

    def reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


@contextmanager
def proxied(upstream: str) -> Iterator[Proxy]:
    """Run a proxy before ``upstream``."""
    proxy = Proxy(upstream)
    server = Server(proxy)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
