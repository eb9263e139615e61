"""The frame of a commit: one writer at a time, begun again where another one was first, released under a tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simstac.errors import ConflictError, StorageError
from simstac.progress import OnProgress
from simstac.storage import Stored
from simstac.write.repository import (
    Head,
    Place,
    Transaction,
    create_repository,
    exclusive,
    open_repository,
    read_head,
    release,
    store_errors,
)

if TYPE_CHECKING:
    import icechunk

DATASET_LAYOUT = "dataset/1"
VIRTUAL_LAYOUT = "virtual/1"
ATTEMPTS = 3


def written[T](place: Place, write_once: Callable[[icechunk.Repository], T], on_progress: OnProgress) -> T:
    """Write to the repository at a place, made where there is none, while no other process of this machine does.

    Args:
        place: The store.
        write_once: Reads what is there and commits; called again where somebody else committed meanwhile, whose work
            it sees then.
        on_progress: Hears of waiting for another writer.

    Raises:
        StorageError: If the store cannot be read or written.
        ConflictError: If others keep committing to the same store meanwhile.
    """

    def attempt() -> T:
        repository = open_repository(place) or create_repository(place)
        with store_errors(place.href):
            return write_once(repository)

    with exclusive(place, on_progress):
        for _ in range(ATTEMPTS - 1):
            try:
                return attempt()
            except ConflictError:
                continue
        return attempt()


def head_of_dataset(repository: icechunk.Repository, href: str) -> Head | None:
    """The tip of a store of one dataset, whether it holds the chunks or refers to them; None where it is new.

    Raises:
        StorageError: If the store holds something else.
    """
    head = read_head(repository)
    if head is not None and head.metadata.get("layout") not in {DATASET_LAYOUT, VIRTUAL_LAYOUT}:
        raise StorageError(href, "holds something else than a dataset", "choose another place for the store")
    return head


def committed(
    transaction: Transaction, place: Place, version: str | None, message: str, metadata: Mapping[str, Any]
) -> Stored:
    """Commit a transaction that has changes, and release the tip."""
    changed = transaction.has_changes
    if changed:
        transaction.commit(message, metadata)
    return release(transaction.repository, place, version, changed=changed)
