"""The data of combined files on their way into a store: read ahead in a thread, written, and read back."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.sources.cf.combine import NOBODY, positions_of, runs_of
from simstac.sources.cf.opened import own_dimensions
from simstac.sources.cf.reading import FileReader
from simstac.storage import LocalPath
from simstac.write.arrays import same_values
from simstac.write.combining import Contribution, Whole
from simstac.write.encoding import SLAB_BYTES
from simstac.write.repository import Place
from simstac.write.stored_fields import StoredFields
from simstac.write.variables import Slab, Variable, slabs_of

if TYPE_CHECKING:
    import zarr

SLABS_AHEAD = 1
COVERED_SLABS = 4
"""A slab may be this many times as large where a chunk of the files is."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A slab of a variable to write.

    Attributes:
        variable: The variable.
        slab: Whole chunks of it.
        owners: Which contribution each combination of labels in the slab comes from.
        moving: The axes of the slab along which files are appended.
        stale: The contributions that are to be read.
        is_new: Whether nothing of the array is in the store.
    """

    variable: Variable
    slab: Slab
    owners: NDArray[np.int32]
    moving: tuple[int, ...]
    stale: tuple[int, ...]
    is_new: bool


@dataclass(slots=True)
class Check:
    """What was written of a variable, as it came back.

    Attributes:
        count: How many values.
        total: Their sum.
        missing: How many are missing.
    """

    count: int = 0
    total: float = 0.0
    missing: int = 0

    def add(self, values: NDArray[Any], missing: Any) -> None:
        """Count some values, integers among them that equal ``missing`` as such; none do where it is None."""
        self.count += values.size
        if values.dtype.kind == "f":
            total = float(np.sum(values, dtype=np.float64))
            if np.isnan(total):
                self.missing += int(np.isnan(values).sum())
                total = float(np.nansum(values, dtype=np.float64))
            self.total += total
        elif values.dtype.kind in "iub":
            absent = np.zeros((), bool) if missing is None else values == missing
            self.missing += int(absent.sum())
            self.total += float(np.sum(values, dtype=np.float64, where=~absent))


def few_at_once(place: Place) -> AbstractContextManager[Any]:
    """Let a local store be written by as many threads as there are cores: more of them only hold memory."""
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    if not isinstance(place.scheme, LocalPath):
        return nullcontext()
    few: AbstractContextManager[Any] = zarr.config.set({"async.concurrency": os.cpu_count() or 1})
    return few


def jobs_of(whole: Whole, variable: Variable, array: zarr.Array[Any], *, is_new: bool, emptied: bool) -> Iterator[Job]:
    """The slabs of a variable that do not hold what they should.

    Args:
        whole: The dataset.
        variable: The variable, one that has an axis along which files are appended.
        array: Its array.
        is_new: Whether the array was made anew.
        emptied: Whether there may be data where no file has any more.
    """
    moving = tuple(axis for axis, dim in enumerate(variable.dims) if dim in whole.axes)
    owners = whole.owners[variable.path]
    cover = whole.variables[variable.path].chunks
    limit = SLAB_BYTES
    if len(cover) == len(variable.dims):
        together = int(np.prod([max(one, other) for one, other in zip(cover, array.chunks, strict=True)]))
        limit = max(limit, min(COVERED_SLABS * SLAB_BYTES, together * variable.dtype.itemsize))
    else:
        cover = ()
    due = np.array([is_new or each.stale for each in whole.contributions] + [emptied])
    for slab in slabs_of(variable, array.chunks, limit, cover):
        for part in _due_parts(slab, due[owners[tuple(slab[axis] for axis in moving)]], moving, array.chunks):
            own = owners[tuple(part[axis] for axis in moving)]
            stale = tuple(int(index) for index in np.unique(own) if index != NOBODY and due[index])
            yield Job(variable, part, own, moving, stale, is_new)


def fixed_jobs(whole: Whole, variable: Variable, array: zarr.Array[Any], *, is_new: bool) -> Iterator[Job]:
    """The slabs of a fixed field, from the first file that has it; none where the store has it from another file."""
    having = [index for index, each in enumerate(whole.contributions) if variable.path in each.part.variables]
    here = [index for index in having if whole.contributions[index].file is not None]
    if not is_new and any(whole.contributions[index].before is not None for index in having):
        return
    for slab in slabs_of(variable, array.chunks, SLAB_BYTES):
        origin = (here or having)[0]
        yield Job(variable, slab, np.array(origin, np.int32), (), (origin,), is_new)


def loaded(job: Job, whole: Whole, reader: FileReader, stored: StoredFields) -> NDArray[Any]:
    """The values of a slab: those of the files that are to be read, in what the store holds already."""
    shape = tuple(part.stop - part.start for part in job.slab)
    covered = np.isin(job.owners, job.stale)
    if covered.all():
        values = np.empty(shape, job.variable.dtype)
    else:
        values = np.full(shape, job.variable.missing, job.variable.dtype)
        if not job.is_new:
            _put_stored(values, job, stored)
        nobody = job.owners == NOBODY
        if nobody.any():
            _along(values, job.moving)[nobody] = job.variable.missing
    for index in job.stale:
        _put(values, job, whole.contributions[index], reader, stored)
    return values


def read_ahead(jobs: Iterable[Job], load: Callable[[Job], NDArray[Any]]) -> Iterator[tuple[Job, NDArray[Any]]]:
    """The slabs with their values, a few of them read ahead while the last one is used."""
    pending: deque[tuple[Job, Future[NDArray[Any]]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for job in jobs:
                pending.append((job, pool.submit(load, job)))
                if len(pending) > SLABS_AHEAD:
                    yield _next(pending)
            while pending:
                yield _next(pending)
        finally:
            for _, future in pending:
                future.cancel()


def write_slab(array: zarr.Array[Any], job: Job, values: NDArray[Any], check: Check) -> bool:
    """Write a slab where it differs from what is there, and read it back; return whether it differed.

    Raises:
        StorageError: If other values come back than were written.
    """
    if not job.is_new and same_values(_read(array, job.slab), values):
        return False
    array[job.slab] = values
    back = _read(array, job.slab)
    if not same_values(back, values):
        raise StorageError(job.variable.path, "came back changed", "check the disk or the bucket")
    check.add(back, job.variable.mark)
    return True


def _due_parts(slab: Slab, due: NDArray[np.bool_], moving: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[Slab]:
    """The parts of a slab, whole chunks, that hold all that is due: runs of chunks along the first axis that moves."""
    first = moving[0]
    rows = due.any(axis=tuple(range(1, due.ndim)))
    starts = np.arange(0, len(rows), chunks[first])
    for begin, end in runs_of(np.flatnonzero(np.logical_or.reduceat(rows, starts))):
        low = slab[first].start + begin * chunks[first]
        part = list(slab)
        part[first] = slice(low, min(slab[first].stop, slab[first].start + end * chunks[first]))
        yield tuple(part)


def _next(pending: deque[tuple[Job, Future[NDArray[Any]]]]) -> tuple[Job, NDArray[Any]]:
    job, future = pending.popleft()
    return job, future.result()


def _read(array: zarr.Array[Any], slab: Slab) -> NDArray[Any]:
    values = np.asarray(array[slab])
    return values.astype(object) if values.dtype.kind == "T" else values


def _put_stored(values: NDArray[Any], job: Job, stored: StoredFields) -> None:
    """What the store held of the slab, into its place."""
    before = stored.shape(job.variable.path)
    common = tuple(slice(part.start, min(part.stop, size)) for part, size in zip(job.slab, before, strict=True))
    if all(part.stop > part.start for part in common):
        target = tuple(slice(0, part.stop - part.start) for part in common)
        values[target] = stored.read(job.variable.path, common)


def _put(values: NDArray[Any], job: Job, contribution: Contribution, reader: FileReader, stored: StoredFields) -> None:
    """What a file has of the slab, into its place."""
    name, source, target = job.variable.path, list(job.slab), [slice(0, size) for size in values.shape]
    picks: dict[int, tuple[NDArray[np.intp], NDArray[np.intp]]] = {}
    for axis in job.moving:
        dim = job.variable.dims[axis]
        places = contribution.part.positions[dim]
        inside = np.flatnonzero((places >= job.slab[axis].start) & (places < job.slab[axis].stop))
        origin = inside if contribution.file is not None else _before(contribution, dim)[inside]
        if not inside.size:
            return
        goal = places[inside] - job.slab[axis].start
        source[axis], target[axis] = _span(origin), _span(goal)
        if not (_is_run(origin) and _is_run(goal)):
            picks[axis] = (origin - source[axis].start, goal - target[axis].start)
    view = values[tuple(target)] if target else values
    if not picks:
        _fetch(name, tuple(source), view, contribution, reader, stored)
        return
    whole = np.empty([part.stop - part.start for part in source], values.dtype)
    _fetch(name, tuple(source), whole, contribution, reader, stored)
    chosen = np.ix_(*(picks[axis][0] if axis in picks else np.arange(size) for axis, size in enumerate(whole.shape)))
    places_ = np.ix_(*(picks[axis][1] if axis in picks else np.arange(size) for axis, size in enumerate(view.shape)))
    view[places_] = whole[chosen]


def _fetch(
    name: str,
    slab: Slab,
    out: NDArray[Any],
    contribution: Contribution,
    reader: FileReader,
    stored: StoredFields,
) -> None:
    if contribution.file is None:
        out[...] = stored.read(name, slab).reshape(out.shape)
        return
    held: Mapping[str, NDArray[Any]] = contribution.facts.held if contribution.facts is not None else {}
    if name in held:
        slab, out = own_dimensions(slab, out, held[name].ndim)
        out[...] = held[name][slab]
    else:
        reader.read(contribution.file, name, slab, out)


def _before(contribution: Contribution, dim: str) -> NDArray[np.intp]:
    assert contribution.before is not None  # noqa: S101  # a file that is gone was in the store
    return positions_of(contribution.before.regions[dim])


def _along(values: NDArray[Any], moving: tuple[int, ...]) -> NDArray[Any]:
    return np.moveaxis(values, moving, range(len(moving)))


def _span(positions: NDArray[np.intp]) -> slice:
    return slice(int(positions.min()), int(positions.max()) + 1)


def _is_run(positions: NDArray[np.intp]) -> bool:
    return len(positions) == 1 or bool((np.diff(positions) == 1).all())
