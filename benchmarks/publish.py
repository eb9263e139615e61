"""Publishing 10,000 and 100,000 documents and a store of 1 GB to a real S3 server, and 10,000 documents to a Git clone.

The peers are ``aws s3 sync`` (awscli of PyPI, in a virtual environment of its own in the cache folder), ``rclone copy``
tuned for small objects (Debian's package), and copying a site into a clone and ``git add``.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import Measured, cache_folder, compare, measure, write_section

sys.path.insert(0, str(Path(__file__).parents[1]))
RCLONE = ["--transfers", "32", "--checkers", "32", "--fast-list", "--s3-no-check-bucket", "--quiet"]
COLLECTION = "study"


def publish_to_s3(site: str, url: str, endpoint: str, expected: int) -> Callable[[], Callable[[], Any]]:
    """Our side: as the command does it, imports included."""

    def run() -> Callable[[], Any]:
        from simstac.publishing import S3Target, publish  # noqa: PLC0415  # measured, as a command pays for it

        publish(Path(site), S3Target(url, endpoint_url=endpoint), _root_of(site))
        return functools.partial(_count, url, endpoint, expected)

    return run


def aws_sync(site: str, url: str, endpoint: str, expected: int) -> Callable[[], Callable[[], Any]]:
    aws = str(cache_folder() / "awscli" / "bin" / "aws")
    command = [aws, "--endpoint-url", endpoint, "s3", "sync", "--only-show-errors", site, url]
    return _command(command, url, endpoint, expected)


def rclone_copy(site: str, url: str, endpoint: str, expected: int) -> Callable[[], Callable[[], Any]]:
    remote = f":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='{endpoint}':{url.removeprefix('s3://')}"
    return _command(["rclone", "copy", *RCLONE, site, remote], url, endpoint, expected)


def publish_to_git(site: str, clone: str) -> Callable[[], str]:
    def run() -> str:
        from simstac.publishing import GitTarget, publish  # noqa: PLC0415  # as above

        publish(Path(site), GitTarget(Path(clone), prefix="stac"), _root_of(site))
        return ""

    return run


def copy_and_add(site: str, clone: str) -> Callable[[], str]:
    def run() -> str:
        shutil.copytree(site, Path(clone) / "stac", dirs_exist_ok=True)
        subprocess.run(["git", "add", "--all"], cwd=clone, check=True)
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "x"], cwd=clone, check=False)
        return ""

    return run


def _command(command: list[str], url: str, endpoint: str, expected: int) -> Callable[[], Callable[[], Any]]:
    def run() -> Callable[[], Any]:
        subprocess.run(command, check=True)
        return functools.partial(_count, url, endpoint, expected)

    return run


def _root_of(site: str) -> Callable[..., dict[str, bytes | None]]:
    root = (Path(site) / "catalog.json").read_bytes()
    return lambda _read, _gone: {"catalog.json": root}


def _count(url: str, endpoint: str, expected: int) -> list[int]:
    """How many objects of the site are there, and their bytes; ``expected`` guards against counting nothing."""
    import boto3  # noqa: PLC0415  # not measured

    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    pages = (
        boto3.client("s3", endpoint_url=endpoint)
        .get_paginator("list_objects_v2")
        .paginate(Bucket=bucket, Prefix=f"{prefix}/")
    )
    sizes = [each["Size"] for page in pages for each in page.get("Contents", []) if "/.simstac/" not in each["Key"]]
    if len(sizes) != expected:
        raise SystemExit(f"{url} has {len(sizes)} objects, not {expected}")
    return [len(sizes), sum(sizes)]


def make_site(folder: Path, documents: int) -> Path:
    """Items of 4 KB, as a study's are."""
    dice = random.Random(documents)  # noqa: S311  # the same documents on every run
    base = {"type": "Feature", "properties": {f"sim:value_{index}": dice.random() for index in range(110)}}
    for index in range(documents):
        item = folder / COLLECTION / f"run-{index}" / f"run-{index}.json"
        item.parent.mkdir(parents=True)
        item.write_text(json.dumps(base | {"id": f"run-{index}"}), encoding="utf-8")
    links = [{"rel": "item", "href": f"./run-{index}/run-{index}.json"} for index in range(documents)]
    (folder / COLLECTION / "collection.json").write_text(json.dumps({"links": links}), encoding="utf-8")
    (folder / "catalog.json").write_text("{}", encoding="utf-8")
    return folder


def make_store(folder: Path, megabytes: int) -> Path:
    """A site whose store has chunks of 1 MB that no codec shortens."""
    make_site(folder, 1)
    store = folder / "data" / f"{COLLECTION}.icechunk"
    (store / "chunks").mkdir(parents=True)
    (store / "repo").write_bytes(b"pointer")
    for _ in range(megabytes):
        (store / "chunks" / uuid.uuid4().hex).write_bytes(os.urandom(1_000_000))
    return folder


@contextmanager
def s3_server() -> Iterator[Any]:
    """SeaweedFS, with its keys in the environment."""
    from tests.conftest import _start_seaweedfs, _wait_until_ready  # noqa: PLC0415  # as the tests start it

    folder = Path(tempfile.mkdtemp(prefix="simstac-bench-"))
    server, process = _start_seaweedfs(folder)
    try:
        _wait_until_ready(server, process, folder / "log")
        os.environ |= server.env
        os.environ.pop("AWS_CA_BUNDLE", None)  # rclone refuses it, and loopback has no certificates
        yield server
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def install_aws() -> None:
    """The AWS command line of PyPI, apart from our own environment: it pins botocore."""
    folder = cache_folder() / "awscli"
    if not (folder / "bin" / "aws").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "awscli"], check=True)


def documents_to_s3(server: Any, site: Path, documents: int, repeats: int) -> list[str]:
    """First publishes into fresh buckets, then unchanged ones."""
    sides = {"simstac": publish_to_s3, "aws s3 sync": aws_sync, "rclone copy": rclone_copy}
    endpoint, count = server.endpoint_url, documents + 2
    taken: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(repeats):
        urls = {name: f"s3://{server.make_bucket('bench')}/stac" for name in sides}
        for name, side in sides.items():
            taken[name].append(measure(side, str(site), urls[name], endpoint, count))
    rows = [_row(f"{documents:,} documents, first", _middle(taken), "≤ 0.25 x aws, ≤ 0.8 x rclone")]
    again = compare(*((side, [str(site), urls[name], endpoint, count]) for name, side in sides.items()), repeats=5)
    rows.append(_row(f"{documents:,} documents, unchanged", dict(zip(sides, again, strict=True)), "≤ 0.4 x aws"))
    return rows


def few_changes_to_s3(server: Any, site: Path, documents: int) -> str:
    """Ten changed documents among many that are in the bucket already, and ten others for the peer."""
    endpoint, count, url = server.endpoint_url, documents + 2, f"s3://{server.make_bucket('bench')}/stac"
    measure(publish_to_s3, str(site), url, endpoint, count)
    _change(site, range(10))
    ours = measure(publish_to_s3, str(site), url, endpoint, count)
    _change(site, range(10, 20))
    peer = measure(aws_sync, str(site), url, endpoint, count)
    return _row(f"{documents:,} documents, 10 changed", {"simstac": ours, "aws s3 sync": peer}, "≤ 0.5 x aws, ≤ 200 MB")


def _change(site: Path, numbers: range) -> None:
    for number in numbers:
        path = site / COLLECTION / f"run-{number}" / f"run-{number}.json"
        path.write_text(path.read_text(encoding="utf-8").replace('"Feature"', '"feature"'), encoding="utf-8")


def store_to_s3(server: Any, site: Path, megabytes: int) -> str:
    taken: dict[str, list[Measured]] = {"simstac": [], "rclone copy": []}
    for _ in range(3):
        for name, side in (("simstac", publish_to_s3), ("rclone copy", rclone_copy)):
            url = f"s3://{server.make_bucket('bench')}/stac"
            taken[name].append(measure(side, str(site), url, server.endpoint_url, megabytes + 4))
    return _row(f"a store of {megabytes / 1000:.1f} GB, first", _middle(taken), "≥ 0.8 x the speed of rclone")


def documents_to_git(site: Path, folder: Path, documents: int) -> str:
    clones = [folder / "ours", folder / "peer"]
    for clone in clones:
        subprocess.run(["git", "init", "--quiet", str(clone)], check=True)
    measure(publish_to_git, str(site), str(clones[0]))
    measure(copy_and_add, str(site), str(clones[1]))
    ours, peer = compare((publish_to_git, [str(site), str(clones[0])]), (copy_and_add, [str(site), str(clones[1])]))
    return _row(f"Git, {documents:,} documents, unchanged", {"simstac": ours, "copy and git add": peer}, "≤ 1 s")


def requests_of(server: Any, site: Path) -> str:
    """The requests of a first, an unchanged and a slightly changed publish, counted by a proxy."""
    from tests.publishing.proxy import proxied  # noqa: PLC0415  # as the tests count them

    counts = []
    with proxied(server.endpoint_url) as proxy:
        url = f"s3://{server.make_bucket('bench')}/stac"
        for step in ("first", "unchanged", "10 changed"):
            if step == "10 changed":
                for index in range(10):
                    (site / COLLECTION / f"run-{index}" / f"run-{index}.json").write_text("{}", encoding="utf-8")
            proxy.seen.clear()
            from simstac.publishing import S3Target, publish  # noqa: PLC0415  # in this process, where the proxy runs

            publish(site, S3Target(url, endpoint_url=proxy.url), _root_of(str(site)))
            counts.append(f"{step}: {len(proxy.seen):,} requests, {len(proxy.writes):,} of them writes")
    return "; ".join(counts)


def _middle(taken: dict[str, list[Measured]]) -> dict[str, Measured]:
    return {name: sorted(each, key=lambda one: one.seconds)[len(each) // 2] for name, each in taken.items()}


def _row(what: str, sides: dict[str, Measured], target: str) -> str:
    ours = sides["simstac"]
    peers = [
        f"{name} {each.seconds:.2f} s ({ours.seconds / each.seconds:.2f} x)"
        for name, each in sides.items()
        if name != "simstac"
    ]
    return f"| {what} | {ours.seconds:.2f} s, {ours.megabytes:.0f} MB | {', '.join(peers)} | {target} |"


def main() -> None:
    many = 100_000 if "--small" not in sys.argv else 0
    install_aws()
    with tempfile.TemporaryDirectory() as name, s3_server() as server:
        folder = Path(name)
        site = make_site(folder / "small", 10_000)
        rows = documents_to_s3(server, site, 10_000, repeats=3)
        rows.append(documents_to_git(site, folder, 10_000))
        rows.append(store_to_s3(server, make_store(folder / "store", 1000), 1000))
        counted = requests_of(server, site)
        if many:
            rows.append(few_changes_to_s3(server, make_site(folder / "many", many), many))
    head = ["| what | simstac | peers (ours relative to it) | target |", "|---|---|---|---|"]
    note = f"10,000 documents, requests counted by a proxy: {counted}."
    write_section("publish", "Publishing to S3 (SeaweedFS on loopback) and to Git", "\n".join([*head, *rows, "", note]))


if __name__ == "__main__":
    main()
