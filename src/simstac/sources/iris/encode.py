"""Iris cubes → datasets by CF, exactly: those that share their axes in one, the others in groups of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import SourceError
from simstac.sources.iris.memory import Dataset as Memory
from simstac.sources.iris.memory import Variable
from simstac.sources.iris.missing import (
    NUMBERS,
    Contents,
    contents,
    filled,
    filler,
    is_lazy,
    masked,
    may_be_masked,
    same_contents,
)

if TYPE_CHECKING:
    import xarray as xr
    from iris.cube import Cube

CONVENTIONS = "CF-1.7"
FILL = "_FillValue"


@dataclass(slots=True)
class _Group:
    """Cubes that share a dataset, and its variables by name."""

    variables: dict[str, Variable] = field(default_factory=dict)
    data: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The global attributes of each cube, by the name of its variable."""

    @property
    def sizes(self) -> dict[str, int]:
        """The length of each dimension."""
        return {
            name: size
            for variable in self.variables.values()
            for name, size in zip(_dimensions(variable), _shape(variable), strict=True)
        }


def datasets(cubes: Iterable[Cube], *, exact: bool = True) -> dict[str, xr.Dataset]:
    """Cubes as datasets by the path of their group, encoded by CF: what ``xr.decode_cf`` decodes.

    Cubes whose coordinates agree share a dataset; one alone is the root ``/``. Nothing is renamed to avoid a clash: it
    goes to another group. Masked values become the variable's ``_FillValue``, integers staying integers.

    Args:
        cubes: The cubes; lazy data stay lazy.
        exact: Whether lazy data are read once, so that NaN beside masked values stays apart from them. Otherwise
            masked floats become NaN, which is all that decoded data can say; integers are looked at in any case.

    Raises:
        SourceError: If a cube has a type that no store keeps, or there are none.
    """
    groups: list[_Group] = []
    for cube in _ordered(cubes):
        _join(groups, *_saved(cube), dict(cube.attributes.globals))
    if not groups:
        raise SourceError("cubes", "are none", "check the files and the constraint")
    names = _names(groups)
    unmasked = _without_masks(groups, exact=exact)
    found = {name: _dataset(group, unmasked) for name, group in zip(names, groups, strict=True)}
    return found if "/" in found else {"/": _empty(), **found}


def _ordered(cubes: Iterable[Cube]) -> list[Cube]:
    """The largest first, which is the one that gives its name to the group."""
    return sorted(cubes, key=lambda cube: (-math.prod(cube.shape), cube.name(), str(cube.cell_methods)))


def _saved(cube: Cube) -> tuple[str, dict[str, Variable]]:
    """The name of a cube's variable, and all variables that Iris's saver makes of it."""
    import iris  # noqa: PLC0415  # 1.5 s that other sources need not pay
    from iris.fileformats.netcdf import Saver  # noqa: PLC0415  # as above

    if cube.core_data() is None:
        raise SourceError(cube.name(), "is a cube without data", "leave it out: name the others")
    cube, memory = _with_text(cube), Memory()
    with iris.FUTURE.context(save_split_attrs=True, date_microseconds=True):
        try:
            with Saver(memory, "NETCDF4", compute=False) as saver:
                saver.write(cube)
        except (ValueError, TypeError) as error:
            raise SourceError(cube.name(), f"cannot be encoded by CF ({error})", "leave it out") from error
    name = next(name for name, variable in memory.variables.items() if variable.data is cube.core_data())
    for variable in memory.variables.values():
        variable.settle()
    _mend_grid_mappings(cube, memory)
    if len(cube.aux_factories) > sum("formula_terms" in each.attrs for each in memory.variables.values()):
        problem = "has a derived coordinate that CF has no formula for"
        raise SourceError(cube.name(), problem, "remove the derived coordinate, or leave the cube out")
    return name, memory.variables


def _mend_grid_mappings(cube: Cube, memory: Memory) -> None:
    """Give CF's name to what Iris's saver calls by another, and refuse a projection that it leaves blank."""
    for variable in memory.variables.values():
        if "grid_mapping_name" not in variable.attrs:
            continue
        if "true_scale_lat" in variable.attrs:
            variable.attrs["standard_parallel"] = variable.attrs.pop("true_scale_lat")
        if len(variable.attrs) == 1:
            problem = f"has a projection that CF has no attributes for ({variable.attrs['grid_mapping_name']})"
            raise SourceError(cube.name(), problem, "give it another coordinate system, or leave it out")


def _with_text(cube: Cube) -> Cube:
    """The cube with Python's strings, where it has any, as numpy's, which the saver takes."""
    elements = [*cube.coords(), *cube.ancillary_variables(), *cube.cell_measures()]
    if cube.dtype.kind != "O" and not any(each.dtype is not None and each.dtype.kind == "O" for each in elements):
        return cube
    copy = cube.copy()
    if copy.dtype.kind == "O":
        copy.data = _text(copy.data)
    for coord in copy.coords():
        if coord.dtype.kind == "O":
            coord.points = _text(coord.points)
    for ancillary in copy.ancillary_variables():
        if ancillary.dtype.kind == "O":
            ancillary.data = _text(ancillary.data)
    return copy


def _text(values: Any) -> Any:
    return np.ma.filled(values, "").astype(str)


def _join(groups: list[_Group], name: str, variables: dict[str, Variable], attrs: Mapping[str, Any]) -> None:
    """Put a cube into the first group that agrees with it, else into a new one."""
    for group in groups:
        if _agrees(group, name, variables):
            break
    else:
        group = _Group()
        groups.append(group)
    for key, variable in variables.items():
        group.variables.setdefault(key, variable)
    group.data[name] = attrs


def _agrees(group: _Group, name: str, variables: Mapping[str, Variable]) -> bool:
    if name in group.variables or not group.data.keys().isdisjoint(variables):
        return False
    sizes = group.sizes
    for key, variable in variables.items():
        for dimension, size in zip(_dimensions(variable), _shape(variable), strict=True):
            if sizes.get(dimension, size) != size:
                return False
        if key in group.variables and not _same(group.variables[key], variable):
            return False
    return True


def _same(one: Variable, other: Variable) -> bool:
    from iris.util import array_equal  # noqa: PLC0415  # as above

    if (one.dtype, one.dimensions) != (other.dtype, other.dimensions) or set(one.attrs) != set(other.attrs):
        return False
    if not all(_equal(one.attrs[key], other.attrs[key]) for key in one.attrs):
        return False
    if one.data is None or other.data is None:
        return one.data is other.data
    return bool(array_equal(one.data, other.data, withnans=True))


def _equal(one: Any, other: Any) -> bool:
    """Whether two attributes are equal, arrays and NaN included."""
    return other is not None and bool(np.array_equal(np.asarray(one, object), np.asarray(other, object)))


def _dimensions(variable: Variable) -> tuple[str, ...]:
    """Its dimensions without that of the letters of a string."""
    return variable.dimensions[: len(_shape(variable))]


def _shape(variable: Variable) -> tuple[int, ...]:
    return () if variable.data is None else tuple(variable.data.shape)


def _names(groups: Sequence[_Group]) -> list[str]:
    """The root for one group; else each by its variable, or by its dimensions where it has several."""
    if len(groups) == 1:
        return ["/"]
    names: list[str] = []
    for group in groups:
        first, *others = group.data
        plain = "_".join(_dimensions(group.variables[first])) if others else first
        taken = sum(name == f"/{plain}" or name.startswith(f"/{plain}-") for name in names)
        names.append(f"/{plain}-{taken + 1}" if taken else f"/{plain}")
    return names


def _without_masks(groups: Sequence[_Group], *, exact: bool) -> dict[int, tuple[Any, Any]]:
    """Arrays without their masks and what stands for masked values in them, by the identity of the variable.

    Every count of missing values and every sum is compared with those of the masked array.
    """
    found: dict[int, tuple[Any, Any]] = {}
    known: list[Variable] = []
    for variable in (each for group in groups for each in group.variables.values()):
        if variable.data is None or variable.data.dtype.kind not in NUMBERS:
            continue
        lazy, doubtful = is_lazy(variable.data), may_be_masked(variable.data)
        if doubtful:
            fill = filler(variable.data.dtype, None, variable.fill_value)
            found[id(variable)] = filled(variable.data, fill), fill
        if (exact and lazy) or (doubtful and (variable.data.dtype.kind != "f" or not lazy)):
            known.append(variable)
    before = [variable.data for variable in known]
    after = [masked(*found[id(each)]) if id(each) in found else each.data for each in known]
    held = contents([*before, *after])
    for variable, was, became in zip(known, held[: len(known)], held[len(known) :], strict=True):
        if not was.missing:
            found[id(variable)] = found.get(id(variable), (variable.data, None))[0], None
        elif not same_contents(became, was):
            found[id(variable)] = _other_fill(variable, was)
    return found


def _other_fill(variable: Variable, holds: Contents) -> tuple[Any, Any]:
    fill = filler(variable.data.dtype, holds)
    array = filled(variable.data, fill)
    (became,) = contents([masked(array, fill)])
    if not same_contents(became, holds):
        problem = f"changes in encoding: {holds} became {became}"
        raise SourceError(variable.name, problem, "report this as a bug")
    return array, fill


def _dataset(group: _Group, unmasked: Mapping[int, tuple[Any, Any]]) -> xr.Dataset:
    import xarray as xr  # noqa: PLC0415  # 1.8 s that other sources need not pay

    first, *others = group.data.values()
    shared = {key: value for key, value in first.items() if all(_equal(value, other.get(key)) for other in others)}
    variables = {name: _variable(each, unmasked.get(id(each))) for name, each in group.variables.items()}
    for name, attrs in group.data.items():
        variables[name].attrs |= {key: value for key, value in attrs.items() if key not in shared}
    return xr.Dataset(variables, attrs={"Conventions": CONVENTIONS, **shared})


def _variable(variable: Variable, unmasked: tuple[Any, Any] | None) -> xr.Variable:
    import xarray as xr  # noqa: PLC0415  # as above

    attrs, data = dict(variable.attrs), variable.data
    if data is None:  # a grid mapping or a mesh, which is nothing but its attributes
        return xr.Variable((), np.zeros((), np.int32), attrs)
    if unmasked is not None:
        data, fill = unmasked
        attrs |= {} if fill is None else {FILL: fill}
    elif not is_lazy(data):
        data = np.ma.filled(data, "") if data.dtype.kind == "U" else np.ma.getdata(data)
    return xr.Variable(_dimensions(variable), data, attrs)


def _empty() -> xr.Dataset:
    import xarray as xr  # noqa: PLC0415  # as above

    return xr.Dataset(attrs={"Conventions": CONVENTIONS})
