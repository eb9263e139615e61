"""Publishing to each kind of target: what arrives, what a second run does, who owns what."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simstac.errors import PublishError
from simstac.publishing import publish

from .conftest import Place, git, git_place, link, local_place, s3_place, write_site

RUNS = {f"run-{number}": number for number in range(6)}
ODD = {"per%20cent %": 1, "ümläut": 2, "emoji 😀": 3, "a+b&c=d": 4}


def items(place: Place, collection: str) -> dict[str, object]:
    return {
        document["id"]: document["value"]
        for path, document in place.crawl().items()
        if path.startswith(f"{collection}/") and "value" in document
    }


def test_publish_again_writes_nothing(place: Place, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A1"})
    first = publish(site, place.target, link("study"))
    assert items(place, "study") == RUNS
    assert len(first.changes.puts) == 6 + 1 + 1 + 3
    assert "data/study.icechunk/overwritten/repo.1" not in place.listing()
    before = place.listing()
    second = publish(site, place.target, link("study"))
    assert not second.changes
    assert second.commit == ""
    assert place.listing() == before


def test_changed_added_removed(place: Place, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A1"})
    publish(site, place.target, link("study"))
    runs = RUNS | {"run-0": 99, "run-7": 7}
    del runs["run-1"]
    write_site(site, {"study": runs}, data={"study": "B2"})
    plan = publish(site, place.target, link("study"), dry_run=True, allow_shrink=True).changes
    shown = {(change.action.value, change.path, change.reason) for change in plan.changes}
    assert shown == {
        ("+", "data/study.icechunk/chunks/B2", "new data"),
        ("+", "data/study.icechunk/snapshots/B2", "new data"),
        ("~", "data/study.icechunk/repo", "new version"),
        ("~", "study/run-0/run-0.json", "changed metadata"),
        ("+", "study/run-7/run-7.json", "new run"),
        ("~", "study/collection.json", "changed metadata"),
        ("-", "study/run-1/run-1.json", "gone from the configuration"),
        ("-", "data/study.icechunk/chunks/A1", "gone from the configuration"),
        ("-", "data/study.icechunk/snapshots/A1", "gone from the configuration"),
    }
    assert items(place, "study") == RUNS
    publish(site, place.target, link("study"), allow_shrink=True)
    assert items(place, "study") == runs
    assert "study/run-1/run-1.json" not in place.listing()
    assert not publish(site, place.target, link("study")).changes


def test_odd_names(place: Place, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": ODD})
    publish(site, place.target, link("study"))
    assert items(place, "study") == ODD
    assert not publish(site, place.target, link("study")).changes
    assert not publish(site, place.target, link("study"), recheck=True).changes


def test_two_configurations_share_a_catalog(place: Place, tmp_path: Path) -> None:
    one = write_site(tmp_path / "one", {"a": RUNS, "b": RUNS})
    two = write_site(tmp_path / "two", {"c": RUNS})
    publish(one, place.target, link("a", "b"))
    publish(two, place.target, link("c"))
    assert {path for path in place.crawl() if path.endswith("collection.json")} == {
        f"{name}/collection.json" for name in "abc"
    }
    write_site(one, {"b": RUNS})
    with pytest.raises(PublishError, match=r"would remove the dataset a; .*--allow-shrink"):
        publish(one, place.target, link("b"))
    publish(one, place.target, link("b"), allow_shrink=True)
    assert not any(path.startswith("a/") for path in place.listing())
    assert items(place, "c") == RUNS
    assert not publish(one, place.target, link("b")).changes
    assert not publish(two, place.target, link("c")).changes


def test_shrinking_is_refused(place: Place, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS})
    publish(site, place.target, link("study"))
    write_site(site, {"study": {"run-0": 0}})
    named = "study/run-1/run-1.json, study/run-2/run-2.json, study/run-3/run-3.json, …"
    with pytest.raises(PublishError, match=re.escape(f"would remove 5 of 7 documents ({named})")):
        publish(site, place.target, link("study"))
    assert items(place, "study") == RUNS


def test_a_store_that_only_loses_versions_is_put_after_the_documents(tmp_path: Path) -> None:
    place = local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A1"})
    store = site / "data" / "study.icechunk"
    (store / "chunks" / "old").write_bytes(b"old")
    publish(site, place.target, link("study"))
    (store / "chunks" / "old").unlink()
    (store / "repo").write_bytes(b'{"snapshot": "A1", "tags": 1}')
    document = site / "study" / "run-0" / "run-0.json"
    document.write_bytes(document.read_bytes().replace(b"0", b"1"))
    plan = publish(site, place.target, link("study"), dry_run=True).changes
    assert [change.path for change in plan.puts] == ["study/run-0/run-0.json", "data/study.icechunk/repo"]
    (store / "chunks" / "new").write_bytes(b"new")
    plan = publish(site, place.target, link("study"), dry_run=True).changes
    assert [change.path.rpartition("/")[2] for change in plan.puts] == ["new", "repo", "run-0.json"]
    assert [change.path for change in plan.gone] == ["data/study.icechunk/chunks/old"]


def test_an_item_that_is_lost_from_the_site_is_not_unpublished(place: Place, tmp_path: Path) -> None:
    """Its collection links it still, and too few are lost for the guard against shrinking."""
    runs = {f"run-{number}": number for number in range(20)}
    site = write_site(tmp_path / "site", {"study": runs})
    publish(site, place.target, link("study"))
    (site / "study" / "run-7" / "run-7.json").unlink()
    with pytest.raises(PublishError, match=r"run-7\.json: is not there, and its collection links it; build again"):
        publish(site, place.target, link("study"), allow_shrink=True)
    assert items(place, "study") == runs


def test_a_neighbours_files_stay(place: Place, tmp_path: Path) -> None:
    neighbour = write_site(tmp_path / "neighbour", {"study": {"run-0": "theirs"}, "other": {"x": 1}})
    publish(neighbour, place.target, link("study", "other"), owner="neighbour")
    site = write_site(tmp_path / "site", {"study": RUNS})
    with pytest.raises(PublishError, match="was not published by this configuration"):
        publish(site, place.target, link("study"), owner="me")
    assert items(place, "study") == {"run-0": "theirs"}


def test_eight_publishers_converge(place: Place, tmp_path: Path) -> None:
    """Eight configurations of six runs each, at once: every one of the 48 runs is linked."""
    sites = {f"c{number}": write_site(tmp_path / f"site{number}", {f"c{number}": RUNS}) for number in range(8)}
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(publish, site, place.target, link(name)) for name, site in sites.items()]
        for each in done:
            each.result()
    assert sum("value" in document for document in place.crawl().values()) == 48
    assert not any(publish(site, place.target, link(name)).changes for name, site in sites.items())


@pytest.mark.parametrize(("kind", "count"), [("local", 2_100), ("s3", 10_000)])
def test_thousands_of_items(kind: str, count: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """More than a page of a listing, more than may be deleted at once."""
    place = s3_place(request.getfixturevalue("s3")) if kind == "s3" else local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": {f"run-{number}": number for number in range(count)}})
    assert len(publish(site, place.target, link("study")).changes.puts) == count + 2
    assert not publish(site, place.target, link("study"), recheck=True).changes
    write_site(site, {"study": {"run-7": 7}})
    shrunk = publish(site, place.target, link("study"), allow_shrink=True).changes
    assert len(shrunk.gone) == count - 1
    assert shrunk.requests == 1 + 2 + 1 + -(-(count - 1) // 1000)
    assert items(place, "study") == {"run-7": 7}
    assert {path for path in place.listing() if "/run-" in path} == {"study/run-7/run-7.json"}


@pytest.mark.usefixtures("s3")
def test_headers(s3: object, tmp_path: Path) -> None:
    place = s3_place(s3)
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A1"})
    (site / "study" / "chart.png").write_bytes(b"png")
    publish(site, place.target, link("study"))
    bucket = place.target.url.split("/")[2]
    shown = {}
    for path in place.listing():
        head = s3.client().head_object(Bucket=bucket, Key=f"stac/{path}")
        shown[path] = (head["ContentType"], head["CacheControl"])
    immutable = "public, max-age=31536000, immutable"
    assert shown["data/study.icechunk/chunks/A1"] == ("application/octet-stream", immutable)
    assert shown["data/study.icechunk/repo"] == ("application/octet-stream", "no-cache")
    assert shown["study/chart.png"] == ("image/png", "no-cache")
    assert shown["study/run-0/run-0.json"] == ("application/geo+json", "no-cache")
    assert shown["study/collection.json"] == ("application/json", "no-cache")
    assert shown["catalog.json"] == ("application/json", "no-cache")


def test_dry_run_prints_and_changes_nothing(place: Place, tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": {"run-0": 0}})
    result = publish(site, place.target, link("study"), dry_run=True)
    before = place.listing()
    assert not result.applied
    lines = list(result.changes.lines())
    assert lines[0].endswith(" B  study/run-0/run-0.json  (new run)")
    assert lines[-1].startswith(f"{place.target.url}: +3 ~0 -0, ")
    assert lines[-1].endswith(" bytes, 5 requests")
    rows = list(result.changes.to_json())
    assert [json.dumps(row) for row in rows]
    assert rows[0] | {"bytes": 0} == {
        "target": place.target.url,
        "action": "add",
        "path": "study/run-0/run-0.json",
        "kind": "item",
        "bytes": 0,
        "reason": "new run",
    }
    assert place.listing() == before


def test_git_commits_once_and_says_what(tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=False)
    clone = place.target.clone
    site = write_site(tmp_path / "site", {"study": RUNS})
    result = publish(site, place.target, link("study"))
    assert git(clone, "rev-parse", "HEAD") == result.commit
    assert git(clone, "rev-list", "--count", "HEAD") == "2"
    assert git(clone, "status", "--porcelain") == ""
    assert (clone / ".nojekyll").exists()
    assert (clone / "README.md").read_text() == "mine\n"
    assert git(clone, "log", "-1", "--format=%s%n%b") == "Publish study\nstudy: 7 added\ncatalog.json: 1 added"
    publish(site, place.target, link("study"))
    assert git(clone, "rev-list", "--count", "HEAD") == "2"
    assert git(clone, "for-each-ref", "refs/worktree") == ""
