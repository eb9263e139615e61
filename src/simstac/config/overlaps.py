"""Places of a configuration that must not lie in one another: all that is in the site is published."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from simstac.config.model import GitTarget, LocalTarget, Project, S3Target
from simstac.errors import ConfigError


def refuse_overlaps(project: Project, where: Callable[..., str]) -> None:
    """Refuse a site that would publish the configuration or the runs, and a target inside the site.

    Args:
        project: The configuration.
        where: The file and line of a key, given the keys and positions that lead to it.

    Raises:
        ConfigError: If two places overlap.
    """
    site = project.site
    remedy = "all that is in the site is published: give it a folder of its own (catalog.site)"
    if is_inside(project.folder, site):
        raise ConfigError(where("catalog", "site"), f"catalog.site: {site} holds the configuration", remedy)
    for index, collection in enumerate(project.collections):
        if any(is_inside(project.folder / path, site) for path in collection.source.local_paths):
            loc = ("collections", index, "source", "path")
            raise ConfigError(
                where(*loc), f"collections.{index}.source.path: what it reads lies in the site {site}", remedy
            )
    for index, target in enumerate(project.targets):
        folder = _folder(project, target)
        if folder is not None and is_inside(folder, site):
            problem = f"targets.{index}: {folder} lies in the site {site}"
            raise ConfigError(where("targets", index), problem, "publish to a folder outside the site")


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, or is it, links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _folder(project: Project, target: S3Target | GitTarget | LocalTarget) -> Path | None:
    match target:
        case LocalTarget():
            return project.folder / target.path
        case GitTarget():
            return project.folder / target.clone / target.prefix
        case S3Target():
            return None
