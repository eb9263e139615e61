"""A variable as a picture with axes and units: a line where one dimension is left, a field where two are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from simstac.stac.document import text
from simstac.xpublish.select import BadRequestError

if TYPE_CHECKING:
    import xarray as xr

MOST_VALUES = 4_000_000
MOST_WORDS = 30
DPI = 100
SMALLEST, LARGEST = 100, 2000


def plot_png(array: xr.DataArray, *, colours: str, width: int, height: int) -> bytes:
    """Draw an array.

    Args:
        array: The variable, with one or two dimensions.
        colours: The name of a colour map of matplotlib.
        width: Pixels.
        height: Pixels.

    Raises:
        BadRequestError: If it has other dimensions, too many values, or there is no such colour map.
    """
    from matplotlib import colormaps  # noqa: PLC0415  # an extra
    from matplotlib.figure import Figure  # noqa: PLC0415  # as above

    array = array.squeeze(drop=True)
    if array.ndim not in {1, 2}:
        dims = ", ".join(map(str, array.dims)) or "none"
        raise BadRequestError(str(array.name), f"has the dimensions {dims}", "leave one or two, with sel=DIM=LABEL")
    if array.size > MOST_VALUES:
        raise BadRequestError(str(array.name), f"has {array.size:,} values, of at most {MOST_VALUES:,}", "select fewer")
    if colours not in colormaps:
        raise BadRequestError(colours, "is no colour map of matplotlib", "try viridis")
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    axes: Any = figure.subplots()
    label = " ".join(filter(None, [text(array.attrs.get("long_name")) or str(array.name), _unit(array)]))
    values = array.load()
    if values.ndim == 1:
        _line(axes, values, label)
    else:
        drawn = _field(axes, values, colours)
        figure.colorbar(drawn, ax=axes, label=label)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": ""})
    return sink.getvalue()


def _line(axes: Any, values: xr.DataArray, label: str) -> None:
    (dim,) = values.dims
    axes.plot(_positions(values, dim), values.values, linewidth=1)
    axes.set_xlabel(_axis_label(values, dim))
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)


def _field(axes: Any, values: xr.DataArray, colours: str) -> Any:
    rows, columns = values.dims
    drawn = axes.pcolormesh(
        _positions(values, columns), _positions(values, rows), values.values, cmap=colours, shading="nearest"
    )
    axes.set_xlabel(_axis_label(values, columns))
    axes.set_ylabel(_axis_label(values, rows))
    for dim, axis in ((columns, axes.xaxis), (rows, axes.yaxis)):
        if _has_words(values, dim) and values.sizes[dim] <= MOST_WORDS:
            axis.set_ticks(range(values.sizes[dim]), labels=[str(word) for word in values[dim].values])
    if _has_words(values, columns):
        axes.tick_params(axis="x", labelrotation=90)
    return drawn


def _positions(values: xr.DataArray, dim: Any) -> Any:
    if dim not in values.coords or _has_words(values, dim):
        return range(values.sizes[dim])
    return values[dim].values


def _has_words(values: xr.DataArray, dim: Any) -> bool:
    return dim in values.coords and values[dim].dtype.kind in "OUT"


def _axis_label(values: xr.DataArray, dim: Any) -> str:
    name = text(values[dim].attrs.get("long_name")) if dim in values.coords else ""
    return " ".join(filter(None, [name or str(dim), _unit(values[dim]) if dim in values.coords else ""]))


def _unit(array: xr.DataArray) -> str:
    unit = text(array.attrs.get("units"))
    return f"[{unit}]" if unit else ""
