"""Publishing a built site to a folder, a bucket or a Git clone, as a small optimistic transaction."""

from simstac.publishing.apply import Published, apply, publish
from simstac.publishing.changes import Action, Change, Changes
from simstac.publishing.git.target import GitTarget
from simstac.publishing.local import LocalTarget
from simstac.publishing.plan import plan
from simstac.publishing.s3.target import S3Target
from simstac.publishing.site import Site, read_site
from simstac.publishing.target import Edit, Read, Target

__all__ = [
    "Action",
    "Change",
    "Changes",
    "Edit",
    "GitTarget",
    "LocalTarget",
    "Published",
    "Read",
    "S3Target",
    "Site",
    "Target",
    "apply",
    "plan",
    "publish",
    "read_site",
]
