"""The study that a configuration names, wherever its runs lie."""

from __future__ import annotations

from functools import partial

from simstac.config.model import Project
from simstac.config.sources import StudySource
from simstac.objects import files_at
from simstac.studies import Study, find_study


def configured_study(project: Project, source: StudySource) -> Study:
    """The study that a configuration names.

    Raises:
        SourceError: See `simstac.studies.find_study`.
    """
    open_files = partial(
        files_at,
        endpoint_url=source.endpoint_url,
        region=source.region,
        profile=source.profile,
        anonymous=source.anonymous,
    )
    return find_study(
        source.path,
        parameters=source.parameters,
        engine=source.engine,
        base=project.folder,
        open_files=open_files,
    )
