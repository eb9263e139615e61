"""What becomes of each file of a dataset, and where its data lie: decided before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.progress import OnProgress
from simstac.sources.cf.agree import refuse_disagreement, refuse_other_field, shared_attrs
from simstac.sources.cf.axes import Axis, choose_along, united
from simstac.sources.cf.calendars import refuse_doubtful_together
from simstac.sources.cf.combine import NOBODY, Part, Rule, owners_of, positions_of, refuse_gaps_between, runs_of
from simstac.sources.cf.facts import FileFacts, VariableFacts, promoted
from simstac.sources.cf.files import SourceFile
from simstac.sources.cf.options import CfOptions
from simstac.sources.cf.reading import FileReader
from simstac.write.plan import Dropped
from simstac.write.provenance import GROUP, Combined, Record
from simstac.write.stored_fields import StoredFields


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """What becomes of each file.

    Attributes:
        known: Files that are in the store as they are.
        changed: Files that are in the store as they were.
        added: Files that are not in the store.
        kept: Names of files that are gone, and whose data stay.
        dropped: Names of files that are gone, and whose data go.
    """

    known: tuple[SourceFile, ...] = ()
    changed: tuple[SourceFile, ...] = ()
    added: tuple[SourceFile, ...] = ()
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def fresh(self) -> tuple[SourceFile, ...]:
        """The files to read."""
        return (*self.changed, *self.added)

    @property
    def message(self) -> str:
        """A line for the commit."""
        counts = {"added": len(self.added), "rewritten": len(self.changed), "dropped": len(self.dropped)}
        return ", ".join(f"{count} files {what}" for what, count in counts.items() if count) or "no files changed"


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one file contributes, and where from.

    Attributes:
        part: Its variables and places.
        version: The version of its bytes that is recorded.
        file: The file; None where it is gone, and its data are in the store alone.
        facts: What is known of it; None where it was not opened.
        before: What the store remembers of it; None where it was not there.
        stale: Whether its place in the store does not hold its data.
    """

    part: Part
    version: str
    file: SourceFile | None
    facts: FileFacts | None
    before: Record | None
    stale: bool

    @property
    def record(self) -> Record:
        """What the store shall remember of it."""
        if self.before is not None and not self.stale:
            return self.before
        regions = {dim: runs_of(positions) for dim, positions in self.part.positions.items()}
        return Record(self.part.name, self.version, tuple(sorted(self.part.variables)), regions)


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A dataset combined from files.

    Attributes:
        along: The axes along which files are appended.
        axes: The same with their labels.
        variables: The variables in the shape of the whole.
        owners: Which contribution each combination of labels of a variable comes from.
        contributions: What each file contributes, in the order of the files' names.
        attrs: The attributes that all files share.
        packing: How files pack each packed variable.
        coordinates: The variables that others refer to, and those of dimensions.
    """

    along: tuple[str, ...]
    axes: Mapping[str, Axis]
    variables: Mapping[str, VariableFacts]
    owners: Mapping[str, NDArray[np.int32]]
    contributions: Sequence[Contribution]
    attrs: Mapping[str, Any]
    packing: Mapping[str, str] = field(default_factory=dict)
    coordinates: frozenset[str] = frozenset()


def plan_files(files: Sequence[SourceFile], combined: Combined, *, same_settings: bool, drop: Dropped) -> FilesPlan:
    """What becomes of each file.

    Args:
        files: The files that are there.
        combined: What the store holds.
        same_settings: Whether it was made as it would be now; else every file is read again.
        drop: Whether what is gone leaves the store, or the names of what does.
    """
    records = combined.records
    there = {file.name for file in files}
    gone = [name for name in records if name not in there]
    dropped = [name for name in gone if (name in drop if isinstance(drop, Collection) else drop)]
    same = {file.name for file in files if file.name in records and records[file.name].version == file.version}
    return FilesPlan(
        known=tuple(file for file in files if same_settings and file.name in same),
        changed=tuple(file for file in files if file.name in records and not (same_settings and file.name in same)),
        added=tuple(file for file in files if file.name not in records),
        kept=tuple(name for name in gone if name not in dropped),
        dropped=tuple(dropped),
    )


def combine(
    plan: FilesPlan,
    combined: Combined,
    stored: StoredFields,
    reader: FileReader,
    options: CfOptions,
    on_progress: OnProgress,
) -> Whole:
    """Look at the files that are to be read, and place all of them on common axes.

    Raises:
        SourceError: If they do not make one dataset; it names the two files that disagree.
    """
    along = tuple(combined.said.get("along", ())) if combined.records else ()
    _refuse_other_axes(options, along, stored.href, known=bool(combined.records))
    fresh = reader.facts(plan.fresh, options.along or along, on_progress)
    if not combined.records:
        along = choose_along(fresh, options.along)
    fresh = [promoted(facts, along) for facts in fresh]
    remaining = [*(file.name for file in plan.known), *plan.kept]
    variables = _agreed(fresh, combined, remaining, along, options)
    _refuse_other_fields(fresh, combined, remaining, along, stored, reader)
    _refuse_unknown(options, variables, fresh)
    axes, places = _placed(fresh, combined, remaining, along)
    if not combined.records:
        _refuse_doubtful(axes, fresh)
    contributions = _contributions(plan, fresh, combined, axes, places, stored.href)
    parts = [each.part for each in contributions]
    if not options.allow_gaps:
        refuse_gaps_between(axes, parts)
    coordinates = frozenset(combined.said.get("coordinates", ())).union(*(facts.coordinates for facts in fresh))
    labels = {axis.variable for axis in axes.values()}
    owners: dict[str, NDArray[np.int32]] = {}
    alike: dict[tuple[Any, ...], NDArray[np.int32]] = {}
    shaped = {}
    for name, facts in sorted(variables.items()):
        moving = tuple(dim for dim in facts.dims if dim in axes)
        owners[name] = np.zeros((), np.int32)
        if moving and name not in labels:
            rule = Rule(allow_gaps=options.allow_gaps, is_shared=name in coordinates)
            key = (moving, rule, bytes(name in part.variables for part in parts))
            if key not in alike:
                alike[key] = owners_of(name, moving, parts, axes, rule)
            owners[name] = alike[key]
        _refuse_holes_without_a_value(facts, owners[name], parts)
        sizes = {dim: len(axis.values) for dim, axis in axes.items()}
        shape = tuple(sizes.get(dim, size) for dim, size in zip(facts.dims, facts.shape, strict=True))
        shaped[name] = replace(facts, shape=shape)
    attrs = shared_attrs(*([combined.attrs] if remaining else []), *(facts.attrs for facts in fresh))
    packing = {name: facts.packing for name, facts in variables.items() if facts.packing}
    return Whole(along, axes, shaped, owners, contributions, attrs, packing, coordinates & {*variables})


def _refuse_other_axes(options: CfOptions, along: tuple[str, ...], href: str, *, known: bool) -> None:
    if known and options.along and options.along != along:
        said, is_so = ", ".join(options.along), ", ".join(along) or "no axis"
        problem = f"appends along {is_so}, fixed when it was created, and not along {said}, as source.along says now"
        raise SourceError(href, problem, "give the collection another id, or delete the store and build again")


def _refuse_unknown(options: CfOptions, variables: Collection[str], fresh: Sequence[FileFacts]) -> None:
    taken = next((facts.file.where for facts in fresh if GROUP in facts.variables), None)
    if taken is not None:
        problem = f"has a variable {GROUP!r}, where the store says which files it was made from"
        raise SourceError(taken, problem, "rename it, or leave it out (source.variables)")
    for name in options.variables:
        if name not in variables and fresh:
            others = ", ".join(sorted(fresh[0].others))
            problem = f"has no {name!r}, nor has another file; its variables are {others}"
            raise SourceError(fresh[0].file.where, problem, "correct the name (source.variables)")


def _agreed(
    fresh: Sequence[FileFacts],
    combined: Combined,
    remaining: Sequence[str],
    along: tuple[str, ...],
    options: CfOptions,
) -> dict[str, VariableFacts]:
    """The variables, as all files agree on them: those of the store first, and the attributes that all share."""
    known: dict[str, tuple[str, VariableFacts]] = {}
    for file in remaining:
        for name in combined.records[file].variables:
            if name not in known and name in combined.variables:
                known[name] = (file, combined.variables[name])
    chunks: dict[str, tuple[int, ...]] = {}
    for facts in fresh:
        for name, own in sorted(facts.variables.items()):
            there, other = known.get(name, (facts.file.where, own))
            refuse_disagreement((facts.file.where, own), (there, other), along, mixed_packing=options.mixed_packing)
            if other.attrs != own.attrs:
                other = replace(other, attrs=shared_attrs(other.attrs, own.attrs))
            known[name] = (there, other)
            chunks.setdefault(name, own.chunks)
    return {name: replace(facts, chunks=chunks.get(name, ())) for name, (_, facts) in known.items()}


def _refuse_other_fields(
    fresh: Sequence[FileFacts],
    combined: Combined,
    remaining: Sequence[str],
    along: tuple[str, ...],
    stored: StoredFields,
    reader: FileReader,
) -> None:
    """Refuse fixed fields, such as a grid, that differ from file to file, or from the store's."""
    first: dict[str, tuple[str, str | None, SourceFile | None]] = {}
    for file_name in remaining:
        for name in combined.records[file_name].variables:
            fixed = combined.variables.get(name)
            if fixed is not None and not {*fixed.dims} & {*along}:
                first.setdefault(name, (file_name, None, None))
    for facts in fresh:
        for name, variable in sorted(facts.variables.items()):
            if {*variable.dims} & {*along}:
                continue
            if name not in first:
                first[name] = (facts.file.where, facts.fixed.get(name), facts.file)
                continue
            there, digest, file = first[name]
            ours = facts.fixed.get(name) or reader.digest(facts.file, variable)
            if digest is None:
                digest = stored.digest(variable) if file is None else reader.digest(file, variable)
                first[name] = (there, digest, file)
            if ours != digest:
                theirs = stored.values(name) if file is None else reader.values(file, name)
                one = (facts.file.where, reader.values(facts.file, name))
                refuse_other_field(one, (there, theirs), name, is_coordinate=name in facts.coordinates)


def _placed(
    fresh: Sequence[FileFacts], combined: Combined, remaining: Sequence[str], along: tuple[str, ...]
) -> tuple[dict[str, Axis], dict[str, dict[str, NDArray[np.intp]]]]:
    """The common axes, and where each file's labels are on them."""
    labels: dict[str, dict[str, NDArray[Any]]] = {dim: {} for dim in along}
    about = {dim: (axis.variable, axis.calendar) for dim, axis in combined.axes.items()}
    old = {
        name: {dim: positions_of(runs) for dim, runs in combined.records[name].regions.items()} for name in remaining
    }
    for name, each in old.items():
        for dim, positions in each.items():
            labels[dim][name] = combined.axes[dim].values[positions]
    for facts in fresh:
        for dim in along:
            if dim in facts.labels:
                own = facts.labels[dim]
                labels[dim][facts.file.name] = own.values
                about.setdefault(dim, (own.variable, own.calendar))
    axes = {dim: united(dim, *about[dim], list(each.values())) for dim, each in labels.items()}
    places: dict[str, dict[str, NDArray[np.intp]]] = {}
    for dim, by_file in labels.items():
        before = combined.axes[dim].values if dim in combined.axes else np.empty(0)
        longer = np.array_equal(axes[dim].values[: len(before)], before)
        for name, values in by_file.items():
            keeps = longer and name in old
            places.setdefault(name, {})[dim] = old[name][dim] if keeps else axes[dim].positions(values)
    return axes, places


def _refuse_doubtful(axes: Mapping[str, Axis], files: Sequence[FileFacts]) -> None:
    """Refuse times of a new store that name no calendar and may mean another than the standard one, all together."""
    for dim, axis in axes.items():
        having = [facts for facts in files if axis.variable in facts.assumed and dim in facts.labels]
        labels, units = (
            [facts.labels[dim].values for facts in having],
            [facts.assumed[axis.variable] for facts in having],
        )
        refuse_doubtful_together(labels, units, f"{files[0].file.where}: {axis.variable}")


def _contributions(
    plan: FilesPlan,
    fresh: Sequence[FileFacts],
    combined: Combined,
    axes: Mapping[str, Axis],
    places: Mapping[str, Mapping[str, NDArray[np.intp]]],
    href: str,
) -> list[Contribution]:
    """What each file contributes; where axes only became longer, what is known of files stays as it is."""
    made = []
    unmoved = all(
        np.array_equal(axes[dim].values[: len(axis.values)], axis.values) for dim, axis in combined.axes.items()
    )
    for facts in fresh:
        name = facts.file.name
        part = Part(name, facts.file.where, frozenset(facts.variables), places.get(name, {}))
        made.append(Contribution(part, facts.file.version, facts.file, facts, None, stale=True))
    files: Iterable[tuple[str, SourceFile | None]] = [
        *((file.name, file) for file in plan.known),
        *((name, None) for name in plan.kept),
    ]
    for name, file in files:
        record, now = combined.records[name], places.get(name, {})
        moved = not unmoved and any(
            not np.array_equal(positions_of(runs), now[dim]) for dim, runs in record.regions.items()
        )
        where = file.where if file is not None else f"{href} ({name}, which is gone)"
        part = Part(name, where, frozenset(record.variables), now)
        made.append(Contribution(part, record.version, file, None, record, stale=moved))
    order = {name: index for index, name in enumerate(sorted(each.part.name for each in made))}
    return sorted(made, key=lambda each: order[each.part.name])


def _refuse_holes_without_a_value(facts: VariableFacts, owners: NDArray[Any], parts: Sequence[Part]) -> None:
    can_miss = facts.dtype.kind in "fO" or facts.is_time or "_FillValue" in facts.attrs
    if not can_miss and (owners == NOBODY).any():
        having = next((part.where for part in parts if facts.name in part.variables), facts.name)
        problem = f"has {facts.name} as {facts.dtype} without a _FillValue, so that none can be missing in other files"
        raise SourceError(having, problem, "add the files that have it, or leave it out (source.variables)")
