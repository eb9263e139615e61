"""Frames that users add to an experiment → variables of (spec,) or (spec, row), where their rows name their specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.scythe.columns import Cells, cells_of, variable_name
from simstac.sources.scythe.schema import Schema
from simstac.sources.scythe.tables import Frame, indices, placed

SORT, SUBSORT = "sort_index", "sort_subindex"
MANY_CELLS = 1 << 28


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A variable of an experiment.

    Attributes:
        label: What to call it.
        dims: ``spec``, and more.
        values: Of the shape of these dimensions.
        attrs: ``long_name``, ``units``.
        is_coordinate: Whether it labels others.
    """

    label: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    attrs: Mapping[str, str]
    is_coordinate: bool = False


def positions(frame: Frame, specs: NDArray[np.int64]) -> NDArray[np.intp]:
    """The position among the sorted specs that each row of a frame is of.

    Raises:
        SourceError: If it names none, or one that is not there.
    """
    if SORT not in frame:
        raise SourceError(frame.where, f"has no {SORT} that says which spec a row is of", "index it as Scythe does")
    named = indices(frame, SORT)
    found = np.searchsorted(specs, named)
    found[found == len(specs)] = 0
    if not len(specs) or not np.array_equal(specs[found], named):
        raise SourceError(frame.where, "has rows of specs that are not in specs.pq", "write the frame anew")
    return found


def place_rows(name: str, frame: Frame, specs: NDArray[np.int64], known: set[str], schema: Schema) -> Iterator[Placed]:
    """A frame's columns by spec, and by row where a spec has several.

    The one index level that tells the rows of every spec apart, such as ``month``, names the dimension of the rows
    and labels it; other levels that the specs do not explain are coordinates.

    Args:
        name: The frame's name, which its variables begin with.
        frame: The frame.
        specs: The sort indices of all specs, ascending.
        known: Index levels that say something of the spec.
        schema: The experiment's schema.

    Raises:
        SourceError: If its rows do not tell their specs, or two rows of a spec are alike.
    """
    spec = positions(frame, specs)
    row = _row_numbers(frame, spec)
    width = int(row.max(initial=-1)) + 1
    if len(np.unique(spec * max(width, 1) + row)) != len(frame) or len(specs) * width > MANY_CELLS:
        raise SourceError(frame.where, "has rows that do not fill a table by spec", "keep it as a file")
    levels = [level for level in frame.index if level not in known and not level.startswith("__index_level_")]
    cells = {level: list(cells_of(frame.column(level), level, {}, schema)) for level in levels}
    several, at = width > 1, spec * max(width, 1) + row
    labels = {level: _shared(cells[level], row, width) if several else None for level in levels}
    shared = {level: each for level, each in labels.items() if each is not None}
    telling = [level for level, each in shared.items() if len(np.unique(each)) == width]
    dim = f"{name}_{variable_name(telling[0])}" if len(telling) == 1 else f"{name}_row"
    for level in levels:
        for each in cells[level]:
            if level in shared:
                yield Placed(f"{name}_{each.label}", (dim,), shared[level], each.attrs, is_coordinate=True)
            else:
                yield from _placed(name, each, at, (len(specs), width), dim, is_coordinate=True)
    for column in frame.columns:
        if column != SUBSORT and column not in known:
            for each in cells_of(frame.column(column), column, {}, schema):
                yield from _placed(name, each, at, (len(specs), width), dim)


def _placed(
    name: str, cells: Cells, at: NDArray[np.intp], size: tuple[int, int], dim: str, *, is_coordinate: bool = False
) -> Iterator[Placed]:
    leading, dims = (size, ("spec", dim)) if size[1] > 1 else (size[:1], ("spec",))
    values = placed(cells.values, cells.known, at, (*leading, *cells.values.shape[1:]))
    own = tuple(f"{name}_{each}" for each in cells.dims)
    yield Placed(f"{name}_{cells.label}", (*dims, *own), values, cells.attrs, is_coordinate)
    for each, labels in cells.labels.items():
        yield Placed(f"{name}_{each}", (f"{name}_{each}",), labels, {}, is_coordinate=True)


def _row_numbers(frame: Frame, spec: NDArray[np.intp]) -> NDArray[np.intp]:
    """The number of each row among those of its spec."""
    if SUBSORT in frame:
        return indices(frame, SUBSORT).astype(np.intp)
    order = np.argsort(spec, kind="stable")
    ordered = spec[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    numbered = np.empty(len(spec), dtype=np.intp)
    numbered[order] = np.arange(len(spec)) - starts
    return numbered


def _shared(cells: list[Cells], row: NDArray[np.intp], width: int) -> NDArray[Any] | None:
    """The labels of the rows where every spec has the same ones, of shape (row,); else None."""
    if len(cells) != 1 or cells[0].dims or not cells[0].known.all():
        return None
    values = cells[0].values
    labels = np.empty(width, dtype=values.dtype)
    labels[row] = values
    same = bool((labels[row] == values).all()) and len(np.unique(row)) == width
    return labels if same else None
