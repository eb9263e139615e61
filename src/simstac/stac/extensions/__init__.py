"""STAC extensions: each file holds one, as one function ``apply(document, subject)``; this tuple is what applies."""

from __future__ import annotations

from collections.abc import Callable

from simstac.stac.document import Document, Subject
from simstac.stac.extensions import (
    alternate,
    datacube,
    processing,
    projection,
    scientific,
    storage,
    version,
    virtual,
    zarr,
)

EXTENSIONS: tuple[Callable[[Document, Subject], None], ...] = (
    datacube.apply,
    zarr.apply,
    version.apply,
    virtual.apply,
    storage.apply,
    alternate.apply,
    processing.apply,
    projection.apply,
    scientific.apply,
)


def apply_all(document: Document, subject: Subject) -> None:
    """Let every extension add what it knows."""
    for apply in EXTENSIONS:
        apply(document, subject)
