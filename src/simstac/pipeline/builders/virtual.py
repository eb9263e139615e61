"""CF files → a store that refers to their chunks where they are."""

from __future__ import annotations

from dataclasses import replace

from simstac.config.sources import CfSource
from simstac.errors import ConfigError, SourceError
from simstac.pipeline.builders.cf import build_cf, options_of
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.describe import describe_store
from simstac.pipeline.place import source_keys
from simstac.sources.virtual import PlacedFile, Reach, UnfitError, placed_files
from simstac.storage import LocalPath
from simstac.write import write_virtual

REMEDY = "put them in a bucket or on the web and name them there, or copy their data (virtual: false)"


def build_virtual(order: Order, source: CfSource) -> Built:
    """Refer to the files of a source and describe the dataset that they make; copy them where they do not fit.

    Raises:
        SimstacError: If it cannot be built.
    """
    try:
        return _referred(order, source)
    except UnfitError as error:
        web = next((path for path in source.paths if path.startswith(("http://", "https://"))), None)
        if web is not None:
            problem = f"cannot be referred to: {error}"
            raise SourceError(
                web, problem, "files on the web are not copied: fetch them, and name them here"
            ) from error
        built = build_cf(order, source)
        return replace(built, notes=(f"copied, not referred to: {error}", *built.notes))


def _referred(order: Order, source: CfSource) -> Built:
    project, collection, place = order.project, order.collection, order.place
    reach = Reach(
        base=project.folder.absolute(),
        endpoint_url=source.endpoint_url,
        region=source.region,
        profile=source.profile,
        anonymous=source.anonymous,
    )
    if collection.store.chunks:
        raise UnfitError("store.chunks asks for chunks, and files have theirs")
    files = placed_files(source.paths, reach)
    _refuse_unreachable(order, files)
    stored = write_virtual(
        files,
        place.href,
        place.scheme,
        options=options_of(source),
        version=collection.version,
        drop_vanished=bool(order.drop_vanished),
        credentials=place.credentials,
        source_keys=source_keys(collection),
        on_progress=order.on_progress,
    )
    documents = describe_store(project, collection, stored)
    return Built(documents=documents, stored=stored, statuses=("referenced",) * len(files), unit="file")


def _refuse_unreachable(order: Order, files: tuple[PlacedFile, ...]) -> None:
    """Refuse files of this machine in a catalog that others read: no reader of it could reach them."""
    local = [file for file in files if isinstance(file.scheme, LocalPath)]
    project = order.project
    if local and (project.catalog.public_url or project.targets):
        where = f"collections.{order.collection.id}.source.path"
        problem = f"refers to files on this machine, such as {local[0].name}, which readers of a published catalog lack"
        raise ConfigError(where, problem, REMEDY)
