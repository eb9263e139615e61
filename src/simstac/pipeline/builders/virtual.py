"""CF files → a store that refers to their chunks where they are."""

from __future__ import annotations

from simstac.config.sources import CfSource
from simstac.errors import ConfigError, SourceError
from simstac.pipeline.builders.cf import NOT_REFERRED, build_cf, options_of
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.describe import describe_store
from simstac.pipeline.place import source_keys
from simstac.pipeline.source_files import files_of
from simstac.sources.virtual import PlacedFile, UnfitError, placed_files
from simstac.storage import LocalPath
from simstac.write import copied_files, read_kept, why_copied, write_virtual

REMEDY = "put them in a bucket or on the web and name them there, or copy their data (virtual: false)"
SHOWN = 5


def build_virtual(order: Order, source: CfSource) -> Built:
    """Refer to the files of a source and describe the dataset that they make.

    A file whose chunks are stored otherwise than those of the others is copied among the references to them. Where
    that cannot be, a new store has copies of all, and goes on so; one that refers to files already is never turned
    into a copy of them, which may be terabytes, without being told.

    Raises:
        SimstacError: If it cannot be built.
    """
    place = order.place
    unfit = why_copied(place.href, place.scheme, credentials=place.credentials)
    if unfit:
        return build_cf(order, source, unfit=unfit)
    try:
        return _referred(order, source)
    except ModuleNotFoundError as error:
        remedy = "pip install 'simstac[virtual]'"
        raise SourceError(source.paths[0], f"needs {error.name}, which is not installed", remedy) from error
    except UnfitError as error:
        if read_kept(place.href, place.scheme, credentials=place.credentials) is not None:
            problem = f"refers to its files, and cannot go on so: {error}"
            remedy = "leave that out of the source, or copy all files from now on (virtual: false)"
            raise SourceError(f"collections.{order.collection.id}", problem, remedy) from error
        return build_cf(order, source, unfit=str(error))


def _referred(order: Order, source: CfSource) -> Built:
    project, collection, place = order.project, order.collection, order.place
    if collection.store.chunks:
        raise UnfitError("store.chunks asks for chunks, and files have theirs")
    files = placed_files(source.paths, files_of(source, project.folder.absolute()), by_content=source.by_content)
    _refuse_unreachable(order, files)
    told: list[str] = []
    stored = write_virtual(
        files,
        place.href,
        place.scheme,
        options=options_of(source, collection.metadata.calendar),
        version=collection.version,
        drop_vanished=bool(order.drop_vanished),
        credentials=place.credentials,
        source_keys=source_keys(collection),
        on_progress=order.on_progress,
        on_note=told.append,
    )
    documents = describe_store(project, collection, stored)
    reasons = copied_files(stored, credentials=place.credentials)
    notes = [f"{NOT_REFERRED}: {reason}" for reason in reasons.values()]
    shown = notes if len(notes) <= SHOWN else [*notes[:SHOWN], f"and {len(notes) - SHOWN} more"]
    return Built(
        documents=documents,
        stored=stored,
        statuses=tuple("copied" if file.url in reasons else "referenced" for file in files),
        notes=(*dict.fromkeys(told), *shown),
        unit="file",
    )


def _refuse_unreachable(order: Order, files: tuple[PlacedFile, ...]) -> None:
    """Refuse files of this machine in a catalog that others read: no reader of it could reach them."""
    local = [file for file in files if isinstance(file.scheme, LocalPath)]
    project = order.project
    if local and (project.catalog.public_url or project.targets):
        where = f"collections.{order.collection.id}.source.path"
        problem = f"refers to files on this machine, such as {local[0].name}, which readers of a published catalog lack"
        raise ConfigError(where, problem, REMEDY)
