"""Zarr extension 1.1.0: how the store is laid out."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare


def apply(document: Document, subject: Subject) -> None:
    """Say which Zarr format the group in the store's asset has, and whether its metadata are consolidated."""
    layout = {"zarr:zarr_format": subject.placement.zarr_format, "zarr:consolidated": subject.placement.consolidated}
    data_asset(document).update({**layout, "zarr:node_type": "group"})
    declare(document, "zarr")
