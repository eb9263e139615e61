"""Whether results still are of their input: by content, against the record of what they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PureWindowsPath

from simstac.sources.energyplus.state import Status
from simstac.sources.eplaunch.launches import NO_SIMULATION, SUPERSEDED, Launch
from simstac.sources.eplaunch.record import Seen, file_digest, read_seen, run_identity, write_seen

FRESH, STALE, UNKNOWN = "fresh", "stale", "unknown"


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether results are of the input that is there now.

    Attributes:
        state: ``fresh``, ``stale`` or ``unknown``; empty where a workflow has no results.
        reason: Why not fresh: what changed, or that it never ran or failed; or what could not be compared.
        warning: Why it could not be recorded; empty where it is.
    """

    state: str
    reason: str = ""
    warning: str = ""


def freshness(launch: Launch) -> Freshness:
    """Whether the results of a launch are of its input and weather as they are.

    What the record does not know yet is recorded. Results are known to be of their input where that and the weather
    were not changed after the run when both were first seen; else nobody knows, until they run again.
    """
    if launch.status == NO_SIMULATION:
        return Freshness("")
    if launch.status in {SUPERSEDED, str(Status.INCOMPLETE)}:
        return Freshness(STALE, launch.status)
    if launch.status == Status.MISSING:
        return Freshness(STALE, "outputs: they are gone" if launch.entry.columns else "never run")
    if launch.state is None or launch.outputs is None:
        return Freshness(UNKNOWN)
    stem, now = launch.state.files.stem, _seen_now(launch)
    run = run_identity(now.outputs, stem)
    before, warning = read_seen(launch.folder, stem, run), ""
    if before is None:
        warning = write_seen(launch.folder, stem, run, now)
        before = read_seen(launch.folder, stem, run)
    compared = _compared(launch, before or now, now)
    return Freshness(compared.state, compared.reason, warning)


def weather_name(launch: Launch) -> str:
    """The name of the weather file, on whatever system the path was written."""
    return PureWindowsPath(launch.entry.weather).name


def _weather_path(launch: Launch) -> Path | None:
    """The weather file of a launch; None where it has none."""
    said = launch.entry.weather
    return launch.folder / said if said else None


def _compared(launch: Launch, before: Seen, now: Seen) -> Freshness:
    changed = [
        _change("input", launch.entry.file, before.input, now.input) if before.file == launch.entry.file else "",
        _change("weather", weather_name(launch) or "it", before.weather, now.weather),
        *(_change("outputs", name, digest, now.outputs.get(name, "")) for name, digest in before.outputs.items()),
    ]
    if launch.status == Status.FAILED:
        changed.insert(0, "failed")
    reasons = [reason for reason in changed if reason]
    if reasons:
        return Freshness(STALE, ", ".join(dict.fromkeys(reasons)))
    if not before.input:
        return Freshness(UNKNOWN, f"{launch.entry.file} is not there")
    if not before.sure:
        return Freshness(UNKNOWN, "the input or the weather was changed after the run that was first seen here")
    gone = launch.entry.weather and not now.weather
    return Freshness(FRESH, f"the weather file {weather_name(launch)} is not on this machine" if gone else "")


def _change(kind: str, name: str, before: str, now: str) -> str:
    """How a file differs from what was recorded; a weather file that this machine lacks is not compared."""
    if before == now or (kind == "weather" and not (before and now) and name != "it"):
        return ""
    if not now:
        return f"{kind}: {name} is gone"
    return f"{kind}: {name} changed" if before else f"{kind}: {name} was not there"


def _seen_now(launch: Launch) -> Seen:
    files = launch.state.files.read_files if launch.state else ()
    weather = _weather_path(launch)
    return Seen(
        workflow=launch.entry.workflow,
        file=launch.entry.file,
        columns=dict(launch.entry.columns),
        input=file_digest(launch.input),
        weather=file_digest(weather),
        weather_file=weather_name(launch),
        outputs=_digests(files),
        sure=_is_older(launch.input, files) and _is_older(weather, files),
        seen=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("simstac"),
    )


def _digests(files: tuple[Path, ...]) -> Mapping[str, str]:
    return {path.name: file_digest(path) for path in files}


def _is_older(path: Path | None, files: tuple[Path, ...]) -> bool:
    """Whether a file was last changed before the last of some others; one that is not there says nothing."""
    if path is None:
        return True
    try:
        return path.stat().st_mtime_ns <= max(each.stat().st_mtime_ns for each in files)
    except (OSError, ValueError):
        return True
