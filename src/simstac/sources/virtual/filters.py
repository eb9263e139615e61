"""HDF5 filter pipelines as Zarr codecs: those that decode to the same bytes, and a reason for every other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

SHUFFLE, CHECKSUM, CHECKSUM_BYTES = 2, 3, 4
BLOSC = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
"""The compressors of Blosc by their numbers."""

type Codec = dict[str, Any]
type Filter = tuple[int, int, tuple[int, ...], bytes]
"""Number, flags, parameters and name, as ``h5py.h5p.PropDCID.get_filter`` gives them."""


class UnfitError(Exception):
    """Why a file cannot be referenced where it is, so that it has to be copied; a clause."""


def codecs_of(filters: Sequence[Filter]) -> tuple[Codec, ...]:
    """The codecs of a filter pipeline, in the order of encoding.

    Args:
        filters: The pipeline of a dataset, first applied first.

    Raises:
        UnfitError: If no codec of Zarr decodes one of them.
    """
    numbers = [number for number, *_ in filters]
    if CHECKSUM in numbers and SHUFFLE in numbers[numbers.index(CHECKSUM) :]:
        width = next(parameters[0] for number, _, parameters, _ in filters if number == SHUFFLE)
        if CHECKSUM_BYTES % width:
            raise UnfitError(f"its values of {width} bytes are shuffled together with a checksum of {CHECKSUM_BYTES}")
    return tuple(_codec(*each) for each in filters)


def _codec(number: int, _: int, parameters: tuple[int, ...], name: bytes) -> Codec:
    if number not in _CODECS:
        called = name.decode("utf-8", "replace").partition(";")[0].strip() or f"number {number}"
        raise UnfitError(f"its filter {called} is one that Zarr cannot decode")
    codec, configuration = _CODECS[number]
    return {"name": f"numcodecs.{codec}", "configuration": configuration(parameters)}


def _blosc(level: int, shuffle: int, compressor: int) -> dict[str, Any]:
    return {"cname": BLOSC[compressor], "clevel": level, "shuffle": shuffle, "blocksize": 0}


_CODECS: dict[int, tuple[str, Callable[[tuple[int, ...]], dict[str, Any]]]] = {
    1: ("zlib", lambda parameters: {"level": parameters[0] if parameters else 1}),
    SHUFFLE: ("shuffle", lambda parameters: {"elementsize": parameters[0]}),
    CHECKSUM: ("fletcher32", lambda _: {}),
    307: ("bz2", lambda parameters: {"level": parameters[0] if parameters else 9}),
    32001: ("blosc", lambda parameters: _blosc(*parameters[4:7])),
    32015: ("zstd", lambda parameters: {"level": parameters[0] if parameters else 3}),
}
"""By the numbers that The HDF Group has registered: deflate, shuffle, fletcher32, bzip2, Blosc, Zstandard."""
