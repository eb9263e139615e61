"""Publishing to a branch of a clone: one commit when something changed, pushed if wished, never by force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from simstac.errors import ConflictError, PublishError
from simstac.progress import OnProgress, Progress
from simstac.publishing.changes import Action, Changes
from simstac.publishing.git.clone import Clone
from simstac.publishing.lock import locked
from simstac.publishing.manifest import FOLDER, decode_table
from simstac.publishing.site import CATALOG, OUTPUTS, group_of
from simstac.publishing.target import Listed, Versioned

FILE_LIMIT = 100_000_000
SITE_LIMIT = 1_000_000_000
LOCK = "simstac.lock"
NO_JEKYLL = ".nojekyll"
VERBATIM = b"* -text -filter -ident -working-tree-encoding\n"
NAMED = 3
_OUTPUT_REMEDY = "leave it out of the outputs of the source, or publish to a bucket"
_REMEDY = "keep large data in a bucket: set store.url to s3://bucket/prefix"
_VERBS = {Action.ADD: "added", Action.CHANGE: "changed", Action.DELETE: "removed"}


@dataclass(frozen=True)
class GitTarget:
    """A folder of a branch of a clone.

    Attributes:
        clone: The clone's folder.
        prefix: The folder within it; empty for its root.
        push: Whether to fetch before and push after.
        branch: The branch; the one checked out where none is named.
        remote: Where to fetch from and push to.
    """

    clone: Path
    prefix: str = ""
    push: bool = False
    branch: str | None = None
    remote: str = "origin"

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.clone / self.prefix)

    @property
    def exact(self) -> bool:
        """A commit's file ids say everything, in a moment."""
        return True

    def digest(self, content: bytes, _like: str = "", /) -> str:
        """The blob id of these bytes."""
        return self._clone.blob_id(content)

    def snapshot(self) -> GitSnapshot:
        """The branch as it stands, after a fetch if it is pushed.

        Raises:
            PublishError: If this is no clone, has changes of the user's, or cannot be fetched.
        """
        clone = self._clone
        with locked(clone.folder / LOCK):
            branch = self._branch(clone)
            local, remote = self._tips(clone, branch)
            base = self._base(clone, branch, local, remote)
            if taken := clone.no_folder(base, self._folder):
                raise PublishError(self.clone / taken, "is no folder in the repository", "choose another prefix")
            differs = self._refuse_strangers(clone)
        return GitSnapshot(clone, base, self._folder, differs or base != local or (self.push and base != remote))

    def check(self, sizes: Mapping[str, int]) -> None:
        """Refuse what GitHub refuses: files of 100 MB, sites over 1 GB.

        Raises:
            PublishError: If a file or the whole is too large.
        """
        for path, size in sizes.items():
            if size >= FILE_LIMIT:
                problem = (
                    f"is too large for Git Pages ({size / 1e6:.0f} MB; less than {FILE_LIMIT / 1e6:.0f} MB is allowed)"
                )
                raise PublishError(path, problem, _OUTPUT_REMEDY if f"/{OUTPUTS}/" in path else _REMEDY)
        total = sum(sizes.values())
        if total > SITE_LIMIT:
            problem = (
                f"the site is too large for Git Pages ({total / 1e9:.2f} GB; {SITE_LIMIT / 1e9:.0f} GB is allowed)"
            )
            raise PublishError(self.url, problem, _REMEDY)

    def commit(self, changes: Changes, on_progress: OnProgress) -> str:
        """Commit a plan, push it if wished, and bring the checked-out files along; returns the commit made.

        Raises:
            ConflictError: If the branch, here or at the remote, is no longer where it was.
            PublishError: If Git or the remote refuses.
        """
        clone = self._clone
        with locked(clone.folder / LOCK):
            branch = self._branch(clone)
            elsewhere = clone.checked_out_elsewhere(branch) if changes else ""
            if elsewhere:
                raise PublishError(elsewhere, f"has the branch {branch} checked out", "check out another one there")
            local = clone.tip(f"refs/heads/{branch}")
            if local != changes.base and not (self.push and (not local or clone.is_ancestor(local, changes.base))):
                raise self._conflict(branch)
            new = changes.base
            if changes:
                if self._refuse_strangers(clone) and self._is_checked_out(clone, branch):
                    clone.bring_along(local)
                puts = self._puts(clone, changes, on_progress)
                new = clone.commit(changes.base, _message(changes), puts, self._gone(changes))
            unpushed = self.push and new != clone.tip(f"refs/remotes/{self.remote}/{branch}")
            if unpushed and not clone.push(self.remote, branch, new):
                raise self._conflict(branch)
            self._advance(clone, branch, local, new)
        return new if changes else ""

    @cached_property
    def _clone(self) -> Clone:
        return Clone(self.clone)

    @property
    def _folder(self) -> str:
        prefix = self.prefix.strip("/")
        return f"{prefix}/" if prefix else ""

    def _branch(self, clone: Clone) -> str:
        branch = self.branch or clone.head_branch()
        if not branch:
            raise PublishError(self.clone, "has no branch checked out", "check one out, or name one with branch")
        return branch

    def _tips(self, clone: Clone, branch: str) -> tuple[str, str]:
        """Where the branch is, here and, if it is pushed, at the remote."""
        return clone.tip(f"refs/heads/{branch}"), clone.fetch(self.remote, branch) if self.push else ""

    def _base(self, clone: Clone, branch: str, local: str, remote: str) -> str:
        """The commit to build on: the remote's if it is ahead of ours, ours if it is ahead of the remote's."""
        if not local or not remote:
            return local or remote
        if clone.is_ancestor(local, remote):
            return remote
        if clone.is_ancestor(remote, local):
            return local
        raise PublishError(
            self.clone, f"its branch {branch} and {self.remote}'s have diverged", "git pull --rebase in the clone first"
        )

    def _puts(self, clone: Clone, changes: Changes, on_progress: OnProgress) -> Iterator[tuple[str, bytes]]:
        for count, change in enumerate(changes.puts, 1):
            yield self._folder + change.path, change.body(changes.site)
            on_progress(Progress("publish", count, len(changes.puts), change.path))
        records = [change for change in (changes.swept or changes.record,) if change]
        for change in (*changes.tables, *records):
            if change.path not in changes.dropped:
                yield self._folder + change.path, change.body(changes.site)
        present = clone.blobs(changes.base, "")
        yield from ((path, content) for path, content in _settings(self._folder).items() if path not in present)

    def _gone(self, changes: Changes) -> list[str]:
        return [self._folder + path for path in (*(change.path for change in changes.gone), *changes.dropped)]

    def _refuse_strangers(self, clone: Clone) -> bool:
        """Refuse a clone in which anything but our own differs from its last commit; returns whether anything does."""
        dirty = set(clone.dirty())
        if not dirty:
            return False
        ours = GitSnapshot(clone, clone.tip("HEAD"), self._folder).owned | clone.on_the_way()
        strangers = sorted(dirty - ours)
        if strangers:
            more = f" and {len(strangers) - 1} more" if strangers[1:] else ""
            problem = f"the clone has changes of yours ({strangers[0]}{more})"
            raise PublishError(self.clone, problem, "commit or stash them first")
        return True

    def _is_checked_out(self, clone: Clone, branch: str) -> bool:
        return clone.has_checkout and clone.head_branch() == branch

    def _advance(self, clone: Clone, branch: str, local: str, new: str) -> None:
        """Move the branch, and the checked-out files with it; mend those that an interrupted publish left behind."""
        checked_out = self._is_checked_out(clone, branch)
        if new and new != local:
            move = clone.move_checkout if checked_out else clone.move_branch
            if not move(branch, new, local):
                raise self._conflict(branch)
        elif new and checked_out and clone.differs():
            clone.bring_along(new)

    def _conflict(self, branch: str) -> ConflictError:
        return ConflictError(self.url, f"somebody else committed to {branch} meanwhile", "run it again")


@dataclass(frozen=True)
class GitSnapshot:
    """One commit of a branch.

    Attributes:
        clone: The clone.
        base: The commit; empty for a branch without any.
        folder: The folder that is published to, empty or ending in a slash.
        unfinished: Whether the commit is not everywhere yet: in the branch, at the remote, in the checked-out files.
        exact: See `GitTarget.exact`.
        keeps_headers: Git has no headers.
    """

    clone: Clone
    base: str
    folder: str
    unfinished: bool = False
    exact: bool = field(default=True)
    keeps_headers: bool = field(default=False)

    @cached_property
    def blobs(self) -> dict[str, str]:
        """The blob id of every file, by path."""
        return self.clone.blobs(self.base, self.folder)

    @cached_property
    def owned(self) -> frozenset[str]:
        """The paths, below the clone, of everything that simstac has published here, under any configuration."""
        tables = [path for path in self.blobs if path.startswith(f"{FOLDER}/")]
        if not tables:
            return frozenset()
        paths = {*tables, CATALOG}
        for path in tables:
            if path.count("/") > 1:
                table = decode_table(path, self.clone.content(self.blobs[path]))
                paths |= {*table.files, *table.gone}
        return frozenset({f"{self.folder}{path}" for path in paths} | _settings(self.folder).keys())

    def read(self, path: str) -> Versioned | None:
        """A file of the commit, or None; the version is its blob id."""
        blob = self.blobs.get(path)
        return Versioned(self.clone.content(blob), blob) if blob else None

    def list(self, prefix: str) -> dict[str, Listed]:
        """The files of the commit below a folder."""
        return {path: Listed(None, blob, blob) for path, blob in self.blobs.items() if path.startswith(prefix)}

    def digest(self, content: bytes, _like: str = "", /) -> str:
        """The blob id of these bytes."""
        return self.clone.blob_id(content)


def _settings(folder: str) -> dict[str, bytes]:
    """Files that tell Pages, and Git where the folder is not the user's own, to take what is published as it is."""
    return (
        {NO_JEKYLL: b""}
        | ({f"docs/{NO_JEKYLL}": b""} if folder.startswith("docs/") else {})
        | ({f"{folder}.gitattributes": VERBATIM} if folder else {})
    )


def _message(changes: Changes) -> str:
    """What a commit says: the datasets, and how many files were added, changed and removed in each."""
    counts: dict[str, Counter[str]] = {}
    for change in changes.changes:
        counts.setdefault(group_of(change.path) or CATALOG, Counter())[_VERBS[change.action]] += 1
    names = [name for name in counts if name != CATALOG] or list(counts) or ["the record"]
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if names[NAMED:] else "")
    lines = [f"{name}: " + ", ".join(f"{count} {verb}" for verb, count in row.items()) for name, row in counts.items()]
    return f"Publish {shown}\n\n" + "\n".join(lines) + "\n"
