"""The pass over a study's runs: each batch that fits the store is written at once, the others after growing it.

Memory holds one batch, whatever the size of the study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.progress import OnProgress, Progress
from simstac.studies import Run, Study
from simstac.studies.read import RunData, read_run
from simstac.studies.structure import MismatchError, Structure, differences
from simstac.write.arrays import put, remove_others
from simstac.write.batches import Batch, Outcome, Shape, batches_of, load_batch, settle_batch
from simstac.write.encoding import refuse_unknown_dimensions, runs_in_chunk
from simstac.write.grow import grow
from simstac.write.layout import Layout, lay_out
from simstac.write.plan import Plan
from simstac.write.previous import STUDY_LAYOUT, Previous
from simstac.write.repository import Transaction
from simstac.write.table import Role, RunTable, updated_table

RECHUNK_FACTOR = 4
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
        shape: The ensemble as it lies in the store now.
        read: The runs read so far by name, without their values.
    """

    study: Study
    marks: Mapping[str, str]
    plan: Plan
    previous: Previous
    transaction: Transaction
    wished: Mapping[str, int]
    on_progress: OnProgress
    shape: Shape = field(init=False)
    read: dict[str, RunData] = field(default_factory=dict)
    _old_rows: NDArray[np.intp] = field(init=False)
    _run_chunk: int = field(init=False, default=0)
    _told: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what the store holds."""
        self.shape = Shape(self.previous.structure, self.previous.layout)
        before = {run: row for row, run in enumerate(self.previous.table.runs)}
        self._old_rows = np.array([before.get(run, -1) for run in self.plan.runs], dtype=np.intp)

    def write(self) -> tuple[RunTable, tuple[str, ...]]:
        """Write all but the commit; return the run table, and what some of the runs just read lack."""
        peeked = self._peek()
        wanted = _united(self.shape.structure, peeked)
        self._choose_run_chunk(wanted)
        deferred: list[Batch] = []
        for number, batch in enumerate(self._batches()):
            loaded = self._load(batch, peeked)
            wanted = _united(wanted, loaded)
            if number == 0:
                self._grow_to(wanted, loaded)
            if not self._settle(batch, loaded, last=False).written:
                deferred.append(batch)
        self._grow_to(wanted, self.read)
        for batch in deferred:
            self._settle(batch, self._load(batch, {}), last=True)
        table = updated_table(self.previous.table, self.plan.runs, self.read, self.study.parameters)
        self._finish(table)
        structures = {run: data.structure for run, data in self.read.items() if data.structure is not None}
        return table, differences(structures, self.shape.structure)

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
        return batches_of(wanted, self._run_chunk, len(rows), with_data)

    def _load(self, batch: Batch, peeked: dict[str, RunData]) -> dict[str, RunData]:
        known = {run.name: peeked.pop(run.name) for run in batch.runs.values() if run.name in peeked}
        rest = {row: run for row, run in batch.runs.items() if run.name not in known}
        loaded = known | load_batch(replace(batch, runs=rest), self.study.source, self.marks, self._tell)
        return {run.name: loaded[run.name] for run in batch.runs.values()}

    def _tell(self, run: Run) -> None:
        self._told.setdefault(run.name, len(self._told) + 1)
        self.on_progress(Progress("read runs", self._told[run.name], len(self._names_to_read()), run.name))

    def _settle(self, batch: Batch, loaded: Mapping[str, RunData], *, last: bool) -> Outcome:
        import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

        root = zarr.open_group(self.transaction.session.store, mode="r+")
        outcome = settle_batch(root, self.shape, batch, loaded, last=last)
        self.read |= outcome.read
        return outcome

    def _grow_to(self, structure: Structure, read: Mapping[str, RunData]) -> None:
        columns = {name for data in (*read.values(), *self.read.values()) for name in data.scalars}
        layout = lay_out(
            structure,
            len(self.plan.runs),
            self._run_chunk,
            taken={*columns, *self.previous.table.columns, *(each.name for each in self.study.parameters.columns)},
            wished=self.wished,
            kept=self.shape.layout.arrays,
        )
        new = Shape(structure, layout)
        grow(self.transaction, self.shape, new, self._old_rows)
        self.shape, self._old_rows = new, np.arange(len(self.plan.runs))

    def _finish(self, table: RunTable) -> None:
        """Write the table, the coordinates and the attributes; remove what is no more."""
        import zarr  # noqa: PLC0415  # as above

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
                attrs |= {"Conventions": CONVENTIONS, "simstac": self._described(table)}
            if dict(group.attrs) != attrs:
                group.attrs.put(attrs)

    def _described(self, table: RunTable) -> dict[str, Any]:
        arrays = self.shape.layout.arrays
        described: dict[str, Any] = {"layout": STUDY_LAYOUT, "primary": self.shape.layout.primary}
        described |= {str(role): table.named(role) for role in Role}
        static = sorted(spec.name for (series, _), spec in arrays.items() if not series)
        renamed = {spec.path: name for (_, name), spec in sorted(arrays.items()) if spec.name != name}
        return described | ({"static": static} if static else {}) | ({"own_names": renamed} if renamed else {})


def _united(structure: Structure, read: Mapping[str, RunData]) -> Structure:
    """The structure with those of the runs; a run that does not go with the others is left out."""
    for data in read.values():
        if data.structure is not None:
            try:
                structure = structure.union(data.structure)
            except MismatchError:
                continue
    return structure


def _refuse_names_of_results(study: Study, layout: Layout) -> None:
    dimensions = {name for group in layout.coordinates.values() for name in group}
    series = {name for _, name in layout.arrays}
    for parameter in study.parameters.columns:
        if parameter.name in dimensions | series:
            kind = "dimension" if parameter.name in dimensions else "series"
            problem = f"has a parameter called {parameter.name!r}, which is a {kind} of the results"
            raise SourceError(study.parameters.where, problem, "rename the column")
