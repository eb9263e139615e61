"""References to chunks in files → Icechunk, in one commit, with the places of the files recorded."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.progress import OnProgress, Progress, silent
from simstac.sources.attributes import json_attrs
from simstac.sources.cf.decode import holds
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.read import stored_values
from simstac.sources.virtual.references import Block, Copy, ReferencedArray, References
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.write.arrays import array_at, dimensions, same_values
from simstac.write.commit import VIRTUAL_LAYOUT, committed, head_of_dataset, written
from simstac.write.containers import Container, container_metadata, with_containers
from simstac.write.dataset import group_attrs, stored_variables, write_variable
from simstac.write.encoding import LINE_STEPS, SLAB_BYTES
from simstac.write.provenance import FILES_IN_CHUNK
from simstac.write.referred import TABLE
from simstac.write.repository import Place, Transaction
from simstac.write.variables import Slab, Variable, refuse_name, slabs_of

if TYPE_CHECKING:
    import icechunk
    import xarray as xr
    import zarr


TABLE_TITLE = "The files that hold the chunks, in order"


class OutdatedError(Exception):
    """An array has to be written anew, and only some of its files are at hand."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Stored values that a reference must lead to.

    Attributes:
        array: The array.
        at: Where in it.
        values: As the file's own library reads them.
    """

    array: str
    at: tuple[slice, ...]
    values: NDArray[Any]


def write_references(  # noqa: PLR0913  # all but three are options
    references: References,
    href: str,
    scheme: StorageScheme,
    *,
    containers: Sequence[Container],
    fingerprint: str,
    options: CfOptions,
    version: str | None = None,
    samples: Sequence[Sample] = (),
    credentials: KeySource | None = None,
    source_keys: KeySource | None = None,
    on_progress: OnProgress = silent,
) -> Stored:
    """Write a dataset whose chunks stay in files, in one commit that readers see whole or not at all.

    References to files that are as they were stay as they are; arrays whose form changed are written anew.

    Args:
        references: The dataset.
        href: The store's address, as in `Stored`.
        scheme: Where the store's bytes live.
        containers: Where the files are.
        fingerprint: What identifies the files.
        options: How they are read.
        version: The version that the tag names; ``1``, ``2`` … where None.
        samples: Values that must come back through the references before they are committed.
        credentials: A picklable callback that yields S3 keys for the store, used instead of the environment's.
        source_keys: One that yields those for the files.
        on_progress: Listens to the progress.

    Raises:
        StorageError: If the store cannot be read or written, holds something else, or a sample comes back changed.
        ConflictError: If others keep committing to the same store meanwhile.
    """
    place = Place(href, scheme, credentials)

    def write_once(repository: icechunk.Repository) -> Stored:
        head = head_of_dataset(repository, href)
        anew = head is None or head.metadata["layout"] != VIRTUAL_LAYOUT
        transaction = Transaction(with_containers(repository, containers, source_keys))
        _write_all(transaction.session.store, references, options.group, on_progress, anew=anew)
        _refuse_changed(transaction.session.store, samples, href)
        about = {
            "layout": VIRTUAL_LAYOUT,
            "fingerprint": fingerprint,
            "reading": repr(options),
            "containers": [container_metadata(container) for container in containers],
            "copied": sum(map(bool, references.copied)),
        }
        return committed(transaction, place, version, f"{len(references.urls)} files", about)

    return written(place, write_once, on_progress)


def refuse_taken_name(references: References) -> None:
    """Refuse a variable that is called like the store's table of files.

    Raises:
        UnfitError: If there is one.
    """
    if TABLE in references.arrays or TABLE in references.small.variables:
        raise UnfitError(f"a variable is called {TABLE}, as the table of files in the store is")


def _write_all(store: Any, references: References, group: str | None, on_progress: OnProgress, *, anew: bool) -> None:
    import xarray as xr  # noqa: PLC0415  # as above
    import zarr  # noqa: PLC0415  # as above

    root = zarr.open_group(store, mode="a", zarr_format=3)
    tree = xr.DataTree.from_dict({"/": references.small, f"/{TABLE}": _table(references)})
    wished = {references.along: LINE_STEPS, "file": FILES_IN_CHUNK}
    sources = [source for node in tree.subtree for source in stored_variables(node, wished, TABLE)]
    kept = {*references.arrays, *(source.variable.path for source in sources), TABLE}
    was = set() if anew or TABLE not in root else set(str(root[TABLE].attrs["referenced"]).split())
    for path in sorted((path for path, _ in root.members(max_depth=None)), reverse=True):
        if anew or path not in kept or (path in was and path not in references.arrays):
            del root[path]
    _put_attrs(root, group_attrs(tree))
    _put_attrs(root.require_group(TABLE), group_attrs(tree.children[TABLE]))
    for source in sources:
        write_variable(root, source)
    for number, (name, array) in enumerate(sorted(references.arrays.items())):
        _write_array(store, root, name, array, references.along, group)
        on_progress(Progress("refer to variables", number + 1, len(references.arrays), name))


def _put_attrs(node: Any, attrs: Mapping[str, Any]) -> None:
    if dict(node.attrs) != attrs:
        node.attrs.put(dict(attrs))


def _table(references: References) -> xr.Dataset:
    """Which files there are, and where each begins."""
    import xarray as xr  # noqa: PLC0415  # as above

    columns = {
        "version": references.versions,
        "start": references.starts,
        "length": references.lengths,
        "copied": references.copied,
    }
    about = {"title": TABLE_TITLE, "along": references.along, "referenced": " ".join(sorted(references.arrays))}
    return xr.Dataset(
        {name: ("file", np.array(values)) for name, values in columns.items()},
        {"file": np.array(references.urls)},
        attrs=about,
    )


def _write_array(  # an array, where it goes, and what it comes from
    store: Any, root: zarr.Group, name: str, array: ReferencedArray, along: str, group: str | None
) -> None:
    attrs = _attrs(array)
    found = array_at(root, name) if name in root else None
    if found is not None and _is_alike(found, array, along):
        if found.shape != array.shape:
            found.resize(array.shape)
        _put_attrs(found, attrs)
        for block in array.blocks:
            _empty(found, block)
    elif found is None or array.is_complete:
        _create(root, name, array, attrs)
    else:
        raise OutdatedError(name)
    for block in array.blocks:
        _refer(store, name, block)
    for copy in array.copies:
        _copy(array_at(root, name), copy, array.dims.index(along) if along else 0, group)


def _copy(array: zarr.Array[Any], copy: Copy, axis: int, group: str | None) -> None:
    """Write a file's part of an array, slab by slab of whole chunks, and read it back.

    Raises:
        SourceError: If the file cannot be read.
        StorageError: If other values come back than were written.
    """
    name = array.basename
    part = Variable(name, dimensions(array), copy.shape, array.dtype, {}, array.chunks, {})
    for slab in slabs_of(part, array.chunks, SLAB_BYTES):
        values = stored_values(copy.file, name, slab, group=group).astype(array.dtype, copy=False)
        target = _moved(slab, axis, copy.start)
        array[target] = values
        if not same_values(np.asarray(array[target]), values):
            raise StorageError(name, "came back changed", "check the disk or the bucket")


def _moved(slab: Slab, axis: int, steps: int) -> Slab:
    whole = list(slab)
    whole[axis] = slice(slab[axis].start + steps, slab[axis].stop + steps)
    return tuple(whole)


def _is_alike(found: zarr.Array[Any], wished: ReferencedArray, along: str) -> bool:
    """Whether an array takes references to these chunks without being written anew."""
    codecs = json.loads(json.dumps(found.metadata.to_dict()["codecs"]))
    fixed = [axis for axis, dim in enumerate(wished.dims) if dim != along]
    return (
        dimensions(found) == wished.dims
        and found.chunks == tuple(max(1, size) for size in wished.chunks)
        and found.dtype == wished.dtype.newbyteorder("=")
        and codecs == [_serializer(wished.dtype), *wished.codecs]
        and same_values(np.asarray(found.fill_value), np.asarray(_fill(wished)))
        and all(found.shape[axis] == wished.shape[axis] for axis in fixed)
    )


def _empty(array: zarr.Array[Any], block: Block) -> None:
    """Drop the chunks that a file no longer stores."""
    for index in np.argwhere(block.lengths == 0):
        corner = [(start + step) * size for start, step, size in zip(block.origin, index, array.chunks, strict=True)]
        array[tuple(slice(start, start + size) for start, size in zip(corner, array.chunks, strict=True))] = (
            array.fill_value
        )


def _create(root: zarr.Group, name: str, array: ReferencedArray, attrs: Mapping[str, Any]) -> None:
    refuse_name(name)
    root.create_array(
        name,
        shape=array.shape,
        chunks=tuple(max(1, size) for size in array.chunks),
        dtype=array.dtype.newbyteorder("="),
        fill_value=_fill(array),
        filters=None,
        serializer=_serializer(array.dtype),
        compressors=[dict(codec) for codec in array.codecs] or None,
        dimension_names=array.dims,
        attributes=dict(attrs),
        overwrite=True,
    )


def _fill(array: ReferencedArray) -> Any:
    return array.dtype.newbyteorder("=").type(array.fill)


def _serializer(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.itemsize == 1:
        return {"name": "bytes"}
    little = dtype.newbyteorder("<") == dtype
    return {"name": "bytes", "configuration": {"endian": "little" if little else "big"}}


def _refer(store: Any, name: str, block: Block) -> None:
    locations = [block.url if length else "" for length in block.lengths.ravel().tolist()]
    refused = store.set_virtual_refs_arr(
        name,
        block.lengths.shape,
        locations,
        block.offsets.ravel(),
        block.lengths.ravel(),
        arr_offset=block.origin,
        checksum=block.checksum,
    )
    if refused:
        raise StorageError(block.url, "lies in none of the store's containers", "report this as a bug")


def _attrs(array: ReferencedArray) -> dict[str, Any]:
    """The attributes of an array as xarray decodes them in Zarr; in another form alone where that needs one."""
    from xarray.backends.zarr import FillValueCoder  # noqa: PLC0415  # as above

    attrs, fill = json_attrs(array.attrs), array.attrs.get("_FillValue")
    attrs.pop("_FillValue", None)
    if fill is not None and holds(array.dtype, fill):
        attrs["_FillValue"] = FillValueCoder.encode(fill, array.dtype)
    return attrs


def _refuse_changed(store: Any, samples: Sequence[Sample], href: str) -> None:
    import zarr  # noqa: PLC0415  # as above

    root = zarr.open_group(store, mode="r")
    for sample in samples:
        try:
            values = np.asarray(array_at(root, sample.array)[sample.at])
        except (ValueError, RuntimeError, zlib.error) as error:
            problem = f"{sample.array} cannot be decoded through its references ({error})"
            raise StorageError(href, problem, "copy it (virtual: false), and report this as a bug") from error
        if not same_values(values, sample.values.astype(values.dtype, copy=False)):
            raise StorageError(
                href, f"{sample.array} comes back changed through its references", "report this as a bug"
            )
