"""Our record of what EP-Launch's results were made from: one small file for each run seen, written once, never changed.

The files lie in ``.simstac/eplaunch/<stem>/<run>.json`` beside ``.eplaunch``, or below the user's state folder where
that folder cannot be written. A run is named by the SHA-256 of its ``.err`` and ``.end``, which say when it ran and for
how long. A file appears whole or not at all, whoever is first wins, and nobody ever waits: so processes and hosts that
share the folder need no lock, and a crash leaves at most a temporary file that nobody reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LAYOUT = "simstac-eplaunch/1"
BESIDE = Path(".simstac") / "eplaunch"
CHECKSUM = "sha256"
TEMPORARY = ".new-"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was there when the results of a run were first seen.

    Attributes:
        workflow: The workflow that ran; empty where EP-Launch had lost it.
        file: The input file's name.
        columns: The columns that EP-Launch remembered.
        input: SHA-256 of the input file; empty where it was not there.
        weather: SHA-256 of the weather file; empty where there was none, or it was not there.
        weather_file: The weather file's name.
        outputs: SHA-256 of each result file that is read, by name.
        sure: Whether the input and the weather were older than the results then, so that these were made from them.
        seen: When, UTC, in ISO 8601.
        version: The version of simstac that wrote this.
    """

    workflow: str
    file: str
    columns: Mapping[str, Any]
    input: str
    weather: str
    weather_file: str
    outputs: Mapping[str, str]
    sure: bool
    seen: str
    version: str
    layout: str = field(default=LAYOUT)


def read_seen(folder: Path, stem: str, run: str) -> Seen | None:
    """What was recorded of a run; None where nothing was, or what is there is damaged or of another layout.

    Args:
        folder: The folder that EP-Launch works in.
        stem: What the results' names begin with.
        run: What names the run; see `run_identity`.
    """
    for place in places(folder):
        found = _parsed(place / stem / f"{run}.json")
        if found is not None:
            return found
    return None


def write_seen(folder: Path, stem: str, run: str, seen: Seen) -> str:
    """Record a run unless it is recorded; return why it could not be, empty where it is.

    Args:
        folder: The folder that EP-Launch works in.
        stem: What the results' names begin with.
        run: What names the run.
        seen: What was there.
    """
    problem = ""
    for place in places(folder):
        try:
            _create(place / stem / f"{run}.json", _encoded(seen))
        except OSError as error:
            problem = problem or f"{place}: cannot be written: {error.strerror}"
        else:
            return ""
    return problem


def run_identity(files: Mapping[str, str], stem: str) -> str:
    """The name of a run: SHA-256 over those of its log and its end."""
    parts = [files.get(f"{stem}{suffix}", "") for suffix in (".err", ".end")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def file_digest(path: Path | None) -> str:
    """SHA-256 of a file in hexadecimal; empty where it is not there or cannot be read."""
    if path is None or not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def places(folder: Path) -> Iterator[Path]:
    """Where the record of a folder may lie: beside its cache, then in the user's state folder."""
    yield folder / BESIDE
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    yield home / "simstac" / "eplaunch" / digest


def _create(path: Path, content: bytes) -> None:
    """Make a file appear whole, unless a good one is there already; a damaged one is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        with new.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            if _parsed(path) is None:
                new.replace(path)
        except OSError:  # a file system without hard links: the last of two writers of the same run wins
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _encoded(seen: Seen) -> bytes:
    said = asdict(seen)
    return json.dumps({**said, CHECKSUM: _checksum(said)}, indent=2, sort_keys=True, ensure_ascii=False).encode(
        errors="surrogatepass"
    )


def _checksum(said: Mapping[str, Any]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _parsed(path: Path) -> Seen | None:
    with suppress(OSError, ValueError, TypeError):
        said = json.loads(path.read_bytes())
        if isinstance(said, dict) and said.pop(CHECKSUM, "") == _checksum(said) and said.get("layout") == LAYOUT:
            return Seen(**said)
    return None
