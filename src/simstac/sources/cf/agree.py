"""What files must agree on to be one dataset: dimensions, grid, units, calendar, packing; disagreements name both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.cf.facts import VariableFacts

AGREED = (
    "units",
    "calendar",
    "standard_name",
    "cell_methods",
    "positive",
    "flag_values",
    "flag_meanings",
    "_FillValue",
)
ROUNDING = 8
"""How many units in the last place two grids may differ by."""


def refuse_disagreement(
    one: tuple[str, VariableFacts], other: tuple[str, VariableFacts], along: tuple[str, ...], *, mixed_packing: bool
) -> None:
    """Refuse two files whose variable of the same name is not the same.

    Args:
        one: A file and its variable.
        other: A file that is there already, and its variable.
        along: The axes along which files are appended.
        mixed_packing: Whether scale and offset may differ.

    Raises:
        SourceError: If they disagree; it names both files.
    """
    (where, ours), (there, theirs) = one, other
    name = ours.name
    if ours.dims != theirs.dims:
        raise _disagree(where, there, name, "the dimensions", _list(ours.dims), _list(theirs.dims))
    for dim, size, their_size in zip(ours.dims, ours.shape, theirs.shape, strict=True):
        if dim not in along and size != their_size:
            raise _disagree(where, there, name, f"along {dim}, another grid,", size, their_size)
    for key in AGREED:
        said, expected = ours.attrs.get(key), theirs.attrs.get(key)
        if said != expected:
            raise _disagree(where, there, name, key, _said(said), _said(expected))
    if ours.dtype != theirs.dtype:
        raise _disagree(where, there, name, "the type", ours.dtype, theirs.dtype)
    if ours.packing != theirs.packing and not mixed_packing:
        remedy = "values are unpacked file by file: allow it with source.mixed_packing: true, or pack them alike"
        raise _disagree(where, there, name, "the packing", _said(ours.packing), _said(theirs.packing), remedy)


def refuse_other_field(
    one: tuple[str, NDArray[Any]], other: tuple[str, NDArray[Any]], name: str, *, is_coordinate: bool
) -> None:
    """Refuse two files whose fixed field is not the same; floats may differ in the last places.

    Raises:
        SourceError: If they differ; it names both files.
    """
    (where, ours), (there, theirs) = one, other
    if ours.shape == theirs.shape and _is_close(ours, theirs):
        return
    if is_coordinate:
        problem = f"has another grid than {there}: {name} differs{_where(ours, theirs)}"
        remedy = "give each grid a collection of its own, or name the axis on which it differs (source.along)"
        raise SourceError(where, problem, remedy)
    problem = f"has another {name} than {there}, and it has no axis along which files are appended"
    raise SourceError(where, problem, "name the axis (source.along), or leave it out (source.variables)")


def shared_attrs(*attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that all have with the same value."""
    first, rest = attrs[0], attrs[1:]
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in rest)}


def _is_close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        precision = max(np.finfo(one.dtype).eps, np.finfo(other.dtype).eps)
        scale = float(np.nanmax(np.abs(one), initial=0.0, where=np.isfinite(one)))
        return bool(np.allclose(one, other, rtol=0, atol=ROUNDING * precision * scale, equal_nan=True))
    return bool(np.array_equal(one, other))


def _where(one: NDArray[Any], other: NDArray[Any]) -> str:
    if one.shape != other.shape:
        return f", {one.shape} values against {other.shape}"
    different = np.argwhere(one != other)
    if not len(different):
        return ""
    at = tuple(different[0])
    return f" first at index {', '.join(map(str, at)) or '()'}, {one[at]} against {other[at]}"


def _disagree(
    where: str, there: str, name: str, what: str, ours: object, theirs: object, remedy: str = ""
) -> SourceError:
    problem = f"has {name} with {what} {ours}, where {there} has {theirs}"
    return SourceError(where, problem, remedy or "make them alike, or give each kind a collection of its own")


def _said(value: object) -> str:
    return "none" if value in (None, "") else str(value)


def _list(names: tuple[str, ...]) -> str:
    return f"({', '.join(names)})"
