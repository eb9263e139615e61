"""The pass over a study's runs: each batch that fits the store is written at once, the others after growing it.

Memory holds one batch, whatever the size of the study.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import ConfigError, SourceError
from simstac.progress import OnProgress, Progress
from simstac.sources.attributes import SAID, said_as_text
from simstac.studies import Run, Study
from simstac.studies.read import RunData, read_run
from simstac.studies.structure import MismatchError, Structure, differences
from simstac.write.arrays import put, remove_others
from simstac.write.batches import (
    Batch,
    Job,
    Outcome,
    Shape,
    Worked,
    batches_of,
    for_workers,
    load_batch,
    lost_batch,
    prepare,
    settle_batch,
    write_batch,
)
from simstac.write.encoding import refuse_unknown_dimensions, runs_in_chunk
from simstac.write.grow import grow
from simstac.write.layout import Layout, lay_out
from simstac.write.plan import Plan
from simstac.write.previous import STUDY_LAYOUT, Previous
from simstac.write.repository import Transaction
from simstac.write.table import Role, RunTable, updated_table
from simstac.write.workers import Parallel, Workers, hired

RECHUNK_FACTOR = 4
SAVE_SECONDS = 60.0
"""How much work an interruption may cost."""
CONVENTIONS = "CF-1.11"


@dataclass(slots=True, eq=False)
class Build:
    """One pass of writing, with what it has learnt so far.

    Attributes:
        study: The runs.
        marks: Their fingerprints by name; those of runs that are surely read may be left out.
        plan: What becomes of each run.
        previous: What the store holds.
        transaction: What the store is changed in.
        wished: Chunk lengths by dimension that the user asks for.
        on_progress: Listens to the progress.
        href: The store's address.
        parallel: Which processes read and write.
        shape: The ensemble as it lies in the store now.
        table: The run table, with what was read when it was last saved.
        kept: Why runs that have data in the store could not be read again, by name; they stay as they were.
    """

    study: Study
    marks: Mapping[str, str]
    plan: Plan
    previous: Previous
    transaction: Transaction
    wished: Mapping[str, int]
    on_progress: OnProgress
    href: str
    parallel: Parallel = field(default_factory=Parallel)
    shape: Shape = field(init=False)
    table: RunTable = field(init=False)
    kept: dict[str, str] = field(init=False, default_factory=dict)
    _read: dict[str, RunData] = field(init=False, default_factory=dict)
    _digests: dict[str, str] = field(init=False, default_factory=dict)
    _structures: dict[str, Structure] = field(init=False, default_factory=dict)
    _old_rows: NDArray[np.intp] = field(init=False)
    _run_chunk: int = field(init=False, default=0)
    _scalars: set[str] = field(init=False, default_factory=set)
    _told: dict[str, int] = field(init=False, default_factory=dict)
    _saved_at: float = field(init=False, default_factory=monotonic)

    def __post_init__(self) -> None:
        """Begin with what the store holds."""
        self.shape, self.table = Shape(self.previous.structure, self.previous.layout), self.previous.table
        before = {run: row for row, run in enumerate(self.previous.table.runs)}
        self._old_rows = np.array([before.get(run, -1) for run in self.plan.runs], dtype=np.intp)

    def write(self) -> tuple[RunTable, tuple[str, ...]]:
        """Write all but the commit; return the run table, and what some of the runs just read lack."""
        peeked = self._peek()
        self._choose_run_chunk(_united(self.shape.structure, (data.structure for data in peeked.values())))
        deferred: list[Batch] = []
        wanted: dict[str, Structure] = {}
        batches = self._batches()
        begun = _reach(batches, peeked)
        with hired(self.parallel, prepare) if self.parallel and len(batches) > begun + 1 else nullcontext() as workers:
            first = (self._write_here(batch, peeked, grows=True) for batch in batches[:begun])
            for outcome in chain(first, self._pass(workers, batches[begun:], last=False)):
                self._scalars |= {name for data in outcome.read.values() for name in data.scalars}
                if outcome.written:
                    self._note(outcome)
                else:
                    deferred.append(outcome.batch)
                    wanted |= outcome.structures
            if deferred:
                self._save()
            self._grow_to(_united(self.shape.structure, wanted.values()))
            for outcome in self._pass(workers, deferred, last=True):
                self._note(outcome)
        self._finish()
        structures = {run: self._structures[self._digests[run]] for run in self.plan.runs if run in self._digests}
        return self.table, differences(structures, self.shape.structure)

    def _pass(self, workers: Workers | None, batches: Sequence[Batch], *, last: bool) -> Iterator[Outcome]:
        """Read and write batches; the last time, one that does not fit the store is refused."""
        if workers is None or len(batches) < 2:  # noqa: PLR2004  # an only batch is done sooner here
            yield from (self._write_here(batch, {}, last=last) for batch in batches)
            return
        self._save()
        job = Job(self.href, pickle.dumps(self.transaction.session.fork()), self.shape, self.study.source, last)
        _refuse_unsendable(job, batches[0])
        for batch, worked in workers.results(write_batch, job, tuple(map(for_workers, batches))):
            if worked is None:
                yield self._settle(batch, lost_batch(batch), last=True)
            else:
                _refuse_unseen(worked)
                self.transaction.session.merge(pickle.loads(worked.fork))  # noqa: S301  # by a worker of this build
                yield worked.outcome
            for run in batch.runs.values():
                self._tell(run)

    def _note(self, outcome: Outcome) -> None:
        """Remember what was written, and now and then save it."""
        self._read |= outcome.read
        self.kept |= outcome.kept
        self._digests |= outcome.digests
        self._structures |= outcome.structures
        self._structures.setdefault(self.shape.structure.digest, self.shape.structure)
        if monotonic() - self._saved_at > SAVE_SECONDS:
            self._save()

    def _save(self) -> None:
        """Leave all that was written so far to the next build, should this one be interrupted."""
        if any(spec.name in self._scalars for spec in self.shape.layout.arrays.values()):
            return  # a result is called like a series, which gets another name when the store grows
        self._finish()
        self.transaction.checkpoint(STUDY_LAYOUT)
        self._saved_at = monotonic()

    def _names_to_read(self) -> tuple[str, ...]:
        return (*self.plan.rewritten, *self.plan.added)

    def _peek(self) -> dict[str, RunData]:
        """For a new store the runs up to the first with data, which tells how large a run is."""
        peeked: dict[str, RunData] = {}
        if self.shape.structure.variables:
            return peeked
        runs = {run.name: run for run in self.study.runs}
        for name in self._names_to_read():
            peeked[name] = read_run(runs[name], self.marks.get(name), self.study.source)
            self._tell(runs[name])
            if peeked[name].structure is not None:
                break
        return peeked

    def _choose_run_chunk(self, structure: Structure) -> None:
        """The user's choice; else the store's, unless the study has outgrown it; else one by size."""
        chosen, there = runs_in_chunk(len(self.plan.runs), structure.run_bytes), self.previous.run_chunk
        keep = there and chosen < RECHUNK_FACTOR * there
        self._run_chunk = self.wished.get("run") or (there if keep else chosen)

    def _batches(self) -> tuple[Batch, ...]:
        runs, rows = {run.name: run for run in self.study.runs}, {run: row for row, run in enumerate(self.plan.runs)}
        wanted = {rows[name]: runs[name] for name in self._names_to_read()}
        statuses = self.previous.table.texts("status")
        with_data = {run for run, status in statuses.items() if status == "completed"}
        return batches_of(wanted, self._run_chunk, len(rows), with_data, self.marks)

    def _write_here(
        self, batch: Batch, peeked: dict[str, RunData], *, grows: bool = False, last: bool = False
    ) -> Outcome:
        known = {run.name: peeked.pop(run.name) for run in batch.runs.values() if run.name in peeked}
        rest = {row: run for row, run in batch.runs.items() if run.name not in known}
        loaded = known | load_batch(replace(batch, runs=rest), self.study.source, self._tell)
        read = {run.name: loaded[run.name] for run in batch.runs.values()}
        if grows:
            self._grow_for(read)
        return self._settle(batch, read, last=last)

    def _tell(self, run: Run) -> None:
        self._told.setdefault(run.name, len(self._told) + 1)
        self.on_progress(Progress("read runs", self._told[run.name], len(self._names_to_read()), run.name))

    def _settle(self, batch: Batch, loaded: Mapping[str, RunData], *, last: bool) -> Outcome:
        import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

        root = zarr.open_group(self.transaction.session.store, mode="r+")
        return settle_batch(root, self.shape, batch, loaded, last=last)

    def _grow_for(self, read: Mapping[str, RunData]) -> None:
        self._scalars |= {name for data in read.values() for name in data.scalars}
        self._grow_to(_united(self.shape.structure, (data.structure for data in read.values())))

    def _grow_to(self, structure: Structure) -> None:
        layout = lay_out(
            structure,
            len(self.plan.runs),
            self._run_chunk,
            taken={*self._scalars, *self.table.columns, *(each.name for each in self.study.parameters.columns)},
            wished=self.wished,
            kept=self.shape.layout.arrays,
        )
        new = Shape(structure, layout)
        grow(self.transaction, self.shape, new, self._old_rows)
        self.shape, self._old_rows = new, np.arange(len(self.plan.runs))

    def _finish(self) -> None:
        """Write the table, the coordinates and the attributes; remove what is no more."""
        import zarr  # noqa: PLC0415  # as above

        table = self.table = updated_table(self.table, self.plan.runs, self._read, self.study.parameters)
        self._read.clear()
        root = zarr.open_group(self.transaction.session.store, mode="a", zarr_format=3)
        layout, columns = self.shape.layout, table.coordinates()
        refuse_unknown_dimensions(self.wished, {dim for spec in layout.arrays.values() for dim in spec.dims})
        _refuse_names_of_results(self.study, layout)
        shared = {name: columns[name] for name in ("run", *table.named(Role.PARAMETER))}
        for path in layout.groups:
            group = root.require_group(path) if path else root
            axes = layout.coordinates.get(path, {})
            arrays = {**(shared if path else columns), **axes}
            for name, coordinate in arrays.items():
                put(group, name, coordinate)
            series = {spec.name for spec in layout.arrays.values() if spec.group == path}
            remove_others(group, {*arrays, *series})
            own_times = {name for name in series if name.startswith("time_")}
            dims = {dim for coordinate in arrays.values() for dim in coordinate.dims}
            coordinates = " ".join(sorted({*shared, *axes, *own_times} - dims))
            attrs = dict(self.shape.structure.groups.get(path or layout.primary, {}))
            attrs |= {"coordinates": coordinates} if coordinates else {}
            if not path:
                attrs |= {"Conventions": CONVENTIONS, SAID: said_as_text(self._described(table))}
            if dict(group.attrs) != attrs:
                group.attrs.put(attrs)

    def _described(self, table: RunTable) -> dict[str, Any]:
        arrays = self.shape.layout.arrays
        described: dict[str, Any] = {"layout": STUDY_LAYOUT, "primary": self.shape.layout.primary}
        described |= {str(role): table.named(role) for role in Role}
        static = sorted(spec.name for (series, _), spec in arrays.items() if not series)
        renamed = {spec.path: name for (_, name), spec in sorted(arrays.items()) if spec.name != name}
        return described | ({"static": static} if static else {}) | ({"own_names": renamed} if renamed else {})


def _reach(batches: Sequence[Batch], peeked: Mapping[str, RunData]) -> int:
    """How many batches to begin with, for which the store grows: one, and as far as runs were peeked at."""
    known = (any(run.name in peeked for run in batch.runs.values()) for batch in batches)
    return max((number for number, holds in enumerate(known, 1) if holds), default=1)


def _united(structure: Structure, others: Iterable[Structure | None]) -> Structure:
    """The structure with those of runs; one that does not go with the others is left out."""
    for other in others:
        if other is not None:
            try:
                structure = structure.union(other)
            except MismatchError:
                continue
    return structure


def _refuse_unsendable(job: Job, batch: Batch) -> None:
    """Refuse runs in a place that no other process can be told of."""
    try:
        pickle.dumps((job, batch))
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        remedy = "leave out jobs and dask, or make their file system one that can be pickled"
        raise ConfigError("jobs", f"the runs cannot be handed to other processes ({error})", remedy) from error


def _refuse_unseen(worked: Worked) -> None:
    """Refuse to take runs for missing that only a worker does not see."""
    for path in worked.unseen:
        if path.exists():
            remedy = "give workers the runs under the same path, or put the runs into a bucket"
            raise SourceError(path, "is there, but a worker does not find it", remedy)


def _refuse_names_of_results(study: Study, layout: Layout) -> None:
    dimensions = {name for group in layout.coordinates.values() for name in group}
    series = {name for _, name in layout.arrays}
    for parameter in study.parameters.columns:
        if parameter.name in dimensions | series:
            kind = "dimension" if parameter.name in dimensions else "series"
            problem = f"has a parameter called {parameter.name!r}, which is a {kind} of the results"
            raise SourceError(study.parameters.where, problem, "rename the column")
