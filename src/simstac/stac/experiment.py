"""An experiment of several runs, each under its own tag → a Collection, and an Item for each run with its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simstac.errors import MetadataError
from simstac.sources.attributes import said_in
from simstac.stac.document import Document, Documents, Subject, groups_of
from simstac.stac.extensions import apply_all
from simstac.stac.files import file_asset
from simstac.stac.geometry import enclosing_bbox, padded
from simstac.stac.horizontal import Horizontal, find_horizontal
from simstac.stac.metadata import Metadata, identifier
from simstac.stac.placement import Placement
from simstac.stac.releases import Release, link_versions
from simstac.stac.skeleton import collection_document, item_document
from simstac.stac.snippet import describe, open_snippet
from simstac.stac.temporal import bounds_of, is_time, time_axis, to_utc
from simstac.storage import AwsS3, CustomS3, StorageScheme, scheme_from_stac

if TYPE_CHECKING:
    import xarray as xr

SHOWN_FAILURES = 20
EXPERIMENT = "sim:experiment"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run: what the store says of it, and what is described of it."""

    said: Mapping[str, Any]
    subject: Subject
    where: Horizontal
    period: tuple[datetime, datetime]
    specs: int

    @property
    def order(self) -> tuple[tuple[int, ...], str]:
        """By version, then by time."""
        numbers = str(self.said["version"]).removeprefix("v").replace("-", ".").split(".")
        return tuple(int(number) for number in numbers), str(self.said["time"])

    @property
    def title(self) -> str:
        """The experiment, the version and the time of the run."""
        time = str(self.said["time"]).replace("T", " ").partition("+")[0]
        return f"{self.subject.metadata.name}, {self.said['version']}" + (f", run of {time}" if time else "")


def describe_experiment(releases: Sequence[Release], metadata: Metadata, placement: Placement) -> Documents:
    """The documents of an experiment's store, whose layout is ``experiment/1``.

    Args:
        releases: Its runs, each under its tag.
        metadata: What people say about the experiment.
        placement: How the store is addressed.

    Raises:
        MetadataError: If neither a run nor ``metadata`` says where the experiment is or when it was run.
    """
    runs = sorted((_run(release, metadata, placement) for release in _newest(releases)), key=lambda run: run.order)
    runs[-1] = replace(runs[-1], subject=replace(runs[-1].subject, latest=True))
    items = [_item(run) for run in runs]
    link_versions(items)
    return Documents(collection=_collection(runs), items=items)


def _newest(releases: Sequence[Release]) -> list[Release]:
    """The last version of each run: two builds at once, or one that was killed, may leave two."""
    ordered = sorted(releases, key=lambda release: release.stored.written_at)
    return list({str(said_in(release.data.attrs)["run"]): release for release in ordered}.values())


def is_run_of_experiment(document: Mapping[str, Any]) -> bool:
    """Whether a document describes a run of an experiment, which newer runs do not replace."""
    return EXPERIMENT in document.get("properties", {})


def _run(release: Release, metadata: Metadata, placement: Placement) -> _Run:
    groups = groups_of(release.data)
    root, said = groups[""], said_in(groups[""].attrs)
    subject = Subject(
        groups=groups,
        stored=release.stored,
        metadata=metadata,
        placement=placement,
        horizontal=find_horizontal(root, metadata),
        auxiliary=frozenset({"succeeded"}),
        latest=False,
    )
    where = subject.horizontal or find_horizontal(root, metadata)
    return _Run(
        said=said, subject=subject, where=where, period=_period(root, said, metadata), specs=int(root.sizes["spec"])
    )


def _period(root: xr.Dataset, said: Mapping[str, Any], metadata: Metadata) -> tuple[datetime, datetime]:
    """What the configuration says; else the time that the series cover; else the moment of the run."""
    if metadata.start_datetime and metadata.end_datetime:
        return metadata.start_datetime, metadata.end_datetime
    if metadata.datetime:
        return metadata.datetime, metadata.datetime
    times = [root[name] for name in sorted(map(str, root.dims)) if name in root.coords and is_time(root[name])]
    axes = [time_axis(time, bounds_of(root, time), calendar=metadata.calendar) for time in times if time.size]
    if axes:
        first, last = (pick([getattr(axis, end) for axis in axes]) for pick, end in ((min, "first"), (max, "last")))
        return to_utc(first, 0.0, where="time"), to_utc(last, 0.0, where="time")
    if said["time"]:
        moment = datetime.fromisoformat(str(said["time"]))
        return moment, moment
    remedy = "set metadata: {datetime: …} or {start_datetime: …, end_datetime: …}"
    raise MetadataError(str(said["run"]), "has no series and does not say when it was run", remedy)


def _item(run: _Run) -> Document:
    metadata, subject = run.subject.metadata, run.subject
    name = identifier(str(run.said["run"]))
    path = f"{metadata.id}/{name}/{name}.json"
    document = item_document(
        subject,
        identifier=name,
        place=(run.where.geometry, run.where.bbox),
        period=run.period,
        title=run.title,
        description=describe(_prose(run), open_snippet(path, subject.placement)),
    )
    document["properties"].update(_facts(run))
    apply_all(document, subject)
    schemes = _schemes(run.said.get("storage") or {}, [str(file["href"]) for file in run.said["files"]])
    for file in run.said["files"]:
        href = str(file["href"])
        file_asset(
            document,
            str(file["key"]),
            href,
            title=str(file["title"]),
            roles=(str(file["role"]),),
            size=file.get("size"),
            scheme=schemes.get(urlsplit(href).netloc) if href.startswith("s3://") else None,
        )
    return document


def _facts(run: _Run) -> Document:
    failed = [int(spec) for spec in run.said["failed"]]
    facts: Document = {
        EXPERIMENT: run.said["experiment"],
        "sim:run_id": run.said["run"],
        "sim:status": "completed" if len(failed) < run.specs else "failed",
        "sim:specs": run.specs,
        "sim:failed_specs": failed,
    }
    if run.said["time"]:
        facts["sim:allocated"] = str(run.said["time"]).replace("+00:00", "Z")
    if run.said.get("workflow_run_id"):
        facts["sim:workflow_run_id"] = run.said["workflow_run_id"]
    return facts


def _prose(run: _Run) -> str:
    failed = [str(spec) for spec in run.said["failed"]]
    shown = ", ".join(failed[:SHOWN_FAILURES]) + (" …" if len(failed) > SHOWN_FAILURES else "")
    ended = f"{len(failed)} of them failed and have no results: {shown}" if failed else "all of them have results"
    specs = "one spec" if run.specs == 1 else f"{run.specs} specs"
    said = f"{specs} of the experiment {run.said['experiment']}, {ended}.".replace("one spec of", "One spec of")
    return f"Version {run.said['version']} of {run.subject.metadata.name}. {said[0].upper()}{said[1:]}"


def _schemes(described: Mapping[str, Any], hrefs: Iterable[str]) -> dict[str, StorageScheme]:
    """The storage scheme of each bucket that files lie in, all of one service."""
    scheme = scheme_from_stac(described) if described else None
    if not isinstance(scheme, AwsS3 | CustomS3):
        return {}
    return {bucket: replace(scheme, bucket=bucket) for bucket in _buckets(hrefs)}


def _buckets(hrefs: Iterable[str]) -> Iterator[str]:
    yield from sorted({urlsplit(href).netloc for href in hrefs if href.startswith("s3://")})


def _collection(runs: Sequence[_Run]) -> Document:
    newest = runs[-1]
    metadata = newest.subject.metadata
    prose = metadata.description.strip() or f"{metadata.name}."
    count = "one run" if len(runs) == 1 else f"{len(runs)} runs, one Item each"
    about = f"{prose}\n\nAn experiment of {count}; the asset `icechunk` is the newest, {newest.said['version']}."
    snippet = open_snippet(f"{metadata.id}/collection.json", newest.subject.placement)
    document = collection_document(
        newest.subject,
        boxes=[padded(enclosing_bbox([run.where.bbox for run in runs]))],
        period=(min(run.period[0] for run in runs), max(run.period[1] for run in runs)),
        description=describe(about, snippet),
    )
    specs = [run.specs for run in runs]
    document["summaries"] = {
        EXPERIMENT: sorted({str(run.said["experiment"]) for run in runs}),
        "sim:specs": {"minimum": min(specs), "maximum": max(specs)},
        "version": [str(run.subject.stored.tag) for run in runs],
    }
    apply_all(document, newest.subject)
    return document
