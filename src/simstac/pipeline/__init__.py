"""The pipeline in order: build the stores and the site, publish them, verify what was published, keep them tidy."""

from simstac.config import load_project
from simstac.pipeline.build import BuildReport, CollectionReport, build, count_of
from simstac.pipeline.doctor import Diagnosis, doctor
from simstac.pipeline.expire import ExpireReport, expire
from simstac.pipeline.look import catalog_to_serve, catalog_to_verify, how_to_look, site_folder
from simstac.pipeline.publish import Outcome, publish
from simstac.pipeline.remove import Removal, Removed, remove_collection, remove_run
from simstac.pipeline.status import RunStatus, status
from simstac.pipeline.verify import Verified, verify
from simstac.pipeline.whole import RunReport, run

__all__ = [
    "BuildReport",
    "CollectionReport",
    "Diagnosis",
    "ExpireReport",
    "Outcome",
    "Removal",
    "Removed",
    "RunReport",
    "RunStatus",
    "Verified",
    "build",
    "catalog_to_serve",
    "catalog_to_verify",
    "count_of",
    "doctor",
    "expire",
    "how_to_look",
    "load_project",
    "publish",
    "remove_collection",
    "remove_run",
    "run",
    "site_folder",
    "status",
    "verify",
]
