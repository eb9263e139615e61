"""EP-Launch's own cache file, ``.eplaunch``: read with patience, whatever shape it is in, and never written."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE_NAME = ".eplaunch"
ATTEMPTS = 40
PAUSE_SECONDS = 0.05

type Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What EP-Launch remembers of a workflow and an input file.

    Attributes:
        workflow: The workflow's name.
        file: The input file's name.
        config: What it was set up with, such as ``weather``.
        columns: The columns of its last good result; empty where there was none.
    """

    workflow: str
    file: str
    config: Mapping[str, Value] = field(default_factory=dict)
    columns: Mapping[str, Value] = field(default_factory=dict)

    @property
    def weather(self) -> str:
        """The path of the weather file; empty for a run of design days alone."""
        said = str(self.config.get("weather") or "")
        return "" if said == "<No_Weather_File>" else said

    @property
    def simulates(self) -> bool:
        """Whether it is of a workflow that runs EnergyPlus and so leaves results."""
        return "weather" in self.config or self.workflow.startswith("EnergyPlus")


def folders_with_cache(top: Path) -> tuple[Path, ...]:
    """The folders at and below ``top`` that EP-Launch worked in, sorted; links to folders are not followed."""
    found = []
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith((".", "EPLaunchRun_"))]
        if FILE_NAME in names:
            found.append(Path(folder))
    return tuple(sorted(found))


def read_cache(
    folder: Path, *, attempts: int = ATTEMPTS, pause: float = PAUSE_SECONDS
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """What the cache of a folder holds, and what of it could not be understood, a line each.

    EP-Launch truncates the file and writes it anew, so what a reader finds in between is no JSON: it tries again.

    Args:
        folder: The folder.
        attempts: How often it is read before it counts as damaged.
        pause: Seconds between two attempts.
    """
    path, problem = folder / FILE_NAME, ""
    for attempt in range(attempts):
        try:
            said = json.loads(path.read_bytes())
            break
        except FileNotFoundError:
            return (), ()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        except (ValueError, RecursionError) as error:
            problem = f"is no JSON: {str(error).splitlines()[0]}"
        if attempt + 1 < attempts:
            time.sleep(pause)
    else:
        return (), (f"{path}: {problem}; what EP-Launch remembered there is passed over",)
    warnings: list[str] = []
    return tuple(_entries(said, str(path), warnings)), tuple(warnings)


def _entries(said: Any, where: str, warnings: list[str]) -> Iterator[Entry]:
    workflows = _mapping(_mapping(said, where, warnings).get("workflows"), f"{where}: workflows", warnings)
    for workflow, told in workflows.items():
        here = f"{where}: {workflow}"
        files = _mapping(_mapping(told, here, warnings).get("files"), f"{here}: files", warnings)
        for name, facts in files.items():
            at = f"{here}: {name}"
            known = _mapping(facts, at, warnings)
            if Path(name).name != name or not name.strip(".") or "\0" in name:
                warnings.append(f"{at}: is no name of a file in the folder; it is passed over")
                continue
            config, columns = (_values(known.get(part), f"{at}: {part}", warnings) for part in ("config", "result"))
            yield Entry(str(workflow), name, config, columns)


def _mapping(value: Any, where: str, warnings: list[str]) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if value not in (None, [], ""):
        warnings.append(f"{where}: is no mapping; it is passed over")
    return {}


def _values(value: Any, where: str, warnings: list[str]) -> dict[str, Value]:
    """The plain values of a mapping; nested ones as JSON, those that are missing left out."""
    plain = {}
    for name, each in _mapping(value, where, warnings).items():
        if each is not None:
            plain[name] = each if isinstance(each, str | int | float | bool) else json.dumps(each, sort_keys=True)
    return plain
