"""Publishing to a folder: files replaced atomically, writers one after the other."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from simstac.errors import ConflictError, PublishError
from simstac.progress import OnProgress
from simstac.publishing.apply import write_in_order
from simstac.publishing.changes import ABSENT, Change, Changes
from simstac.publishing.lock import locked
from simstac.publishing.site import Kind, Site, digest_of, kind_of
from simstac.publishing.target import Listed, Versioned

LOCK = ".simstac.lock"
TEMPORARY = ".simstac.tmp"


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A folder, for example the document root of a web server.

    Attributes:
        path: The folder; made if it is not there.
        base: A folder has no state that a commit must find.
        exact: Hashing a folder costs as much as publishing to it.
        keeps_headers: Files have no headers.
        unfinished: A commit is done when its last file is put.
    """

    path: Path
    base: str = ""
    exact: bool = False
    keeps_headers: bool = False
    unfinished: bool = False

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.path)

    def snapshot(self) -> LocalTarget:
        """The folder as it stands, which is the folder itself."""
        return self

    def check(self, sizes: Mapping[str, int]) -> None:
        """Refuse what is no folder.

        Raises:
            PublishError: If the path is a file.
        """
        if self.path.exists() and not self.path.is_dir():
            raise PublishError(self.path, "is not a folder", f"publish the {len(sizes)} files to another path")

    def read(self, path: str) -> Versioned | None:
        """A file's bytes, or None; the version is their digest."""
        with _explained(self.path / path):
            try:
                content = (self.path / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Versioned(content, digest_of(content))

    def list(self, prefix: str) -> dict[str, Listed]:
        """The files below a folder; immutable objects of a store are not hashed."""
        with _explained(self.path / prefix):
            paths = (Path(folder, name) for folder, _, names in os.walk(self.path / prefix) for name in names)
            return {where.relative_to(self.path).as_posix(): self._listed(where) for where in paths}

    def digest(self, content: bytes, _like: str = "", /) -> str:
        """The digest that `list` shows."""
        return digest_of(content)

    def commit(self, changes: Changes, on_progress: OnProgress) -> str:
        """Apply a plan while no other process publishes to this folder.

        Raises:
            ConflictError: If a file is no longer as it was planned against.
            PublishError: If the folder cannot be written to.
        """
        if not changes:
            return ""
        with _explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            with locked(self.path / LOCK):
                temporary = self.path / TEMPORARY
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir()
                try:
                    write_in_order(changes, self, self, on_progress)
                finally:
                    shutil.rmtree(temporary, ignore_errors=True)
        return ""

    def write(self, puts: Sequence[Change], site: Site, done: Callable[[Change], None]) -> str:
        """Replace files, each under its precondition; returns the version of the last."""
        version = ""
        for change in puts:
            version = self._write_one(change, site)
            done(change)
        return version

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files, and the folders that are empty then."""
        for path in paths:
            where = self.path / path
            with _explained(where):
                where.unlink(missing_ok=True)
                _prune(where.parent, self.path)

    def _write_one(self, change: Change, site: Site) -> str:
        where, temporary = self.path / change.path, self.path / TEMPORARY / "file"
        with _explained(where):
            where.parent.mkdir(parents=True, exist_ok=True)
            if change.streams and change.file:
                if change.expected == ABSENT and where.exists():
                    raise _changed(where)
                with site.held(change.file) as path:
                    shutil.copyfile(path, temporary)
                temporary.replace(where)
                return change.file.digest
            new = change.body(site)
            version = digest_of(new)
            if change.expected is not None:
                found = self.read(change.path)
                if found and found.content == new:
                    return version
                if (found.version if found else ABSENT) != change.expected:
                    raise _changed(where)
            temporary.write_bytes(new)
            temporary.replace(where)
        return version

    def _listed(self, where: Path) -> Listed:
        if kind_of(where.relative_to(self.path).as_posix()) is Kind.OBJECT:
            return Listed(where.stat().st_size, "", None)
        content = where.read_bytes()
        digest = digest_of(content)
        return Listed(len(content), digest, digest)


def _changed(where: Path) -> ConflictError:
    return ConflictError(where, "was changed by somebody else meanwhile", "run it again")


def _prune(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to the root, as long as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return
            if error.errno != errno.ENOENT:
                raise
        folder = folder.parent


@contextmanager
def _explained(where: Path) -> Iterator[None]:
    """Turn a refusal of the file system into an error that says what to do."""
    try:
        yield
    except OSError as error:
        remedies = {
            errno.ENOSPC: "free some space, then run it again",
            errno.EDQUOT: "free some space, then run it again",
            errno.EACCES: "give this user the right to write there",
            errno.EPERM: "give this user the right to write there",
            errno.EROFS: "mount the file system for writing",
        }
        reason = os.strerror(error.errno) if error.errno else str(error)
        remedy = remedies.get(error.errno or 0, "check the path, then run it again")
        raise PublishError(where, f"cannot be written ({reason})", remedy) from error
