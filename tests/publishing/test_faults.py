"""Publishing through a bad line, to a server that fails, and into a bucket that refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simstac.errors import ConflictError, PublishError, StorageError
from simstac.publishing import publish

from .conftest import Place, link, s3_place, write_site
from .proxy import Fault, Proxy, proxied, sometimes

RUNS = {f"run-{number}": number for number in range(40)}


@pytest.fixture
def line(s3: Any) -> Iterator[tuple[Proxy, Place]]:
    """A place in a bucket behind a proxy; it is read past the proxy."""
    place = s3_place(s3)
    with proxied(s3.endpoint_url) as proxy:
        yield proxy, Place(replace(place.target, endpoint_url=proxy.url), place.fetch, place.listing)


def test_requests_are_few(line: tuple[Proxy, Place], tmp_path: Path) -> None:
    proxy, place = line
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    plan = publish(site, place.target, link("study"), dry_run=True).changes
    assert proxy.writes == []
    publish(site, place.target, link("study"))
    assert len(proxy.writes) == plan.requests == 40 + 1 + 3 + 1 + 2
    proxy.seen.clear()
    assert not publish(site, place.target, link("study")).changes
    assert proxy.writes == []
    assert len(proxy.seen) == 3
    proxy.seen.clear()
    (site / "study" / "run-0" / "large.sql").write_bytes(bytes(20 << 20))
    plan = publish(site, place.target, link("study")).changes
    assert len(proxy.writes) == plan.requests == 1 + 3 + 1 + 2
    (site / "study" / "run-0" / "large.sql").unlink()
    publish(site, place.target, link("study"))
    proxy.seen.clear()
    write_site(site, {"study": RUNS | {f"run-{number}": "new" for number in range(10)}}, data={"study": "A"})
    publish(site, place.target, link("study"))
    assert len(proxy.writes) == 12
    assert len(proxy.seen) <= 17


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.LOSE, Fault.TRUNCATE, Fault.BUSY, Fault.BROKEN])
def test_a_bad_line_is_survived(line: tuple[Proxy, Place], tmp_path: Path, fault: Fault) -> None:
    proxy, place = line
    proxy.latency = 0.04
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    proxy.fault = sometimes(fault, 0.05)
    publish(site, place.target, link("study"))
    write_site(site, {"study": RUNS | {"run-3": "new"}}, data={"study": "B"})
    publish(site, place.target, link("study"))
    proxy.fault = lambda *_: None
    assert place.crawl()["study/run-3/run-3.json"]["value"] == "new"
    assert len([path for path in place.listing() if "/run-" in path]) == 40
    assert not publish(site, place.target, link("study")).changes
    assert not publish(site, place.target, link("study"), recheck=True).changes


def test_a_lost_answer_is_no_conflict(line: tuple[Proxy, Place], tmp_path: Path) -> None:
    """Every conditional PUT is applied and its first answer lost: the retry's 412 must not count."""
    proxy, place = line
    lost: set[str] = set()

    def lose_first(method: str, path: str, _number: int) -> Fault | None:
        if method == "PUT" and path not in lost:
            lost.add(path)
            return Fault.LOSE
        return None

    site = write_site(tmp_path / "site", {"study": dict(list(RUNS.items())[:4])}, data={"study": "A"})
    proxy.fault = lose_first
    assert publish(site, place.target, link("study")).attempts == 1
    assert not publish(site, place.target, link("study")).changes
    place.crawl()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.DENY, "access is denied .*; allow this user"),
        (Fault.EXPIRE, "credentials have expired .*; log in again"),
        (Fault.FULL, "the disk is full .*; free some space"),
    ],
)
def test_a_refusal_half_way(line: tuple[Proxy, Place], tmp_path: Path, fault: Fault, words: str) -> None:
    """The bucket refuses writing in the middle: a clear error, the old catalog readable, and the next run finishes."""
    proxy, place = line
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    publish(site, place.target, link("study"))
    before = place.crawl()
    new = {name: value + 100 for name, value in RUNS.items()}
    write_site(site, {"study": new | {"more": 1}}, data={"study": "B"})
    start = len(proxy.writes)
    proxy.fault = lambda method, _path, _n: fault if method == "PUT" and len(proxy.writes) > start + 20 else None
    with pytest.raises(PublishError, match=words):
        publish(site, place.target, link("study"))
    assert place.crawl().keys() == before.keys()
    proxy.fault = lambda *_: None
    publish(site, place.target, link("study"))
    assert place.crawl()["study/run-9/run-9.json"]["value"] == 109
    assert not publish(site, place.target, link("study"), recheck=True).changes


def test_refusals_name_what_to_do(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS})
    target = s3_place(s3).target
    edit = link("study")
    with pytest.raises(PublishError, match=r"there is no such bucket .*; create it"):
        publish(site, replace(target, url="s3://no-such-bucket-here/x"), edit)
    start = time.monotonic()
    with pytest.raises(PublishError, match=r"127.0.0.1:9 cannot be reached; check endpoint_url"):
        publish(site, replace(target, endpoint_url="http://127.0.0.1:9"), edit)
    assert time.monotonic() - start < 30
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(PublishError, match="the secret key is wrong") as caught:
        publish(site, replace(target), edit)
    assert s3.access_key not in str(caught.value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.reader_access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.reader_secret_key)
    with pytest.raises(PublishError, match="access is denied"):
        publish(site, replace(target), edit)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="has no credentials; set AWS_ACCESS_KEY_ID"):
        publish(site, replace(target), edit)
    with pytest.raises(StorageError, match="profile nobody: is not in the AWS configuration"):
        publish(site, replace(target, profile="nobody"), edit)


def test_secrets_are_not_shown(s3: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="simstac")
    place = s3_place(s3)
    site = write_site(tmp_path / "site", {"study": RUNS})
    result = publish(site, place.target, link("study"))
    documents = b"".join(place.fetch(path) or b"" for path in place.listing())
    shown = repr(place.target) + repr(result) + caplog.text + documents.decode()
    assert s3.access_key not in shown
    assert s3.secret_key not in shown


def test_a_store_moved_by_another_writer_is_kept(line: tuple[Proxy, Place], s3: Any, tmp_path: Path) -> None:
    _, place = line
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    publish(site, place.target, link("study"))
    bucket = place.target.url.split("/")[2]
    s3.client().put_object(Bucket=bucket, Key="stac/data/study.icechunk/repo", Body=b'{"snapshot": "A", "theirs": 1}')
    write_site(site, {"study": RUNS}, data={"study": "B"})
    with pytest.raises(ConflictError, match="was changed at the target by another writer"):
        publish(site, place.target, link("study"))
    assert b"theirs" in (place.fetch("data/study.icechunk/repo") or b"")
