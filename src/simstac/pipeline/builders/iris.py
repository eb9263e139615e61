"""Files that Iris loads → one dataset store."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from simstac.config.sources import IrisSource
from simstac.pipeline.builders.order import Built, Order
from simstac.pipeline.describe import describe_store
from simstac.progress import Progress
from simstac.sources.iris.files import load_with_notes, reader, reading
from simstac.sources.mounts import Access, Input, described, find_inputs, refuse_changes
from simstac.stac.source_files import SOURCES
from simstac.studies.source import State, fingerprint
from simstac.write import current_version, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simstac.storage import Stored

type Written = tuple[Stored, tuple[str, ...]]
"""A store, and what there is to note about it."""


def build_iris(order: Order, source: IrisSource) -> Built:
    """Load the files, write what they hold and describe it; files that are the same as before are not loaded.

    Files in a mounted bucket are confirmed by the bucket, and the same where it says so.

    Raises:
        SimstacError: If it cannot be built.
    """
    folder = order.project.folder
    access = Access(
        explicit={str(folder / point): address for point, address in source.mounts.items()},
        endpoint_url=source.endpoint_url,
        region=source.region,
        profile=source.profile,
        anonymous=source.anonymous,
    )
    inputs = find_inputs([str(folder / path) for path in source.paths], access)
    calendar = order.collection.metadata.calendar or ""
    mark = _fingerprint(inputs, f"{reader()} {json.dumps(source.names)}{f' {calendar}' if calendar else ''}")
    stored, notes = _as_it_is(order, mark) or _written(order, source, inputs, access, mark)
    documents = describe_store(order.project, order.collection, stored)
    return Built(documents=documents, stored=stored, statuses=("read",) * len(inputs), notes=notes, unit="file")


def _fingerprint(inputs: Sequence[Input], how: str) -> str:
    """SHA-256 over the bytes of files of this machine, the addresses and ETags of those in buckets, and the reader."""
    local = tuple(each.path for each in inputs if each.info is None)
    remote = [(each.origin.href, each.info.version) for each in inputs if each.origin and each.info]
    mark = fingerprint(State("completed", files=local), how)
    return hashlib.sha256(json.dumps([mark, remote]).encode()).hexdigest() if remote else mark


def _as_it_is(order: Order, mark: str) -> Written | None:
    """What the store holds, if it was made from the same files in the same way and has the version's tag."""
    place, version = order.place, order.collection.version
    current = current_version(place.href, place.scheme, version=version, credentials=place.credentials)
    if current is None or current.fingerprint != mark:
        return None
    return (current, ()) if version is None or current.tag.split("+")[0] == version else None


def _written(order: Order, source: IrisSource, inputs: Sequence[Input], access: Access, mark: str) -> Written:
    from xarray import DataTree  # noqa: PLC0415  # 1.8 s that an unchanged store need not pay

    from simstac.sources.iris.encode import datasets  # noqa: PLC0415  # as above

    place, files = order.place, [each.path for each in inputs]
    order.on_progress(Progress("read files", 0, len(files), str(files[0])))
    cubes, notes = load_with_notes(files, source.names, calendar=order.collection.metadata.calendar or "")
    with reading(files):
        groups = datasets(cubes)
    refuse_changes(inputs, access)
    if origins := described(inputs):
        groups["/"] = groups["/"].assign_attrs({SOURCES: json.dumps(origins)})
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
