"""Iris: whatever it loads becomes datasets by CF, losslessly, and cubes again.

Masks of floats and integers, bounds, projections, cell methods, STASH codes, hybrid heights, meshes, text of any
alphabet and all calendars are kept. The way leads through Iris's own saver and loader, over a dataset in memory.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simstac.sources.iris.decode import cubes
    from simstac.sources.iris.encode import datasets
    from simstac.sources.iris.files import load

__all__ = ["cubes", "datasets", "load"]

_HOMES = {"cubes": "decode", "datasets": "encode", "load": "files"}


def __getattr__(name: str) -> Any:
    """Load a public name from its home, so that xarray can list the engine without importing Iris."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
