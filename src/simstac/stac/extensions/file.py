"""File info extension 2.1.0: size and checksum of pictures and tables that are made beside the documents."""

from __future__ import annotations

import hashlib

from simstac.stac.document import Document, declare
from simstac.stac.files import SHA2_256


def ship(document: Document, key: str, asset: Document, content: bytes) -> None:
    """Add an asset for a file that lies beside the document."""
    checksum = SHA2_256 + hashlib.sha256(content).hexdigest()
    document["assets"][key] = {**asset, "file:size": len(content), "file:checksum": checksum}
    declare(document, "file")
