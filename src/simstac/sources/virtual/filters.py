"""HDF5 filter pipelines as Zarr codecs: those that decode to the same bytes, and a reason for every other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
    return tuple(_codec(*each) for each in filters)


def _codec(number: int, _: int, parameters: tuple[int, ...], name: bytes) -> Codec:
    if number not in _CODECS:
        called = name.decode("utf-8", "replace").partition(";")[0].strip() or f"number {number}"
        raise UnfitError(f"its filter {called} is one that Zarr cannot decode")
    codec, configuration = _CODECS[number]
    return {"name": f"numcodecs.{codec}", "configuration": configuration(parameters)}


_CODECS: dict[int, tuple[str, Callable[[tuple[int, ...]], dict[str, Any]]]] = {
    1: ("zlib", lambda parameters: {"level": parameters[0] if parameters else 1}),
    2: ("shuffle", lambda parameters: {"elementsize": parameters[0]}),
    3: ("fletcher32", lambda _: {}),
    307: ("bz2", lambda parameters: {"level": parameters[0] if parameters else 9}),
    32015: ("zstd", lambda parameters: {"level": parameters[0] if parameters else 3}),
}
"""By the numbers that The HDF Group has registered: deflate, shuffle, fletcher32, bzip2, Zstandard."""
