"""Draw one picture after another (``python -m simstac.stac.draw``): requests come by standard input, PNGs go out.

A request is a kind, the environment, the folder to be in, and what to draw, pickled: arrays as NPZ; a ``dataset``
pickled, and the kind that fits it goes out in a line before the PNG. All this is done in another process than that of
the build, which goes on whatever happens here (see `simstac.stac.drawers`).
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from textwrap import wrap
from threading import Thread
from typing import IO, Any

import numpy as np

type Arrays = Mapping[str, np.ndarray[Any, Any]]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SIZE = (6.4, 3.6)
DPI = 120
FONT_SIZE = 13
LABEL_WIDTH = 34
LEGEND_WIDTH = 16
DRAWN, NOTHING_TO_DRAW = b"+", b"-"
"""How an answer begins: the picture follows, or why there is none."""
LENGTH_BYTES = 8


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
            _legend(axes, str(arrays["levels_label"]))

    return _chart(draw, str(arrays["x_label"]), str(arrays["y_label"]))


def histogram_png(arrays: Arrays) -> bytes:
    """How many runs have which result."""

    def draw(axes: Any) -> None:
        axes.hist(arrays["y"], bins=min(30, max(5, arrays["y"].size // 5)), color=COLOURS[0], edgecolor="white")

    return _chart(draw, str(arrays["y_label"]), "runs")


def lines_png(arrays: Arrays) -> bytes:
    """A series over time, or several, each in a colour of its own."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # an extra

    names = arrays["levels"].tolist() if "levels" in arrays else [""]

    def draw(axes: Any) -> None:
        for index, line in enumerate(np.atleast_2d(arrays["y"])):
            axes.plot(arrays["x"], line, color=COLOURS[index], linewidth=1, label=str(names[index]))
        if len(names) > 1:
            _legend(axes, str(arrays["levels_label"]))
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


def dataset_png(given: bytes) -> bytes:
    """The kind of picture that fits a pickled dataset, a line break, and the picture.

    Raises:
        NothingToDrawError: If there is none.
        MetadataError: If its coordinates are ambiguous.
    """
    from simstac.stac.preview import dataset_view  # noqa: PLC0415  # charts of studies need not pay

    view = dataset_view(*pickle.loads(given))  # noqa: S301  # by our own parent process
    return view.kind.encode() + b"\n" + KINDS[view.kind](view.arrays)


def answer_to(request: bytes) -> bytes:
    """The picture that is asked for; or, of a dataset of which there is nothing to draw, why."""
    from simstac.errors import MetadataError  # noqa: PLC0415
    from simstac.stac.preview import NothingToDrawError  # noqa: PLC0415

    kind, environment, folder, given = pickle.loads(request)  # noqa: S301  # by our own parent process
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        if kind == "dataset":
            return DRAWN + dataset_png(given)
        with np.load(io.BytesIO(given), allow_pickle=False) as arrays:
            return DRAWN + KINDS[kind](dict(arrays))
    except (NothingToDrawError, MetadataError) as error:
        return NOTHING_TO_DRAW + str(error).encode()


def send(stream: IO[bytes], message: bytes) -> None:
    """Write a message after its length."""
    stream.write(len(message).to_bytes(LENGTH_BYTES, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the stream ends."""
    length = stream.read(LENGTH_BYTES)
    message = stream.read(int.from_bytes(length, "big"))
    return message if len(length) == LENGTH_BYTES and len(message) == int.from_bytes(length, "big") else None


def main() -> None:
    """Answer what the standard input asks, and end with it, whatever is being drawn: nobody waits for it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    requests: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as asked:
            while (request := receive(asked)) is not None:
                requests.put(request)
        os._exit(0)

    Thread(target=listen, daemon=True).start()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
        while True:
            send(answers, answer_to(requests.get()))
            os.chdir(os.sep)  # holds no folder while it waits


def _legend(axes: Any, title: str) -> None:
    title, size = "\n".join(wrap(title, LEGEND_WIDTH)), FONT_SIZE - 2
    axes.figure.legend(loc="outside right upper", title=title, frameon=False, fontsize=size, title_fontsize=size)


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
    main()
