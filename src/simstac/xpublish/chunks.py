"""A Zarr hierarchy by its keys: the chunks of a store as they lie there, or those of a dataset, encoded on request."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from simstac.studies.encode import MICROSECONDS, is_time, microseconds_of, texts
from simstac.write.encoding import compressors, grid_chunks

if TYPE_CHECKING:
    import xarray as xr
    import zarr
    from zarr.abc.store import ByteRequest, Store

ZARR_JSON = "zarr.json"
MARK = "_xpublish_id"
"""What xpublish adds to the attributes of a dataset."""


@dataclass(frozen=True, slots=True)
class StoredChunks:
    """A store's own metadata and chunks, undecoded.

    Attributes:
        store: The Zarr store.
        documents: The metadata by key; each group has those of all below it too, so that nobody needs to list.
        arrays: The arrays by path.
    """

    store: Store
    documents: Mapping[str, bytes]
    arrays: Mapping[str, zarr.Array[Any]]

    async def get(self, key: str, part: ByteRequest | None = None) -> bytes | None:
        """The bytes of a key, or a part of them; None where the hierarchy has none, and then the store is not asked."""
        from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415  # zarr is loaded by whoever opened one

        if key in self.documents:
            return part_of(self.documents[key], part)
        if not _is_chunk_key(key, self.arrays):
            return None
        found = await self.store.get(key, default_buffer_prototype(), part)
        return None if found is None else found.to_bytes()


@dataclass(frozen=True, slots=True)
class EncodedChunks:
    """Any dataset as a Zarr v3 group, each chunk encoded when it is asked for.

    Attributes:
        variables: The variables as they are stored, read lazily.
        documents: The metadata by key.
        arrays: Empty arrays of the same form.
    """

    variables: Mapping[str, xr.Variable]
    documents: Mapping[str, bytes]
    arrays: Mapping[str, zarr.Array[Any]]

    async def get(self, key: str, part: ByteRequest | None = None) -> bytes | None:
        """The bytes of a key, or a part of them; None where the hierarchy has no such key."""
        from anyio import to_thread  # noqa: PLC0415  # part of the server

        if key in self.documents:
            return part_of(self.documents[key], part)
        if not _is_chunk_key(key, self.arrays):
            return None
        path, _, rest = key.partition("/")
        where = tuple(map(int, rest.removeprefix("c").strip("/").split("/"))) if rest != "c" else ()
        chunk = await to_thread.run_sync(_encoded_chunk, self.variables[path], self.arrays[path], where)
        return None if chunk is None else part_of(chunk, part)


def stored_chunks(store: Store, without: Collection[str] = ()) -> StoredChunks:
    """The hierarchy of a store.

    Args:
        store: The store.
        without: Groups of the root that nobody is to read.

    Raises:
        zarr.errors.GroupNotFoundError: If it holds none.
    """
    import zarr  # noqa: PLC0415  # as above

    root = zarr.open_group(store, mode="r")
    members = dict(root.members(max_depth=None))
    nodes = {"": root, **{path: node for path, node in members.items() if path.partition("/")[0] not in without}}
    arrays = {path: node for path, node in nodes.items() if isinstance(node, zarr.Array)}
    v2 = root.metadata.zarr_format == 2  # noqa: PLR2004  # the format
    return StoredChunks(store, _v2_documents(nodes) if v2 else _v3_documents(nodes), arrays)


def encoded_chunks(dataset: xr.Dataset) -> EncodedChunks:
    """A dataset as one Zarr group, times and strings encoded as by xarray."""
    import zarr  # noqa: PLC0415  # as above
    from xarray.conventions import cf_encoder, encode_dataset_coordinates  # noqa: PLC0415  # as above
    from zarr.storage import MemoryStore  # noqa: PLC0415  # as above

    bare = dataset.drop_encoding()
    bare.attrs.pop(MARK, None)
    times = {name: _as_numbers(str(name), each) for name, each in bare.variables.items() if each.dtype.kind in "MO"}
    bare = bare.drop_indexes([name for name in times if name in bare.indexes]).assign(times)
    variables, attrs = cf_encoder(*encode_dataset_coordinates(bare))
    root = zarr.create_group(MemoryStore(), attributes=_jsonable(attrs))
    nodes: dict[str, Any] = {"": root}
    for name, variable in variables.items():
        nodes[str(name)] = _empty_array(root, str(name), variable)
    arrays = {path: node for path, node in nodes.items() if path}
    return EncodedChunks({str(name): each for name, each in variables.items()}, _v3_documents(nodes), arrays)


def part_of(content: bytes, part: ByteRequest | None) -> bytes:
    """The bytes that a request for a part of them means."""
    match part:
        case RangeByteRequest():
            return content[part.start : part.end]
        case OffsetByteRequest():
            return content[part.offset :]
        case SuffixByteRequest():
            return content[-part.suffix :] if part.suffix else b""
        case _:
            return content


def _as_numbers(name: str, variable: xr.Variable) -> xr.Variable:
    """Times and their bounds in one unit, as CF asks; anything else as it is."""
    import xarray as xr  # noqa: PLC0415  # as above

    values = np.asarray(variable.values)
    if not is_time(variable, values):
        return variable
    numbers, calendar = microseconds_of(variable, values, name)
    return xr.Variable(variable.dims, numbers, {**variable.attrs, "units": MICROSECONDS, "calendar": calendar})


def _empty_array(root: zarr.Group, name: str, variable: xr.Variable) -> zarr.Array[Any]:
    from xarray.backends.zarr import FillValueCoder  # noqa: PLC0415  # as above

    kind = variable.dtype.kind
    attrs = _jsonable(variable.attrs)
    fill = variable.attrs.get("_FillValue")
    if fill is not None:
        attrs["_FillValue"] = FillValueCoder.encode(fill, variable.dtype)
    default: Any = {"f": np.nan, "b": False, "O": "", "U": "", "T": ""}.get(kind, 0)
    return root.create_array(
        name,
        shape=variable.shape,
        chunks=grid_chunks(tuple(map(str, variable.dims)), variable.shape, max(1, variable.dtype.itemsize), {}),
        dtype=str if kind in "OUT" else variable.dtype,
        fill_value=default if fill is None else fill,
        compressors=compressors(np.dtype(object) if kind in "OUT" else variable.dtype),
        dimension_names=tuple(map(str, variable.dims)),
        attributes=attrs,
    )


def _encoded_chunk(variable: xr.Variable, array: zarr.Array[Any], where: tuple[int, ...]) -> bytes | None:
    """One chunk, of full size also at the edge, as Zarr has it."""
    import zarr  # noqa: PLC0415  # as above
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415  # as above
    from zarr.core.sync import sync  # noqa: PLC0415  # as above
    from zarr.storage import MemoryStore  # noqa: PLC0415  # as above

    lengths = array.chunks
    slices = tuple(slice(index * length, (index + 1) * length) for index, length in zip(where, lengths, strict=True))
    values = np.asarray(variable[slices].values)
    values = texts(values) if values.dtype.kind in "OUT" else values
    store = MemoryStore()
    one = zarr.create_array(
        store,
        shape=lengths,
        chunks=lengths,
        dtype=array.dtype if values.dtype.kind != "O" else str,
        fill_value=array.fill_value,
        compressors=compressors(values.dtype),
    )
    one[tuple(slice(0, size) for size in values.shape)] = values
    found = sync(store.get("/".join(["c", *("0" for _ in lengths)]), default_buffer_prototype()))
    return None if found is None else found.to_bytes()


def _is_chunk_key(key: str, arrays: Mapping[str, zarr.Array[Any]]) -> bool:
    """Whether a key is exactly that of a chunk inside the grid of one of the arrays."""
    for path, array in arrays.items():
        prefix = f"{path}/"
        if key.startswith(prefix):
            numbers = [part for part in key.removeprefix(prefix).replace(".", "/").split("/") if part != "c"]
            if not all(part.isascii() and part.isdecimal() for part in numbers) or len(numbers) not in {array.ndim, 1}:
                continue
            where = tuple(map(int, numbers)) if array.ndim else ()
            lengths = array.shards or array.chunks
            grid = [math.ceil(size / length) for size, length in zip(array.shape, lengths, strict=True)]
            inside = len(where) == len(grid) and all(index < count for index, count in zip(where, grid, strict=True))
            return inside and key == prefix + array.metadata.encode_chunk_key(where)
    return False


def _v3_documents(nodes: Mapping[str, Any]) -> dict[str, bytes]:
    """``zarr.json`` of each node; those of groups with the metadata of all below, as consolidated metadata."""
    plain = {path: _metadata(node)[ZARR_JSON] for path, node in nodes.items()}
    for document in plain.values():
        document.pop("consolidated_metadata", None)
    documents = {}
    for path, document in plain.items():
        key = f"{path}/{ZARR_JSON}".lstrip("/")
        if document["node_type"] == "group":
            prefix = f"{path}/".lstrip("/")
            below = [other for other in plain if other and other.startswith(prefix)]
            metadata = {other.removeprefix(prefix): plain[other] for other in below}
            inline = {"kind": "inline", "must_understand": False, "metadata": metadata}
            document = {**document, "consolidated_metadata": inline}  # noqa: PLW2901  # the same document, completed
        documents[key] = _as_json(document)
    return documents


def _v2_documents(nodes: Mapping[str, Any]) -> dict[str, bytes]:
    """The metadata of Zarr v2, each by itself and all of them as ``.zmetadata``."""
    documents: dict[str, Any] = {}
    for path, node in nodes.items():
        documents |= {f"{path}/{name}".lstrip("/"): document for name, document in _metadata(node).items()}
    consolidated = {"zarr_consolidated_format": 1, "metadata": documents}
    return {key: _as_json(value) for key, value in {**documents, ".zmetadata": consolidated}.items()}


def _metadata(node: Any) -> dict[str, Any]:
    """The metadata documents of a node by name, as Zarr would write them."""
    from zarr.core.buffer import default_buffer_prototype  # noqa: PLC0415  # as above

    documents = node.metadata.to_buffer_dict(default_buffer_prototype())
    return {name: json.loads(buffer.to_bytes()) for name, buffer in documents.items()}


def _as_json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _jsonable(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps({str(key): value for key, value in attrs.items()}, default=_plain)))
