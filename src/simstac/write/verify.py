"""A store read as a stranger reads it, before it is committed: the first and the last of each axis must be right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import StorageError
from simstac.studies.encode import is_time, microseconds_of
from simstac.write.combining import Whole

if TYPE_CHECKING:
    import icechunk
    import xarray as xr


def refuse_other_labels(store: icechunk.IcechunkStore, whole: Whole, href: str) -> None:
    """Refuse a store in which xarray decodes other sizes or labels than the files have.

    Raises:
        StorageError: If it does.
    """
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    opened: Any = store
    data = xr.open_zarr(opened, consolidated=False, chunks=None, decode_timedelta=False)
    for dim, axis in whole.axes.items():
        if data.sizes[dim] != len(axis.values):
            problem = f"has {data.sizes[dim]} labels along {dim}, not the {len(axis.values)} of the files"
            raise StorageError(href, problem, "report this as a bug; nothing was committed")
        if not len(axis.values):
            continue
        for position in (0, -1):
            if _label(data[axis.variable].variable, position) != axis.values[position]:
                problem = (
                    f"{axis.variable} is read as {data[axis.variable].values[position]}, not {axis.text(position)}"
                )
                raise StorageError(href, problem, "report this as a bug; nothing was committed")


def _label(variable: xr.Variable, position: int) -> Any:
    one = variable[[position]]
    values = np.asarray(one.values)
    return microseconds_of(one, values, "label")[0][0] if is_time(one, values) else values[0]
