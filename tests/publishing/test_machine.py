"""Any sequence of changes, publishes, concurrent publishes and crashes, against a model of plain dicts."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from simstac.progress import OnProgress
from simstac.publishing import Change, Changes, GitTarget, LocalTarget, S3Target, Site, Target, publish
from simstac.publishing.apply import write_in_order

from .conftest import Fetch, Place, git_place, link, links, local_place, s3_place, write_site

OWNERS = {"one": ("a", "b"), "two": ("c",)}
OWNER_OF = {name: owner for owner, names in OWNERS.items() for name in names}
START = {"run-0": 0, "run-1": 1}


class CrashError(Exception):
    """The machine went down."""


@dataclass
class Crashing:
    """A bucket or a folder whose publisher goes down after so many files."""

    target: LocalTarget | S3Target
    left: int

    @property
    def url(self) -> str:
        return self.target.url

    @property
    def exact(self) -> bool:
        return self.target.exact

    def digest(self, content: bytes, like: str = "", /) -> str:
        return self.target.digest(content, like)

    def snapshot(self) -> LocalTarget | S3Target:
        return self.target

    def check(self, sizes: Any) -> None:
        self.target.check(sizes)

    def commit(self, changes: Changes, on_progress: OnProgress) -> str:
        if isinstance(self.target, LocalTarget):
            (self.target.path / ".simstac.tmp").mkdir(parents=True, exist_ok=True)
        write_in_order(changes, self, self.target, on_progress)
        return ""

    def write(self, puts: Sequence[Change], site: Site, done: Callable[[Change], None]) -> str:
        now, self.left = puts[: self.left], self.left - len(puts)
        version = self.target.write(now, site, done) if now else ""
        if self.left < 0:
            raise CrashError
        return version

    def delete(self, paths: Sequence[str]) -> None:
        now, self.left = paths[: self.left], self.left - len(paths)
        self.target.delete(now)
        if self.left < 0:
            raise CrashError


class CrashingGit(GitTarget):
    """A clone whose publisher goes down between the commit and moving the branch, or before the files come along."""

    def _advance(self, *_: Any) -> None:
        raise CrashError


def crashing(target: Target, left: int) -> Target:
    if isinstance(target, GitTarget):
        return CrashingGit(target.clone, target.prefix, target.push)
    assert isinstance(target, (LocalTarget, S3Target))
    return Crashing(target, left)


@contextmanager
def crawling(fetch: Fetch) -> Iterator[None]:
    """Crawl beside; a link that leads nowhere, and that its document still has when read again, fails."""
    broken: list[str] = []
    stop = threading.Event()

    def crawl() -> None:
        while not stop.is_set():
            broken.extend(dangling(fetch))

    thread = threading.Thread(target=crawl)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not broken


def dangling(fetch: Fetch) -> list[str]:
    """The links that lead nowhere, of documents that still have them when read again."""
    broken, queue = [], [("", "catalog.json")]
    while queue:
        parent, path = queue.pop()
        content = fetch(path)
        if content is None and parent and path in links(parent, fetch(parent)) and fetch(path) is None:
            broken.append(f"{parent} -> {path}")
        if content and "/snapshots/" not in path:
            queue += [(path, each) for each in links(path, content)]
    return broken


class Publishers(RuleBasedStateMachine):
    """Two configurations in one catalog; ``published`` is what the last finished publish of each left there."""

    place: Place

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="simstac-machine-"))
        self.place = self.make_place(self.folder)
        self.wanted: dict[str, dict[str, dict[str, int]]] = {owner: {} for owner in OWNERS}
        self.data: dict[str, str] = {}
        self.published: dict[str, dict[str, dict[str, int]] | None] = {owner: {} for owner in OWNERS}
        for name, owner in OWNER_OF.items():
            self.wanted[owner][name] = dict(START)
            self.data[name] = "V0"
        for owner in OWNERS:
            self.run(owner, self.place.target)
            self.finished(owner)

    def make_place(self, folder: Path) -> Place:
        raise NotImplementedError

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule(name=st.sampled_from("abc"), run=st.integers(0, 2), value=st.integers(0, 1))
    def put_run(self, name: str, run: int, value: int) -> None:
        self.wanted[OWNER_OF[name]].setdefault(name, {})[f"run-{run}"] = value

    @rule(name=st.sampled_from("abc"), run=st.integers(0, 2))
    def drop_run(self, name: str, run: int) -> None:
        self.wanted[OWNER_OF[name]].get(name, {}).pop(f"run-{run}", None)

    @rule()
    def drop_collection(self) -> None:
        self.wanted["one"].pop("b", None)

    @rule(name=st.sampled_from("abc"), version=st.sampled_from(["V1", "V2"]))
    def new_data(self, name: str, version: str) -> None:
        self.data[name] = version

    @rule(owner=st.sampled_from(list(OWNERS)), recheck=st.booleans())
    def publish(self, owner: str, recheck: bool) -> None:
        self.run(owner, self.place.target, recheck=recheck)
        self.finished(owner)
        again = self.run(owner, self.place.target, recheck=recheck)
        assert not again.changes, list(again.changes.lines())

    @rule()
    def publish_both(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(self.run, owner, self.place.target) for owner in OWNERS]:
                each.result()
        for owner in OWNERS:
            self.finished(owner)

    @rule(owner=st.sampled_from(list(OWNERS)), left=st.integers(0, 14))
    def crash(self, owner: str, left: int) -> None:
        try:
            self.run(owner, crashing(self.place.target, left))
        except CrashError:
            self.published[owner] = None
        else:
            self.finished(owner)

    @rule(name=st.sampled_from("abc"), left=st.integers(0, 14))
    def crash_and_revert(self, name: str, left: int) -> None:
        """Go down while publishing other runs and data, then publish what was there before."""
        owner = OWNER_OF[name]
        wanted, data = dict(self.wanted[owner]), dict(self.data)
        self.wanted[owner] = wanted | {name: {"run-1": 7, "run-8": 8}}
        self.data[name] = "V9"
        self.crash(owner, left)
        self.holds()
        self.wanted[owner], self.data = wanted, data
        self.publish(owner, recheck=False)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "place") or not self.place.fetch("catalog.json"):
            return
        found = self.place.crawl()
        for owner, names in OWNERS.items():
            model = self.published[owner]
            if model is not None:
                assert self.shown(found, names) == model

    def run(self, owner: str, target: Target, *, recheck: bool = False) -> Any:
        site = write_site(self.folder / owner, self.wanted[owner], data=self.data)
        edit = link(*self.wanted[owner])
        with crawling(self.place.fetch):
            return publish(site, target, edit, allow_shrink=True, recheck=recheck)

    def finished(self, owner: str) -> None:
        self.published[owner] = {name: dict(items) for name, items in self.wanted[owner].items()}

    def shown(self, found: dict[str, Any], names: tuple[str, ...]) -> dict[str, dict[str, int]]:
        listed = {name: {} for name in names if f"{name}/collection.json" in found}
        for path, document in found.items():
            if "value" in document and path.split("/")[0] in listed:
                listed[path.split("/")[0]][document["id"]] = document["value"]
        return listed


@pytest.mark.parametrize("kind", ["local", "s3", "git"])
def test_any_sequence(kind: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("s3") if kind == "s3" else None

    class Machine(Publishers):
        def make_place(self, folder: Path) -> Place:
            if server:
                return s3_place(server)
            return local_place(folder / "www") if kind == "local" else git_place(folder / "git", push=True)

    examples = {"local": 25, "s3": 5, "git": 3}[kind]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None, suppress_health_check=checks, database=None
        ),
    )


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_a_crash_at_every_point(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """At every single write: the catalog stays whole, going back leaves nothing behind, going on finishes."""
    place = s3_place(request.getfixturevalue("s3")) if kind == "s3" else local_place(tmp_path / "www")
    site, edit = tmp_path / "site", link("a", "b")

    def old() -> None:
        write_site(site, {"a": START, "b": START}, data={"a": "V0", "b": "V0"})

    def new() -> None:
        write_site(site, {"a": {"run-1": 7, "run-2": 2}}, data={"a": "V1"})

    old()
    publish(site, place.target, edit)
    before = contents(place)
    for left in range(30):
        new()
        try:
            publish(site, crashing(place.target, left), link("a"), allow_shrink=True)
        except CrashError:
            place.crawl()
        else:
            assert left > 20
            break
        old()
        publish(site, place.target, edit, allow_shrink=True)
        assert contents(place) == before, f"after a crash {left} writes in"
        assert not publish(site, place.target, edit).changes
    assert {path for path in place.listing() if path.startswith(("b/", "data/b"))} == set()
    assert not publish(site, place.target, link("a")).changes


def contents(place: Place) -> dict[str, bytes | None]:
    return {path: place.fetch(path) for path in place.listing() if not path.startswith(".simstac")}
