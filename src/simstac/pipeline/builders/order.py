"""What a builder is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simstac.config.model import Collection, Project
from simstac.pipeline.place import Place, store_place
from simstac.progress import OnProgress, silent
from simstac.write.workers import Parallel

if TYPE_CHECKING:
    from simstac.stac.document import Documents
    from simstac.storage import Stored
    from simstac.studies import Study
    from simstac.write.plan import Dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A collection to build.

    Attributes:
        project: The configuration.
        collection: One of its collections.
        study: Its runs, where they are given in Python instead of by its source.
        drop_vanished: Whether what is gone from the source leaves the store, or the names of what does.
        parallel: Which processes read and write; sources without runs have no use for them.
        on_progress: Hears of every run, file or store read and written.
    """

    project: Project
    collection: Collection
    study: Study | None = None
    drop_vanished: Dropped = False
    parallel: Parallel = field(default_factory=Parallel)
    on_progress: OnProgress = silent

    @property
    def place(self) -> Place:
        """Where its store is written.

        Raises:
            StorageError: If its profile has no keys.
        """
        return store_place(self.project, self.collection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a builder made.

    Attributes:
        documents: The Collection, its Items and the files beside them.
        stored: Its store; None where the data stay in the stores of others.
        statuses: How each run, file or store ended, in their order.
        problems: A line for each that has no data.
        notes: Other things worth knowing, a line each.
        unit: What the statuses are of: ``run``, ``file``, ``store`` ….
    """

    documents: Documents
    stored: Stored | None
    statuses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str = "run"


def kept_note(name: str) -> str:
    """What to say of a run, file or store that is kept though its source is gone."""
    return f"{name} is gone from the source and kept; --drop-vanished drops it"
