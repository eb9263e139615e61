"""Scientific citation extension 1.0.0: how to cite the data."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, declare, fields
from simstac.stac.metadata import Metadata


def apply(document: Document, subject: Subject) -> None:
    """Add the citation and the DOI of the configuration."""
    add_citation(document, subject.metadata)


def add_citation(document: Document, metadata: Metadata) -> None:
    """Add the citation and the DOI that are said."""
    said = {"sci:citation": metadata.citation, "sci:doi": metadata.doi}
    known = {key: value for key, value in said.items() if value}
    if known:
        fields(document).update(known)
        declare(document, "scientific")
