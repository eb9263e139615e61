"""The files in buckets that a dataset was made from, as assets of its Items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from simstac.stac.document import Document
from simstac.stac.files import file_asset
from simstac.storage import scheme_from_stac

SOURCES = "simstac_sources"
"""The attribute of the root group that lists them, as JSON: ``href``, ``size`` and the storage ``scheme`` of each."""


def add_source_files(document: Document, attrs: Mapping[Any, Any]) -> None:
    """Add the files that the root group of a store names to an Item, each by its canonical address."""
    for row in json.loads(attrs.get(SOURCES, "[]")):
        scheme, mark, path = row["href"].partition("://")
        name = path.rstrip("/").rpartition("/")[2]
        href = f"{scheme}{mark}{quote(path)}"
        file_asset(document, name, href, size=row["size"], scheme=scheme_from_stac(row["scheme"]))
