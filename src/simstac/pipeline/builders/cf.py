"""CF files → one dataset store."""

from __future__ import annotations

import glob

import xarray as xr

from simstac.config.sources import CfSource
from simstac.errors import SourceError
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.describe import describe_store
from simstac.write import write


def build_cf(order: Order, source: CfSource) -> Built:
    """Combine the files by their coordinates, write the dataset and describe it.

    Raises:
        SimstacError: If it cannot be built.
    """
    project, collection, place = order.project, order.collection, order.place
    patterns = [str(project.folder / path) for path in source.paths]
    files = sorted(file for pattern in patterns for file in glob.glob(pattern, recursive=True))  # noqa: PTH207
    if not files:
        raise SourceError(patterns[0], "matches no files", "point the path at the files, for example output/*.nc")
    with xr.open_mfdataset(files, chunks={}) as data:
        stored = write(
            data,
            place.href,
            place.scheme,
            version=collection.version,
            chunks=collection.store.chunks,
            credentials=place.credentials,
            on_progress=order.on_progress,
        )
    return Built(documents=describe_store(project, collection, stored), stored=stored)
