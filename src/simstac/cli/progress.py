"""Progress events drawn on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simstac.progress import OnProgress, Progress, silent

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINES_A_STAGE = 10


@contextmanager
def drawn_progress(*, quiet: bool = False) -> Iterator[OnProgress]:
    """A callback that draws what it is told, until the block ends."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as draw:
            yield draw
    else:
        yield _Lines()


@contextmanager
def _bars() -> Iterator[OnProgress]:
    from rich import progress as bars  # noqa: PLC0415  # only a terminal needs it
    from rich.console import Console  # noqa: PLC0415  # as above

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[detail]}", style="dim"),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as live:
        tasks: dict[str, TaskID] = {}

        def draw(event: Progress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = live.add_task(event.stage, total=event.total, detail="")
            live.update(tasks[event.stage], completed=event.done, total=event.total, detail=event.detail)

        yield draw


class _Lines:
    """About ten lines a stage, so that long logs stay readable; at 1, 2, 4 … where none knows the end."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, event: Progress) -> None:
        before = self._shown.get(event.stage, 0)
        step = max(before, 1) if event.total is None else -(-event.total // _LINES_A_STAGE)
        finished = event.done == event.total
        if finished or event.stage not in self._shown or event.done - before >= step:
            self._shown[event.stage] = event.done
            of = f"/{event.total}" if event.total is not None else ""
            sys.stderr.write(f"{event.stage}: {event.done}{of} {event.detail}".rstrip() + "\n")
