"""CF files → one dataset store that grows with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simstac.config.sources import CfSource
from simstac.pipeline.builders.order import Built, Order, kept_note
from simstac.pipeline.describe import describe_store
from simstac.pipeline.source_files import files_of
from simstac.sources.cf import CfFiles, CfOptions, find_files
from simstac.sources.cf.calendars import note_of
from simstac.write import FilesReport, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS_SHOWN = 12
NOT_REFERRED = "copied, not referred to"


def build_cf(order: Order, source: CfSource, *, unfit: str = "") -> Built:
    """Combine the files by their coordinates, write what is new of them and describe the dataset.

    Args:
        order: The collection.
        source: Its source.
        unfit: Why the files are not referred to, where that was wished.

    Raises:
        SimstacError: If it cannot be built.
    """
    project, collection, place = order.project, order.collection, order.place
    files = find_files(source.paths, files_of(source, project.folder), by_content=source.by_content)
    stored, report = write_files(
        CfFiles(files, options_of(source, collection.metadata.calendar)),
        place.href,
        place.scheme,
        version=collection.version,
        chunks=collection.store.chunks,
        drop_vanished=order.drop_vanished,
        unfit=unfit,
        credentials=place.credentials,
        on_progress=order.on_progress,
    )
    return Built(
        documents=describe_store(project, collection, stored),
        stored=stored,
        statuses=tuple(report.statuses.values()),
        notes=(*([f"{NOT_REFERRED}: {unfit}"] if unfit else []), *_notes(report)),
        unit="file",
    )


def options_of(source: CfSource, calendar: str | None) -> CfOptions:
    """What to read of the files of a source, how to combine it, and the calendar of times that name none."""
    return CfOptions(
        along=source.axes,
        variables=source.variables,
        group=source.group,
        filter_by_keys=source.filter_by_keys,
        allow_gaps=source.allow_gaps,
        mixed_packing=source.mixed_packing,
        calendar=calendar or "",
    )


def _notes(report: FilesReport) -> Iterator[str]:
    for name, status in report.statuses.items():
        if status == "kept":
            yield kept_note(name)
    for name in report.dropped:
        yield f"{name} is gone from the source and dropped"
    yield from map(note_of, report.assumed)
    if report.checks:
        for dim, (first, last) in report.extents.items():
            yield f"{dim} from {first} to {last}"
    checks = {name: check for name, check in report.checks.items() if name in report.fields}
    for name in sorted(sorted(checks, key=lambda each: -checks[each].count)[:CHECKS_SHOWN]):
        check = checks[name]
        yield f"{name}: {check.count:,} values read back, sum {check.total:.6g}, {check.missing:,} missing"
