"""What a run of an experiment keeps in its folder, before it becomes arrays: its schema, its specs and its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import yaml
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files
from simstac.sources.scythe.frames import SORT, SUBSORT
from simstac.sources.scythe.layout import REFERENCES, SCALARS, SPECS, ScytheRun, stem
from simstac.sources.scythe.schema import Schema, parse_schema
from simstac.sources.scythe.tables import Frame, indices, read_frame, texts

OWN_FIELDS = frozenset({"experiment_id", SORT, SUBSORT, "workflow_run_id", "root_workflow_run_id", "storage_settings"})
"""Fields that Scythe itself adds to every spec."""

OLDER_FOLDERS = ("", "artifacts/", "artifacts/specs/")


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """A run's small files, read.

    Attributes:
        run: The run.
        there: All its files, by path below the experiment.
        schema: What is said of its fields; empty where nothing is.
        specs: Its specs; None in a layout that keeps none.
        frames: Its gathered frames, by name.
        frame_paths: Where they lie below the experiment.
        order: The sort index of each spec, ascending.
        succeeded: Which of them have results.
        workflow: The id of its workflow run; empty where it does not say.
    """

    run: ScytheRun
    there: Mapping[str, FileInfo]
    schema: Schema
    specs: Frame | None
    frames: Mapping[str, Frame]
    frame_paths: frozenset[str]
    order: NDArray[np.int64]
    succeeded: NDArray[np.bool_]
    workflow: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of the specs."""
        if self.specs is None:
            return ()
        return tuple(name for name in self.specs.table.column_names if name not in {*OWN_FIELDS, *self.specs.index})

    @property
    def features(self) -> dict[str, Frame]:
        """What else the results' index says of each spec: computed features, and inputs where no specs are kept."""
        told = {*OWN_FIELDS, *self.inputs}
        return {
            level: frame
            for frame in (self.frames.get(REFERENCES), self.frames.get(SCALARS))
            if frame is not None
            for level in frame.index
            if level not in told and not level.startswith("__index_level_")
        }

    def references(self) -> dict[str, dict[int, str]]:
        """The address of each spec's file, by output and position of the spec."""
        frame = self.frames.get(REFERENCES)
        if frame is None:
            return {}
        rows = np.searchsorted(self.order, indices(frame, SORT)).tolist()
        found = {name: zip(rows, texts(frame.column(name)).tolist(), strict=True) for name in frame.columns}
        return {name: {row: address for row, address in pairs if address} for name, pairs in found.items()}


def read_contents(files: Files, run: ScytheRun, frames: Sequence[FileInfo]) -> Contents:
    """Read the small files of a run.

    Args:
        files: The files below the experiment.
        run: The run.
        frames: Its gathered frames.

    Raises:
        SourceError: If one cannot be read, or the specs cannot be told apart.
    """
    there = {file.path: file for file in files.list(run.folder)}
    specs_at = _first(run, there, f"{SPECS}.pq")
    specs = read_frame(files.read(specs_at), files.url(specs_at)) if specs_at else None
    gathered = {stem(file.path): read_frame(files.read(file.path), files.url(file.path)) for file in frames}
    results = [gathered[name] for name in (SCALARS, REFERENCES) if name in gathered]
    results = results[:1] or [frame for frame in gathered.values() if SORT in frame]
    named = [indices(frame, SORT) for frame in results]
    every = [indices(specs, SORT)] if specs is not None else named
    if not every:
        problem = f"has neither {SPECS}.pq nor a frame with {SORT}"
        raise SourceError(files.url(run.folder), problem, "restore specs.pq, which Scythe wrote before the run began")
    _refuse_twice(every[0] if specs is not None else np.empty(0, np.int64), files.url(specs_at or run.folder))
    for frame in results[:1] if {SCALARS, REFERENCES} & gathered.keys() else []:
        _refuse_twice(indices(frame, SORT), frame.where)
    order = np.unique(np.concatenate(every))
    schema_at = _first(run, there, "experiment_io_spec.yml")
    schema = parse_schema(files.read(schema_at), files.url(schema_at)) if schema_at else Schema()
    succeeded = np.isin(order, np.concatenate(named)) if named else np.zeros(len(order), dtype=bool)
    return Contents(
        run=run,
        there=there,
        schema=schema,
        specs=specs,
        frames=gathered,
        frame_paths=frozenset(file.path for file in frames),
        order=order,
        succeeded=succeeded,
        workflow=_workflow(files, run, there),
    )


def _first(run: ScytheRun, there: Mapping[str, FileInfo], name: str) -> str:
    """Where a file of a run lies, in one layout or another; empty where it is not there."""
    paths = (f"{run.folder}/{folder}{name}" for folder in OLDER_FOLDERS)
    return next((path for path in paths if path in there), "")


def _refuse_twice(named: NDArray[np.int64], where: str) -> None:
    values, counts = np.unique(named, return_counts=True)
    if (counts > 1).any():
        problem = f"has {int(counts.max())} rows of the {SORT} {int(values[counts.argmax()])}"
        raise SourceError(where, problem, "allocate with overwrite_sort_index=True, Scythe's default")


def _workflow(files: Files, run: ScytheRun, there: Mapping[str, FileInfo]) -> str:
    path = _first(run, there, "manifest.yml")
    try:
        said = yaml.safe_load(files.read(path)) if path else None
    except yaml.YAMLError:
        return ""
    return str(said.get("workflow_run_id") or "") if isinstance(said, Mapping) else ""
