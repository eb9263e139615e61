"""Scientific citation extension 1.0.0: how to cite the data."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, declare, fields


def apply(document: Document, subject: Subject) -> None:
    """Add the citation and the DOI of the configuration."""
    said = {"sci:citation": subject.metadata.citation, "sci:doi": subject.metadata.doi}
    known = {key: value for key, value in said.items() if value}
    if known:
        fields(document).update(known)
        declare(document, "scientific")
