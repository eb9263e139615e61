"""The built site on the local disk: its documents read, and replaced together, only where their bytes differ."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from simstac.catalog import Content, Edit, document_at
from simstac.errors import InvalidDocumentError, PublishError
from simstac.publishing.lock import held
from simstac.publishing.site import OWN
from simstac.stac.document import Document
from simstac.stac.files import ShippedFile

logger = logging.getLogger(__name__)

STAGING = f"{OWN}/new"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """A folder of documents.

    Attributes:
        root: The folder.
    """

    root: Path

    def read(self, path: str) -> bytes | None:
        """A document's bytes, or None where there is none.

        Raises:
            PublishError: If it is there and cannot be read.
        """
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refused(self.root / path, "read", error) from error

    def document(self, path: str) -> Document | None:
        """A document, parsed; None where there is none.

        Raises:
            InvalidDocumentError: If it is not a JSON object.
            PublishError: If it is there and cannot be read.
        """
        return document_at(self.read, path, self.root / path)

    def fields(self, path: str) -> Document:
        """What a document holds; nothing where there is none, or it is broken.

        Raises:
            PublishError: If it is there and cannot be read.
        """
        try:
            return self.document(path) or {}
        except InvalidDocumentError:
            return {}

    def changed(self, edits: Iterable[Edit]) -> Iterator[tuple[str, bytes]]:
        """The documents that edits would write and that are not in the site as they are."""
        for path, content in edits:
            if isinstance(content, bytes) and path.endswith(".json") and content != self.read(path):
                yield path, content

    def holds(self, path: str, content: Content) -> bool:
        """Whether exactly this lies at a path; None stands for nothing.

        Raises:
            PublishError: If what is there cannot be read.
        """
        if not isinstance(content, ShippedFile):
            return content == self.read(path)
        file = self.root / path
        try:
            return file.stat().st_size == content.size and _sha256(file) == content.sha256
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _refused(file, "read", error) from error

    def apply(self, edits: Iterable[Edit]) -> tuple[str, ...]:
        """Write and delete documents in the given order; return the paths of those that changed.

        Every new document lies on the disk before the first one is replaced, so a full disk leaves the site as it
        was; each is replaced as a whole. Other processes that change the site wait meanwhile: what ``edits`` reads
        while it is iterated is what they wrote.

        Raises:
            PublishError: If the folder cannot be written.
        """
        with self._alone():
            try:
                staged = self._stage(edits)
                for path, part in staged:
                    self._delete(path) if part is None else self._replace(path, part)
                    logger.info("%s %s", "deleted" if part is None else "wrote", self.root / path)
            finally:
                shutil.rmtree(self.root / STAGING, ignore_errors=True)
        return tuple(path for path, _ in staged)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the site alone; the folder itself is locked, so that a site nobody may write can still be compared."""
        folder = self.root / OWN
        with ExitStack() as stack:
            with _explained(folder):
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(folder, alone=True))
            yield

    def _stage(self, edits: Iterable[Edit]) -> list[tuple[str, Path | None]]:
        """Write the documents that differ beside the others, and make the folders that they go into."""
        staging, made = self.root / STAGING, set[Path]()
        shutil.rmtree(staging, ignore_errors=True)
        staged: list[tuple[str, Path | None]] = []
        for path, content in edits:
            if self.holds(path, content):
                continue
            part = None if content is None else staging / str(len(staged))
            staged.append((path, part))
            if part is None or content is None:
                continue
            folder = (self.root / path).parent
            try:
                with _explained(self.root / path):
                    staging.mkdir(exist_ok=True)
                    _write(content, part)
                    if not folder.is_dir():
                        made.add(folder)
                        folder.mkdir(parents=True)
            except PublishError:
                for each in made:
                    _prune(each, self.root)
                raise
        return staged

    def _replace(self, path: str, part: Path) -> None:
        with _explained(self.root / path):
            part.replace(self.root / path)

    def _delete(self, path: str) -> None:
        with _explained(self.root / path):
            (self.root / path).unlink(missing_ok=True)
        _prune((self.root / path).parent, self.root)


def _write(content: bytes | ShippedFile, part: Path) -> None:
    if isinstance(content, bytes):
        part.write_bytes(content)
        return
    digest = hashlib.sha256()
    with content.path.open("rb") as source, part.open("wb") as copy:
        while block := source.read(BLOCK):
            digest.update(block)
            copy.write(block)
    if digest.hexdigest() != content.sha256:
        raise PublishError(content.path, "changed while it was copied", "wait until its run has ended and build again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prune(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to the root, as long as they are empty."""
    while folder != root:
        with suppress(OSError):
            folder.rmdir()
        folder = folder.parent


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refused(path, "written", error) from error


def _refused(path: Path, done: str, error: OSError) -> PublishError:
    return PublishError(path, f"cannot be {done}: {error.strerror}", "check the disk's room and the folder's rights")
