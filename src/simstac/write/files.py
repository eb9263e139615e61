"""Files of a CF source → one Icechunk store that grows: only what changed is read and written, in one commit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median_low
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.progress import OnProgress, Progress, silent
from simstac.sources.attributes import SAID, said_as_text
from simstac.sources.cf.files import CfFiles, SourceFile
from simstac.sources.cf.options import CfOptions
from simstac.sources.cf.reading import FileReader
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.write.arrays import same_values
from simstac.write.combining import FilesPlan, Whole, combine, plan_files
from simstac.write.commit import DATASET_LAYOUT, committed, head_of_dataset, written
from simstac.write.encoding import field_chunks, refuse_unknown_dimensions
from simstac.write.plan import Dropped
from simstac.write.provenance import GROUP, put_records, read_combined
from simstac.write.repository import Head, Place, Transaction, open_repository, read_head, release, store_errors
from simstac.write.shared import refuse_other_coordinates
from simstac.write.stored_fields import StoredFields
from simstac.write.stream import Check, Job, few_at_once, fixed_jobs, jobs_of, loaded, read_ahead, write_slab
from simstac.write.variables import Variable, created, kept_array, resized
from simstac.write.verify import refuse_other_labels

if TYPE_CHECKING:
    import icechunk
    import zarr

READER = "cf/1"


@dataclass(frozen=True, slots=True)
class FilesReport:
    """What writing files did.

    Attributes:
        statuses: How each file ended, by name: ``added``, ``rewritten``, ``unchanged``, ``moved`` because
            earlier labels came, or ``kept`` though it is gone.
        dropped: Files that are gone, and whose data were removed.
        checks: What was written of each variable, as it came back from the store.
        fields: The variables that are no coordinates.
        extents: The first and the last label of each axis along which files are appended, for people.
        assumed: Times of the files that were read whose calendar nobody says.
    """

    statuses: Mapping[str, str]
    dropped: tuple[str, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    extents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()


def write_files(  # noqa: PLR0913  # all but three are options
    source: CfFiles,
    href: str,
    scheme: StorageScheme,
    *,
    version: str | None = None,
    chunks: Mapping[str, int] | None = None,
    drop_vanished: Dropped = False,
    unfit: str = "",
    credentials: KeySource | None = None,
    on_progress: OnProgress = silent,
) -> tuple[Stored, FilesReport]:
    """Combine files by their coordinates into a store, in one commit that readers see whole or not at all.

    Files whose version is in the store are not opened; a file that changed is written into its own place, new ones
    are put where their labels belong. Files that are in the store already make no commit. Units of time and the chunk
    shape are fixed when the store is created. Memory holds a few slabs, however many files there are.

    Args:
        source: The files, and what to read of them.
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        version: The version that the tag names; ``1``, ``2`` … where None.
        chunks: Chunk lengths by dimension; chosen for the data where left out.
        drop_vanished: Whether the data of files that are gone are removed, or the names of such files.
        unfit: Why the files are not referred to, where somebody wished that; remembered for `why_copied`.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
        on_progress: Listens to the progress.

    Returns:
        What is stored, and what was done.

    Raises:
        SourceError: If a file cannot be read, or two files do not go together.
        ConfigError: If chunk lengths are asked for along a dimension that the data do not have.
        StorageError: If the store cannot be read or written, or holds something else.
        ConflictError: If others keep committing to the same store meanwhile.
    """
    place, wished = Place(href, scheme, credentials), dict(chunks or {})
    settings = _settings(source.options, wished)
    mark = _fingerprint(source.files, settings, source.options.along)

    def write_once(repository: icechunk.Repository) -> tuple[Stored, FilesReport]:
        if _is_current(head_of_dataset(repository, href), mark, drop_vanished):
            statuses = {file.name: "unchanged" for file in source.files}
            return release(repository, place, version, changed=False), FilesReport(statuses)
        transaction = Transaction(repository)
        with few_at_once(place), FileReader(source.options) as reader:
            writer = _Writer(href, repository, transaction, reader, wished, on_progress)
            plan, report = writer.write(source, settings, drop_vanished)
        metadata = {"layout": DATASET_LAYOUT, "fingerprint": mark, "kept": len(plan.kept), "unfit": unfit}
        return committed(transaction, place, version, plan.message, metadata), report

    return written(place, write_once, on_progress)


def why_copied(href: str, scheme: StorageScheme, *, credentials: KeySource | None = None) -> str:
    """Why a store holds copies of files that somebody wished to refer to; empty where nobody did, or it has none.

    Raises:
        StorageError: If the store cannot be reached.
    """
    repository = open_repository(Place(href, scheme, credentials))
    if repository is None:
        return ""
    with store_errors(href):
        head = read_head(repository)
        return str(head.metadata.get("unfit", "")) if head is not None else ""


def _settings(options: CfOptions, wished: Mapping[str, int]) -> dict[str, Any]:
    """What decides about the store beside the files."""
    return {
        "reader": READER,
        "variables": list(options.variables),
        "group": options.group,
        "filter_by_keys": dict(options.filter_by_keys),
        "chunks": dict(wished),
        **({"calendar": options.calendar} if options.calendar else {}),
    }


def _fingerprint(files: Sequence[SourceFile], settings: Mapping[str, Any], along: Sequence[str]) -> str:
    about = [[[file.name, file.version] for file in files], settings, *([along] if along else [])]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _is_current(head: Head | None, mark: str, drop: Dropped) -> bool:
    if head is None:
        return False
    return head.metadata.get("fingerprint") == mark and not (drop and head.metadata.get("kept"))


@dataclass(frozen=True, slots=True, eq=False)
class _Writer:
    """One pass of writing into a transaction."""

    href: str
    repository: icechunk.Repository
    transaction: Transaction
    reader: FileReader
    wished: Mapping[str, int]
    on_progress: OnProgress

    def write(self, source: CfFiles, settings: Mapping[str, Any], drop: Dropped) -> tuple[FilesPlan, FilesReport]:
        """Bring the store to what the files say; return what became of them."""
        import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

        root = zarr.open_group(self.transaction.session.store, mode="a", zarr_format=3)
        before: Any = self.repository.readonly_session(snapshot_id=self.transaction.base).store
        old = zarr.open_group(before, mode="r") if SAID in root.attrs else None
        combined, stored = read_combined(old), StoredFields(self.href, old)
        same = combined.said.get("settings") == settings
        plan = plan_files(source.files, combined, same_settings=same, drop=drop)
        whole = combine(plan, combined, stored, self.reader, source.options, self.on_progress)
        refuse_other_coordinates(whole, self.reader, stored)
        _remove_others(root, whole)
        checks = self._write_variables(root, whole, plan, stored)
        if checks or plan.added or plan.dropped or not same:
            put_records(root, [each.record for each in whole.contributions], combined.records.values())
        _put_attrs(root, whole, settings)
        refuse_other_labels(self.transaction.session.store, whole, self.href)
        return plan, _report(plan, whole, checks)

    def _write_variables(
        self, root: zarr.Group, whole: Whole, plan: FilesPlan, stored: StoredFields
    ) -> dict[str, Check]:
        checks: dict[str, Check] = {}
        arrays: dict[str, zarr.Array[Any]] = {}
        jobs: list[Job] = []
        emptied = bool(plan.dropped or plan.changed)
        for variable in _variables(whole, self.wished):
            name = variable.path
            kept = kept_array(root, variable) if name in stored else None
            array = created(root, variable, variable.missing) if kept is None else resized(kept, variable)
            arrays[name] = array
            labels = next((axis for axis in whole.axes.values() if axis.variable == name), None)
            if labels is not None:
                _write_labels(array, labels.values)
            elif {*variable.dims} & {*whole.axes}:
                jobs += jobs_of(whole, variable, array, is_new=kept is None, emptied=emptied)
            else:
                jobs += fixed_jobs(whole, variable, array, is_new=kept is None)
        jobs.sort(key=lambda job: job.slab[0].start / max(1, job.variable.shape[0]) if job.slab else 0.0)
        load = partial(loaded, whole=whole, reader=self.reader, stored=stored)
        for number, (job, values) in enumerate(read_ahead(jobs, load)):
            name = job.variable.path
            check = checks.get(name, Check())
            if write_slab(arrays[name], job, values, check):
                checks[name] = check
            self.on_progress(Progress("write slabs", number + 1, len(jobs), name))
        return checks


def _variables(whole: Whole, wished: Mapping[str, int]) -> list[Variable]:
    """The variables as they shall lie in the store; chunks are for those that are not there yet."""
    refuse_unknown_dimensions(wished, [dim for facts in whole.variables.values() for dim in facts.dims])
    counts = {dim: [len(each.part.positions.get(dim, ())) for each in whole.contributions] for dim in whole.axes}
    steps = {dim: median_low([count for count in own if count] or [1]) for dim, own in counts.items()}
    found = []
    for name, facts in whole.variables.items():
        source = facts.chunks if len(facts.chunks) == len(facts.dims) else ()
        itemsize = max(1, facts.dtype.itemsize)
        chunks = field_chunks(facts.dims, facts.shape, itemsize, steps, source, wished)
        own = {axis: wished[dim] for axis, dim in enumerate(facts.dims) if dim in wished}
        found.append(Variable(name, facts.dims, facts.shape, facts.dtype, facts.attrs, chunks, own))
    return found


def _remove_others(root: zarr.Group, whole: Whole) -> None:
    for name, _ in sorted(root.members()):
        if name not in whole.variables and name != GROUP:
            del root[name]


def _write_labels(array: zarr.Array[Any], values: NDArray[Any]) -> None:
    """Write the labels of an axis where they differ, whole chunks at a time."""
    for start in range(0, len(values), array.chunks[0]):
        rows = slice(start, min(start + array.chunks[0], len(values)))
        if not same_values(np.asarray(array[rows]), values[rows]):
            array[rows] = values[rows]


def _put_attrs(root: zarr.Group, whole: Whole, settings: Mapping[str, Any]) -> None:
    said = {
        "layout": DATASET_LAYOUT,
        "along": list(whole.along),
        "labels": {dim: axis.variable for dim, axis in whole.axes.items()},
        "coordinates": sorted(whole.coordinates),
        "packing": dict(whole.packing),
        "settings": dict(settings),
    }
    attrs = {**whole.attrs, SAID: said_as_text(said)}
    if root.attrs.asdict() != attrs:
        root.attrs.put(attrs)


def _report(plan: FilesPlan, whole: Whole, checks: Mapping[str, Check]) -> FilesReport:
    said = {file.name: "unchanged" for file in plan.known} | {file.name: "rewritten" for file in plan.changed}
    said |= {file.name: "added" for file in plan.added} | dict.fromkeys(plan.kept, "kept")
    moved = {each.part.name for each in whole.contributions if each.stale and said[each.part.name] == "unchanged"}
    said |= dict.fromkeys(moved, "moved")
    extents = {dim: (axis.text(0), axis.text(-1)) for dim, axis in whole.axes.items() if len(axis.values)}
    statuses = {each.part.name: said[each.part.name] for each in whole.contributions}
    fields = frozenset(whole.variables) - whole.coordinates
    assumed = {name for each in whole.contributions if each.facts for name in each.facts.assumed}
    return FilesReport(statuses, plan.dropped, checks, fields, extents, tuple(sorted(assumed)))
