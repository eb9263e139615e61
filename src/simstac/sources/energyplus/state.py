"""How a run ended, from its ``.end`` and ``.err`` files alone; no result is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path

from simstac.objects import readable
from simstac.sources.energyplus.files import RunFiles, find_run, unfinished_write

_COUNTS = re.compile(r"(\d+) Warning; (\d+) Severe Errors")
_VERSION = re.compile(r"Version,? ?(\d+\.\d+\.\d+)")
_WARNING, _SEVERE, _FATAL = "** Warning **", "** Severe  **", "**  Fatal  **"


class Status(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class RunState:
    """How a run ended.

    Attributes:
        status: Completed and failed as the engine says; incomplete where it said nothing (it runs or was killed) or
            a journal shows that it runs again; missing where there is no file of a run.
        message: That the SQL file is still being written; or the first severe message, which mostly is the cause, or
            else the fatal one; empty where there is none.
        warnings: How many warnings the engine counted.
        severe_errors: How many severe errors it counted.
        software: The engine, for example ``EnergyPlus 25.2.0``; empty where no file says.
        files: The files of the run.
    """

    status: Status
    message: str
    warnings: int
    severe_errors: int
    software: str
    files: RunFiles


def run_state(path: str | PathLike[str]) -> RunState:
    """The state of the run in the folder ``path``, or of the run of the result file ``path``.

    Raises:
        SourceError: If it is not certain which run is meant, or a file cannot be read.
    """
    given = Path(path)
    if not given.exists():
        return RunState(Status.MISSING, "", 0, 0, "", RunFiles(directory=given, stem="eplusout"))
    return state_of(find_run(given))


def state_of(files: RunFiles) -> RunState:
    """The state of the run that left ``files``.

    Raises:
        SourceError: If a file cannot be read.
    """
    end = _text(files.end)
    messages = _text(files.err).splitlines()
    unfinished = unfinished_write(files.sql) if files.sql else ""
    writing = f"{files.sql.name} {unfinished}" if files.sql and unfinished else ""
    if writing:
        status = Status.INCOMPLETE
    elif "Completed Successfully" in end:
        status = Status.COMPLETED
    elif "Terminated" in end:
        status = Status.FAILED
    elif files.read_files:
        status = Status.INCOMPLETE
    else:
        status = Status.MISSING
    if counts := _COUNTS.search(end):
        warnings, severe_errors = int(counts[1]), int(counts[2])
    else:
        warnings, severe_errors = (sum(mark in line for line in messages) for mark in (_WARNING, _SEVERE))
    message = writing or _first(messages, _SEVERE) or _first(messages, _FATAL)
    return RunState(status, message, warnings, severe_errors, software(_text(files.err)[:200]), files)


def software(text: str) -> str:
    """The engine and its version in ``Program Version,EnergyPlus, Version 25.2.0-…``; empty where not given."""
    version = _VERSION.search(text)
    return f"EnergyPlus {version[1]}" if version else ""


def _first(lines: Sequence[str], mark: str) -> str:
    """The first message that ``mark`` introduces, in one line."""
    for line in lines:
        if mark in line:
            return " ".join(line.partition(mark)[2].split())
    return ""


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    with readable(path):
        return path.read_text(encoding="utf-8", errors="replace")
