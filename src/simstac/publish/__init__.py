"""Publishing a built site to a folder, a bucket or a Git clone, as a small optimistic transaction."""

from simstac.publish.apply import Published, apply, publish
from simstac.publish.changes import Action, Change, Changes
from simstac.publish.git.target import GitTarget
from simstac.publish.local import LocalTarget
from simstac.publish.plan import plan
from simstac.publish.s3.target import S3Target
from simstac.publish.site import Site, read_site
from simstac.publish.target import Edit, Read, Target

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
