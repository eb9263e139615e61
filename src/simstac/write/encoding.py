"""How arrays are laid down: chunk shapes, codec and fill values, chosen here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import ConfigError

if TYPE_CHECKING:
    import zarr.abc.codec

RUNS_IN_CHUNK = 16
CHUNK_BYTES = 2 << 20
BATCH_BYTES = 512 << 20
FIELD_BYTES = 4 << 20
SLAB_BYTES = 16 << 20
FIELD_STEPS = 1024
LINE_STEPS = 4096
VALUES_OF_LINE = 64
GROWTHS_IN_CHUNK = 8
TABLE_CHUNK = 1024


def runs_in_chunk(runs: int, run_bytes: int) -> int:
    """How many runs a chunk spans, and so how many are in memory at once: a power of two up to 16.

    Args:
        runs: How many runs the study has.
        run_bytes: How many bytes the series of one run take.
    """
    fitting = min(RUNS_IN_CHUNK, max(1, BATCH_BYTES // max(1, run_bytes)))
    return min(1 << (fitting.bit_length() - 1), 1 << (max(1, runs) - 1).bit_length())


def series_chunks(
    dims: Sequence[str], sizes: Sequence[int], itemsize: int, run_chunk: int, wished: Mapping[str, int]
) -> tuple[int, ...]:
    """The chunk shape of a variable (run, …, time): few runs, whole time, as many keys as fit ``CHUNK_BYTES``.

    Then one series over all runs and all series of one run both decode about as much more than they need.

    Args:
        dims: The variable's dimensions, ``run`` first.
        sizes: Their sizes.
        itemsize: Bytes of one value.
        run_chunk: Runs in a chunk.
        wished: Chunk lengths by dimension that the user asks for.
    """
    chunks = [run_chunk, *([1] * (len(dims) - 1))]
    room = CHUNK_BYTES // (itemsize * run_chunk)
    for axis in range(len(dims) - 1, 0, -1):
        chunks[axis] = wished.get(dims[axis]) or max(1, min(sizes[axis], room // math.prod(chunks[1:])))
    return tuple(chunks)


def grid_chunks(dims: Sequence[str], shape: Sequence[int], itemsize: int, wished: Mapping[str, int]) -> tuple[int, ...]:
    """The chunk shape of any variable: the longest dimensions halved until a chunk has at most ``CHUNK_BYTES``.

    Args:
        dims: The variable's dimensions.
        shape: Their sizes.
        itemsize: Bytes of one value.
        wished: Chunk lengths by dimension that the user asks for.
    """
    chunks = [max(1, wished.get(dim, size)) for dim, size in zip(dims, shape, strict=True)]
    free = [axis for axis, dim in enumerate(dims) if dim not in wished]
    while free and math.prod(chunks) * itemsize > CHUNK_BYTES:
        longest = max(free, key=lambda axis: chunks[axis])
        if chunks[longest] == 1:
            break
        chunks[longest] = -(-chunks[longest] // 2)
    return tuple(chunks)


def refuse_unknown_dimensions(wished: Mapping[str, int], dims: Collection[str]) -> None:
    """Refuse chunk lengths of dimensions that the data do not have.

    Args:
        wished: Chunk lengths by dimension that the user asks for.
        dims: The dimensions of all variables.

    Raises:
        ConfigError: If one of them is unknown; it names the nearest.
    """
    for dim in sorted(wished.keys() - set(dims)):
        close = get_close_matches(dim, dims, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"its dimensions are {', '.join(sorted(dims))}"
        raise ConfigError("store.chunks", f"names the dimension {dim!r}, which the data do not have", remedy)


def field_chunks(
    dims: Sequence[str],
    shape: Sequence[int],
    itemsize: int,
    steps: Mapping[str, int],
    source: Sequence[int],
    wished: Mapping[str, int],
) -> tuple[int, ...]:
    """The chunk shape of a variable that grows, chosen once for its life.

    Along an axis that grows, as many steps as `SLAB_BYTES` hold of the planes that the files keep together, so that no
    plane is decoded twice; but at most what `GROWTHS_IN_CHUNK` files bring, since appending one writes the last chunk
    anew. The size at creation says nothing: a first file of one step makes no chunks of one step. Then the other
    dimensions are split, levels first, until a chunk has at most `FIELD_BYTES`: series and maps both read few chunks.

    Args:
        dims: The variable's dimensions.
        shape: Their sizes.
        itemsize: Bytes of one value.
        steps: How many labels a file has along each axis that grows.
        source: The chunk shape in the files; empty where they have none.
        wished: Chunk lengths by dimension that the user asks for.
    """
    growing = [axis for axis, dim in enumerate(dims) if dim in steps]
    fixed = [axis for axis in range(len(dims)) if axis not in growing]
    together = [shape[axis] for axis in fixed[-2:]] + [source[axis] for axis in fixed[:-2] if source]
    room = max(1, SLAB_BYTES // max(1, itemsize * math.prod(together)))
    chunks = [max(1, size) for size in shape]
    for axis in reversed(growing):
        is_line = math.prod(shape[each] for each in fixed) <= VALUES_OF_LINE
        length = min(room, LINE_STEPS) if is_line else min(room, FIELD_STEPS, GROWTHS_IN_CHUNK * steps[dims[axis]])
        if axis != growing[0]:
            length = min(length, 1 << (max(GROWTHS_IN_CHUNK, shape[axis]) - 1).bit_length())
        chunks[axis] = 1 << (max(1, length).bit_length() - 1)
        room = max(1, room // chunks[axis])
    for axis, dim in enumerate(dims):
        chunks[axis] = wished.get(dim, chunks[axis])
    for axis in (axis for axis in [*fixed[:-2], *fixed[-2:]] if dims[axis] not in wished):
        if axis in fixed[:-2] and math.prod(chunks) * itemsize > FIELD_BYTES:
            chunks[axis] = max(1, FIELD_BYTES // (math.prod(chunks) // chunks[axis] * itemsize))
    free = [axis for axis in fixed[-2:] if dims[axis] not in wished]
    while free and math.prod(chunks) * itemsize > FIELD_BYTES:
        longest = max(free, key=lambda axis: chunks[axis])
        if chunks[longest] == 1:
            break
        chunks[longest] = -(-chunks[longest] // 2)
    return tuple(chunks)


def compressors(dtype: np.dtype[Any]) -> tuple[zarr.abc.codec.BytesBytesCodec, ...]:
    """Blosc, byte-shuffled for numbers: LZ4 encodes and decodes hourly series 2-3 times as fast as zstd, 5 % larger."""
    from zarr.codecs import BloscCodec  # noqa: PLC0415  # 0.8 s that an unchanged study need not pay

    if dtype.kind == "O":
        return (BloscCodec(cname="zstd", clevel=3, shuffle="noshuffle"),)
    return (BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=dtype.itemsize),)
