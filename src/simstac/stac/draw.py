"""Draw one picture: arrays come in as NPZ on the standard input, a PNG goes out (``python -m simstac.stac.draw KIND``).

It runs in a process of its own, so that whatever happens to it there, a build goes on.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from textwrap import wrap
from typing import Any

import numpy as np

type Arrays = Mapping[str, np.ndarray[Any, Any]]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SIZE = (6.4, 3.6)
DPI = 120
FONT_SIZE = 13
LABEL_WIDTH = 34
LEGEND_WIDTH = 16


def map_png(arrays: Arrays) -> bytes:
    """Values (row, column), the first row northernmost, as a bare picture without axes; missing ones are clear."""
    from matplotlib import colormaps  # noqa: PLC0415  # an extra
    from matplotlib.image import imsave  # noqa: PLC0415

    values = np.ma.masked_invalid(arrays["values"].astype(float))
    low, high = np.percentile(values.compressed(), [2, 98]) if values.count() else (0, 1)
    scaled = np.ma.clip((values - low) / ((high - low) or 1), 0, 1)
    pixels = colormaps["viridis"](scaled, bytes=True)
    sink = io.BytesIO()
    imsave(sink, pixels, format="png", metadata={"Software": ""})
    return sink.getvalue()


def points_png(arrays: Arrays) -> bytes:
    """One number over another, in one colour for each level where there are levels."""
    names = arrays["levels"].tolist() if "levels" in arrays else [""]

    def draw(axes: Any) -> None:
        for index, name in enumerate(names):
            here = arrays["level"] == index if "level" in arrays else slice(None)
            axes.plot(arrays["x"][here], arrays["y"][here], "o", color=COLOURS[index], alpha=0.8, label=str(name))
        if len(names) > 1:
            title, size = "\n".join(wrap(str(arrays["levels_label"]), LEGEND_WIDTH)), FONT_SIZE - 2
            axes.figure.legend(
                loc="outside right upper", title=title, frameon=False, fontsize=size, title_fontsize=size
            )

    return _chart(draw, str(arrays["x_label"]), str(arrays["y_label"]))


def histogram_png(arrays: Arrays) -> bytes:
    """How many runs have which result."""

    def draw(axes: Any) -> None:
        axes.hist(arrays["y"], bins=min(30, max(5, arrays["y"].size // 5)), color=COLOURS[0], edgecolor="white")

    return _chart(draw, str(arrays["y_label"]), "runs")


def lines_png(arrays: Arrays) -> bytes:
    """A series over time."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # an extra

    def draw(axes: Any) -> None:
        axes.plot(arrays["x"], arrays["y"], color=COLOURS[0], linewidth=1)
        locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]

    return _chart(draw, "", str(arrays["y_label"]))


KINDS: dict[str, Callable[[Arrays], bytes]] = {
    "histogram": histogram_png,
    "lines": lines_png,
    "map": map_png,
    "points": points_png,
}


def _chart(draw: Callable[[Any], None], x_label: str, y_label: str) -> bytes:
    from matplotlib.figure import Figure  # noqa: PLC0415  # an extra

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_xlabel(x_label, fontsize=FONT_SIZE)
    axes.set_ylabel("\n".join(wrap(y_label, LABEL_WIDTH)), fontsize=FONT_SIZE)
    axes.tick_params(labelsize=FONT_SIZE - 2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(axis="y", nbins=6)
    sink = io.BytesIO()
    figure.savefig(sink, format="png", metadata={"Software": ""})
    return sink.getvalue()


if __name__ == "__main__":
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as given:
        sys.stdout.buffer.write(KINDS[sys.argv[1]](dict(given)))
