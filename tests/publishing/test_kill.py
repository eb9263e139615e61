"""A publisher killed at random moments: the catalog stays readable, and the next run finishes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simstac.publishing import GitTarget, LocalTarget, S3Target, publish

from .conftest import Place, git, git_place, link, local_place, s3_place, write_site

ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from pathlib import Path
from simstac.publishing import GitTarget, LocalTarget, S3Target, publish
from tests.publishing.conftest import link
PosixPath = Path
target = eval(sys.argv[2])
target.snapshot().list("study/")
print("ready", flush=True)
publish(Path(sys.argv[1]), target, link("study"), allow_shrink=True)
"""
KILLS = 7
LONGEST = {"local": 0.08, "s3": 0.25, "git": 0.25}


@pytest.mark.parametrize("kind", ["local", "s3", "git"])
def test_killed_at_random_moments(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = make_place(kind, request, tmp_path)
    dice, site, killed = random.Random(kind), tmp_path / "site", 0  # noqa: S311  # repeatable moments
    write_site(site, {"study": {"run-0": 0}}, data={"study": "V0"})
    publish(site, place.target, link("study"))
    for number in range(1, KILLS + 1):
        runs = {f"run-{run}": number for run in range(dice.randrange(30, 60))}
        write_site(site, {"study": runs}, data={"study": f"V{number}"})
        killed += kill_after(site, place.target, dice.uniform(0, LONGEST[kind]))
        found = place.crawl()
        assert "study/run-0/run-0.json" in found
        if number % 2:
            continue
        publish(site, place.target, link("study"), allow_shrink=True)
        assert {doc["id"]: doc["value"] for doc in place.crawl().values() if "value" in doc} == runs
        assert not publish(site, place.target, link("study"), recheck=True).changes
        assert {path for path in place.listing() if path.startswith("study/run-")} == {
            f"study/{run}/{run}.json" for run in runs
        }
    assert killed
    if isinstance(place.target, GitTarget):
        publish(site, place.target, link("study"), allow_shrink=True)
        assert git(place.target.clone, "status", "--porcelain") == ""
        git(place.target.clone, "fsck", "--strict")


def make_place(kind: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    match kind:
        case "local":
            return local_place(folder / "www")
        case "s3":
            return s3_place(request.getfixturevalue("s3"))
        case _:
            return git_place(folder / "git", push=False)


def kill_after(site: Path, target: Any, seconds: float) -> bool:
    """Publish in a process of its own and kill it; returns whether it was still at work."""
    shown = repr(target)
    assert isinstance(target, (GitTarget, LocalTarget, S3Target))
    command = [sys.executable, "-c", CHILD, str(site), shown]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        still = child.poll() is None
        child.kill()
    return still
