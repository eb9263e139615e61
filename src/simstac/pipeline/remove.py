"""Removing a collection or one run for good, where the next build would not bring it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from simstac.catalog import Content, collection_ids, collection_path, item_path
from simstac.catalog import remove_collection as removed_documents
from simstac.config.model import Collection, Project
from simstac.config.sources import StudySource
from simstac.errors import ConfigError, SourceError
from simstac.pipeline.build import build_collection
from simstac.pipeline.built import other_owner
from simstac.pipeline.known_versions import forgotten_versions
from simstac.pipeline.place import store_place
from simstac.pipeline.site import SiteFolder
from simstac.pipeline.study import configured_study
from simstac.progress import OnProgress, silent
from simstac.publishing import Action
from simstac.stac.document import Document
from simstac.stac.placement import is_absolute
from simstac.storage import LocalPath
from simstac.studies import Study
from simstac.write import delete_store, stored_fingerprints
from simstac.write.expire import refuse_other_files

MOST_NAMED = 5


class Kind(StrEnum):
    """What a removal touches."""

    DOCUMENT = "document"
    RUN = "run"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that goes or changes with a removal.

    Attributes:
        effect: What happens to it.
        kind: What kind of thing it is.
        name: A document's path below the site, a run's name, or a store's path.
        reason: Why, in a few words.
        bytes: What is freed.
    """

    effect: Action
    kind: Kind
    name: str
    reason: str
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal did, or would do.

    Attributes:
        site: The site's folder.
        changes: What goes and what changes.
        left: Stores that are not touched, though nothing in the site leads to them any more.
    """

    site: Path
    changes: tuple[Removed, ...]
    left: tuple[str, ...] = ()


def remove_collection(project: Project, collection_id: str, *, data: bool = False, dry_run: bool = False) -> Removal:
    """Take a collection that the configuration no longer has out of the site.

    Args:
        project: The configuration.
        collection_id: The collection.
        data: Whether its store beside the catalog is deleted too.
        dry_run: Whether to tell only what would go.

    Raises:
        ConfigError: If the configuration still has it, another one built it, or it is not in the site.
        StorageError: If the store's folder holds anything else, or cannot be deleted.
        PublishError: If the site cannot be written.
    """
    site = SiteFolder(project.site)
    ids = collection_ids(site.read)
    store = project.site / "data" / f"{collection_id}.icechunk"
    _refuse_kept(project, site, collection_id)
    if collection_id not in ids and (Path(collection_id).name != collection_id or not store.exists()):
        raise ConfigError(collection_id, f"is not in the site {project.site}", _nearest(collection_id, ids))
    edits = list(removed_documents(site.read, collection_id))
    changes = [_document(path, content) for path, content in edits if content != site.read(path)]
    left = _addresses(site.document(collection_path(collection_id)) or {})
    if store.exists() and data:
        refuse_other_files(store)
        _refuse_shared(project, site, store, [each for each in ids if each != collection_id])
        changes.append(Removed(Action.DELETE, Kind.STORE, str(store), "all its versions", _size(store)))
    elif store.exists():
        left = (*left, str(store))
    if not dry_run:
        site.apply([*edits, forgotten_versions(collection_id)])
        if data and store.exists():
            delete_store(store)
    return Removal(project.site, tuple(changes), left)


def remove_run(
    project: Project, collection_id: str, item: str, *, dry_run: bool = False, on_progress: OnProgress = silent
) -> Removal:
    """Drop one run whose results are gone from the store of its collection, which is built for that.

    Other runs whose results are gone are kept; runs that are new or have changed are written, as by any build.

    Args:
        project: The configuration.
        collection_id: The collection.
        item: The run's name, or the id of its Item.
        dry_run: Whether to tell only what would be done.
        on_progress: Hears of every run compared, read and written.

    Raises:
        ConfigError: If there is no such collection or run.
        SourceError: If the run is still in the source, from where the next build would bring it back.
        SimstacError: If the collection cannot be built.
    """
    collection = _configured(project, collection_id)
    place, source, site = store_place(project, collection), collection.source, SiteFolder(project.site)
    if not isinstance(source, StudySource):
        problem = f"reads with the engine {source.engine}, which has no runs to remove"
        raise ConfigError(collection_id, problem, "name the collection alone")
    stored = stored_fingerprints(place.href, place.scheme, credentials=place.credentials)
    name = _run_name(site, collection_id, item, stored)
    study = configured_study(project, source)
    _refuse_in_source(study, name)
    dropped = Removed(Action.DELETE, Kind.RUN, name, "its results are gone")
    if dry_run:
        return Removal(project.site, (dropped, *_other_runs(study.fingerprints(on_progress), stored)))
    report = build_collection(project, collection, drop_vanished=frozenset({name}), on_progress=on_progress)
    return Removal(project.site, (dropped, *(_document(path, site.read(path)) for path in report.documents)))


def _configured(project: Project, collection_id: str) -> Collection:
    collections = {collection.id: collection for collection in project.collections}
    if collection_id not in collections:
        raise ConfigError(collection_id, f"is not in {project.file}", _nearest(collection_id, collections))
    return collections[collection_id]


def _refuse_kept(project: Project, site: SiteFolder, collection_id: str) -> None:
    """Refuse a collection that this or another configuration would build again."""
    if any(collection.id == collection_id for collection in project.collections):
        problem = f"is still in {project.file}, so the next build would bring it back"
        raise ConfigError(collection_id, problem, "take it out of the configuration first")
    file = other_owner(project, site, collection_id)
    if file is not None:
        raise ConfigError(collection_id, f"belongs to {file}", f"take it out there, then simstac remove {file} …")


def _refuse_shared(project: Project, site: SiteFolder, store: Path, others: list[str]) -> None:
    """Refuse to delete a store that another collection uses too."""
    places = [(each.id, store_place(project, each)) for each in project.collections]
    users = [
        name
        for name, place in places
        if isinstance(place.scheme, LocalPath) and Path(place.href).resolve() == store.resolve()
    ]
    for name in others:
        document = site.document(collection_path(name)) or {}
        hrefs = [str(asset["href"]) for asset in document.get("assets", {}).values()]
        paths = [(project.site / name / href).resolve() for href in hrefs if not is_absolute(href)]
        users += [name] if store.resolve() in paths else []
    if users:
        raise ConfigError(store, f"is the store of {users[0]!r} too", "leave out --data, or remove that first")


def _refuse_in_source(study: Study, name: str) -> None:
    """Refuse a run that the next build would find again."""
    run = next((run for run in study.runs if run.name == name), None)
    if run is None:
        return
    if run.path is not None:
        problem = "still holds the results of this run, so the next build would bring it back"
        raise SourceError(str(run.path), problem, "move them away first, and its row out of the table of parameters")
    problem = f"still has a row for {name!r}, so the next build would bring it back"
    raise SourceError(study.parameters.where, problem, "take the row out first")


def _run_name(site: SiteFolder, collection_id: str, item: str, stored: dict[str, str]) -> str:
    """The run in the store that is called so, or that the Item of this id describes."""
    document = site.document(item_path(collection_id, item)) if Path(item).name == item else None
    properties = document.get("properties", {}) if document else {}
    name = item if item in stored else str(properties.get("sim:run_id", ""))
    if name not in stored:
        where = f"{collection_id}/{item}"
        raise ConfigError(where, "is no run of the store", _nearest(item, stored) or "build the collection first")
    return name


def _nearest(name: str, names: Iterable[str]) -> str:
    known = sorted(names)
    if close := get_close_matches(name, known, n=1):
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(known[:MOST_NAMED])}{' …' if len(known) > MOST_NAMED else ''}" if known else ""


def _document(path: str, content: Content) -> Removed:
    if content is None:
        return Removed(Action.DELETE, Kind.DOCUMENT, path, "removed with it")
    return Removed(Action.CHANGE, Kind.DOCUMENT, path, "described anew")


def _other_runs(marks: dict[str, str], stored: dict[str, str]) -> Iterator[Removed]:
    """What building the collection would do besides."""
    for name, mark in marks.items():
        if name not in stored:
            yield Removed(Action.ADD, Kind.RUN, name, "new in the source")
        elif mark and mark != stored[name]:
            yield Removed(Action.CHANGE, Kind.RUN, name, "changed in the source")


def _addresses(collection: Document) -> tuple[str, ...]:
    """The stores elsewhere that a Collection names."""
    icechunk = (asset["href"] for asset in collection.get("assets", {}).values() if "icechunk" in asset.get("type", ""))
    return tuple(dict.fromkeys(href for href in icechunk if is_absolute(href)))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
