"""The study that a configuration names, wherever its runs lie."""

from __future__ import annotations

from simstac.config.model import Project
from simstac.config.sources import EPLaunchSource, StudySource
from simstac.pipeline.source_files import files_of
from simstac.sources.eplaunch.launches import find_launches
from simstac.studies import Study, find_study, source_of
from simstac.studies.eplaunch import study_of_launches


def configured_study(project: Project, source: StudySource) -> Study:
    """The study that a configuration names.

    Raises:
        SourceError: See `simstac.studies.find_study`.
    """
    return find_study(
        source.path,
        parameters=source.parameters,
        engine=source_of(source.engine, by_content=source.by_content),
        base=project.folder,
        ignore=(project.site,),
        open_files=files_of(source),
    )


def launched_study(project: Project, source: EPLaunchSource) -> Study:
    """The study of all that EP-Launch ran in the folders that a configuration names.

    Raises:
        SourceError: See `simstac.sources.eplaunch.launches.find_launches`.
    """
    top = project.folder / source.path
    return study_of_launches(find_launches(top)[0], top)
