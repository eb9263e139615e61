"""A clone that the user has, by Git's plumbing: read, committed to, and brought along without a checkout of our own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from simstac.errors import PublishError

_REF = "refs/worktree/simstac/publish"
_INDEX = "simstac-index"
_MOVE = "simstac-move"
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_STRANGERS = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
_SECRET = re.compile(r"(\w+://)[^/@\s]+@")
_FALLBACK = "simstac <simstac@localhost>"


@dataclass(frozen=True)
class Clone:
    """A Git clone.

    Attributes:
        path: Its folder.
    """

    path: Path

    @cached_property
    def folder(self) -> Path:
        """The folder of Git's own files.

        Raises:
            PublishError: If this is no clone.
        """
        if not self.path.is_dir():
            raise PublishError(self.path, "is not there", "clone the repository to this path first")
        found = self.text("rev-parse", "--absolute-git-dir", check=False)
        top = self.text("rev-parse", "--show-toplevel", check=False) if found else ""
        if not found or (top and Path(top).resolve() != self.path.resolve()):
            raise PublishError(self.path, "is not a Git clone", "clone the repository to this path first")
        return Path(found)

    @cached_property
    def has_checkout(self) -> bool:
        """Whether files are checked out, or would be (not so in a bare or a ``--no-checkout`` clone)."""
        if self.text("rev-parse", "--is-bare-repository") == "true":
            return False
        return (self.folder / "index").exists() or not self.tip("HEAD")

    @cached_property
    def hash_name(self) -> str:
        """The hash that names objects: ``sha1`` or ``sha256``."""
        return self.text("--git-dir", str(self.folder), "rev-parse", "--show-object-format")

    def blob_id(self, content: bytes) -> str:
        """The name of the object that holds these bytes."""
        return hashlib.new(self.hash_name, b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()

    def head_branch(self) -> str:
        """The branch that is checked out; empty if none is."""
        return self.text("symbolic-ref", "--quiet", "--short", "HEAD", check=False)

    def tip(self, ref: str) -> str:
        """The commit a ref points to; empty if there is no such ref."""
        return self.text("rev-parse", "--quiet", "--verify", f"{ref}^{{commit}}", check=False)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether one commit is the other or lies below it."""
        return self.run("merge-base", "--is-ancestor", old, new, check=False).returncode == 0

    def blobs(self, commit: str, prefix: str) -> dict[str, str]:
        """The ids of the files of a commit below a folder (``""`` or ending in a slash), by path below it."""
        if not commit:
            return {}
        output = self.run("ls-tree", "-r", "-z", commit, "--", *([prefix] if prefix else [])).stdout
        rows = (row.partition(b"\t") for row in output.split(b"\0") if row)
        return {os.fsdecode(path).removeprefix(prefix): meta.split()[2].decode() for meta, _, path in rows}

    def no_folder(self, commit: str, prefix: str) -> str:
        """What a commit has, as a file, a link or a submodule, where ``prefix`` wants a folder; empty if nothing."""
        if not commit or not prefix:
            return ""
        parts = prefix.rstrip("/").split("/")
        paths = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        rows = self.run("ls-tree", "-z", commit, "--", *paths).stdout.split(b"\0")
        found = {os.fsdecode(path): meta.split()[1] for meta, _, path in (row.partition(b"\t") for row in rows if row)}
        return next((path for path in paths if found.get(path, b"tree") != b"tree"), "")

    def content(self, blob: str) -> bytes:
        """The bytes of a file."""
        return self.run("cat-file", "blob", blob).stdout

    def dirty(self) -> list[str]:
        """The paths that differ from the last commit, untracked ones too; none where nothing is checked out."""
        if not self.has_checkout:
            return []
        output = self.run("--no-optional-locks", "status", "--porcelain", "-z", "--no-renames", "-uall").stdout
        return [os.fsdecode(row[3:]) for row in output.split(b"\0") if row]

    def differs(self) -> bool:
        """Whether a tracked file may differ from the last commit, which is known sooner than which."""
        return self.run("--no-optional-locks", "diff-index", "--quiet", "HEAD", check=False).returncode != 0

    def checked_out_elsewhere(self, branch: str) -> str:
        """Another worktree in which the branch is checked out; empty if there is none."""
        output = os.fsdecode(self.run("worktree", "list", "--porcelain").stdout)
        for block in output.split("\n\n"):
            lines = block.splitlines()
            where = lines[0].removeprefix("worktree ") if lines else ""
            if f"branch refs/heads/{branch}" in lines and Path(where).resolve() != self.path.resolve():
                return where
        return ""

    def commit(self, base: str, message: str, puts: Iterable[tuple[str, bytes]], deletes: Iterable[str]) -> str:
        """Make a commit on top of ``base`` without moving any branch; returns its id."""
        who = self.text("var", "GIT_COMMITTER_IDENT", check=False) or f"{_FALLBACK} {int(time.time())} +0000"
        command = self._command("fast-import", "--quiet", "--force", "--done", "--date-format=raw")
        with subprocess.Popen(  # noqa: S603  # git itself, with arguments of our own
            command, cwd=self.path, env=_environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                _write_commit(_stream(process.stdin), base, who, message, puts, deletes)
            except BrokenPipeError:
                pass
            finally:
                _stream(process.stdin).close()
            said = _stream(process.stderr).read()
        if process.returncode:
            raise self._failed("fast-import", said)
        commit = self.tip(_REF)
        self.run("update-ref", "-d", _REF)
        return self._signed(commit, base, message) if self._signs else commit

    def move_branch(self, branch: str, new: str, old: str) -> bool:
        """Move a branch that is still where it was; returns whether it was."""
        where = f"refs/heads/{branch}"
        result = self.run("update-ref", "-m", "simstac publish", where, new, old or "0" * len(new), check=False)
        return result.returncode == 0

    def on_the_way(self) -> frozenset[str]:
        """The paths that an interrupted move of the checked-out branch was about to change."""
        note = self.folder / _MOVE
        old, _, new = note.read_text().partition(" ") if note.exists() else ("", "", "")
        if not new or new != self.tip("HEAD"):
            return frozenset()
        if not old:
            return frozenset(self.blobs(new, ""))
        output = self.run("diff-tree", "-r", "-z", "--name-only", old, new).stdout
        return frozenset(os.fsdecode(path) for path in output.split(b"\0") if path)

    def move_checkout(self, branch: str, new: str, old: str) -> bool:
        """Move the checked-out branch, its files with it; returns whether it was where it should be.

        The move is noted until the files are there, for a process that is killed meanwhile.
        """
        self._refuse_busy()
        note = self.folder / _MOVE
        note.write_text(f"{old} {new}")
        moved = self.move_branch(branch, new, old)
        if moved:
            self.bring_along(new)
        note.unlink()
        return moved

    def bring_along(self, commit: str) -> None:
        """Make the checked-out files those of a commit, by an index of our own that replaces Git's at the end."""
        index, mine, lock = self.folder / "index", self.folder / _INDEX, self.folder / "index.lock"
        self._refuse_busy()
        Path(f"{mine}.lock").unlink(missing_ok=True)
        mine.unlink(missing_ok=True)
        if index.exists():
            shutil.copyfile(index, mine)
        self.run("read-tree", "--reset", "-u", commit, index=mine)
        try:
            os.link(mine, lock)
        except FileExistsError:
            self._refuse_busy()
            raise
        lock.replace(index)
        mine.unlink()

    def fetch(self, remote: str, branch: str) -> str:
        """Fetch a branch; returns its tip, empty if the remote has no such branch."""
        tracking = f"refs/remotes/{remote}/{branch}"
        result = self.run("fetch", "--quiet", "--no-tags", remote, f"+refs/heads/{branch}:{tracking}", check=False)
        if result.returncode == 0:
            return self.tip(tracking)
        if b"couldn't find remote ref" in result.stderr:
            return ""
        raise self._failed("fetch", result.stderr)

    def push(self, remote: str, branch: str, commit: str) -> bool:
        """Push a commit to a branch, never by force; returns whether it was taken, False if somebody was faster.

        Raises:
            PublishError: If the remote refuses for another reason.
        """
        result = self.run("push", "--porcelain", remote, f"{commit}:refs/heads/{branch}", check=False, hooks=True)
        if result.returncode == 0:
            return True
        said = result.stdout + result.stderr
        races = (b"non-fast-forward", b"fetch first", b"cannot lock ref", b"stale info", b"failed to update ref")
        if any(race in said for race in races):
            return False
        raise self._failed("push", said)

    def refused_push(self, remote: str, commit: str) -> str:
        """Why the remote would refuse a push; empty if it would not, or if there is no commit to try with."""
        if not commit:
            return ""
        result = self.run("push", "--dry-run", "--quiet", remote, f"{commit}:refs/heads/simstac-doctor", check=False)
        return self._failed("push", result.stderr).problem if result.returncode else ""

    def text(self, *arguments: str, check: bool = True) -> str:
        """The output of a Git command as one line; empty if it failed and that is no error."""
        result = self.run(*arguments, check=check)
        return os.fsdecode(result.stdout).strip() if result.returncode == 0 else ""

    def run(
        self, *arguments: str, check: bool = True, index: Path | None = None, hooks: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a Git command in the clone.

        Raises:
            PublishError: If it fails and ``check`` is set, or Git is not installed.
        """
        environment = _environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
        command = self._command(*arguments, hooks=hooks)
        try:
            result = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError as error:
            raise PublishError("git", "is not installed", "install it") from error
        if check and result.returncode:
            raise self._failed(arguments[0], result.stderr)
        return result

    def _command(self, *arguments: str, hooks: bool = False) -> list[str]:
        return ["git", *(_QUIET[2:] if hooks else _QUIET), *arguments]

    @property
    def _signs(self) -> bool:
        return self.text("config", "--type=bool", "commit.gpgSign", check=False) == "true"

    def _signed(self, commit: str, base: str, message: str) -> str:
        """The same commit with the user's signature, for fast-import makes none."""
        parents = ["-p", base] if base else []
        return self.text("commit-tree", "-S", *parents, "-m", message, f"{commit}^{{tree}}")

    def _refuse_busy(self) -> None:
        lock = self.folder / "index.lock"
        if lock.exists():
            remedy = "let it finish (or delete that file if none runs), then run it again"
            raise PublishError(lock, "another Git process is at work in the clone", remedy)

    def _failed(self, command: str, said: bytes) -> PublishError:
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "!", "remote: error"))] or lines[-1:]
        reason = _SECRET.sub(r"\1", "; ".join(telling[:2])).replace("\t", " ") or "it gave no reason"
        return PublishError(self.path, f"git {command} failed ({reason})", "try the same by hand in the clone")


def _write_commit(
    stream: IO[bytes], base: str, who: str, message: str, puts: Iterable[tuple[str, bytes]], deletes: Iterable[str]
) -> None:
    """Write one commit as a fast-import stream (git-fast-import(1), "INPUT FORMAT")."""
    text = message.encode()
    stream.write(f"commit {_REF}\ncommitter {who}\ndata {len(text)}\n".encode() + text + b"\n")
    if base:
        stream.write(f"from {base}\n".encode())
    for path in deletes:
        stream.write(b"D %s\n" % _quoted(path))
    for path, content in puts:
        stream.write(b"M 100644 inline %s\ndata %d\n" % (_quoted(path), len(content)))
        stream.write(content)
        stream.write(b"\n")
    stream.write(b"done\n")


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"%s"' % os.fsencode(escaped)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _STRANGERS}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise AssertionError
    return stream
