"""What a place to publish to must do: be read at a state, listed, and changed in one optimistic step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from simstac.progress import OnProgress
    from simstac.publishing.changes import Changes

type Read = Callable[[str], bytes | None]
type Edit = Callable[[Read, frozenset[str]], Mapping[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Versioned:
    """A document as it was read.

    Attributes:
        content: Its bytes.
        version: What a later conditional write compares: an ETag, a digest or a blob id.
    """

    content: bytes
    version: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a listing shows it.

    Attributes:
        size: Its size in bytes; None where the listing cannot tell.
        version: As in `Versioned`.
        digest: What `Snapshot.digest` yields for its bytes; None where the listing cannot tell.
    """

    size: int | None
    version: str
    digest: str | None


class Snapshot(Protocol):
    """A target as it stands, to plan against."""

    @property
    def base(self) -> str:
        """The state that a commit must still find, where the target has such a thing (a Git commit)."""

    @property
    def exact(self) -> bool:
        """Whether listing is so cheap and exact that the published manifest need not be trusted."""

    @property
    def keeps_headers(self) -> bool:
        """Whether the target stores Content-Type and Cache-Control."""

    @property
    def unfinished(self) -> bool:
        """Whether an earlier commit has still to be finished, even if nothing changes."""

    def read(self, path: str) -> Versioned | None:
        """A document, or None where there is none.

        Raises:
            PublishError: If the target cannot be read.
        """

    def list(self, prefix: str) -> Mapping[str, Listed]:
        """Every file whose path begins with ``prefix``.

        Raises:
            PublishError: If the target cannot be listed.
        """

    def digest(self, content: bytes, like: str = "", /) -> str:
        """The digest that a listing would show for these bytes, in the form of ``like`` where there are several."""


class Target(Protocol):
    """Where a site is published to."""

    @property
    def url(self) -> str:
        """The target's address, for messages."""

    @property
    def exact(self) -> bool:
        """See `Snapshot`."""

    def digest(self, content: bytes, like: str = "", /) -> str:
        """See `Snapshot`."""

    def snapshot(self) -> Snapshot:
        """The target as it stands.

        Raises:
            PublishError: If it cannot be reached or must not be written to.
        """

    def check(self, sizes: Mapping[str, int]) -> None:
        """Refuse a site that the target cannot hold, before anything is copied.

        Raises:
            PublishError: If a file or the whole is too large.
        """

    def commit(self, changes: Changes, on_progress: OnProgress) -> str:
        """Apply a plan; returns the commit made, where the target has such a thing.

        Raises:
            ConflictError: If the target is no longer as it was planned against.
            PublishError: If it cannot be written to.
        """
