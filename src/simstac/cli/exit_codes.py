"""The exit codes of ``simstac``, as its help tells them."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from simstac.errors import ConflictError

DONE, FAILED, USAGE, CONFLICT = range(4)
INTERRUPTED = 128 + signal.SIGINT


def exit_code(errors: Iterable[Exception | None], *, ok: bool = True) -> int:
    """The code for what went wrong at several places, of which each is tried.

    Args:
        errors: The error of each place; None where there is none.
        ok: Whether all else is as it should be.
    """
    raised = [error for error in errors if error is not None]
    if any(isinstance(error, ConflictError) for error in raised):
        return CONFLICT
    return DONE if ok and not raised else FAILED
