"""The pipeline in order: build the stores and the site, publish them, verify what was published."""

from simstac.config import load_project
from simstac.pipeline.build import BuildReport, CollectionReport, build
from simstac.pipeline.look import how_to_look, site_folder
from simstac.pipeline.publish import Outcome, publish
from simstac.pipeline.status import RunStatus, status
from simstac.pipeline.verify import Verified, verify
from simstac.pipeline.whole import RunReport, run

__all__ = [
    "BuildReport",
    "CollectionReport",
    "Outcome",
    "RunReport",
    "RunStatus",
    "Verified",
    "build",
    "how_to_look",
    "load_project",
    "publish",
    "run",
    "site_folder",
    "status",
    "verify",
]
