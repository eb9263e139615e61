"""Projection extension 2.0.0: the grid of the data in its own CRS."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare


def apply(document: Document, subject: Subject) -> None:
    """Add the CRS, box, shape and transform to the asset of a projected grid."""
    if subject.horizontal is not None and subject.horizontal.projection:
        data_asset(document).update(subject.horizontal.projection)
        declare(document, "projection")
