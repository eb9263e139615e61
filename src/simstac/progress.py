"""Progress of long work, as a frozen event handed to a callback; whoever listens draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a stage.

    Attributes:
        stage: What is being done, for example ``"read runs"``.
        done: Units finished so far.
        total: Units in all, or None where unknown.
        detail: The unit just finished, for example a run name.
    """

    stage: str
    done: int
    total: int | None = None
    detail: str = ""


type OnProgress = Callable[[Progress], None]


def silent(_event: Progress) -> None:
    """Listen to nothing."""
