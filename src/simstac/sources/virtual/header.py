"""Indexed files as `simstac.sources.cf` sees files, so that both ways of reading them agree on what makes a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.cf.decode import Decoded, decoded, owners_of_bounds
from simstac.sources.cf.facts import FileFacts, VariableFacts, file_header
from simstac.sources.virtual.index import Variable
from simstac.sources.virtual.references import IndexedFile

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True, eq=False)
class Headed:
    """A file with its variables as they would be stored; large ones without their values.

    Attributes:
        indexed: The file.
        variables: Its variables by name.
        facts: What is known of it.
    """

    indexed: IndexedFile
    variables: Mapping[str, Decoded]
    facts: FileFacts

    def values(self, name: str) -> NDArray[Any]:
        """All values of a variable that is copied, as they are stored."""
        return _values(self.variables[name])


def headed(files: Sequence[IndexedFile], along: tuple[str, ...]) -> list[Headed]:
    """What the variables of files are.

    Args:
        files: The files, of one dataset.
        along: The axes along which they are appended, where somebody says so.

    Raises:
        SourceError: If a variable is of a type that no store keeps, its times say no date, or it has a label twice.
    """
    known: dict[str, VariableFacts] = {}
    found: list[Headed] = []
    for each in files:
        variables = _decoded(each, found[0] if found else None)
        opened = _Opened(each.file.where, variables, each.index.attrs)
        found.append(Headed(each, variables, file_header(opened, each.file.source, along, known)))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A file whose coordinates can be read, as `file_header` wants one."""

    where: str
    variables: Mapping[str, Decoded]
    attrs: Mapping[str, Any]

    def values(self, name: str) -> NDArray[Any]:
        """All values of a variable that is copied."""
        return _values(self.variables[name])


def _decoded(indexed: IndexedFile, first: Headed | None) -> dict[str, Decoded]:
    """The variables decoded; large ones that are said as those of the first file are the same object."""
    owners = owners_of_bounds(each.attrs for each in indexed.index.variables.values())
    found = {}
    for name, variable in indexed.index.variables.items():
        like = first.indexed.index.variables.get(name) if first is not None else None
        if first is not None and like is not None and variable.values is None and _is_said_so(variable, like):
            found[name] = first.variables[name]
        else:
            found[name] = decoded(name, _raw(variable), owners.get(name, {}), f"{indexed.file.where}: {name}")
    return found


def _raw(variable: Variable) -> xr.Variable:
    """The variable undecoded; a large one with a single value in place of all, which takes no memory."""
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    values = variable.values
    if values is None:
        values = np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
    return xr.Variable(variable.dims, values, dict(variable.attrs))


def _is_said_so(one: Variable, other: Variable) -> bool:
    alike = (one.dims, one.shape, one.dtype) == (other.dims, other.shape, other.dtype)
    return (
        alike
        and one.attrs.keys() == other.attrs.keys()
        and all(
            value is other.attrs[key] or np.array_equal(value, other.attrs[key]) for key, value in one.attrs.items()
        )
    )


def _values(variable: Decoded) -> NDArray[Any]:
    return variable.read((slice(None),) * len(variable.dims))
