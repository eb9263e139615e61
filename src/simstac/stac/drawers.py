"""Processes that draw pictures: kept for the next picture, since they take seconds to start, and killed when late.

Whatever happens in one (`simstac.stac.draw`), the process that asks goes on.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Timer
from typing import IO

from simstac.stac.draw import receive, send

IDLE_SECONDS = 30.0
GRACE_SECONDS = 5.0
"""For how long a process that answers no more may say why."""


class DrawingError(Exception):
    """A process ended instead of drawing; says why, as far as it could."""


@dataclass(frozen=True, slots=True, eq=False)
class _Drawer:
    """A process that draws, and where its standard error goes."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def end(self, grace: float = 0.0) -> str:
        """Kill the process, unless it ends by itself within so many seconds; returns what it said last."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace)
        self.process.kill()
        status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # what it did not read, it never will
                stream.close()  # type: ignore[union-attr]
        self.errors.seek(0)
        said = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        self.errors.close()
        return said[-1] if said else f"exit status {status}"


class Drawers:
    """The processes that draw for this one: as many as it asks at once, those that have nothing to do for a while."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Start none yet.

        Args:
            idle_seconds: For how long a process waits for another picture.
        """
        self._idle_seconds = idle_seconds
        self._lock = Lock()
        self._idle: list[tuple[_Drawer, Timer]] = []
        self._owner = os.getpid()

    def ask(self, request: bytes, seconds: float) -> bytes:
        """What a process answers to a request.

        Raises:
            DrawingError: If it ended instead.
            TimeoutError: If it took longer than so many seconds; it is killed.
        """
        drawer, late = self._waiting() or _started(), Event()

        def end() -> None:
            late.set()
            drawer.process.kill()

        answer, timer = None, _timer(seconds, end)
        try:
            with suppress(OSError):
                send(drawer.process.stdin, request)  # type: ignore[arg-type]
                answer = receive(drawer.process.stdout)  # type: ignore[arg-type]
        finally:
            timer.cancel()
            timer.join()
            if answer is None or late.is_set():
                said = drawer.end(0.0 if late.is_set() else GRACE_SECONDS)
            else:
                self._keep(drawer)
        if late.is_set():
            raise TimeoutError
        if answer is None:
            raise DrawingError(said)
        return answer

    def close(self) -> None:
        """End the processes that wait."""
        while drawer := self._waiting():
            drawer.end()

    def _waiting(self) -> _Drawer | None:
        """One that waits, no longer kept; a forked process has none, for those belong to its parent."""
        if os.getpid() != self._owner:
            return None
        while True:
            with self._lock:
                if not self._idle:
                    return None
                drawer, timer = self._idle.pop()
            timer.cancel()
            if drawer.process.poll() is None:
                return drawer
            drawer.end()

    def _keep(self, drawer: _Drawer) -> None:
        def retire() -> None:
            with self._lock:
                entry = next((entry for entry in self._idle if entry[0] is drawer), None)
                if entry is not None:
                    self._idle.remove(entry)
            if entry is not None:
                drawer.end()

        with self._lock:
            self._idle.append((drawer, _timer(self._idle_seconds, retire)))


def _started() -> _Drawer:
    errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "simstac.stac.draw"],  # no module of the folder that it starts in
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    return _Drawer(process, errors)


def _timer(seconds: float, action: object) -> Timer:
    timer = Timer(seconds, action)  # type: ignore[arg-type]
    timer.daemon = True
    timer.start()
    return timer


DRAWERS = Drawers()
atexit.register(DRAWERS.close)
