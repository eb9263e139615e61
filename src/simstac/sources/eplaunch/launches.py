"""The runs of EP-Launch: each workflow and file, whose results lie in ``EPLaunchRun_<stem>``, and how they ended."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from simstac.errors import SourceError
from simstac.sources.energyplus.files import files_among
from simstac.sources.energyplus.state import RunState, Status, state_of
from simstac.sources.eplaunch.cache import Entry, folders_with_cache, read_cache

OUTPUTS = "EPLaunchRun_"
INPUT_SUFFIXES = (".idf", ".epJSON", ".imf")
SUPERSEDED, NO_SIMULATION = "superseded", "no simulation"
EXACT = 1e-6
_END = re.compile(
    r"(?P<warnings>\d+) Warning; (?P<errors>\d+) Severe Errors; "
    r"Elapsed Time=(?P<hours>\d+)hr (?P<minutes>\d+)min\s+(?P<seconds>[\d.]+)sec"
)


@dataclass(frozen=True, slots=True)
class Launch:
    """A workflow and an input file, and what came of them.

    Attributes:
        name: The file's path below the top folder, and the workflow.
        folder: The folder that EP-Launch worked in.
        entry: What EP-Launch remembers; a workflow without a name where it lost the entry.
        outputs: The folder with the results; None where there is none, or they are of another launch.
        state: How the run in ``outputs`` ended; None without one.
        status: ``completed``, ``failed``, ``incomplete``, ``missing``, ``superseded`` or ``no simulation``.
        message: Why, in one line; empty where there is nothing to say.
    """

    name: str
    folder: Path
    entry: Entry
    outputs: Path | None
    state: RunState | None
    status: str
    message: str = ""

    @property
    def input(self) -> Path:
        """The input file."""
        return self.folder / self.entry.file

    @property
    def result_file(self) -> Path | None:
        """The file that its results are read from; its folder where it left none."""
        if self.state is None or self.outputs is None:
            return None
        return self.state.files.sql or self.state.files.eso or self.outputs


def find_launches(top: Path) -> tuple[tuple[Launch, ...], tuple[str, ...]]:
    """Every workflow and file that EP-Launch knows at and below a folder, and warnings, a line each.

    Results without an entry are there too, since EP-Launch loses entries where two of it write.

    Raises:
        SourceError: If there is no folder that EP-Launch worked in.
    """
    if not top.is_dir():
        raise SourceError(top, "does not exist", "check the path of the folder that EP-Launch works in")
    folders = folders_with_cache(top)
    if not folders:
        raise SourceError(top, "holds no .eplaunch", "give a folder that EP-Launch worked in, or one above it")
    launches: list[Launch] = []
    warnings: list[str] = []
    for folder in folders:
        entries, said = read_cache(folder)
        warnings += said
        launches += _launches_in(folder, top, entries)
    return tuple(sorted(launches, key=lambda launch: launch.name)), tuple(warnings)


def _launches_in(folder: Path, top: Path, entries: Iterable[Entry]) -> Iterator[Launch]:
    by_stem: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.simulates:
            by_stem.setdefault(Path(entry.file).stem, []).append(entry)
        else:
            message = "this workflow runs no simulation"
            yield Launch(_name(folder, top, entry), folder, entry, None, None, NO_SIMULATION, message)
    for stem in _stems_with_outputs(folder) - by_stem.keys():
        found = next((f"{stem}{suffix}" for suffix in INPUT_SUFFIXES if (folder / f"{stem}{suffix}").exists()), stem)
        by_stem[stem] = [Entry("", found)]
    for stem, sharing in sorted(by_stem.items()):
        yield from _sharing(folder, top, stem, sharing)


def _sharing(folder: Path, top: Path, stem: str, entries: list[Entry]) -> Iterator[Launch]:
    """The launches that share a folder of results: the one that ran last owns it, the others are superseded."""
    outputs = folder / f"{OUTPUTS}{stem}"
    state = _state(outputs, stem)
    owners = _owners(outputs, stem, state, entries)
    for entry in entries:
        launch = Launch(_name(folder, top, entry), folder, entry, None, None, str(Status.MISSING))
        if state is None:
            gone = "its results are gone" if entry.columns else "never run"
            yield replace(launch, message=gone)
        elif entry in owners:
            message = _why(entry, state)
            if len(owners) > 1:
                message = f"{message}; EP-Launch does not tell which of {len(owners)} launches it was".lstrip("; ")
            yield replace(launch, outputs=outputs, state=state, status=str(state.status), message=message)
        else:
            ran = " or ".join(f"{owner.file} by {owner.workflow}" for owner in owners)
            yield replace(launch, status=SUPERSEDED, message=f"the results there are of {ran}, which ran later")


def _why(entry: Entry, state: RunState) -> str:
    if state.status is Status.INCOMPLETE:
        return state.message or "the run has not ended, or was killed"
    if state.status is not Status.COMPLETED and entry.columns:
        return f"{state.message or 'it failed'} (its columns are of an earlier run)".strip()
    return state.message


def _owners(outputs: Path, stem: str, state: RunState | None, entries: list[Entry]) -> list[Entry]:
    """The entries that the results may be of: those whose columns tell the very counts and seconds of their log.

    Where none or several tell them, the unit system of the series decides, which only a run that completed converts.
    A run that failed leaves no columns, so its results may be of any entry.
    """
    if state is None or len(entries) == 1 or state.status is not Status.COMPLETED:
        return entries
    told = _end_columns(outputs / f"{stem}.err")
    owners = [entry for entry in entries if told and _tells(entry.columns, told)] or entries
    if len(owners) > 1 and (is_ip := _has_ip_units(outputs / f"{stem}.eso")) is not None:
        owners = [each for each in owners if each.workflow.endswith("IP") is is_ip] or owners
    return owners


def _end_columns(log: Path) -> dict[str, float]:
    """The columns that EP-Launch takes from a log, its seconds computed as it does: hours and minutes as fractions."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    ended = _END.search(lines[-1]) if lines else None
    if ended is None:
        return {}
    runtime = float(ended["seconds"]) + int(ended["minutes"]) / 60 + int(ended["hours"]) / 3600
    return {"Errors": int(ended["errors"]), "Warnings": int(ended["warnings"]), "Runtime [s]": runtime}


def _tells(columns: Mapping[str, object], told: Mapping[str, float]) -> bool:
    return all(
        isinstance(value := columns.get(name), int | float) and number - EXACT <= value <= number + EXACT
        for name, number in told.items()
    )


def _has_ip_units(series: Path) -> bool | None:
    """Whether the series are in units of the IP system; None where they do not tell."""
    try:
        with series.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("End of Data Dictionary"):
                    return None
                if unit := re.search(r"\[(F|Btu|Btu/h|kBtu|C|J|W)\] !", line):
                    return unit[1] not in {"C", "J", "W"}
    except OSError:
        return None
    return None


def _state(outputs: Path, stem: str) -> RunState | None:
    try:
        with os.scandir(outputs) as entries:
            names = frozenset(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # not there, or no path at all
        return None
    return state_of(files_among(outputs, names, file=f"{stem}.sql"))


def _stems_with_outputs(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return {name.removeprefix(OUTPUTS) for name in names if name.startswith(OUTPUTS)} - {""}


def _name(folder: Path, top: Path, entry: Entry) -> str:
    below = folder.relative_to(top).as_posix()
    path = entry.file if below == "." else f"{below}/{entry.file}"
    return f"{path} {entry.workflow}".strip()
