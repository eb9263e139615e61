"""Runs read and written a chunk of rows at a time, here or by a worker; no two batches ever share a chunk."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.storage import quiet_logs
from simstac.studies import Run
from simstac.studies.encode import fill_value
from simstac.studies.read import RunData, read_run, refused
from simstac.studies.source import Source
from simstac.studies.structure import MismatchError, Structure, VariableKey, convert
from simstac.write.arrays import ArraySpec, array_at, write_rows
from simstac.write.layout import Layout
from simstac.write.repository import store_errors

if TYPE_CHECKING:
    import zarr


type OnRun = Callable[[Run], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """The runs to write in one chunk of rows.

    Attributes:
        start: The chunk's first row.
        stop: The row after its last.
        runs: Row → run.
        marks: The runs' fingerprints by name, as far as they are known.
        stored: The names of those among them that have data in the store.
    """

    start: int
    stop: int
    runs: Mapping[int, Run]
    marks: Mapping[str, str] = field(default_factory=dict)
    stored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """An ensemble's shape, and where it lies in its store."""

    structure: Structure = field(default_factory=Structure)
    layout: Layout = field(default_factory=lambda: Layout(""))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a batch.

    Attributes:
        batch: The rows.
        read: The runs by name, without their values and structure.
        digests: Those of the structures of the runs that have data.
        structures: By digest those that differ from the ensemble's.
        kept: Why runs that have data in the store could not be read again, by name; they stay as they were.
        written: Whether they are in the store; if not, its shape must grow first.
    """

    batch: Batch
    read: Mapping[str, RunData]
    digests: Mapping[str, str]
    structures: Mapping[str, Structure]
    kept: Mapping[str, str]
    written: bool


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What all batches that workers take have in common.

    Attributes:
        href: The store's address.
        fork: A pickled `icechunk.session.ForkSession`: every batch is written to a copy of its own.
        shape: The ensemble.
        source: What reads a run.
        last: See `settle_batch`.
    """

    href: str
    fork: bytes
    shape: Shape
    source: Source
    last: bool


def prepare() -> None:
    """Load in a worker what it will need, before it knows its job."""
    import icechunk  # noqa: F401, PLC0415  # this function is there to pay for them early
    import xarray as xr  # noqa: PLC0415  # as above
    import zarr  # noqa: F401, PLC0415  # as above

    xr.backends.list_engines()
    xr.Dataset({"run": [0]})  # with the first dataset xarray imports Dask, where it is installed


@dataclass(frozen=True, slots=True, eq=False)
class Worked:
    """What a worker did.

    Attributes:
        fork: The fork that it wrote to, pickled, to be merged.
        outcome: What became of the batch.
        unseen: The paths of runs that are not there for it.
    """

    fork: bytes
    outcome: Outcome
    unseen: tuple[Path, ...]


def write_batch(job: Job, batch: Batch) -> Worked:
    """Read and write a batch in a worker, which may work in another folder than the process that sends it."""
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    quiet_logs()
    fork = pickle.loads(job.fork)  # noqa: S301  # made by this build
    with store_errors(job.href):
        root = zarr.open_group(fork.store, mode="r+")
        outcome = settle_batch(root, job.shape, batch, load_batch(batch, job.source), last=job.last)
        paths = [run.path for run in batch.runs.values() if isinstance(run.path, Path)]
        return Worked(pickle.dumps(fork), outcome, tuple(path for path in paths if not path.exists()))


def batches_of(
    runs: Mapping[int, Run],
    run_chunk: int,
    total: int,
    with_data: Collection[str] = (),
    marks: Mapping[str, str] | None = None,
) -> tuple[Batch, ...]:
    """The runs of each chunk, in the order of their rows.

    Args:
        runs: Row → run.
        run_chunk: How many runs a chunk spans.
        total: How many rows there are.
        with_data: The names of the runs that have data in the store.
        marks: The runs' fingerprints by name, as far as they are known.
    """
    known, batches = marks or {}, []
    for chunk, rows in groupby(sorted(runs), key=lambda row: row // run_chunk):
        own = {row: runs[row] for row in rows}
        stored = frozenset(run.name for run in own.values() if run.name in with_data)
        own_marks = {run.name: known[run.name] for run in own.values() if run.name in known}
        batches.append(Batch(chunk * run_chunk, min((chunk + 1) * run_chunk, total), own, own_marks, stored))
    return tuple(batches)


def for_workers(batch: Batch) -> Batch:
    """The batch with paths that mean the same in every folder."""
    paths = {row: run.path.absolute() if isinstance(run.path, Path) else run.path for row, run in batch.runs.items()}
    return replace(batch, runs={row: replace(run, path=paths[row]) for row, run in batch.runs.items()})


def load_batch(batch: Batch, source: Source, on_run: OnRun = lambda _run: None) -> dict[str, RunData]:
    """Read the runs of a batch, by name; those without a fingerprint get it beside the reading."""
    read = {}
    for run in batch.runs.values():
        read[run.name] = read_run(run, batch.marks.get(run.name), source)
        on_run(run)
    return read


def settle_batch(root: zarr.Group, shape: Shape, batch: Batch, read: Mapping[str, RunData], *, last: bool) -> Outcome:
    """Write a batch if it fits the store, else leave it for when the store has grown.

    Args:
        root: The root of the store, whose arrays lie as ``shape`` says.
        shape: The ensemble.
        batch: The rows.
        read: The runs by name, with their values.
        last: Whether the store will not grow any more: a run that does not fit now is refused.
    """
    read, fits = dict(read), True
    for name, data in read.items():
        if data.structure is None:
            continue
        try:
            covered = shape.structure.union(data.structure) is shape.structure
        except MismatchError as error:
            read[name] = refused(data, str(error))
            continue
        if not covered and last:
            read[name] = refused(data, "its results changed while they were read")
        elif not covered:
            fits = False
    kept = {name: read.pop(name).message for name in batch.stored if _is_unreadable(read[name])}
    if fits and any(name in batch.stored or data.structure for name, data in read.items()):
        _write(root, shape, batch, read)
    digests, structures = {}, {}
    for name, data in read.items():
        if data.structure is not None:
            digests[name] = data.structure.digest
            structures[digests[name]] = data.structure
    structures.pop(shape.structure.digest, None)
    bare = {name: replace(data, values={}, structure=None) for name, data in read.items()}
    return Outcome(batch, bare, digests, structures, kept, written=fits)


def lost_batch(batch: Batch) -> dict[str, RunData]:
    """The runs of a batch that no worker came back from; they are read again next time."""
    problem = "the process that read it was killed several times; is there memory for it?"
    return {run.name: RunData(run, "incomplete", problem, "") for run in batch.runs.values()}


def _is_unreadable(data: RunData) -> bool:
    """Whether the run was to have data, and could not be read or did not go with the others."""
    return data.status == "incomplete" and not data.fingerprint


def _write(root: zarr.Group, shape: Shape, batch: Batch, read: Mapping[str, RunData]) -> None:
    rows = {row - batch.start: read[run.name] for row, run in batch.runs.items() if run.name in read}
    for key, spec in shape.layout.arrays.items():
        array, length = array_at(root, spec.path), batch.stop - batch.start
        block = _whole_block(key, spec, rows, shape.layout) if length == 1 else None
        if block is None:
            block = np.array(array[batch.start : batch.stop]) if len(rows) < length else missing_rows(spec, length)
            block = block.astype(object) if block.dtype.kind == "T" else block
            for row, data in rows.items():
                if key in data.values:
                    _place(block[row : row + 1], key, data, shape.layout)
                else:
                    block[row] = fill_value(spec.dtype)
        write_rows(array, batch.start, block)


def _whole_block(key: VariableKey, spec: ArraySpec, rows: Mapping[int, RunData], layout: Layout) -> NDArray[Any] | None:
    """The values of an only run as they are, where they fill its row; None where they must be placed in it."""
    ((_, data),) = rows.items()
    values = data.values.get(key)
    if values is None or values.dtype != spec.dtype or not _fill(_positions(key, data, layout), spec.shape[1:]):
        return None
    return values[np.newaxis]


def missing_rows(spec: ArraySpec, count: int) -> NDArray[Any]:
    """Rows of an array in which nothing is known."""
    return np.full((count, *spec.shape[1:]), fill_value(spec.dtype), dtype=spec.dtype)


def scatter(block: NDArray[Any], positions: Sequence[NDArray[np.intp]], values: NDArray[Any]) -> None:
    """Set ``block[:, p0, p1, …] = values``; elsewhere nothing is known."""
    if _fill(positions, block.shape[1:]):
        block[...] = values
    else:
        block[...] = fill_value(block.dtype)
        block[np.ix_(np.arange(len(block)), *positions)] = values


def _place(row: NDArray[Any], key: VariableKey, data: RunData, layout: Layout) -> None:
    scatter(row, _positions(key, data, layout), convert(data.values[key], row.dtype)[np.newaxis])


def _positions(key: VariableKey, data: RunData, layout: Layout) -> list[NDArray[np.intp]]:
    """Where the labels of a run's variable stand on the axes of the store."""
    assert data.structure is not None  # noqa: S101  # a run with values has a structure
    axes = data.structure.axes
    return [layout.axes[dim].positions(axes[dim].labels) for dim in data.structure.variables[key].dims]


def _fill(positions: Sequence[NDArray[np.intp]], sizes: Sequence[int]) -> bool:
    """Whether positions along each axis are all that there are, in order."""
    return all(
        len(index) == size and np.array_equal(index, np.arange(size))
        for index, size in zip(positions, sizes, strict=True)
    )
