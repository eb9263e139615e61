"""The workflow that users copy: what it may do, and its shell steps run as a runner would, night after night."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.study_folder import study_folder, three_runs  # noqa: F401  # fixtures

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / "examples" / "workflows" / "publish-pages.yml"
JOB = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["publish"]


def test_actions_are_pinned_and_secrets_come_by_the_environment_alone():
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "write"}
    assert workflow["concurrency"] == {"group": "publish-catalog", "cancel-in-progress": False}
    uses = [step["uses"] for step in JOB["steps"] if "uses" in step]
    assert len(uses) == 3
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in uses)
    for step in JOB["steps"]:
        assert "secrets." not in str({key: value for key, value in step.items() if key != "env"})


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def runner(bare: Path, workspace: Path, study: Path) -> subprocess.CompletedProcess[str]:
    """A fresh machine: the repository, the branch of the pages in ``pages``, and the shell steps but installing."""
    shutil.copytree(study, workspace, ignore=shutil.ignore_patterns("site"))
    git(workspace, "clone", "-q", "--branch", "gh-pages", str(bare), "pages")
    steps = [step["run"] for step in JOB["steps"] if "run" in step and step["name"] != "Install"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "set -e\n" + "\n".join(steps)
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        ["bash", "-c", script], cwd=workspace, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.requires("git")
def test_nights_without_news_make_no_commit_and_a_new_run_is_appended(study_folder, tmp_path):  # noqa: F811
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "gh-pages", str(bare))
    git(tmp_path, "clone", "-q", str(bare), "first")
    git(tmp_path / "first", "commit", "-q", "--allow-empty", "-m", "Pages")
    git(tmp_path / "first", "push", "-q", "origin", "HEAD:gh-pages")
    with (study_folder / "buildings.yaml").open("a") as config:
        config.write("targets:\n  - {type: git, clone: pages, prefix: stac, push: true}\n")
    late = study_folder / "runs" / "i20"
    late.rename(tmp_path / "i20")

    first = runner(bare, tmp_path / "night-1", study_folder)
    assert first.returncode == 1  # i20 has a row in the table and no results
    tip = git(bare, "rev-parse", "gh-pages")
    assert "stac/office-study/i10/i10.json" in git(bare, "ls-tree", "-r", "--name-only", tip)

    second = runner(bare, tmp_path / "night-2", study_folder)
    assert "office-study: unchanged, version 1.0.0" in second.stdout
    assert git(bare, "rev-parse", "gh-pages") == tip

    (tmp_path / "i20").rename(late)
    third = runner(bare, tmp_path / "night-3", study_folder)
    assert (third.returncode, third.stderr.count("error")) == (0, 0)
    assert "office-study: written, version 1.0.0+2, 3 runs (3 completed)" in third.stdout
    assert "stac/office-study/i20/i20.json" in git(bare, "ls-tree", "-r", "--name-only", "gh-pages")
