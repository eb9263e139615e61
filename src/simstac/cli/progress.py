"""Progress events drawn on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from simstac.progress import OnProgress, Progress, silent

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINES_A_STAGE = 10
_SECONDS_TO_TELL = 2.0
_MINUTE = 60


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
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
        bars.TextColumn("{task.fields[detail]}", style="dim"),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as live:
        tasks: dict[str, TaskID] = {}
        pace = _Pace()

        def draw(event: Progress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = live.add_task(event.stage, total=event.total, detail="", rate="")
            rate, _ = pace(event)
            task = tasks[event.stage]
            live.update(task, completed=event.done, total=event.total, detail=event.detail, rate=rate)

        yield draw


class _Lines:
    """About ten lines a stage, so that long logs stay readable; at 1, 2, 4 … where none knows the end."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}
        self._pace = _Pace()

    def __call__(self, event: Progress) -> None:
        before, (rate, left) = self._shown.get(event.stage), self._pace(event)
        step = max(before or 0, 1) if event.total is None else -(-event.total // _LINES_A_STAGE)
        begins = before is None or event.done < before  # the same stage comes again for another target
        if begins or event.done == event.total or event.done - (before or 0) >= step:
            self._shown[event.stage] = event.done
            of = f"/{event.total}" if event.total is not None else ""
            pace = f" ({', '.join(filter(None, (rate, left)))})" if rate else ""
            sys.stderr.write(f"{event.stage}: {event.done}{of} {event.detail}".rstrip() + f"{pace}\n")


class _Pace:
    """How fast each stage goes since it began, and how long it still takes."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}

    def __call__(self, event: Progress) -> tuple[str, str]:
        """Such as ``12.3/s`` and ``2 min left``; empty as long as nothing can be said."""
        now = monotonic()
        begun, done = self._begun.get(event.stage, (now, event.done))
        if event.done <= done:
            self._begun[event.stage] = (now, event.done)
        if event.done <= done or now - begun < _SECONDS_TO_TELL:
            return "", ""
        rate = (event.done - done) / (now - begun)
        shown = f"{rate:.3g}/s" if rate >= 1 else f"{60 * rate:.3g}/min"
        left = (event.total - event.done) / rate if event.total else 0.0
        return shown, f"{_duration(left)} left" if left else ""


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes} min" if minutes < _MINUTE else f"{minutes // 60} h {minutes % 60} min"
