"""Version extension 1.2.0: which release this is, and whether its use is discouraged."""

from __future__ import annotations

from simstac.stac.document import Document, Subject, data_asset, declare, fields


def apply(document: Document, subject: Subject) -> None:
    """Add the released version, which is the store's tag, and the snapshot that it names; plain Zarr has neither."""
    stored = subject.stored
    if not stored.snapshot_id:
        return
    fields(document).update({"version": stored.tag, "deprecated": subject.metadata.deprecated})
    asset = data_asset(document)
    asset.update({"version": stored.tag, "icechunk:snapshot_id": stored.snapshot_id})
    if subject.latest:
        asset["roles"] = [*asset["roles"], "latest-version"]
    declare(document, "version")
