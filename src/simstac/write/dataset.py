"""Any xarray Dataset or DataTree → Icechunk: slab by slab, and only the chunks that differ from what is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import StorageError
from simstac.progress import OnProgress, Progress, silent
from simstac.sources.attributes import json_attrs
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.studies.encode import cf_attrs, coarsest_unit, in_unit, is_time, microseconds_of, texts
from simstac.write.arrays import same_values
from simstac.write.commit import DATASET_LAYOUT, VIRTUAL_LAYOUT, committed, head_of_dataset, written
from simstac.write.encoding import grid_chunks, refuse_unknown_dimensions
from simstac.write.repository import Place, Transaction, release
from simstac.write.variables import Slab, Variable, blank, created, kept_array, resized, slabs_of

if TYPE_CHECKING:
    import icechunk
    import xarray as xr
    import zarr

SLAB_BYTES = 128 << 20
UNDECODED = ("missing_value", "scale_factor", "add_offset")
NAMED_IN_ENCODING = ("grid_mapping", "bounds", "ancillary_variables", "cell_measures", "formula_terms")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A variable, and where its values come from.

    Attributes:
        variable: How it shall lie in the store.
        read: The values of a slab.
    """

    variable: Variable
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
    for numbers encoded already, with ``_FillValue``, scale or ``units`` of time; a missing text is an empty one. Every
    value written is read back, compared.

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
    refuse_unknown_dimensions(chunks or {}, {dim for source in sources for dim in source.variable.dims})
    groups = {node.path.strip("/"): group_attrs(node) for node in tree.subtree}
    mark = fingerprint or _content_fingerprint(sources, groups)

    def write_once(repository: icechunk.Repository) -> Stored:
        head = head_of_dataset(repository, href)
        if head is not None and head.metadata.get("fingerprint") == mark:
            return release(repository, place, version, changed=False)
        transaction = Transaction(repository)
        anew = head is not None and head.metadata["layout"] == VIRTUAL_LAYOUT
        _write_all(transaction, sources, groups, on_progress, anew=anew)
        metadata = {"layout": DATASET_LAYOUT, "fingerprint": mark}
        return committed(transaction, place, version, f"{len(sources)} variables", metadata)

    return written(place, write_once, on_progress)


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
        yield Source(Variable(path, dims, variable.shape, dtype, {**named, **attrs}, lengths, own), read)


def _encoding(
    variable: xr.Variable, unit: str | None, href: str, path: str
) -> tuple[np.dtype[Any], dict[str, Any], Callable[[Slab], NDArray[Any]]]:
    attrs = cf_attrs(variable)
    if variable.dtype.kind in "fiub":
        attrs |= _decoding(variable)
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
        values = texts(values)
    else:
        raise StorageError(href, f"keeps no {values.dtype}, as {path} is", "leave it out, or convert it to numbers")
    return values.dtype, attrs, lambda slab: np.asarray(values[slab], values.dtype)  # a scalar too


def _decoding(variable: xr.Variable) -> dict[str, Any]:
    """What numbers that are not decoded mean, as xarray reads it from Zarr."""
    from xarray.backends.zarr import FillValueCoder  # noqa: PLC0415  # 1.8 s that --help need not pay

    attrs = json_attrs({key: variable.attrs[key] for key in UNDECODED if key in variable.attrs})
    value = variable.attrs.get("_FillValue")
    return attrs if value is None else {**attrs, "_FillValue": FillValueCoder.encode(value, variable.dtype)}


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
        its = source.variable
        about = [its.path, its.dims, its.shape, str(its.dtype), dict(its.attrs), dict(its.wished)]
        digest.update(json.dumps(about, sort_keys=True).encode())
        for slab in slabs_of(its, its.chunks, SLAB_BYTES):
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
    kept = {source.variable.path for source in sources}
    for path, node in sorted(root.members(max_depth=None), reverse=True):
        if anew or path not in (kept if isinstance(node, zarr.Array) else groups):
            del root[path]
    for path, attrs in groups.items():
        group = root.require_group(path) if path else root
        if dict(group.attrs) != attrs:
            group.attrs.put(dict(attrs))
    for number, source in enumerate(sources):
        write_variable(root, source)
        on_progress(Progress("write variables", number + 1, len(sources), source.variable.path))


def write_variable(root: zarr.Group, source: Source) -> None:
    """Write the chunks of a variable that differ from what is stored, and read them back.

    Raises:
        StorageError: If other values come back than were written.
    """
    variable = source.variable
    kept = kept_array(root, variable)
    array = created(root, variable, blank(variable.dtype)) if kept is None else resized(kept, variable)
    for slab in slabs_of(variable, array.chunks, SLAB_BYTES):
        values = source.read(slab)
        for part in [...] if kept is None else _differing(np.asarray(array[slab]), values, array.chunks):
            rows = slab if part is ... else (slice(slab[0].start + part.start, slab[0].start + part.stop), *slab[1:])
            array[rows] = values[part]
        if not same_values(np.asarray(array[slab]), values):
            raise StorageError(variable.path, "came back changed", "check the disk or the bucket")


def _differing(stored: NDArray[Any], values: NDArray[Any], chunks: tuple[int, ...]) -> Iterator[Any]:
    """The parts of a slab that differ, as rows of whole chunks; all of it where it has no rows."""
    if not values.ndim:
        yield from [] if same_values(stored, values) else [...]
        return
    for start in range(0, len(values), chunks[0]):
        rows = slice(start, min(start + chunks[0], len(values)))
        if not same_values(stored[rows], values[rows]):
            yield rows
