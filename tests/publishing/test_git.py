"""What is special to Git: the user's clone and its work are never harmed, and GitHub's bounds are kept."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simstac.errors import ConflictError, PublishError
from simstac.publishing import GitTarget, publish, read_site
from simstac.publishing.apply import apply
from simstac.publishing.plan import plan

from .conftest import crawl, git, git_place, link, write_site

RUNS = {f"run-{number}": number for number in range(4)}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path / "site", {"study": RUNS}, data={"study": "A"})


@pytest.fixture
def target(tmp_path: Path) -> GitTarget:
    found = git_place(tmp_path / "git", push=False).target
    assert isinstance(found, GitTarget)
    return found


def state(clone: Path) -> tuple[str, str, str]:
    return git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain"), git(clone, "stash", "list")


@pytest.mark.parametrize("how", ["untracked", "modified", "staged", "in our folder"])
def test_a_dirty_clone_is_refused(site: Path, target: GitTarget, how: str) -> None:
    where = target.clone / {"untracked": "notes.txt", "in our folder": "stac/notes.txt"}.get(how, "README.md")
    where.parent.mkdir(exist_ok=True)
    where.write_text("work in progress")
    if how == "staged":
        git(target.clone, "add", where.name)
    before = state(target.clone)
    with pytest.raises(PublishError, match=r"has changes of yours \(.*\); commit or stash them first"):
        publish(site, target, link("study"))
    assert state(target.clone) == before
    assert where.read_text() == "work in progress"


def test_what_simstac_owns_may_differ(site: Path, target: GitTarget) -> None:
    publish(site, target, link("study"))
    ours = target.clone / "stac" / "study" / "run-0" / "run-0.json"
    ours.write_text("spoilt")
    (target.clone / "stac" / "study" / "run-1" / "run-1.json").unlink()
    result = publish(site, target, link("study"))
    assert result.commit == ""
    assert ours.read_bytes() == (site / "study" / "run-0" / "run-0.json").read_bytes()
    assert git(target.clone, "status", "--porcelain") == ""


def test_an_interrupted_checkout_is_finished_first(site: Path, target: GitTarget) -> None:
    """The branch has moved and half of its files are there, as after a kill: the next publish puts all right."""
    clone = target.clone
    publish(site, target, link("study"))
    old = git(clone, "rev-parse", "HEAD")
    git(clone, "branch", "pages")
    write_site(site, {"study": RUNS | {"run-9": 9}}, data={"study": "B"})
    new = publish(site, replace(target, branch="pages"), link("study")).commit
    (clone / ".git" / "simstac-move").write_text(f"{old} {new}")
    git(clone, "update-ref", "refs/heads/main", new)
    (clone / "stac" / "study" / "run-9").mkdir()
    (clone / "stac" / "study" / "run-9" / "run-9.json").write_text("half")
    write_site(site, {"study": RUNS | {"run-8": 8}}, data={"study": "C"})
    publish(site, target, link("study"), allow_shrink=True)
    assert git(clone, "status", "--porcelain") == ""
    assert not (clone / "stac" / "study" / "run-9").exists()
    assert (clone / "stac" / "study" / "run-8" / "run-8.json").exists()
    assert not (clone / "stac" / "data" / "study.icechunk" / "chunks" / "A").exists()


def test_another_branch_leaves_the_checkout_alone(site: Path, target: GitTarget) -> None:
    git(target.clone, "branch", "pages")
    (target.clone / ".git" / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    head = git(target.clone, "rev-parse", "HEAD")
    result = publish(site, replace(target, branch="pages"), link("study"))
    assert git(target.clone, "rev-parse", "pages") == result.commit
    assert git(target.clone, "rev-parse", "HEAD") == head
    assert not (target.clone / "stac").exists()
    assert git(target.clone, "show", "--no-patch", "--format=%P", "pages") == head


def test_a_clone_without_a_checkout(site: Path, target: GitTarget, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--no-checkout", "git/origin.git", "bare-ish"], cwd=tmp_path, check=True)
    there = replace(target, clone=tmp_path / "bare-ish")
    publish(site, there, link("study"))
    assert not publish(site, there, link("study")).changes
    names = git(there.clone, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert {".nojekyll", "README.md", "stac/catalog.json", "stac/data/study.icechunk/repo"} <= set(names)
    assert [path.name for path in there.clone.iterdir()] == [".git"]


def test_a_repository_without_commits(site: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main", "new"], cwd=tmp_path, check=True)
    target = GitTarget(tmp_path / "new")
    result = publish(site, target, link("study"))
    assert git(target.clone, "rev-parse", "main") == result.commit
    assert git(target.clone, "status", "--porcelain") == ""
    assert (target.clone / "study" / "run-3" / "run-3.json").exists()


def test_docs_folder_gets_its_own_nojekyll(site: Path, target: GitTarget) -> None:
    docs = replace(target, prefix="docs/stac")
    publish(site, docs, link("study"))
    assert (target.clone / "docs" / ".nojekyll").exists()
    assert not publish(site, docs, link("study")).changes


def test_no_identity_is_no_obstacle(site: Path, target: GitTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    git(target.clone, "config", "user.useConfigOnly", "true")
    publish(site, target, link("study"))
    assert git(target.clone, "log", "-1", "--format=%an <%ae>") == "simstac <simstac@localhost>"


def test_large_files_are_refused_before_anything_is_copied(site: Path, target: GitTarget) -> None:
    chunk = site / "data" / "study.icechunk" / "chunks" / "large"
    with chunk.open("wb") as file:
        file.truncate(100_000_000)
    before = state(target.clone)
    with pytest.raises(PublishError, match=r"chunks/large: is too large .*; keep large data in a bucket: set"):
        publish(site, target, link("study"))
    chunk.unlink()
    for number in range(11):
        with (chunk.parent / f"part-{number}").open("wb") as file:
            file.truncate(99_000_000)
    with pytest.raises(PublishError, match=r"the site is too large for Git Pages \(1.09 GB"):
        publish(site, target, link("study"), dry_run=True)
    assert state(target.clone) == before


def test_a_lost_race_is_edited_again_on_top(site: Path, tmp_path: Path) -> None:
    one, two = (git_place(tmp_path / "git", push=True) for _ in range(2))
    other = write_site(tmp_path / "other", {"other": RUNS})
    changes = plan(read_site(site), one.target, link("study"))
    publish(other, two.target, link("other"))
    with pytest.raises(ConflictError, match="somebody else committed to main meanwhile"):
        apply(changes, one.target)
    assert publish(site, one.target, link("study")).commit
    assert {"study/collection.json", "other/collection.json"} <= crawl(two.fetch).keys()
    log = git(tmp_path / "git" / "origin.git", "log", "--format=%s", "main").splitlines()
    assert log == ["Publish study", "Publish other", "begin"]


def test_commits_of_the_user_are_kept(site: Path, tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    clone = place.target.clone
    (clone / "README.md").write_text("mine, newer\n")
    git(clone, "commit", "-qam", "my work")
    publish(site, place.target, link("study"))
    log = git(tmp_path / "git" / "origin.git", "log", "--format=%s", "main").splitlines()
    assert log == ["Publish study", "my work", "begin"]


def test_a_commit_that_the_user_makes_meanwhile_is_kept(site: Path, tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    clone = place.target.clone
    changes = plan(read_site(site), place.target, link("study"))
    (clone / "README.md").write_text("mine, newer\n")
    git(clone, "commit", "-qam", "my work")
    with pytest.raises(ConflictError, match="somebody else committed to main meanwhile"):
        apply(changes, place.target)
    assert (clone / "README.md").read_text() == "mine, newer\n"
    publish(site, place.target, link("study"))
    log = git(tmp_path / "git" / "origin.git", "log", "--format=%s", "main").splitlines()
    assert log == ["Publish study", "my work", "begin"]


def test_worktrees_of_one_repository_do_not_take_each_others_commits(target: GitTarget, tmp_path: Path) -> None:
    sites, trees = {}, {}
    for name in ("a", "b", "c", "d"):
        sites[name] = write_site(tmp_path / name, {name: RUNS})
        trees[name] = replace(target, clone=tmp_path / f"tree-{name}")
        git(target.clone, "worktree", "add", "-q", "-b", name, str(trees[name].clone))
    for round_ in range(2):
        for name, each in sites.items():
            write_site(each, {name: RUNS | {"run-0": f"new {round_}"}})
        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(publish, sites[name], trees[name], link(name)) for name in sites]:
                each.result()
        for name, tree in trees.items():
            names = git(tree.clone, "ls-tree", "--name-only", name, "stac/").splitlines()
            assert f"stac/{name}" in names
            assert not {f"stac/{other}" for other in set(sites) - {name}} & set(names)


def test_diverged_and_detached(site: Path, tmp_path: Path) -> None:
    place, other = (git_place(tmp_path / "git", push=True) for _ in range(2))
    git(other.target.clone, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(other.target.clone, "push", "-q")
    git(place.target.clone, "commit", "-q", "--allow-empty", "-m", "mine")
    with pytest.raises(PublishError, match="have diverged; git pull --rebase in the clone first"):
        publish(site, place.target, link("study"))
    git(place.target.clone, "checkout", "-q", "--detach")
    with pytest.raises(PublishError, match="has no branch checked out"):
        publish(site, place.target, link("study"))


def test_a_refused_push_leaves_no_commit(site: Path, tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    hook = tmp_path / "git" / "origin.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = state(place.target.clone)
    with pytest.raises(PublishError, match=r"git push failed \(.*pre-receive hook declined.*\)"):
        publish(site, place.target, link("study"))
    assert state(place.target.clone) == before
    assert git(place.target.clone, "for-each-ref", "refs/worktree") == ""


def test_a_secret_in_the_remote_is_not_shown(site: Path, tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    git(place.target.clone, "remote", "set-url", "origin", "http://ada:s3cr3t@127.0.0.1:9/x.git")
    with pytest.raises(PublishError, match="git fetch failed") as caught:
        publish(site, place.target, link("study"))
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("path", ["missing", "plain"])
def test_no_clone(site: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(PublishError, match="; clone the repository to this path first"):
        publish(site, GitTarget(tmp_path / path), link("study"))


def test_a_folder_inside_a_clone_is_not_a_clone(site: Path, target: GitTarget) -> None:
    (target.clone / "inner").mkdir()
    with pytest.raises(PublishError, match="is not a Git clone"):
        publish(site, replace(target, clone=target.clone / "inner"), link("study"))


def test_git_locked_by_another_process(site: Path, target: GitTarget) -> None:
    lock = target.clone / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(PublishError, match="another Git process is at work in the clone"):
        publish(site, target, link("study"))
    lock.unlink()
    publish(site, target, link("study"))
    assert git(target.clone, "status", "--porcelain") == ""


def test_a_branch_checked_out_in_another_worktree(site: Path, target: GitTarget, tmp_path: Path) -> None:
    git(target.clone, "worktree", "add", "-q", "-b", "pages", str(tmp_path / "tree"))
    with pytest.raises(PublishError, match="has the branch pages checked out"):
        publish(site, replace(target, branch="pages"), link("study"))


def test_reprs_are_short(target: Any) -> None:
    assert repr(target).startswith("GitTarget(clone=")


@pytest.mark.parametrize("prefix", ["README.md", "README.md/stac", "link/stac", "module"])
def test_a_prefix_that_is_no_folder_is_refused(site: Path, target: GitTarget, prefix: str) -> None:
    clone = target.clone
    (clone / "link").symlink_to("README.md")
    git(clone, "add", "link")
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{git(clone, 'rev-parse', 'HEAD')},module")
    git(clone, "commit", "-qm", "odd")
    (clone / "module").mkdir()
    before = state(clone)
    with pytest.raises(PublishError, match=r"is no folder in the repository; choose another prefix"):
        publish(site, replace(target, prefix=prefix), link("study"))
    assert state(clone) == before


@pytest.mark.parametrize(
    "path", ["study", "data", "study/run-0", "study/collection.json/notes", "study/run-1/run-1.json/x"]
)
def test_a_users_file_in_the_way_is_not_replaced(site: Path, target: GitTarget, path: str) -> None:
    """Git's plumbing would put a folder in the place of a file, and a file in the place of a folder."""
    where = target.clone / "stac" / path
    where.parent.mkdir(parents=True)
    where.write_text("mine")
    git(target.clone, "add", ".")
    git(target.clone, "commit", "-qm", "mine")
    before = state(target.clone)
    with pytest.raises(PublishError, match="is there already and was not published by this configuration"):
        publish(site, target, link("study"), dry_run=True)
    assert state(target.clone) == before


def test_commits_are_signed_where_the_user_signs(site: Path, target: GitTarget, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    (tmp_path / "allowed").write_text(f"ada@example.org {(tmp_path / 'key.pub').read_text()}")
    settings = {"gpg.format": "ssh", "user.signingKey": str(tmp_path / "key"), "commit.gpgSign": "true"}
    settings |= {"gpg.ssh.allowedSignersFile": str(tmp_path / "allowed"), "user.name": "Ada"}
    for name, value in (settings | {"user.email": "ada@example.org"}).items():
        git(target.clone, "config", name, value)
    before = git(target.clone, "rev-parse", "HEAD")
    commit = publish(site, target, link("study")).commit
    assert git(target.clone, "log", "-1", "--format=%H %P %G? %s") == f"{commit} {before} G Publish study"
    assert git(target.clone, "status", "--porcelain") == ""
    assert not publish(site, target, link("study")).changes
    (tmp_path / "key").unlink()
    write_site(site, {"study": RUNS | {"run-9": 9}}, data={"study": "A"})
    with pytest.raises(PublishError, match="git commit-tree failed"):
        publish(site, target, link("study"))
    assert git(target.clone, "rev-parse", "HEAD") == commit
    assert git(target.clone, "status", "--porcelain") == ""


def test_a_shallow_and_a_sparse_clone(site: Path, tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    url = f"file://{tmp_path / 'git' / 'origin.git'}"
    for number in range(2):
        git(place.target.clone, "commit", "-q", "--allow-empty", "-m", f"more {number}")
    git(place.target.clone, "push", "-q")
    subprocess.run(["git", "clone", "-q", "--depth=1", url, tmp_path / "shallow"], check=True)
    subprocess.run(["git", "clone", "-q", "--sparse", url, tmp_path / "sparse"], check=True)
    publish(site, replace(place.target, clone=tmp_path / "shallow"), link("study"))
    publish(
        write_site(tmp_path / "other", {"other": RUNS}), replace(place.target, clone=tmp_path / "sparse"), link("other")
    )
    assert {"study/collection.json", "other/collection.json"} <= crawl(place.fetch).keys()
    assert not (tmp_path / "sparse" / "stac").exists()
    for clone in ("shallow", "sparse"):
        assert git(tmp_path / clone, "status", "--porcelain") == ""
        assert not publish(site, replace(place.target, clone=tmp_path / clone), link("study")).changes


def test_a_hook_that_fails_stops_the_push(site: Path, tmp_path: Path) -> None:
    """The user's hook before a push is asked; those of commits and checkouts are not, for it is no work of theirs."""
    place = git_place(tmp_path / "git", push=True)
    hooks = place.target.clone / ".git" / "hooks"
    for name in ("pre-commit", "post-checkout", "pre-push"):
        (hooks / name).write_text("#!/bin/sh\necho 'not on Fridays' >&2\nexit 1\n")
        (hooks / name).chmod(0o755)
    before = state(place.target.clone)
    with pytest.raises(PublishError, match=r"git push failed \(.*\); try the same by hand"):
        publish(site, place.target, link("study"))
    assert state(place.target.clone) == before
    (hooks / "pre-push").unlink()
    assert publish(site, place.target, link("study")).commit


def test_attributes_of_the_repository_do_not_change_what_is_published(site: Path, target: GitTarget) -> None:
    """Large File Storage would publish pointers, and line endings other bytes than those that were built."""
    clone = target.clone
    (clone / ".gitattributes").write_text("*.json text eol=crlf\n**/chunks/* filter=lfs -text\n")
    (clone / ".gitignore").write_text("data/\n*.json\n")
    git(clone, "config", "filter.lfs.clean", "echo pointer")
    git(clone, "config", "filter.lfs.smudge", "exit 1")
    git(clone, "config", "filter.lfs.required", "true")
    git(clone, "add", "--force", ".gitattributes", ".gitignore")
    git(clone, "commit", "-qm", "attributes")
    publish(site, target, link("study"))
    for path in ("study/run-0/run-0.json", "data/study.icechunk/chunks/A"):
        shown = subprocess.run(
            ["git", "cat-file", "blob", f"HEAD:stac/{path}"], cwd=clone, capture_output=True, check=True
        )
        assert shown.stdout == (site / path).read_bytes()
        assert (clone / "stac" / path).read_bytes() == shown.stdout
    assert git(clone, "status", "--porcelain") == ""
    assert not publish(site, target, link("study")).changes
