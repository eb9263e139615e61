"""What one NetCDF3 file holds, and where, as `simstac.sources.virtual.index` tells it of HDF5."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.netcdf3 import Entry, read_header
from simstac.sources.cf.options import CfOptions
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.index import (
    EVERYTHING,
    Chunks,
    FileIndex,
    Variable,
    along_of,
    copied_names,
    refuse_packing,
    shared_attrs,
    wanted_names,
)


def index_netcdf3(
    file: BinaryIO, where: str, *, first: FileIndex | None = None, options: CfOptions = EVERYTHING
) -> FileIndex:
    """Index a file as `index_hdf5` does.

    Args:
        file: The file, at its beginning.
        where: What it is called in errors.
        first: The first file of a dataset.
        options: What to read of it.

    Raises:
        SourceError: If it ends before its last value.
        UnfitError: If a variable cannot be referenced where it is.
    """
    if options.group:
        raise SourceError(where, f"has no group {options.group!r}: NetCDF3 has none", "leave source.group out")
    header = read_header(file, where)
    entries, record, stride = header.entries, header.record, header.stride
    dims = {name: entry.dims for name, entry in entries.items()}
    said = {
        name: shared_attrs(entry.attrs, None if first is None else first.variables.get(name))
        for name, entry in entries.items()
    }
    dims = {name: dims[name] for name in wanted_names(dims, said, options)}
    along = first.along if first is not None else along_of({record} - {""}, dims, said, options)
    numbers = {name for name, entry in entries.items() if entry.dtype.kind != "S"}
    copied = copied_names(dims, said, numbers, along)
    variables = {}
    for name, entry in ((name, entries[name]) for name in dims):
        chunks, told = _chunks(entry, stride), said[name]
        if name in copied:
            values = _values(file, entry, chunks, where)
            variables[name] = Variable(entry.dims, entry.shape, entry.dtype, told, values=values)
            continue
        try:
            refuse_packing(told)
        except UnfitError as error:
            variables[name] = Variable(entry.dims, entry.shape, entry.dtype, told, unfit=str(error))
            continue
        variables[name] = Variable(entry.dims, entry.shape, entry.dtype, told, entry.dtype.type(0), chunks=chunks)
    return FileIndex(variables, header.attrs if first is None else first.attrs, along)


def _chunks(entry: Entry, stride: int) -> Chunks:
    if not entry.is_record:
        grid = tuple(min(1, size) for size in entry.shape)
        offsets = np.full(grid, entry.begin, "u8")
        return Chunks(entry.shape, (), offsets, np.full(grid, entry.piece_bytes, "u8"), contiguous=True)
    grid = (entry.shape[0], *(min(1, size) for size in entry.shape[1:]))
    starts = entry.begin + stride * np.arange(entry.shape[0], dtype="u8")
    offsets = np.broadcast_to(starts.reshape(-1, *(1,) * (len(grid) - 1)), grid).copy()
    return Chunks(entry.piece, (), offsets, np.full(grid, entry.piece_bytes, "u8"))


def _values(file: BinaryIO, entry: Entry, chunks: Chunks, where: str) -> NDArray[Any]:
    pieces = []
    for offset in chunks.offsets.ravel().tolist():
        file.seek(offset)
        content = file.read(entry.piece_bytes)
        if len(content) < entry.piece_bytes:
            raise SourceError(where, "ends before its last value", "check that the file is whole")
        pieces.append(content)
    return np.frombuffer(b"".join(pieces), entry.dtype).reshape(entry.shape)
