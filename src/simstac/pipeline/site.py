"""The built site on the local disk: its documents read, and replaced one by one, only where their bytes differ."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simstac.errors import PublishError

TEMPORARY = ".part"


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
            raise _refused(self.root / path, error) from error

    def apply(self, edits: Iterable[tuple[str, bytes | None]]) -> tuple[str, ...]:
        """Write and delete documents in the given order; return the paths of those that changed.

        Each document is replaced as a whole: a reader, or a crash, meets the old one or the new one.

        Raises:
            PublishError: If the folder cannot be written.
        """
        changed = []
        for path, content in edits:
            if content == self.read(path):
                continue
            try:
                self._delete(path) if content is None else self._replace(path, content)
            except OSError as error:
                raise _refused(self.root / path, error) from error
            changed.append(path)
        return tuple(changed)

    def _replace(self, path: str, content: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}{TEMPORARY}")
        try:
            part.write_bytes(content)
            part.replace(target)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _delete(self, path: str) -> None:
        target = self.root / path
        target.unlink(missing_ok=True)
        for folder in target.relative_to(self.root).parents:
            with suppress(OSError):
                (self.root / folder).rmdir()


def _refused(path: Path, error: OSError) -> PublishError:
    return PublishError(path, f"cannot be written: {error.strerror}", "check the disk's room and the folder's rights")
