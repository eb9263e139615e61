"""Datasets, encoded by CF or decoded by xarray → Iris cubes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.sources.iris.encode import FILL
from simstac.sources.iris.memory import Dataset as Memory
from simstac.sources.iris.missing import masked

if TYPE_CHECKING:
    import xarray as xr
    from iris.cube import Cube, CubeList

STASH_TEXT = "um_stash_source"
LAZY_BYTES = 5000
"""As Iris has it."""
OURS = frozenset({"coordinates", "simstac_sources"})
"""Attributes of a group that say how it is stored."""


def cubes(data: xr.Dataset | xr.DataTree) -> CubeList:
    """The Iris cubes of a Dataset, or of all groups of a DataTree; lazy data stay lazy.

    They equal those that the data were made from, to the last bit where ``data`` were opened with
    ``decode_cf=False``, but for what CF and a store do not keep: a variable has a name always (``var_name``), a
    dataset has ``Conventions``, a coordinate with formula terms has CF's ``standard_name``, a global attribute that
    other cubes of the group do not share is the cube's own, and numbers in attributes have another width.

    Args:
        data: Decoded or not, from a store, a file or memory.
    """
    from iris.cube import CubeList  # noqa: PLC0415  # 1.5 s that other sources need not pay
    from xarray import DataTree  # noqa: PLC0415  # as above

    nodes = data.subtree if isinstance(data, DataTree) else [data]
    found = (node.to_dataset() if isinstance(node, DataTree) else node for node in nodes)
    return CubeList(cube for dataset in found for cube in _cubes(dataset))


def _cubes(dataset: xr.Dataset) -> Iterator[Cube]:
    import iris  # noqa: PLC0415  # as above
    from iris.fileformats.netcdf import load_cubes  # noqa: PLC0415  # as above

    memory = _memory(dataset)
    terms = _formula_terms(memory)
    with iris.FUTURE.context(date_microseconds=True):
        for cube in load_cubes([memory]):
            if cube.var_name not in terms:  # Iris makes a cube of each of these too
                yield _with_stash(cube)


def _formula_terms(memory: Memory) -> set[str]:
    """The variables that vertical coordinates are computed from."""
    said = (str(variable.attrs.get("formula_terms", "")) for variable in memory.variables.values())
    return {word for terms in said for word in terms.split() if not word.endswith(":")}


def _with_stash(cube: Cube) -> Cube:
    """The cube with the STASH codes of its coordinates, which Iris leaves as text; those of cubes it reads."""
    from iris.fileformats.pp import STASH  # noqa: PLC0415  # as above

    for coord in cube.coords(mesh_coords=False):
        if STASH_TEXT in coord.attributes:
            coord.attributes["STASH"] = STASH.from_msi(coord.attributes.pop(STASH_TEXT))
    return cube


def _memory(dataset: xr.Dataset) -> Memory:
    from xarray.conventions import cf_encoder, encode_dataset_coordinates  # noqa: PLC0415  # as above

    named, attrs = encode_dataset_coordinates(dataset)
    encoded, attrs = cf_encoder({name: _without_default(variable) for name, variable in named.items()}, attrs)
    memory = Memory()
    memory.attrs |= {key: value for key, value in _as_numpy(attrs).items() if key not in OURS}
    for name, variable in encoded.items():
        attrs = _as_numpy(variable.attrs)
        fill = attrs.pop(FILL, None)
        array = _lazy(variable).data
        if fill is not None and array.dtype.kind in "fiu":
            array = masked(array, np.asarray(fill, array.dtype)[()])
        memory.add(str(name), tuple(map(str, variable.dims)), array, attrs)
    return memory


def _as_numpy(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes whose numbers, alone or in a list, are numpy's as in netCDF: integers of 32 bits where they fit."""
    return {str(key): value if isinstance(value, str) else _numbers(value) for key, value in attrs.items()}


def _numbers(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind == "i" and np.array_equal(array, array.astype(np.int32)):
        array = array.astype(np.int32)
    return array[()] if array.dtype.kind in "fiu" else value


def _lazy(variable: xr.Variable) -> xr.Variable:
    """The variable with a dask array where it is large, so that what is not read yet stays so."""
    if variable.chunks is not None or variable.dtype.kind not in "fiu" or variable.nbytes < LAZY_BYTES:
        return variable
    return variable.chunk()


def _without_default(variable: xr.Variable) -> xr.Variable:
    """The variable, which xarray gives no fill value of its own unless it has one."""
    if FILL in variable.attrs or FILL in variable.encoding:
        return variable
    bare = variable.copy(deep=False)
    bare.encoding = {**variable.encoding, FILL: None}
    return bare
