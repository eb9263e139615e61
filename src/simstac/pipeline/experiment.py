"""The Scythe experiment that a configuration names, and the runs of it that its store holds."""

from __future__ import annotations

from simstac.config.model import Project
from simstac.config.sources import ScytheSource
from simstac.objects import Files
from simstac.pipeline.place import Place
from simstac.pipeline.source_files import files_of
from simstac.sources.scythe.layout import split_address
from simstac.storage import Stored
from simstac.write import released_versions


def open_experiment(project: Project, source: ScytheSource) -> tuple[Files, str]:
    """The files below an experiment, and the version or run of it that is meant; empty where all are."""
    address, below = split_address(source.path)
    return files_of(source, project.folder)(address), below


def known_runs(place: Place) -> dict[str, Stored]:
    """The newest version of each run that a store holds, by the run's name.

    Raises:
        StorageError: If the store is there but cannot be opened.
    """
    versions = released_versions(place.href, place.scheme, credentials=place.credentials)
    return {stored.tag.partition("+")[0]: stored for stored in sorted(versions, key=lambda each: each.written_at)}
