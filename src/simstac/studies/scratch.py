"""Temporary folders that go with the process that made them, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PREFIX = "simstac-run-"
SECONDS_TO_LOCK = 60.0
"""How old a folder must be before its lock tells whether its process is gone."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is removed at the end; one that a killed process left is removed by the next that needs one.

    Raises:
        OSError: If there is no room for it.
    """
    _sweep(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _locked(name):
        yield Path(name)


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Hold the lock of a folder, which the system lets go when the process ends."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@cache
def _sweep(top: str) -> None:
    """Remove the folders of processes that are gone, once in a process."""
    for folder in Path(top).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another's, or gone meanwhile
            if time.time() - folder.stat().st_mtime < SECONDS_TO_LOCK:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
