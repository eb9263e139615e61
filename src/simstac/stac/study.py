"""A study of many runs → one Collection with the ensemble store, and one Item for each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import MetadataError
from simstac.sources.attributes import said_in
from simstac.stac.document import SCHEMAS, Document, Documents, Subject, groups_of, plain
from simstac.stac.extensions import apply_all, datacube, processing
from simstac.stac.geometry import boxes_of, padded, rectangle
from simstac.stac.metadata import Metadata
from simstac.stac.placement import Placement
from simstac.stac.releases import Release, link_versions, version_id, version_title
from simstac.stac.runs import Run, RunTable, read_runs
from simstac.stac.skeleton import collection_document, item_document
from simstac.stac.snippet import describe, open_snippet
from simstac.stac.temporal import temporal_properties

if TYPE_CHECKING:
    import xarray as xr

    from simstac.storage import Stored

MAX_SUMMARY_VALUES = 100
MAX_TITLE_PARAMETERS = 4
MAX_TITLE = 120
MAX_PROSE_RESULTS = 3

type Labels = Mapping[str, tuple[str, str]]


def describe_study(
    data: xr.DataTree | xr.Dataset,
    stored: Stored,
    metadata: Metadata,
    placement: Placement,
    *,
    releases: Sequence[Release | Document] = (),
) -> Documents:
    """The documents of a study's store, whose layout is ``study/1``.

    Args:
        data: The ensemble as opened from the store.
        stored: What writing it returned.
        metadata: What people say about the study.
        placement: How the store is addressed.
        releases: The older released versions of the whole study, oldest first, one Item each; or these Items as
            described before, without version links.

    Raises:
        MetadataError: If the store is no study, or neither it nor ``metadata`` says where its runs are.
    """
    subject, runs = _study(data, stored, metadata, placement)
    collection = _collection(subject, runs)
    older = [
        _version(release, metadata, placement) if isinstance(release, Release) else release for release in releases
    ]
    link_versions(older, collection)
    return Documents(collection=collection, items=_Items(subject, runs, older), versions=older)


@dataclass(frozen=True, slots=True)
class _Items:
    """The Items of a study, built one at a time whenever they are iterated: the runs, then the older versions."""

    subject: Subject
    runs: RunTable
    older: Sequence[Document]

    def __iter__(self) -> Iterator[Document]:
        template = _item_template(self.subject, self.runs)
        titled = _title_columns(self.runs)
        told = _told(self.runs)
        yield from (_item(template, self.subject, run, titled, told) for run in self.runs)
        yield from self.older


def _study(
    data: xr.DataTree | xr.Dataset, stored: Stored, metadata: Metadata, placement: Placement, *, latest: bool = True
) -> tuple[Subject, RunTable]:
    groups = groups_of(data)
    layout = said_in(groups[""].attrs)
    if not str(layout.get("layout", "")).startswith("study/"):
        raise MetadataError(stored.href, "is not the store of a study", "describe it with describe_dataset")
    runs = read_runs(groups[""], layout, metadata, stored.written_at)
    subject = Subject(
        groups=groups,
        stored=stored,
        metadata=metadata,
        placement=placement,
        utc_offsets=runs.utc_offsets,
        auxiliary=frozenset(layout.get("facts", ())),
        latest=latest,
    )
    return subject, runs


def _version(release: Release, metadata: Metadata, placement: Placement) -> Document:
    """An older version of the whole study as an Item."""
    subject, runs = _study(release.data, release.stored, metadata, placement, latest=False)
    tag = release.stored.tag
    identifier = version_id(metadata, tag)
    path = f"{metadata.id}/{identifier}/{identifier}.json"
    prose = f"All {len(runs)} runs of {metadata.name} as released in version {tag}; a newer version is there."
    document = item_document(
        subject,
        identifier=identifier,
        place=(rectangle(runs.bbox), runs.bbox),
        period=runs.interval,
        title=version_title(metadata, tag),
        description=describe(prose, open_snippet(path, placement)),
    )
    apply_all(document, subject)
    return document


def _collection(subject: Subject, runs: RunTable) -> Document:
    metadata = subject.metadata
    prose = metadata.description or metadata.name
    count = f"{len(runs)} runs, one Item each; the asset `icechunk` holds all of them along the dimension `run`."
    snippet = open_snippet(f"{metadata.id}/collection.json", subject.placement)
    document = collection_document(
        subject,
        boxes=boxes_of(padded(metadata.bbox or runs.bbox)),
        period=runs.interval,
        description=describe(f"{prose.strip()}\n\n{count}", snippet),
    )
    document["summaries"] = _summaries(runs)
    apply_all(document, subject)
    return document


def _item_template(subject: Subject, runs: RunTable) -> Document:
    """All that the Items have in common."""
    document = item_document(subject, identifier="", place=runs.place, period=runs.period, title="", description="")
    apply_all(document, subject)
    datacube.without_dimension(document, "run")
    for key in ("datetime", "start_datetime", "end_datetime", "processing:software"):
        document["properties"].pop(key, None)
    return document


def _item(template: Document, subject: Subject, run: Run, titled: list[str], told: tuple[Labels, Labels]) -> Document:
    path = f"{subject.metadata.id}/{run.id}/{run.id}.json"
    software = processing.parse_software(run.software)
    properties = {
        **template["properties"],
        **temporal_properties(run.start, run.end),
        **run.properties,
        "title": _title(run, titled),
        "description": describe(_prose(run, subject, told), open_snippet(path, subject.placement, run=run.name)),
    }
    item = {**template, "geometry": run.geometry, "bbox": list(run.bbox), "id": run.id, "properties": properties}
    if software:
        properties["processing:software"] = software
    else:
        item["stac_extensions"] = [uri for uri in template["stac_extensions"] if uri != SCHEMAS["processing"]]
    return item


def _prose(run: Run, subject: Subject, told: tuple[Labels, Labels]) -> str:
    """What the run is, in words that a card can show before the code."""
    status = run.properties.get("sim:status", "completed")
    parameters, results = (
        [(label, _with_unit(run, key, unit)) for key, (label, unit) in each.items()] for each in told
    )
    varied = ", ".join(f"{label} {value}" for label, value in parameters if value)
    found = "; ".join(f"{label}: {value}" for label, value in results if value)
    said = f"Run {run.name} of {subject.metadata.name}, {status}" + (f": {varied}." if varied else ".")
    sentences = (said, f"{found}." if found else "", run.properties.get("sim:message", ""))
    return " ".join(sentence for sentence in sentences if sentence)


def _with_unit(run: Run, key: str, unit: str) -> str:
    return f"{_shown(run.properties[key])} {unit}".rstrip() if key in run.properties else ""


def _told(runs: RunTable) -> tuple[Labels, Labels]:
    """The parameters and the results that prose tells: those that vary; intensities and totals first."""
    results = [key for key in runs.labels if key.removeprefix("sim:") not in runs.parameters]
    results.sort(key=lambda key: (not key.startswith("sim:eui"), not key.endswith("_total"), key))
    varied, found = _title_columns(runs), results[:MAX_PROSE_RESULTS]
    return {key: runs.labels[key] for key in varied}, {key: runs.labels[key] for key in found}


def _title(run: Run, titled: list[str]) -> str:
    shown = [
        f"{name.removeprefix('sim:').replace('_', ' ')} {_shown(run.properties[name])}"
        for name in titled
        if name in run.properties
    ]
    status = run.properties.get("sim:status", "completed")
    title = f"{run.name}: {', '.join(shown)}" if shown else run.name
    suffix = "" if status == "completed" else f" ({status})"
    return (title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…") + suffix


def _shown(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _title_columns(runs: RunTable) -> list[str]:
    """The parameters that a title shows: the first few that vary."""
    varying = [f"sim:{name}" for name in runs.parameters if len(set(runs.columns[f"sim:{name}"].tolist())) > 1]
    return varying[:MAX_TITLE_PARAMETERS]


def _summaries(runs: RunTable) -> Document:
    columns = {**runs.columns, "sim:software": runs.software}
    summaries = {key: _summary(column) for key, column in sorted(columns.items()) if key != "sim:message"}
    return {key: summary for key, summary in summaries.items() if summary}


def _summary(column: np.ndarray[Any, Any]) -> Document | list[Any] | None:
    """The range of numbers, or the distinct values of anything else; None where there are none or too many."""
    if column.dtype.kind in "iuf":
        finite = column[np.isfinite(column)]
        return {"minimum": plain(finite.min()), "maximum": plain(finite.max())} if finite.size else None
    values = sorted({value for entry in column.tolist() if (value := plain(entry)) is not None}, key=str)
    return values if 0 < len(values) <= MAX_SUMMARY_VALUES else None
