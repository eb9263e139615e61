"""The raw outputs of a study's runs, as the configuration asks for them: found, hashed, and put beside the Items."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from simstac.catalog import item_path
from simstac.config.model import Collection, Project
from simstac.config.sources import StudySource
from simstac.errors import SourceError
from simstac.pipeline.site import SiteFolder
from simstac.pipeline.study import configured_study
from simstac.stac.document import Documents
from simstac.stac.files import ShippedFile
from simstac.stac.outputs import Output, shipped_outputs, with_outputs
from simstac.storage import is_address
from simstac.studies import Run
from simstac.studies.remote import RemotePath, name_fits

HASHING_THREADS = 4

type Found = tuple[tuple[Output, ...], tuple[str, ...]]


def with_raw_outputs(project: Project, collection: Collection, documents: Documents) -> Documents:
    """The documents of a study with the files of each run that the configuration wants; of others, as they are.

    Those of runs in a bucket are addressed there; all others are shipped. A run that is gone from the source keeps
    what the site has shipped of it. Files that lead out of their run's folder, or that no address can name, are left
    out with a warning.

    Raises:
        SourceError: If the runs are no folders, a file cannot be read, or the bucket in which they lie cannot be.
    """
    source = collection.source
    if not isinstance(source, StudySource) or not source.outputs:
        return documents
    outputs: dict[str, tuple[Output, ...]] = {}
    warnings: list[str] = []
    runs = _runs_in_source(project, source)
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        found = pool.map(partial(_outputs_of, patterns=source.outputs), runs.values())
        for run, (files, refused) in zip(runs, found, strict=True):
            outputs[run] = files
            warnings += refused
    unmatched = [] if any(outputs.values()) else [f"outputs: {', '.join(source.outputs)} match no file of any run"]
    outputs |= _kept(SiteFolder(project.site), collection, documents, set(runs))
    documents = replace(documents, warnings=(*documents.warnings, *unmatched, *warnings))
    return with_outputs(documents, outputs)


def refuse_runs_without_folder(source: StudySource, runs: Sequence[Run]) -> None:
    """Refuse to look for outputs where the runs are files.

    Raises:
        SourceError: If outputs are wanted and a run is no folder.
    """
    for run in runs if source.outputs else ():
        is_file = run.path.is_file() if isinstance(run.path, Path) else run.path is not None and bool(run.path.file)
        if is_file:
            problem = "is a file, and outputs are those in the folder of a run"
            raise SourceError(str(run.path), problem, "leave out outputs")


def _runs_in_source(project: Project, source: StudySource) -> dict[str, Path | RemotePath]:
    """The folders of the runs by name; none where a folder is gone, of which the site has what it has shipped."""
    try:
        study = configured_study(project, source)
    except SourceError:
        if is_address(source.path):
            raise
        return {}
    refuse_runs_without_folder(source, study.runs)
    return {run.name: run.path for run in study.runs if run.path is not None}


def _kept(
    site: SiteFolder, collection: Collection, documents: Documents, present: set[str]
) -> dict[str, tuple[Output, ...]]:
    """What the site has of runs that are gone from the source."""
    kept = {}
    for item in documents.items:
        run = item["properties"].get("sim:run_id")
        if run is None or run in present:
            continue
        before = site.document(item_path(collection.id, item["id"]))
        if before is not None:
            kept[run] = shipped_outputs(before)
    return kept


def _outputs_of(folder: Path | RemotePath, *, patterns: Sequence[str]) -> Found:
    """The files that any pattern matches, each once, and a line for each that is left out."""
    if isinstance(folder, RemotePath):
        return tuple(_addressed(folder, patterns)), ()
    inside, outputs, refused = folder.resolve(), [], []
    for path in sorted({path for pattern in patterns for path in _matches(folder, pattern)}):
        name = path.relative_to(folder).as_posix()
        if not path.resolve().is_relative_to(inside):
            refused.append(f"{folder.name}: {name} leads out of the folder of its run and is not shipped")
        elif "#" in name or not name.isprintable():
            refused.append(f"{folder.name}: {name!r} holds a character that no address may hold, and is not shipped")
        else:
            outputs.append(_output(path, name))
    return tuple(outputs), tuple(refused)


def _addressed(folder: RemotePath, patterns: Sequence[str]) -> Iterator[Output]:
    """The outputs of a run in a bucket, where they lie."""
    place = folder.place
    for name, file in sorted(folder.by_name.items()):
        if any(name_fits(name, pattern) for pattern in patterns):
            yield Output(name, file.size, href=place.url(file.path), scheme=place.scheme)


def _matches(folder: Path, pattern: str) -> Iterator[Path]:
    """Files by a pattern; hidden ones are no outputs."""
    for path in folder.glob(pattern):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _output(path: Path, name: str) -> Output:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise SourceError(
            path, f"cannot be read: {error.strerror}", "make it readable, or leave it out of outputs"
        ) from error
    return Output(name, size, digest, ShippedFile(path, size, digest))
