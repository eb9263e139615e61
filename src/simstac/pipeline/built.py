"""Which collections each configuration built into a site, as the site remembers it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from simstac.config.model import Project
from simstac.pipeline.site import SiteFolder

RECORD = ".simstac/built.json"


def remember(project: Project, site: SiteFolder) -> list[str]:
    """Record the collections of a configuration; return those that it built before, and that none has any more.

    Raises:
        InvalidDocumentError: If the record is damaged.
        PublishError: If the site cannot be read or written.
    """
    name, ids = _name_of(project), sorted(collection.id for collection in project.collections)
    built: dict[str, list[str]] = {}

    def remembered() -> Iterator[tuple[str, bytes]]:
        built.update(site.document(RECORD) or {})
        yield RECORD, orjson.dumps({**built, name: ids}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)

    site.apply(remembered())
    others = {each for owner, names in built.items() if owner != name for each in names}
    return [each for each in built.get(name, ()) if each not in ids and each not in others]


def other_owner(project: Project, site: SiteFolder, collection_id: str) -> Path | None:
    """Another configuration that built a collection; None where there is none.

    Raises:
        InvalidDocumentError: If the record is damaged.
    """
    own, built = _name_of(project), site.document(RECORD) or {}
    owner = next((name for name, ids in built.items() if name != own and collection_id in ids), None)
    return None if owner is None else Path(os.path.normpath(project.site / owner))


def _name_of(project: Project) -> str:
    """A configuration by its path from the site."""
    return Path(os.path.relpath(project.file, project.site)).as_posix()
