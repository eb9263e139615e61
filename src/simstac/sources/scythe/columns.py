"""Columns of frames as the values of variables: numbers, texts, and lists and mappings with dimensions of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.sources.energyplus.names import slug
from simstac.sources.scythe.schema import Node, Schema, attrs_of
from simstac.sources.scythe.tables import exact, is_number, numbers, texts

if TYPE_CHECKING:
    import pyarrow as pa

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One variable's values, a row of the frame each.

    Attributes:
        label: What the frame calls it.
        values: Values of shape (row, …).
        known: Where there is a value, of shape (row,).
        dims: The dimensions behind the rows.
        labels: Coordinates of these dimensions, by their name.
        attrs: ``long_name``, ``units``.
    """

    label: str
    values: NDArray[Any]
    known: NDArray[np.bool_]
    dims: tuple[str, ...] = ()
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    attrs: Mapping[str, str] = field(default_factory=dict)


def cells_of(column: pa.ChunkedArray, label: str, said: Node, schema: Schema) -> Iterator[Cells]:
    """A column as one variable, or as one for each field of a model.

    Lists of numbers of one length get a dimension ``NAME_index``, mappings to numbers one with their keys,
    ``NAME_key``; other lists and mappings are texts in JSON. Dates are texts too, as Scythe writes them.

    Args:
        column: The column.
        label: Its name.
        said: Its schema.
        schema: The experiment's.
    """
    import pyarrow as pa  # noqa: PLC0415  # an extra

    said, kind = schema.node(said), column.type
    attrs = attrs_of(said, label)
    if pa.types.is_struct(kind):
        yield from _structure(column.combine_chunks(), label, said, schema)
    elif pa.types.is_list(kind) and is_number(kind.value_type) and (row := _row_length(column)):
        whole = column.combine_chunks()
        flat, some = numbers(pa.chunked_array([whole.flatten()]))
        known = np.asarray(whole.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        flat = flat if some.all() else np.where(some, flat, np.nan)
        values = np.zeros((len(whole), row), flat.dtype)
        values[known] = flat.reshape(-1, row)
        yield Cells(label, values, known, (f"{variable_name(label)}_index",), {}, attrs)
    elif pa.types.is_timestamp(kind):
        yield _moments(column, label, attrs)
    elif is_number(kind):
        values, known = numbers(column)
        if known.all() or exact(values):
            yield Cells(label, values, known, attrs=attrs)
        else:
            yield _texts(column, label, attrs)
    else:
        yield _texts(column, label, attrs)


def variable_name(label: str) -> str:
    """A label as a variable's name: itself where it is one, else lower-case words; ``a:b`` and ``c:b`` stay apart."""
    return label if _NAME.fullmatch(label) else slug(label)


def free_name(label: str, taken: Mapping[str, Any] | set[str]) -> str:
    """The name of a variable that is called so, with a number behind it where the name is taken."""
    base = name = variable_name(label)
    number = 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _structure(whole: pa.StructArray, label: str, said: Node, schema: Schema) -> Iterator[Cells]:
    import pyarrow as pa  # noqa: PLC0415  # as above

    names = [whole.type.field(index).name for index in range(whole.type.num_fields)]
    children = {name: pa.chunked_array([whole.field(name)]) for name in sorted(names)}
    fields = said.get("properties") or {}
    if fields or not all(is_number(child.type) for child in children.values()) or not children:
        for name, child in children.items():
            yield from cells_of(child, f"{label}_{name}", fields.get(name, {}), schema)
        return
    known = np.asarray(whole.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    columns = [np.where(some, values, np.nan) for values, some in map(numbers, children.values())]
    dim = f"{variable_name(label)}_key"
    keys = np.array(list(children), dtype=object)
    yield Cells(label, np.stack(columns, axis=1), known, (dim,), {dim: keys}, attrs_of(said, label))


def _row_length(column: pa.ChunkedArray) -> int:
    """The length that all lists of a column have; 0 where they differ."""
    from pyarrow import compute  # noqa: PLC0415  # as above

    lengths = compute.unique(compute.list_value_length(column).drop_null()).to_pylist()
    return int(lengths[0]) if len(lengths) == 1 else 0


def _moments(column: pa.ChunkedArray, label: str, attrs: Mapping[str, str]) -> Cells:
    import pyarrow as pa  # noqa: PLC0415  # as above

    fine = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).combine_chunks()
    values = np.asarray(fine.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)).astype("datetime64[us]")
    return Cells(label, values, ~np.isnat(values), attrs=attrs)


def _texts(column: pa.ChunkedArray, label: str, attrs: Mapping[str, str]) -> Cells:
    values = texts(column)
    return Cells(label, values, np.ones(len(values), dtype=bool), attrs=attrs)
