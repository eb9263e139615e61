"""Files that Iris loads → one dataset store."""

from __future__ import annotations

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING

from simstac.config.sources import IrisSource
from simstac.errors import SourceError
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.describe import describe_store
from simstac.progress import Progress
from simstac.sources.iris.files import load_with_notes, reader, reading
from simstac.studies.source import State, fingerprint
from simstac.write import current_version, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simstac.storage import Stored


def build_iris(order: Order, source: IrisSource) -> Built:
    """Load the files, write what they hold and describe it; files that are the same as before are not loaded.

    Raises:
        SimstacError: If it cannot be built.
    """
    files = _files(order, source)
    mark = fingerprint(State("completed", files=files), f"{reader()} {json.dumps(source.names)}")
    stored, notes = _as_it_is(order, mark) or _written(order, source, files, mark)
    documents = describe_store(order.project, order.collection, stored)
    return Built(documents=documents, stored=stored, statuses=("read",) * len(files), notes=notes, unit="file")


def _files(order: Order, source: IrisSource) -> tuple[Path, ...]:
    patterns = [str(order.project.folder / path) for path in source.paths]
    found: dict[Path, None] = {}
    for pattern in patterns:
        matches = [Path(file) for file in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  # an absolute glob
        if not matches:
            raise SourceError(pattern, "matches no files", "point the path at the files, for example output/*.pp")
        found |= dict.fromkeys(file for file in matches if file.is_file())
    return tuple(found)


def _as_it_is(order: Order, mark: str) -> tuple[Stored, tuple[str, ...]] | None:
    """What the store holds, if it was made from the same files in the same way and has the version's tag."""
    place, version = order.place, order.collection.version
    current = current_version(place.href, place.scheme, version=version, credentials=place.credentials)
    if current is None or current.fingerprint != mark:
        return None
    return (current, ()) if version is None or current.tag.split("+")[0] == version else None


def _written(order: Order, source: IrisSource, files: Sequence[Path], mark: str) -> tuple[Stored, tuple[str, ...]]:
    from xarray import DataTree  # noqa: PLC0415  # 1.8 s that an unchanged store need not pay

    from simstac.sources.iris.encode import datasets  # noqa: PLC0415  # as above

    place = order.place
    order.on_progress(Progress("read files", 0, len(files), str(files[0])))
    cubes, notes = load_with_notes(files, source.names)
    with reading(files):
        groups = datasets(cubes)
    stored = write(
        DataTree.from_dict(groups),
        place.href,
        place.scheme,
        fingerprint=mark,
        version=order.collection.version,
        chunks=order.collection.store.chunks,
        credentials=place.credentials,
        on_progress=order.on_progress,
    )
    return stored, notes
