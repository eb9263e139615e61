"""What one HDF5 or NetCDF4 file holds, and where: the values of its small variables, the chunks of the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.agree import AGREED
from simstac.sources.cf.hdf5 import NOT_A_COORDINATE
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.filters import Codec, UnfitError, codecs_of

if TYPE_CHECKING:
    import h5py

NETCDF_ATTRIBUTES = frozenset({
    "CLASS", "DIMENSION_LABELS", "DIMENSION_LIST", "NAME", "REFERENCE_LIST", "_NCProperties", "_Netcdf4Coordinates",
    "_Netcdf4Dimid", "_nc3_strict",
})  # fmt: skip
"""Attributes by which NetCDF4 keeps its dimensions in HDF5; no data of the user."""
DECODING = frozenset({
    *AGREED, "_FillValue", "_Unsigned", "add_offset", "calendar", "missing_value", "scale_factor", "units", "valid_max",
    "valid_min", "valid_range",
})  # fmt: skip
"""Attributes that say what stored numbers mean; they are read from every file, the others from the first."""
NAMING = (
    "ancillary_variables",
    "bounds",
    "cell_measures",
    "climatology",
    "coordinates",
    "formula_terms",
    "grid_mapping",
)
GRID = 2
LONGEST_NUMBER = 8
EVERYTHING = CfOptions()
NOT_A_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"

type Dims = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Chunks:
    """The stored chunks of a variable, in one file.

    Attributes:
        shape: The shape of a chunk; the variable's own where it lies in one piece.
        codecs: How a chunk is decoded, in the order of encoding.
        offsets: First byte of each chunk, on the grid of chunks; uint64.
        lengths: Bytes of each chunk, on the grid; 0 where none is stored.
        contiguous: Whether the variable lies in one piece, unencoded, which may be cut anywhere.
    """

    shape: tuple[int, ...]
    codecs: tuple[Codec, ...]
    offsets: NDArray[np.uint64]
    lengths: NDArray[np.uint64]
    contiguous: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A variable of a file, with its values or with its chunks.

    Attributes:
        dims: The names of its dimensions.
        shape: Its shape.
        dtype: The stored type, with its byte order; object for strings of any length.
        attrs: Its attributes, as they are stored.
        fill: What is read where no chunk is stored.
        values: The stored values of a variable that is copied.
        chunks: The chunks of one that is referenced.
        unfit: Why none of them can be; empty where they can, or where the values are there.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: Mapping[str, Any]
    fill: Any = None
    values: NDArray[Any] | None = None
    chunks: Chunks | None = None
    unfit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class FileIndex:
    """A file's root group.

    Attributes:
        variables: By name.
        attrs: Its global attributes.
        along: The dimension that files continue; empty where the file tells none.
        assumed: Times whose calendar nobody says.
    """

    variables: Mapping[str, Variable]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    along: str = ""
    assumed: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Its length along the dimension that files continue."""
        each = next((one for one in self.variables.values() if self.along in one.dims), None)
        return each.shape[each.dims.index(self.along)] if each is not None else 0


def index_hdf5(
    file: BinaryIO | str, where: str, *, first: FileIndex | None = None, options: CfOptions = EVERYTHING
) -> FileIndex:
    """Index a file; coordinates, what they name, strings, and what does not grow or has one dimension are read.

    Args:
        file: A path, or a file open for reading.
        where: What the file is called in errors.
        first: The first file of a dataset, whose attributes the others share but for those that tell how to decode.
        options: What to read of it.

    Raises:
        SourceError: If it cannot be read.
        UnfitError: If a variable cannot be referenced where it is.
    """
    import h5py  # noqa: PLC0415  # an extra

    try:
        with h5py.File(file, "r") as root:
            if options.group and not isinstance(root.get(options.group), h5py.Group):
                raise SourceError(where, f"has no group {options.group!r}", "name one that it has (source.group)")
            return _index(root, first, options)
    except OSError as error:
        raise SourceError(where, f"cannot be read as HDF5 ({error})", "check that the file is whole") from error


def _index(file: h5py.File, first: FileIndex | None, options: CfOptions) -> FileIndex:
    import h5py  # noqa: PLC0415  # as above

    if file.userblock_size:
        raise UnfitError("it begins with a block that is not HDF5")
    root = file[options.group] if options.group else file
    found = {name: each for name, each in root.items() if isinstance(each, h5py.Dataset)}
    named = {name: name.removeprefix(NOT_A_COORDINATE) for name, each in found.items() if not _is_bare(each)}
    datasets = {said: found[name] for name, said in named.items()}
    dims = {named[name]: each for name, each in _all_dims(found, options).items() if name in named}
    attrs = {
        name: _attrs(each, None if first is None else first.variables.get(name)) for name, each in datasets.items()
    }
    datasets = {name: datasets[name] for name in wanted_names(dims, attrs, options)}
    dims = {name: dims[name] for name in datasets}
    along = first.along if first is not None else along_of(_unlimited(datasets, dims), dims, attrs, options)
    copied = copied_names(dims, attrs, {name for name in datasets if _is_number(datasets[name].dtype)}, along)
    variables = {}
    for name, dataset in datasets.items():
        try:
            variables[name] = (_copied if name in copied else _referenced)(dataset, dims[name], attrs[name])
        except UnfitError as error:
            if name in copied:
                raise UnfitError(f"{name}: {error}") from None
            variables[name] = Variable(dims[name], dataset.shape, dataset.dtype, attrs[name], unfit=str(error))
    return FileIndex(variables, _attrs(root, None) if first is None else first.attrs, along)


def along_of(
    unlimited: AbstractSet[str], dims: Dims, attrs: Mapping[str, Mapping[str, Any]], options: CfOptions
) -> str:
    """The dimension that files continue: as wished, or unlimited and of a time, or either; empty where none stands out.

    Raises:
        UnfitError: If they are wished to continue along something else than one dimension.
    """
    if options.along:
        if len(options.along) > 1 or not any(options.along[0] in each for each in dims.values()):
            raise UnfitError(f"files are appended along {' and '.join(options.along)}, which is not one dimension")
        return options.along[0]
    times = {name for name in dims if dims[name] == (name,) and " since " in str(attrs[name].get("units", ""))}
    for choice in (unlimited & times, unlimited, times):
        if len(choice) == 1:
            return next(iter(choice))
    return ""


def wanted_names(dims: Dims, attrs: Mapping[str, Mapping[str, Any]], options: CfOptions) -> list[str]:
    """The variables that are wanted, and those that they refer to; all of them where none is named."""
    if not options.variables:
        return list(dims)
    kept = [name for name in options.variables if name in dims]
    for name in kept:
        words = [word for key in NAMING for word in str(attrs[name].get(key, "")).split()]
        kept += [each for each in dict.fromkeys((*dims[name], *words)) if each in dims and each not in kept]
    return kept


def copied_names(dims: Dims, attrs: Mapping[str, Mapping[str, Any]], numbers: AbstractSet[str], along: str) -> set[str]:
    """The variables that are copied: coordinates and what others name, short and fixed ones, and no numbers."""
    named = {word for name in dims for key in NAMING for word in str(attrs[name].get(key, "")).split()}
    named |= {dim for each in dims.values() for dim in each}
    return {
        name
        for name, own in dims.items()
        if name in named or len(own) < GRID or (along and along not in own) or name not in numbers
    }


def refuse_packing(attrs: Mapping[str, Any]) -> None:
    """Refuse scales that Zarr cannot tell as the file does: a number in JSON is one of 64 bits, and unpacks to such.

    Raises:
        UnfitError: If a scale or an offset is of another type.
    """
    for key in ("scale_factor", "add_offset"):
        if key in attrs and np.asarray(attrs[key]).dtype != np.float64:
            raise UnfitError(f"its {key} is of type {np.asarray(attrs[key]).dtype}, and Zarr has float64 alone")


def shared_attrs(own: Mapping[str, Any], first: Variable | None) -> dict[str, Any]:
    """The attributes of a variable; of a later file only those that tell how to decode, the others from the first."""
    if first is None:
        return dict(own)
    kept = {name: value for name, value in first.attrs.items() if name not in DECODING}
    return kept | {name: value for name, value in own.items() if name in DECODING}


def _copied(dataset: h5py.Dataset, dims: tuple[str, ...], attrs: Mapping[str, Any]) -> Variable:
    import h5py  # noqa: PLC0415  # as above

    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        values = np.asarray(dataset.asstr()[()], dtype=object)
    elif _is_number(dataset.dtype) or dataset.dtype.kind == "S":
        values = np.asarray(dataset[()])
    else:
        raise UnfitError(f"its type {dataset.dtype} is none that an array of references keeps")
    return Variable(dims, dataset.shape, values.dtype, attrs, values=values)


def _referenced(dataset: h5py.Dataset, dims: tuple[str, ...], attrs: Mapping[str, Any]) -> Variable:
    from h5py import h5d  # noqa: PLC0415  # as above

    properties = dataset.id.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.COMPACT:
        return _copied(dataset, dims, attrs)
    if layout not in {h5d.CHUNKED, h5d.CONTIGUOUS} or properties.get_external_count():
        raise UnfitError("it lies in other files")
    refuse_packing(attrs)
    if layout == h5d.CONTIGUOUS:
        chunks = _one_piece(dataset)
    else:
        filters = [properties.get_filter(number) for number in range(properties.get_nfilters())]
        chunks = _chunks(dataset, codecs_of(filters))
    return Variable(dims, dataset.shape, dataset.dtype, attrs, dataset.fillvalue, chunks=chunks)


def _one_piece(dataset: h5py.Dataset) -> Chunks:
    grid = tuple(min(1, size) for size in dataset.shape)
    offset = dataset.id.get_offset()
    offsets, lengths = np.zeros(grid, "u8"), np.zeros(grid, "u8")
    if offset is not None:
        offsets[...], lengths[...] = offset, dataset.size * dataset.dtype.itemsize
    return Chunks(dataset.shape, (), offsets, lengths, contiguous=True)


def _chunks(dataset: h5py.Dataset, codecs: tuple[Codec, ...]) -> Chunks:
    shape = dataset.chunks
    grid = tuple(math.ceil(size / length) for size, length in zip(dataset.shape, shape, strict=True))
    offsets, lengths = np.zeros(grid, "u8"), np.zeros(grid, "u8")
    masked = []

    def put(stored: Any) -> None:
        where = tuple(start // length for start, length in zip(stored.chunk_offset, shape, strict=True))
        if all(index < size for index, size in zip(where, grid, strict=True)):
            offsets[where], lengths[where] = stored.byte_offset, stored.size
            masked.extend([where] if stored.filter_mask else [])

    dataset.id.chunk_iter(put)
    if masked:
        raise UnfitError("some of its chunks are stored without a filter that the others have")
    return Chunks(shape, codecs, offsets, lengths)


def _is_number(dtype: np.dtype[Any]) -> bool:
    """Whether values of a type are numbers to NetCDF, Zarr and xarray alike; names of an enumeration are none."""
    return dtype.kind in "iuf" and dtype.itemsize <= LONGEST_NUMBER and dtype.metadata is None


def _is_bare(dataset: h5py.Dataset) -> bool:
    """Whether a dataset only stands for a dimension of NetCDF4 that has no coordinate."""
    return dataset.ndim == 1 and "NAME" in dataset.attrs and bytes(dataset.attrs["NAME"]).startswith(NOT_A_VARIABLE)


def _all_dims(datasets: Mapping[str, h5py.Dataset], options: CfOptions) -> dict[str, tuple[str, ...]]:
    from h5py import h5ds  # noqa: PLC0415  # as above

    scales = {name: each for name, each in datasets.items() if h5ds.is_scale(each.id)}
    numbers = {int(each.attrs["_Netcdf4Dimid"]): name for name, each in scales.items() if "_Netcdf4Dimid" in each.attrs}
    dims: dict[str, tuple[str, ...]] = {}
    for name, dataset in datasets.items():
        if name in scales and dataset.ndim == 1:
            dims[name] = (name,)
        elif name in scales:
            dims[name] = tuple(numbers[int(each)] for each in dataset.attrs.get("_Netcdf4Coordinates", ()))
        else:
            dims[name] = tuple(each[0].name.rpartition("/")[2] for each in dataset.dims if len(each))
        if len(dims[name]) != dataset.ndim and (name in options.variables or not options.variables):
            raise UnfitError(f"{name}: its dimensions have no names")
    return dims


def _attrs(holder: h5py.Dataset | h5py.Group, first: Variable | None) -> dict[str, Any]:
    """Attributes as NetCDF gives them; of a later file only those that tell how to decode."""
    names = [name for name in holder.attrs if name not in NETCDF_ATTRIBUTES and (first is None or name in DECODING)]
    return shared_attrs({name: _attribute(holder.attrs[name]) for name in names}, first)


def _attribute(value: Any) -> Any:
    import h5py  # noqa: PLC0415  # as above

    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "OS":
            return (
                [_attribute(each) for each in value.ravel().tolist()] if value.size != 1 else _attribute(value.item())
            )
        return value.ravel()[0] if value.size == 1 else value
    return value


def _unlimited(datasets: Mapping[str, h5py.Dataset], dims: Dims) -> set[str]:
    return {
        dim
        for name, each in datasets.items()
        for dim, size in zip(dims[name], each.maxshape or (), strict=False)
        if size is None
    }
