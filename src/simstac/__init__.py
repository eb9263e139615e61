"""Simulation results and gridded data as Icechunk stores with a STAC catalog around them.

- To read what was published: `open`.
- To publish by a configuration: `load_project`, then `run`, or `build`, `publish` and `verify` one by one.
- From a script: `simstac.idfkit.publish`, `simstac.scythe.publish`, or `study` and `write_study`.
- For documents alone: `build_item`, `build_collection`, `describe_study`, `validate_tree`.

xarray finds the engines ``simstac``, ``energyplus`` and ``iris`` without this being imported. The names below are
loaded when they are first used, so that ``import simstac`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simstac import idfkit as idfkit
    from simstac import scythe as scythe
    from simstac.config import Project, load_project
    from simstac.engine import open  # noqa: A004  # as `gzip.open` and `PIL.Image.open`
    from simstac.errors import ConfigError, ConflictError, SimstacError
    from simstac.pipeline import build, publish, run, verify
    from simstac.progress import Progress
    from simstac.stac.dataset import build_collection, build_item
    from simstac.stac.metadata import Metadata
    from simstac.stac.study import describe_study
    from simstac.stac.validate import validate_tree
    from simstac.storage import Stored, scheme_from_url
    from simstac.studies import study
    from simstac.write import write_study

    __version__: str

__all__ = [
    "ConfigError",
    "ConflictError",
    "Metadata",
    "Progress",
    "Project",
    "SimstacError",
    "Stored",
    "build",
    "build_collection",
    "build_item",
    "describe_study",
    "load_project",
    "open",
    "publish",
    "run",
    "scheme_from_url",
    "study",
    "validate_tree",
    "verify",
    "write_study",
]

_HOMES = {
    "simstac.config": ("Project", "load_project"),
    "simstac.engine": ("open",),
    "simstac.errors": ("ConfigError", "ConflictError", "SimstacError"),
    "simstac.progress": ("Progress",),
    "simstac.pipeline": ("build", "publish", "run", "verify"),
    "simstac.stac.dataset": ("build_collection", "build_item"),
    "simstac.stac.metadata": ("Metadata",),
    "simstac.stac.study": ("describe_study",),
    "simstac.stac.validate": ("validate_tree",),
    "simstac.storage": ("Stored", "scheme_from_url"),
    "simstac.studies": ("study",),
    "simstac.write": ("write_study",),
}
MODULES = ("idfkit", "scythe")
"""Modules that users call by name, ``simstac.idfkit.publish``, loaded when they are first used as well."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # type checkers see the imports above, and report every other name

    def __getattr__(name: str) -> Any:
        """Load a public name from its home, or a module of those that users call by its name."""
        if name == "__version__":
            return import_module("importlib.metadata").version("simstac")
        if name in MODULES:
            return import_module(f"simstac.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'simstac' has no attribute {name!r}")
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
