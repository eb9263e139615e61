"""Publishing what Python hands over instead of a configuration: where to, as which collection, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simstac.catalog import ROOT, document_at
from simstac.config import Project, load_project
from simstac.config.load import validated
from simstac.config.model import Collection
from simstac.config.overlaps import is_inside
from simstac.config.sources import ScytheSource, StudySource
from simstac.errors import ConfigError, SourceError
from simstac.pipeline.build import BuildReport, build_collection
from simstac.pipeline.place import destination
from simstac.pipeline.publish import Outcome, publish
from simstac.pipeline.site import SiteFolder
from simstac.pipeline.whole import RunReport
from simstac.progress import OnProgress, silent
from simstac.stac.metadata import identifier
from simstac.storage import is_address
from simstac.studies import Study
from simstac.write.workers import SERIAL, Parallel

CONFIGURATIONS = frozenset({".yaml", ".yml"})
KEPT = ("id", "title", "description")
ACCESS = ("endpoint_url", "region", "profile", "anonymous")

type Source = StudySource | ScytheSource
type Destination = str | Path | Project | Mapping[str, Any]
type About = str | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Destined:
    """Where a study goes.

    Attributes:
        project: The configuration, or what stands for one; its site may be a temporary folder.
        collection: The collection of it.
        is_alone: Whether the site may hold this collection alone, while its target has others too.
    """

    project: Project
    collection: Collection
    is_alone: bool = False


@contextmanager
def destined(
    to: Destination, about: About, catalog: Mapping[str, Any] | None, *, source: Source | None = None
) -> Iterator[Destined]:
    """The configuration that a destination stands for, and the collection of it to publish.

    Args:
        to: A configuration or its path; a folder, which becomes the site; or ``s3://bucket/prefix``, or such a target
            as a configuration has (``{url: …, endpoint_url: …}``), where the store is written and the documents are
            published beside it, so that nothing has to stay on this machine.
        about: The id of a collection in the configuration; else the keys of one: its license, id, title and so on.
        catalog: The keys of the catalog, where it is not there yet.
        source: The source of the collection, where it is none of runs that are handed over.

    Raises:
        ConfigError: If the destination, the collection or the catalog is not one that a configuration could have.
        PublishError: If the destination cannot be read.
    """
    if isinstance(to, Project) or _is_configuration(to):
        project = to if isinstance(to, Project) else load_project(str(to))
        chosen = _chosen(project, about, type(source) if source else StudySource)
        yield Destined(project, chosen.model_copy(update={"source": source}) if source else chosen)
    elif isinstance(to, Mapping) or str(to).startswith("s3://"):
        target = {"type": "s3", **(to if isinstance(to, Mapping) else {"url": str(to)})}
        if target["type"] != "s3" or not target.get("url"):
            raise ConfigError("to", "is no bucket", "write {'url': 's3://bucket/prefix', 'endpoint_url': …}, or a path")
        with TemporaryDirectory(prefix="simstac-site-") as site:
            project = _made(Path(site), _with_source(about, source), catalog, target)
            yield Destined(project, project.collections[0], is_alone=True)
    elif is_address(to):
        raise ConfigError("to", f"{to} is neither a folder nor in a bucket", "write a path, or s3://bucket/prefix")
    else:
        project = _made(Path(to), _with_source(about, source), catalog, None)
        yield Destined(project, project.collections[0])


def publish_study(
    study: Study,
    to: Destined,
    *,
    drop_vanished: bool = False,
    parallel: Parallel = SERIAL,
    on_progress: OnProgress = silent,
) -> RunReport:
    """Write a study to the store of a collection, describe it, and publish the site to the targets of its project.

    Args:
        study: The runs.
        to: Where to; other collections there stay as they are.
        drop_vanished: Whether runs that the study has no more leave the store, and the targets with it where the site
            holds this collection alone; a configuration's targets shrink by `simstac.publish` with ``allow_shrink``.
        parallel: Which processes read and write the runs.
        on_progress: Hears of every step.

    Raises:
        SimstacError: If the study cannot be written or described, or a target refuses.
    """
    refuse_results_in_site(to.project, (run.path for run in study.runs if isinstance(run.path, Path)))
    return publish_collection(to, study=study, drop_vanished=drop_vanished, parallel=parallel, on_progress=on_progress)


def refuse_results_in_site(project: Project, paths: Iterable[Path]) -> None:
    """Refuse a site that results lie in: all that is in it would be published.

    Raises:
        SourceError: If one of them does.
    """
    for path in paths:
        if is_inside(path, project.site):
            raise SourceError(path, f"lies in the site {project.site}", "publish to a folder that holds no results")


def publish_collection(
    to: Destined,
    *,
    study: Study | None = None,
    drop_vanished: bool = False,
    parallel: Parallel = SERIAL,
    on_progress: OnProgress = silent,
) -> RunReport:
    """Build one collection, and publish the site to the targets of its project.

    Args:
        to: Where to; other collections there stay as they are.
        study: Its runs, where they are given in Python instead of by its source.
        drop_vanished: See `publish_study`.
        parallel: See `publish_study`.
        on_progress: Hears of every step.

    Raises:
        SimstacError: If the collection cannot be built, or a target refuses.
    """
    project = to.project
    report = build_collection(
        project,
        to.collection,
        study=study,
        drop_vanished=drop_vanished,
        parallel=parallel,
        on_progress=on_progress,
    )
    shrink = drop_vanished and to.is_alone
    owner = to.collection.id if shrink else None
    outcomes: tuple[Outcome, ...] = ()
    if project.targets:
        outcomes = publish(project, allow_shrink=shrink, owner=owner, on_progress=on_progress)
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return RunReport(BuildReport(project.site, (report,), ()), outcomes, ())


def _is_configuration(to: object) -> bool:
    return isinstance(to, str | Path) and Path(to).suffix in CONFIGURATIONS


def _with_source(about: About, source: Source | None) -> About:
    if source is None or isinstance(about, str):
        return about
    return {**(about or {}), "source": {**source.model_dump(exclude_defaults=True), "engine": source.engine}}


def _chosen(project: Project, about: About, kind: type[Source]) -> Collection:
    """The collection that is named, or the only one whose source is of a kind."""
    word = "study" if kind is StudySource else kind.__name__
    ids = [each.id for each in project.collections if isinstance(each.source, kind)]
    if about is not None and not isinstance(about, str):
        raise ConfigError(project.file, "describes its collections itself", "name one by its id")
    if about is None and len(ids) != 1:
        problem = f"has {len(ids)} collections of a {word}"
        raise ConfigError(project.file, problem, "say which with collection=")
    wanted = ids[0] if about is None else about
    if wanted not in ids:
        raise ConfigError(project.file, f"has no {word} {wanted!r}", f"it has {', '.join(ids) or 'none'}")
    return next(each for each in project.collections if each.id == wanted)


def _made(site: Path, about: About, catalog: Mapping[str, Any] | None, target: Mapping[str, Any] | None) -> Project:
    """A project of one collection, in the catalog that is at its destination; with a target the store is there too."""
    if isinstance(about, str):
        raise ConfigError("collection", f"{about!r} is an id, and no configuration describes it", "give its keys")
    where = str(target["url"]).rstrip("/") if target else str(site.resolve())
    name = identifier(where.rpartition("/")[2]) or "simulations"
    keys: dict[str, Any] = {"id": name, **(about or {})}
    store = {}
    if target is not None and where.startswith("s3://"):
        store = {key: target[key] for key in ACCESS if key in target} | {"url": f"{where}/data/{keys['id']}.icechunk"}
    described = {"id": name, **(catalog or {}), "site": site}
    made = _validated(keys, described, store, target)
    root = _root_there(made)
    kept = {key: root[key] for key in KEPT if root.get(key) and key not in (catalog or {})}
    return _validated(keys, {**described, **kept}, store, target) if kept else made


def _validated(
    keys: Mapping[str, Any], catalog: Mapping[str, Any], store: Mapping[str, Any], target: Mapping[str, Any] | None
) -> Project:
    collection = {"source": {"engine": "energyplus", "path": "."}, "store": store, **keys}
    whole = {"catalog": catalog, "collections": [collection], "targets": [target] if target else []}
    remedy = "the keys are those of a configuration, for example collection={'license': 'CC-BY-4.0'}"
    return validated(Project, {**whole, "file": Path(f"{keys['id']}.yaml")}, remedy)


def _root_there(project: Project) -> dict[str, Any]:
    """The catalog that is at the destination already; empty where there is none."""
    if not project.targets:
        return SiteFolder(project.site).document(ROOT) or {}
    target = destination(project, project.targets[0])
    found = target.snapshot().read(ROOT)
    return document_at(lambda _path: found.content if found else None, ROOT, f"{target.url}/{ROOT}") or {}
