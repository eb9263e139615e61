"""Every error that simstac raises on purpose, and nothing else.

```text
SimstacError
├── ConfigError            a configuration that cannot be used       (also a ValueError)
├── SourceError            simulation results that cannot be read
├── MetadataError          a dataset that cannot be described        (also a ValueError)
├── StorageError           a store that cannot be opened or written
├── InvalidDocumentError   a STAC document that breaks a rule        (also a ValueError)
└── PublishError           documents or data that cannot be published
    └── ConflictError      somebody else published meanwhile
```
"""

from __future__ import annotations

from os import PathLike


class SimstacError(Exception):
    """An error with its facts: where it is, what is wrong, and what to do.

    Attributes:
        where: The path, URL or configuration key that the error is about.
        problem: What is wrong, as a clause.
        remedy: What the user can do about it; empty where nothing is known.
    """

    def __init__(self, where: str | PathLike[str], problem: str, remedy: str = "") -> None:
        """Compose the one-line message ``where: problem; remedy``."""
        self.where = str(where)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self.where, problem, remedy)

    def __str__(self) -> str:
        """The message in one line."""
        return f"{self.where}: {self.problem}" + (f"; {self.remedy}" if self.remedy else "")


class ConfigError(SimstacError, ValueError):
    """A configuration that cannot be used."""


class SourceError(SimstacError):
    """Simulation results that cannot be read."""


class MetadataError(SimstacError, ValueError):
    """A dataset that cannot be described without being told more."""


class StorageError(SimstacError):
    """A store that cannot be opened, read or written."""


class InvalidDocumentError(SimstacError, ValueError):
    """A STAC document that breaks the specification or our profile."""


class PublishError(SimstacError):
    """Documents or data that cannot be published."""


class ConflictError(PublishError):
    """Somebody else changed the target meanwhile, more often than we retry."""
