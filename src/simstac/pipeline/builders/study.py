"""Runs of a study → one ensemble store."""

from __future__ import annotations

from simstac.config.sources import StudySource
from simstac.pipeline.builders.order import Built, Order, kept_note
from simstac.pipeline.describe import describe_store
from simstac.pipeline.outputs import refuse_runs_without_folder
from simstac.pipeline.study import configured_study
from simstac.studies import Study
from simstac.write import write_ahead, write_study


def build_study(order: Order, source: StudySource) -> Built:
    """Write the ensemble of the study that the configuration names, and describe it.

    Raises:
        SimstacError: If it cannot be built.
    """
    study = configured_study(order.project, source)
    refuse_runs_without_folder(source, study.runs)
    return build_runs(order, study)


def build_runs(order: Order, study: Study) -> Built:
    """Write the ensemble of a study and describe it.

    Raises:
        SimstacError: If it cannot be built.
    """
    collection, place = order.collection, order.place
    stored, report = write_study(
        study,
        place.href,
        place.scheme,
        version=collection.version,
        chunks=collection.store.chunks,
        drop_vanished=order.drop_vanished,
        credentials=place.credentials,
        parallel=order.parallel,
        on_progress=order.on_progress,
    )
    return Built(
        documents=describe_store(order.project, collection, stored),
        stored=stored,
        statuses=tuple(report.statuses.values()),
        problems=report.problems,
        notes=(*report.differences, *map(kept_note, report.vanished)),
    )


def write_some(order: Order, study: Study) -> None:
    """Write the runs that have ended while others still go on; see `simstac.write.write_ahead`."""
    collection, place = order.collection, order.place
    write_ahead(
        study,
        place.href,
        place.scheme,
        chunks=collection.store.chunks,
        credentials=place.credentials,
        on_progress=order.on_progress,
    )
