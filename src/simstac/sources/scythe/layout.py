"""Which runs a Scythe experiment has, and which of them are complete: told from listings, nothing is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files, Folder
from simstac.storage import LocalPath

READER = "scythe/1"
"""The reader; when it changes, runs are read again."""

SPECS, SCALARS, REFERENCES = "specs", "scalars", "result_file_refs"
LISTINGS_AT_ONCE = 16
_VERSION = re.compile(r"v(\d+)(?:[.-](\d+))?(?:[.-](\d+))?")
_TIME = "%Y-%m-%d_%H-%M-%S"


@dataclass(frozen=True, slots=True, order=True)
class ScytheRun:
    """One run of an experiment; runs sort by version and time.

    Attributes:
        version: Major, minor, patch.
        time: When it was allocated, as the clock of the machine said; the year 1 in the older layout without it.
        folder: Its path below the experiment: ``v1.0.0/2025-07-23_12-59-51``, in the older layout ``v1.0.0``.
    """

    version: tuple[int, int, int]
    time: datetime
    folder: str

    @property
    def name(self) -> str:
        """Its name among the runs of the experiment: ``v1.0.0_2025-07-23_12-59-51``."""
        return self.folder.replace("/", "_")

    @property
    def has_time(self) -> bool:
        """Whether the layout tells when it was allocated."""
        return "/" in self.folder


def split_address(address: str) -> tuple[str, str]:
    """The address of an experiment or of one of its versions or runs, as the experiment's and the path below it.

    ``s3://bucket/scythe/office/v1.0.0`` is ``s3://bucket/scythe/office`` and ``v1.0.0``.
    """
    parts = address.rstrip("/").split("/")
    if len(parts) > 2 and _time(parts[-1]) and _VERSION.fullmatch(parts[-2]):  # noqa: PLR2004  # version and time
        return "/".join(parts[:-2]), "/".join(parts[-2:])
    if len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        return "/".join(parts[:-1]), parts[-1]
    return "/".join(parts), ""


def is_version(folder: str) -> bool:
    """Whether a folder of an experiment has the name of a version."""
    return _VERSION.fullmatch(folder) is not None


def find_runs(files: Files, below: str = "") -> tuple[ScytheRun, ...]:
    """The runs of an experiment, the oldest version first; folders that are no versions are passed over.

    Args:
        files: The files below the experiment.
        below: A version or a run of it, the only ones to look for.

    Raises:
        SourceError: If the experiment cannot be listed, or holds no version.
    """
    if "/" in below:
        return (_run(*below.split("/")),)
    folders = [below] if below else files.folder_at().folders
    versions = [folder for folder in folders if is_version(folder)]
    if not versions:
        remedy = "point the path at an experiment, such as s3://bucket/scythe/NAME, whose folders are v1.0.0, v2.0.0 …"
        raise SourceError(files.address, "holds no version of an experiment", remedy)
    with ThreadPoolExecutor(LISTINGS_AT_ONCE) as pool:
        found = pool.map(lambda version: _runs_of(files, version), versions)
        return tuple(sorted(run for runs in found for run in runs))


def gathered_frames(files: Files, run: ScytheRun) -> tuple[FileInfo, ...]:
    """The frames that a run gathered at its end, by path; none while it is running or where all its specs failed.

    The newer layout has them in ``final/``; the older ones in the run's folder, or as its root task put them out.

    Raises:
        SourceError: If the run cannot be listed.
    """
    final = _frames(_level(files, f"{run.folder}/final"))
    if final:
        return final
    here = _level(files, run.folder)
    if run.has_time and "manifest.yml" in here.names:
        return ()
    frames = tuple(file for file in _frames(here) if stem(file.path) != SPECS)
    return frames or (_put_out(files, run) if "scatter-gather" in here.folders else ())


def why_incomplete(files: Files, run: ScytheRun, frames: Iterable[FileInfo]) -> str:
    """Why a run cannot be read yet; empty where all its frames are there.

    Scythe puts the frames of the root task out before it copies them one by one into ``final/``, so a frame that is
    missing there tells that it is still at it.

    Raises:
        SourceError: If the run cannot be listed.
    """
    there = {stem(file.path) for file in frames}
    if not there:
        if "workflow_spec.yml" in _level(files, run.folder).names:
            return "is a workflow of a single spec, whose results Scythe does not gather"
        return "has no gathered results: it is running, was stopped, or every spec of it failed"
    missing = sorted({stem(file.path) for file in _put_out(files, run)} - there)
    return f"is being gathered: {', '.join(missing)} will follow" if missing else ""


def fingerprint(frames: Iterable[FileInfo]) -> str:
    """SHA-256 in hexadecimal over the reader and the paths, sizes and versions of a run's gathered frames."""
    said = [READER, *([file.path, file.size, file.version] for file in frames)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def stem(path: str) -> str:
    """A file's name without its last suffix."""
    return path.rpartition("/")[2].rpartition(".")[0]


def _runs_of(files: Files, version: str) -> list[ScytheRun]:
    here = files.folder_at(version)
    runs = [_run(version, name) for name in here.folders if _time(name)]
    return runs or ([_run(version)] if here.files or here.folders else [])


def _run(version: str, time: str = "") -> ScytheRun:
    matched = _VERSION.fullmatch(version)
    major, minor, patch = (int(part or 0) for part in matched.groups()) if matched else (0, 0, 0)
    moment = _time(time) or datetime.min.replace(tzinfo=UTC)
    return ScytheRun((major, minor, patch), moment, f"{version}/{time}" if time else version)


def _time(name: str) -> datetime | None:
    try:
        return datetime.strptime(name, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _put_out(files: Files, run: ScytheRun) -> tuple[FileInfo, ...]:
    """The frames of the root task; of the one with most of them, where it was begun again."""
    root = f"{run.folder}/scatter-gather/output/root"
    tasks = _level(files, root).folders
    return max((_frames(_level(files, f"{root}/{task}")) for task in tasks), key=len, default=())


def _frames(level: Folder) -> tuple[FileInfo, ...]:
    return tuple(file for file in level.files if file.path.endswith((".pq", ".parquet")))


def _level(files: Files, path: str) -> Folder:
    """A folder of a run; empty where it is not there, on the disk as in a bucket."""
    if isinstance(files.scheme, LocalPath) and not Path(files.url(path)).is_dir():
        return Folder((), ())
    return files.folder_at(path)
