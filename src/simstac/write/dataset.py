"""Any xarray Dataset or DataTree → Icechunk: slab by slab, and only the chunks that differ from what is stored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.progress import OnProgress, Progress, silent
from simstac.sources.attributes import json_attrs
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.studies.encode import cf_attrs, coarsest_unit, in_unit, is_time, microseconds_of
from simstac.write.arrays import array_at, dimensions, same_values
from simstac.write.encoding import compressors, grid_chunks, refuse_unknown_dimensions
from simstac.write.repository import (
    Head,
    Place,
    Transaction,
    create_repository,
    exclusive,
    open_repository,
    read_head,
    release,
    retried,
    store_errors,
)

if TYPE_CHECKING:
    import xarray as xr
    import zarr

DATASET_LAYOUT = "dataset/1"
VIRTUAL_LAYOUT = "virtual/1"
SLAB_BYTES = 128 << 20
NAMED_IN_ENCODING = ("grid_mapping", "bounds", "ancillary_variables", "cell_measures", "formula_terms")
type Slab = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A variable as it is stored, read a slab at a time.

    Attributes:
        path: Its path from the root.
        dims: Its dimensions.
        shape: Its shape.
        dtype: What is stored; object for strings.
        attrs: Its attributes.
        chunks: The chunk shape of a new array.
        wished: The chunk lengths among them that the user asks for, by axis.
        read: The values of a slab.
    """

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    chunks: tuple[int, ...]
    wished: Mapping[int, int]
    read: Callable[[Slab], NDArray[Any]]


def write(
    data: xr.Dataset | xr.DataTree,
    href: str,
    scheme: StorageScheme,
    *,
    fingerprint: str | None = None,
    version: str | None = None,
    chunks: Mapping[str, int] | None = None,
    credentials: KeySource | None = None,
    on_progress: OnProgress = silent,
) -> Stored:
    """Write a dataset to its store, in one commit that readers see whole or not at all.

    The store becomes equal to ``data``; chunks that are equal already are left alone, so a longer dataset is appended
    to it, and an equal one makes no commit. Encodings are ours (times as int64 since 1970, no scale or offset), but
    for numbers encoded already, with ``_FillValue`` or ``units`` of time. Every value written is read back, compared.

    Args:
        data: A Dataset, or a DataTree for groups; read lazily, slab by slab.
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live.
        fingerprint: What identifies the data, such as a SHA-256 of its files; by default one of the data themselves,
            which reads all of them.
        version: The version that the tag names; ``1``, ``2`` … where None.
        chunks: Chunk lengths by dimension; chosen by size where left out.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
        on_progress: Listens to the progress.

    Raises:
        StorageError: If the store cannot be read or written, holds something else, or a variable cannot be stored.
        ConflictError: If others keep committing to the same store meanwhile.
        SourceError: If a time is finer than a microsecond.
        ConfigError: If ``chunks`` names a dimension that the data do not have.
    """
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    place = Place(href, scheme, credentials)
    tree = data if isinstance(data, xr.DataTree) else xr.DataTree(data)
    sources = [source for node in tree.subtree for source in stored_variables(node, chunks or {}, href)]
    refuse_unknown_dimensions(chunks or {}, {dim for source in sources for dim in source.dims})
    groups = {node.path.strip("/"): group_attrs(node) for node in tree.subtree}
    mark = fingerprint or _content_fingerprint(sources, groups)

    def write_once() -> Stored:
        repository = open_repository(place) or create_repository(place)
        with store_errors(href):
            head = read_head(repository)
            anew = _known_layout(href, head) == VIRTUAL_LAYOUT
            if head is not None and head.metadata.get("fingerprint") == mark:
                return release(repository, place, version, changed=False)
            transaction = Transaction(repository)
            _write_all(transaction, sources, groups, on_progress, anew=anew)
            changed = transaction.has_changes
            if changed:
                message = f"{len(sources)} variables"
                transaction.commit(message, {"layout": DATASET_LAYOUT, "fingerprint": mark})
            return release(repository, place, version, changed=changed)

    with exclusive(place, on_progress):
        return retried(write_once)


def _known_layout(href: str, head: Head | None) -> str:
    layout = str(head.metadata.get("layout")) if head is not None else ""
    if layout not in {"", DATASET_LAYOUT, VIRTUAL_LAYOUT}:
        raise StorageError(href, "holds something else than a dataset", "choose another place for the store")
    return layout


def stored_variables(node: xr.DataTree, wished: Mapping[str, int], href: str) -> Iterator[Source]:
    """The variables of a group as they are stored.

    Raises:
        StorageError: If one is of a type that is not kept.
    """
    dataset = node.to_dataset(inherit=False)
    units = _time_units(dataset, href)
    for name, variable in sorted(dataset.variables.items(), key=lambda item: str(item[0])):
        path = f"{node.path.strip('/')}/{name}".strip("/")
        dims = tuple(map(str, variable.dims))
        dtype, attrs, read = _encoding(variable, units.get(str(name)), href, path)
        named = {
            key: variable.encoding[key] for key in NAMED_IN_ENCODING if isinstance(variable.encoding.get(key), str)
        }
        lengths = grid_chunks(dims, variable.shape, max(1, dtype.itemsize), wished)
        own = {axis: wished[dim] for axis, dim in enumerate(dims) if dim in wished}
        yield Source(path, dims, variable.shape, dtype, {**named, **attrs}, lengths, own, read)


def _encoding(
    variable: xr.Variable, unit: str | None, href: str, path: str
) -> tuple[np.dtype[Any], dict[str, Any], Callable[[Slab], NDArray[Any]]]:
    attrs = cf_attrs(variable)
    if variable.dtype.kind in "fiub":
        attrs |= _missing(variable)
        return variable.dtype, attrs, lambda slab: np.asarray(variable[slab].values)
    values = np.asarray(variable.values)
    if unit is not None:
        times, calendar = microseconds_of(variable, values, path)
        attrs |= {"units": f"{unit} since 1970-01-01", "calendar": calendar}
        values = in_unit(times, unit)
    elif values.dtype.kind == "m":
        unit = "nanoseconds" if np.datetime_data(values.dtype)[0] == "ns" else "microseconds"
        attrs |= {"units": unit, "dtype": f"timedelta64[{'ns' if unit == 'nanoseconds' else 'us'}]"}
        values = values.astype(attrs["dtype"]).astype(np.int64)
    elif values.dtype.kind in "UTO":
        values = values.astype(str).astype(object)
    else:
        raise StorageError(href, f"keeps no {values.dtype}, as {path} is", "leave it out, or convert it to numbers")
    return values.dtype, attrs, lambda slab: np.asarray(values[slab], values.dtype)  # a scalar too


def _missing(variable: xr.Variable) -> dict[str, Any]:
    """The ``_FillValue`` of numbers that are not decoded, as xarray reads it from Zarr."""
    from xarray.backends.zarr import FillValueCoder  # noqa: PLC0415  # 1.8 s that --help need not pay

    value = variable.attrs.get("_FillValue")
    return {} if value is None else {"_FillValue": FillValueCoder.encode(value, variable.dtype)}


def _time_units(dataset: xr.Dataset, href: str) -> dict[str, str]:
    """The unit of each time variable; bounds have that of what they bound."""
    times = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "MO" and is_time(variable, np.asarray(variable.values)):
            times[str(name)] = microseconds_of(variable, np.asarray(variable.values), f"{href}: {name}")[0]
    units: dict[str, str] = {}
    for name in times:
        bounds = dataset[name].attrs.get("bounds", dataset[name].encoding.get("bounds"))
        together = [times[each] for each in (name, bounds) if each in times]
        unit = coarsest_unit(*together)
        units |= {str(each): unit for each in (name, bounds) if each in times and (each == bounds or each not in units)}
    return units


def group_attrs(node: xr.DataTree) -> dict[str, Any]:
    """The attributes of a group as they are stored."""
    attrs = json_attrs(node.attrs)
    dataset = node.to_dataset(inherit=False)
    coordinates = " ".join(sorted(str(name) for name in dataset.coords if name not in dataset.dims))
    return attrs | ({"coordinates": coordinates} if coordinates else {})


def _content_fingerprint(sources: list[Source], groups: Mapping[str, Mapping[str, Any]]) -> str:
    digest = hashlib.sha256(json.dumps(groups, sort_keys=True).encode())
    for source in sources:
        about = [source.path, source.dims, source.shape, str(source.dtype), dict(source.attrs), dict(source.wished)]
        digest.update(json.dumps(about, sort_keys=True).encode())
        for slab in _slabs(source, source.chunks):
            values = source.read(slab)
            digest.update(json.dumps(values.tolist()).encode() if values.dtype.kind == "O" else values.tobytes())
    return digest.hexdigest()


def _write_all(
    transaction: Transaction,
    sources: list[Source],
    groups: Mapping[str, Mapping[str, Any]],
    on_progress: OnProgress,
    *,
    anew: bool,
) -> None:
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    root = zarr.open_group(transaction.session.store, mode="a", zarr_format=3)
    kept = {source.path for source in sources}
    for path, node in sorted(root.members(max_depth=None), reverse=True):
        if anew or path not in (kept if isinstance(node, zarr.Array) else groups):
            del root[path]
    for path, attrs in groups.items():
        group = root.require_group(path) if path else root
        if dict(group.attrs) != attrs:
            group.attrs.put(dict(attrs))
    for number, source in enumerate(sources):
        write_variable(root, source)
        on_progress(Progress("write variables", number + 1, len(sources), source.path))


def write_variable(root: zarr.Group, source: Source) -> None:
    """Write the chunks of a variable that differ from what is stored, and read them back.

    Raises:
        StorageError: If other values come back than were written.
    """
    grown = _grown(root, source)
    array = _created(root, source) if grown is None else grown
    for slab in _slabs(source, array.chunks):
        values = source.read(slab)
        for part in [...] if grown is None else _differing(np.asarray(array[slab]), values, array.chunks):
            rows = slab if part is ... else (slice(slab[0].start + part.start, slab[0].start + part.stop), *slab[1:])
            array[rows] = values[part]
        if not same_values(np.asarray(array[slab]), values):
            raise StorageError(source.path, "came back changed", "check the disk or the bucket")


def _differing(stored: NDArray[Any], values: NDArray[Any], chunks: tuple[int, ...]) -> Iterator[Any]:
    """The parts of a slab that differ, as rows of whole chunks; all of it where it has no rows."""
    if not values.ndim:
        yield from [] if same_values(stored, values) else [...]
        return
    for start in range(0, len(values), chunks[0]):
        rows = slice(start, min(start + chunks[0], len(values)))
        if not same_values(stored[rows], values[rows]):
            yield rows


def _grown(root: zarr.Group, source: Source) -> zarr.Array[Any] | None:
    """The array that is there, resized; None if it is of another kind or its chunks are not those wished."""
    if source.path not in root:
        return None
    array = array_at(root, source.path)
    dtype = np.dtype(object) if array.dtype.kind == "T" else array.dtype
    if (dimensions(array), dtype) != (source.dims, source.dtype):
        return None
    if any(array.chunks[axis] != length for axis, length in source.wished.items()):
        return None
    if array.shape != source.shape:
        array.resize(source.shape)
    if dict(array.attrs) != source.attrs:
        array.attrs.put(dict(source.attrs))
    return array


def _created(root: zarr.Group, source: Source) -> zarr.Array[Any]:
    return root.create_array(
        source.path,
        shape=source.shape,
        chunks=source.chunks,
        dtype=str if source.dtype.kind == "O" else source.dtype,
        fill_value={"O": "", "f": np.nan, "b": False}.get(source.dtype.kind, 0),
        compressors=compressors(source.dtype),
        dimension_names=source.dims,
        attributes=dict(source.attrs),
        overwrite=True,
    )


def _slabs(source: Source, chunks: tuple[int, ...]) -> Iterator[Slab]:
    """Whole chunks of at most about `SLAB_BYTES`, in order; the last dimensions whole where they fit."""
    lengths = list(chunks)
    for axis in range(len(lengths) - 1, -1, -1):
        others = math.prod(lengths) // lengths[axis] * max(1, source.dtype.itemsize)
        fitting = max(1, SLAB_BYTES // (others * chunks[axis])) * chunks[axis]
        lengths[axis] = min(fitting, max(1, math.ceil(source.shape[axis] / chunks[axis])) * chunks[axis])
    starts = [range(0, size, length) for size, length in zip(source.shape, lengths, strict=True)]
    for corner in product(*starts):
        yield tuple(slice(start, start + length) for start, length in zip(corner, lengths, strict=True))
