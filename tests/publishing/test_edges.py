"""Sites that are no sites or change meanwhile, folders that refuse, headers that change."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import simstac.publishing.site as site_module
from simstac.errors import ConflictError, PublishError
from simstac.publishing import LocalTarget, publish, read_site
from simstac.publishing.apply import apply
from simstac.publishing.plan import plan

from .conftest import crawl, link, local_place, s3_place, write_site

RUNS = {f"run-{number}": number for number in range(4)}


def test_no_site(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"is not a built site .*; run simstac build first"):
        publish(tmp_path / "nothing", LocalTarget(tmp_path / "www"), link())
    assert not (tmp_path / "www").exists()


def test_a_site_that_changes_meanwhile(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    place = local_place(tmp_path / "www")
    publish(site, place.target, link("study"))
    write_site(site, {"study": RUNS | {"run-1": "new"}}, data={"study": "B"})
    changes = plan(read_site(site), place.target, link("study"))
    write_site(site, {"study": RUNS | {"run-1": "newer"}}, data={"study": "C"})
    with pytest.raises(PublishError, match="changed while it was published"):
        apply(changes, place.target)
    place.crawl()
    publish(site, place.target, link("study"))
    assert place.crawl()["study/run-1/run-1.json"]["value"] == "newer"


def test_a_pointer_is_published_as_it_was_planned(tmp_path: Path) -> None:
    """A store that is committed to between planning and applying does not leak a pointer to objects not yet there."""
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    place = local_place(tmp_path / "www")
    changes = plan(read_site(site), place.target, link("study"))
    (site / "data" / "study.icechunk" / "repo").write_bytes(b'{"snapshot": "later"}')
    apply(changes, place.target)
    assert place.fetch("data/study.icechunk/repo") == b'{"snapshot": "A"}'


def test_changed_headers_are_a_change(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = s3_place(s3)
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    with monkeypatch.context() as patch:
        patch.setattr(site_module, "MUTABLE", "max-age=60")
        publish(site, place.target, link("study"))
    changes = publish(site, place.target, link("study")).changes
    assert {change.reason for change in changes.puts} == {"changed headers"}
    assert len(changes.puts) == len(RUNS) + 2
    bucket = place.target.url.split("/")[2]
    head = s3.client().head_object(Bucket=bucket, Key="stac/study/run-0/run-0.json")
    assert head["CacheControl"] == "no-cache"
    assert not publish(site, place.target, link("study")).changes


def test_recheck_mends_what_another_tool_did(s3: Any, tmp_path: Path) -> None:
    place = s3_place(s3)
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    publish(site, place.target, link("study"))
    bucket, client = place.target.url.split("/")[2], s3.client()
    client.delete_object(Bucket=bucket, Key="stac/study/run-0/run-0.json")
    client.delete_object(Bucket=bucket, Key="stac/data/study.icechunk/chunks/A")
    client.put_object(Bucket=bucket, Key="stac/study/run-1/run-1.json", Body=b"{}")
    client.put_object(Bucket=bucket, Key="stac/study/not-ours.json", Body=b"{}")
    assert not publish(site, place.target, link("study")).changes
    assert len(publish(site, place.target, link("study"), recheck=True).changes.puts) == 3
    assert place.crawl()["study/run-1/run-1.json"]["value"] == 1
    assert place.fetch("study/not-ours.json") == b"{}"


def test_a_lost_record_is_found_again(s3: Any, tmp_path: Path) -> None:
    place = s3_place(s3)
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    publish(site, place.target, link("study"))
    bucket = place.target.url.split("/")[2]
    s3.client().delete_object(Bucket=bucket, Key="stac/.simstac/study.json")
    assert publish(site, place.target, link("study")).changes.puts == ()
    assert not publish(site, place.target, link("study")).changes


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"layout": "simstac/publish/1"}', '{"layout": "simstac/publish/1", "datasets": {"a": 1}}'],
)
def test_a_broken_record_is_an_error(tmp_path: Path, content: str) -> None:
    place = local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS})
    publish(site, place.target, link("study"))
    (tmp_path / "www" / ".simstac" / "study.json").write_text(content)
    with pytest.raises(PublishError, match=r"\.simstac/study\.json: is no manifest, or a damaged one; delete it"):
        publish(site, place.target, link("study"))


def test_a_broken_table_is_made_anew_when_it_is_deleted(tmp_path: Path) -> None:
    place = local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS})
    publish(site, place.target, link("study"))
    write_site(site, {"study": RUNS | {"run-1": "new"}})
    table = tmp_path / "www" / ".simstac" / "study" / "study.json"
    table.write_text("{")
    with pytest.raises(PublishError, match=r"study/study\.json: is no manifest, or a damaged one; delete it, and"):
        publish(site, place.target, link("study"))
    table.unlink()
    (changed,) = publish(site, place.target, link("study")).changes.puts
    assert (changed.path, changed.reason) == ("study/run-1/run-1.json", "changed metadata")
    assert place.crawl()["study/run-1/run-1.json"]["value"] == "new"
    assert not publish(site, place.target, link("study")).changes


def test_a_name_that_no_address_can_hold(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS})
    (site / "study" / os.fsdecode(b"b\xfcro.html")).write_bytes(b"")
    with pytest.raises(PublishError, match=r"has a name that no address can hold; rename it"):
        publish(site, LocalTarget(tmp_path / "www"), link("study"))


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_large_files_go_in_parts(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = s3_place(request.getfixturevalue("s3")) if kind == "s3" else local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})
    paths = ("data/study.icechunk/chunks/L", "study/run-0/outputs/eplusout.sql")
    (site / paths[1]).parent.mkdir()
    for path in paths:
        (site / path).write_bytes(os.urandom(20 << 20))
    publish(site, place.target, link("study"))
    for path in paths:
        assert place.fetch(path) == (site / path).read_bytes()
    assert not publish(site, place.target, link("study")).changes
    assert not publish(site, place.target, link("study"), recheck=True).changes
    (site / paths[1]).write_bytes(os.urandom(20 << 20))
    (changed,) = publish(site, place.target, link("study"), recheck=True).changes.puts
    assert (changed.path, changed.reason) == (paths[1], "changed")
    assert place.fetch(paths[1]) == (site / paths[1]).read_bytes()


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_large_file_does_not_replace_what_another_puts_there_meanwhile(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    place = s3_place(request.getfixturevalue("s3")) if kind == "s3" else local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS})
    path = "study/run-0/outputs/eplusout.sql"
    (site / path).parent.mkdir()
    (site / path).write_bytes(bytes(9 << 20))
    changes = plan(read_site(site), place.target, link("study"))
    theirs = write_site(tmp_path / "theirs", {"study": {}})
    (theirs / path).parent.mkdir(parents=True)
    (theirs / path).write_bytes(b"theirs")
    publish(theirs, place.target, link(), owner="theirs")
    with pytest.raises(ConflictError, match=r"eplusout\.sql: was changed by somebody else meanwhile"):
        apply(changes, place.target)
    with pytest.raises(PublishError, match="was not published by this configuration"):
        publish(site, place.target, link("study"), owner="ours")
    assert place.fetch(path) == b"theirs"


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_large_file_that_changes_meanwhile(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = s3_place(request.getfixturevalue("s3")) if kind == "s3" else local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS})
    path = site / "study" / "run-0" / "outputs" / "eplusout.sql"
    path.parent.mkdir()
    path.write_bytes(bytes(9 << 20))
    changes = plan(read_site(site), place.target, link("study"))
    path.write_bytes(b"x" * (9 << 20))
    with pytest.raises(PublishError, match=r"eplusout\.sql: changed while it was published"):
        apply(changes, place.target)
    changes = plan(read_site(site), place.target, link("study"))
    (file,) = [change.file for change in changes.puts if change.file and change.path.endswith(".sql")]
    with pytest.raises(PublishError, match="changed while it was published"), changes.site.held(file) as held:
        os.utime(held, ns=(1, 1))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS})
    (tmp_path / "www").write_text("a file")
    with pytest.raises(PublishError, match="is not a folder"):
        publish(site, LocalTarget(tmp_path / "www"), link("study"))


def test_a_full_disk(tmp_path: Path) -> None:
    """The system refuses to write past a size, half way: a clear error, and the old catalog stays readable."""
    place = local_place(tmp_path / "www")
    site = write_site(tmp_path / "site", {"study": RUNS})
    publish(site, place.target, link("study"))
    before = place.crawl()
    write_site(site, {"study": dict.fromkeys(RUNS, 0) | {"run-2": "long" * 50_000}})
    script = (
        "import sys; from pathlib import Path; from simstac.publishing import LocalTarget, publish; "
        "from simstac.errors import ConflictError, PublishError; from tests.publishing.conftest import link\n"
        "try: publish(Path(sys.argv[1]), LocalTarget(Path(sys.argv[2])), link('study'))\n"
        "except PublishError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(site), str(tmp_path / "www")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert "run-2.json: cannot be written (File too large)" in result.stdout
    assert crawl(place.fetch).keys() == before.keys()
    assert not (tmp_path / "www" / ".simstac.tmp").exists()


@pytest.mark.parametrize("folder", ["/proc/simstac", "/sys/simstac"])
def test_a_folder_that_takes_no_files(tmp_path: Path, folder: str) -> None:
    site = write_site(tmp_path / "site", {"study": RUNS})
    with pytest.raises(PublishError, match=rf"{folder}: cannot be written \(.*\); \w+"):
        publish(site, LocalTarget(Path(folder)), link("study"))
