"""A store's arrays brought to a new layout: created, grown in place, or copied block by block where values move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.studies.structure import VariableKey, convert
from simstac.write.arrays import ArraySpec, array_at, create_array, write_rows
from simstac.write.batches import Shape, missing_rows, scatter
from simstac.write.repository import Transaction

if TYPE_CHECKING:
    import zarr


def grow(transaction: Transaction, old: Shape, new: Shape, old_rows: NDArray[np.intp]) -> None:
    """Bring the arrays from one layout to another, values kept.

    Labels appended to an axis and rows appended at the end cost no copy. Where values move (a time inserted, a run
    dropped, other chunks, another name), an array is copied from a snapshot of what was written so far.

    Args:
        transaction: What the store is changed in.
        old: The ensemble as it lies in the store.
        new: The ensemble as it shall be; it has all that the old one has.
        old_rows: For each row of the new ensemble the row that it had, or -1; int of shape (run,).
    """
    import zarr  # noqa: PLC0415  # 0.8 s that --help need not pay

    moved = [
        key
        for key, spec in new.layout.arrays.items()
        if key in old.layout.arrays and not _stays(key, old, new, old_rows)
    ]
    source = None
    if moved:
        session = transaction.repository.readonly_session(snapshot_id=transaction.checkpoint())
        source = zarr.open_group(session.store, mode="r")
    root = zarr.open_group(transaction.session.store, mode="a", zarr_format=3)
    paths = {spec.path for spec in new.layout.arrays.values()}
    for spec in old.layout.arrays.values():
        if spec.path not in paths:
            del root[spec.path]
    for key, spec in new.layout.arrays.items():
        before = old.layout.arrays.get(key)
        if before is None:
            create_array(root, spec)
        elif source is not None and key in moved:
            _copy(array_at(source, before.path), create_array(root, spec), key, spec, (old, new), old_rows)
        elif before.shape != spec.shape:
            array_at(root, spec.path).resize(spec.shape)


def _stays(key: VariableKey, old: Shape, new: Shape, old_rows: NDArray[np.intp]) -> bool:
    """Whether every value of an array keeps its place, so that growing at the ends is enough."""
    before, after = old.layout.arrays[key], new.layout.arrays[key]
    if (before.path, before.dims, before.chunks, before.dtype) != (after.path, after.dims, after.chunks, after.dtype):
        return False
    rows = before.shape[0]
    if not np.array_equal(old_rows[:rows], np.arange(rows)):
        return False
    positions = _positions(key, old, new)
    return all(np.array_equal(each, np.arange(len(each))) for each in positions)


def _positions(key: VariableKey, old: Shape, new: Shape) -> list[NDArray[np.intp]]:
    axes = old.layout.axes, new.layout.axes
    return [axes[1][dim].positions(axes[0][dim].labels) for dim in old.structure.variables[key].dims]


def _copy(
    source: zarr.Array[Any],
    target: zarr.Array[Any],
    key: VariableKey,
    spec: ArraySpec,
    shapes: tuple[Shape, Shape],
    old_rows: NDArray[np.intp],
) -> None:
    """Copy an array, a chunk of rows at a time."""
    positions = _positions(key, *shapes)
    for start in range(0, spec.shape[0], spec.chunks[0]):
        rows = old_rows[start : start + spec.chunks[0]]
        known = np.flatnonzero(rows >= 0)
        if not len(known):
            continue
        first, last = rows[known].min(), rows[known].max()
        values = np.asarray(source[first : last + 1])[rows[known] - first]
        block = missing_rows(spec, len(rows))
        kept = missing_rows(spec, len(known))
        scatter(kept, positions, convert(values.astype(object) if values.dtype.kind == "T" else values, spec.dtype))
        block[known] = kept
        write_rows(target, start, block)
