"""Zarr extension 1.1.0: how the store is laid out."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare


def apply(document: Document, subject: Subject) -> None:
    """Say that the store's asset is a Zarr v3 group without consolidated metadata."""
    del subject
    data_asset(document).update({"zarr:zarr_format": 3, "zarr:consolidated": False, "zarr:node_type": "group"})
    declare(document, "zarr")
