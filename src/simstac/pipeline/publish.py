"""Publishing the built site to every target; a target that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import orjson

from simstac.catalog import ROOT, collection_ids, collection_path, merge_root
from simstac.config.model import Project, S3Target, TargetConfig
from simstac.errors import PublishError, SimstacError
from simstac.pipeline.build import refuse_other_catalog
from simstac.pipeline.place import destination
from simstac.pipeline.site import SiteFolder
from simstac.progress import OnProgress, silent
from simstac.publishing import Changes, Read, Target
from simstac.publishing import publish as publish_site
from simstac.publishing.site import OWN

PUBLISHED = f"{OWN}/published.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one target.

    Attributes:
        target: Its address.
        changes: What was put and deleted, or would be; None where it failed.
        error: Why it failed.
    """

    target: str
    changes: Changes | None = None
    error: SimstacError | None = None


def publish(
    project: Project,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    recheck: bool = False,
    owner: str | None = None,
    on_progress: OnProgress = silent,
) -> tuple[Outcome, ...]:
    """Publish the built site to every target of the configuration.

    Args:
        project: The configuration.
        dry_run: Whether to plan only.
        allow_shrink: Whether a dataset, or more than a tenth of the documents, may vanish.
        recheck: Whether every file at the target is compared, instead of trusting what was recorded there.
        owner: The name that the site goes by at the targets; by default the one that it had there last, or the one that
            published any of it before.
        on_progress: Hears of every file put.

    Raises:
        PublishError: If there is no built site, or a part of it is lost.
        ConfigError: If it is the site of another catalog.
    """
    site = SiteFolder(project.site)
    root = site.read(ROOT)
    if root is None:
        raise PublishError(project.site, "is not built yet", "run `simstac build` first")
    refuse_other_catalog(project, site)
    _refuse_lost_collections(site)
    names = names_at_targets(site)
    outcomes = []
    for configured in project.targets:
        target = destination(project, configured)
        place = place_of(configured, target)
        logger.info("publishing %s to %s", project.site, target.url)
        try:
            published = publish_site(
                project.site,
                target,
                partial(_edited_root, root=root),
                owner=owner or names.get(place),
                dry_run=dry_run,
                allow_shrink=allow_shrink,
                recheck=recheck,
                on_progress=on_progress,
            )
            if published.applied:
                with suppress(PublishError):  # a site that nobody may write
                    site.apply(_remembered(site, place, published.changes.owner))
            outcomes.append(Outcome(target.url, published.changes))
        except SimstacError as error:
            outcomes.append(Outcome(target.url, error=error))
    return tuple(outcomes)


def names_at_targets(site: SiteFolder) -> dict[str, str]:
    """By which name a site was published to each place.

    Raises:
        InvalidDocumentError: If the record is damaged.
        PublishError: If it cannot be read.
    """
    return site.document(PUBLISHED) or {}


def place_of(configured: TargetConfig, target: Target) -> str:
    """What tells a target from all others: its address, and its endpoint where it has one."""
    endpoint = configured.endpoint_url if isinstance(configured, S3Target) else None
    return f"{target.url} at {endpoint}" if endpoint else target.url


def _refuse_lost_collections(site: SiteFolder) -> None:
    """Refuse a root that leads to nothing, which no reader shall meet."""
    for name in collection_ids(site.read):
        if site.read(collection_path(name)) is None:
            where = site.root / collection_path(name)
            raise PublishError(where, "is not there, and the root catalog of the site lists it", "build again")


def _remembered(site: SiteFolder, place: str, name: str) -> Iterator[tuple[str, bytes]]:
    """The name that a site keeps at a place, also when every collection of it is called otherwise."""
    names = names_at_targets(site) | {place: name}
    yield PUBLISHED, orjson.dumps(names, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def _edited_root(read: Read, gone: frozenset[str], *, root: bytes) -> Mapping[str, bytes | None]:
    return dict(merge_root(read, root, gone))
