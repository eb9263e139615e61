"""Files of a source read on this machine: a few of them open at a time, however many there are."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import RLock
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from simstac.progress import OnProgress, Progress
from simstac.sources.cf.decode import Slab
from simstac.sources.cf.facts import FileFacts, VariableFacts, digest_of, file_facts
from simstac.sources.cf.files import LocalCopies, SourceFile
from simstac.sources.cf.opened import OpenFile
from simstac.sources.cf.options import CfOptions

OPEN_FILES = 32
DECODING_THREADS = 8


class FileReader:
    """Reads files of one source; used from one thread at a time."""

    def __init__(self, options: CfOptions) -> None:
        """Open nothing yet.

        Args:
            options: What to read.
        """
        self._options, self._copies, self._lock = options, LocalCopies(), RLock()
        self._pool = ThreadPoolExecutor(min(DECODING_THREADS, os.cpu_count() or 1)) if options.in_threads else None
        self._open: OrderedDict[str, OpenFile] = OrderedDict()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files, and delete copies."""
        while self._open:
            self._open.popitem()[1].close()
        if self._pool is not None:
            self._pool.shutdown()
        self._copies.__exit__(kind, error, trace)

    def facts(self, files: Sequence[SourceFile], along: tuple[str, ...], on_progress: OnProgress) -> list[FileFacts]:
        """What is known of files before their data are read.

        Raises:
            SourceError: If one of them cannot be read.
        """
        known: dict[str, VariableFacts] = {}
        found = []
        for number, file in enumerate(files):
            found.append(file_facts(self._opened(file), file, along, known))
            on_progress(Progress("look at files", number + 1, len(files), file.name))
        return found

    def read(self, file: SourceFile, name: str, slab: Slab, out: NDArray[Any]) -> None:
        """Read a slab of a variable as it is stored.

        Raises:
            SourceError: If it cannot be read.
        """
        with self._lock:
            self._opened(file).read(name, slab, out)

    def values(self, file: SourceFile, name: str) -> NDArray[Any]:
        """All values of a variable.

        Raises:
            SourceError: If it cannot be read.
        """
        with self._lock:
            return self._opened(file).values(name)

    def digest(self, file: SourceFile, facts: VariableFacts) -> str:
        """SHA-256 of the values of a variable.

        Raises:
            SourceError: If it cannot be read.
        """
        with self._lock:
            return digest_of(self._opened(file), facts.name, facts)

    def _opened(self, file: SourceFile) -> OpenFile:
        if file.where in self._open:
            self._open.move_to_end(file.where)
            return self._open[file.where]
        if len(self._open) >= OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        opened = OpenFile(self._copies.path(file), file.where, self._options, self._pool)
        self._open[file.where] = opened
        return opened
