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
    """A file with its variables as they would be stored.

    Attributes:
        indexed: The file.
        where: Its whole address, for errors.
        variables: Its variables by name; one that is the same in the first file is the same object.
        values: The values of those that are copied.
        facts: What is known of it.
    """

    indexed: IndexedFile
    where: str
    variables: Mapping[str, Decoded]
    values: Mapping[str, NDArray[Any]]
    facts: FileFacts


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
        where, first = each.file.where, found[0] if found else None
        variables = _decoded(each, where, first)
        values = {
            name: first.values[name]
            if first is not None and variable is first.variables.get(name)
            else variable.read((slice(None),) * len(variable.dims))
            for name, variable in variables.items()
            if each.index.variables[name].values is not None
        }
        opened = _Opened(where, variables, each.index.attrs, values)
        found.append(Headed(each, where, variables, values, file_header(opened, each.file.source, along, known)))
    return found


def undecoded(variable: Variable) -> xr.Variable:
    """The variable as its file has it; a large one with a single value in place of all, which takes no memory."""
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    values = variable.values
    if values is None:
        values = np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
    return xr.Variable(variable.dims, values, dict(variable.attrs))


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A file whose coordinates are known, as `file_header` wants one."""

    where: str
    variables: Mapping[str, Decoded]
    attrs: Mapping[str, Any]
    known: Mapping[str, NDArray[Any]]

    def values(self, name: str) -> NDArray[Any]:
        """All values of a variable that is copied."""
        return self.known[name]


def _decoded(indexed: IndexedFile, where: str, first: Headed | None) -> dict[str, Decoded]:
    owners = owners_of_bounds(each.attrs for each in indexed.index.variables.values())
    before = first.indexed.index.variables if first is not None else {}
    found = {}
    for name, variable in indexed.index.variables.items():
        if first is not None and name in before and _is_same(variable, before[name]):
            found[name] = first.variables[name]
        else:
            found[name] = decoded(name, undecoded(variable), owners.get(name, {}), f"{where}: {name}")
    return found


def _is_same(one: Variable, other: Variable) -> bool:
    """Whether two variables are said to be the same, and have the same values where these are known."""
    if (one.dims, one.shape, one.dtype) != (other.dims, other.shape, other.dtype) or (
        (one.values is None) is not (other.values is None)
    ):
        return False
    if one.attrs.keys() != other.attrs.keys() or (one.values is not None and not _equal(one.values, other.values)):
        return False
    return all(_equal(value, other.attrs[key]) for key, value in one.attrs.items())


def _equal(one: Any, other: Any) -> bool:
    return one is other or bool(np.array_equal(one, other))
