"""STAC documents as plain dictionaries: what is being described, where its fields go, and values that are JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from simstac.errors import InvalidDocumentError

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.files import ShippedFile
    from simstac.stac.horizontal import Horizontal
    from simstac.stac.metadata import Metadata
    from simstac.stac.placement import Placement
    from simstac.storage import Stored

STAC_VERSION = "1.1.0"
JSON = "application/json"
GEOJSON = "application/geo+json"
PARQUET = "application/vnd.apache.parquet"
ICECHUNK = "application/vnd.zarr+icechunk"
ZARR = "application/vnd.zarr"

SCHEMAS = {
    name: f"https://stac-extensions.github.io/{name}/v{version}/schema.json"
    for name, version in {
        "alternate-assets": "1.2.0",
        "datacube": "2.3.0",
        "file": "2.1.0",
        "processing": "1.2.0",
        "projection": "2.0.0",
        "scientific": "1.0.0",
        "storage": "2.0.0",
        "version": "1.2.0",
        "virtual-assets": "1.0.0",
        "zarr": "1.1.0",
    }.items()
}

SHARED_PARTS = frozenset({"assets", "cube:dimensions", "cube:variables", "storage:schemes"})

_PASSED_THROUGH = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS  # and so refused
_CANONICAL = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | _PASSED_THROUGH

type Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a document describes; every extension reads from it.

    Attributes:
        groups: The store's groups by path, the root as ``""``, each opened lazily.
        stored: What writing said about the store.
        metadata: What people say about it.
        placement: How it is addressed.
        horizontal: Where it is, found once; None where space plays no part.
        utc_offsets: Hours that the store's times are ahead of UTC, where they are local standard times: from, to.
        auxiliary: Data variables that only say something about others.
        latest: Whether this is the newest released version.
    """

    groups: Mapping[str, xr.Dataset]
    stored: Stored
    metadata: Metadata
    placement: Placement
    horizontal: Horizontal | None = None
    utc_offsets: tuple[float, float] = (0.0, 0.0)
    auxiliary: frozenset[str] = frozenset()
    latest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """One Collection, its Items and the files beside them, before links.

    Attributes:
        collection: The Collection.
        items: The Items; can be iterated again and yields equal documents each time.
        versions: Those of the Items that are older versions of the whole.
        files: Other files to ship, by path relative to the Collection's folder: their bytes, or where they lie.
        warnings: What could not be made, one line each.
    """

    collection: Document
    items: Iterable[Document]
    versions: Sequence[Document] = ()
    files: Mapping[str, bytes | ShippedFile] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def groups_of(data: xr.Dataset | xr.DataTree) -> dict[str, xr.Dataset]:
    """Every group that holds variables, by path without a leading slash, the root first."""
    from xarray import DataTree  # noqa: PLC0415  # validation reads this module without paying for xarray

    if not isinstance(data, DataTree):
        return {"": data}
    groups = {node.path.strip("/"): _with_inherited(node) for node in data.subtree}
    return {path: dataset for path, dataset in sorted(groups.items()) if not path or dataset.variables}


def fields(document: Document) -> Document:
    """Where an extension's fields go: an Item's properties, or the top level of a Collection."""
    if document["type"] != "Feature":
        return document
    properties: Document = document["properties"]
    return properties


def data_asset(document: Document) -> Document:
    """The one asset that holds the data."""
    asset: Document = document["assets"]["icechunk" if "icechunk" in document["assets"] else "zarr"]
    return asset


def declare(document: Document, extension: str) -> None:
    """List the schema of an extension in `SCHEMAS`, once and in order."""
    document["stac_extensions"] = sorted({*document["stac_extensions"], SCHEMAS[extension]})


@lru_cache(maxsize=1024)
def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with ``Z``, with fractions of a second only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """An attribute or scalar as strict JSON; None for what JSON has no value for (NaN, infinities, empty).

    Arrays become lists, bytes are read as UTF-8, moments become ISO 8601 text.
    """
    if hasattr(value, "dtype"):
        kind = value.dtype.kind
        value = value.astype(str).tolist() if kind in "mM" else value.tolist()
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value or None
        case bytes():
            return value.decode("utf-8", "replace") or None
        case datetime():
            return timestamp(value)
        case list() | tuple():
            return [plain(entry) for entry in value]
        case dict():
            return {str(key): plain(entry) for key, entry in value.items()}
        case _:
            return str(value)


def text(value: Any) -> str:
    """An attribute as text in one line; empty where it is missing or holds none."""
    value = plain(value)
    return " ".join(str(value).split()) if value is not None else ""


def canonical_json(document: Document) -> bytes:
    """The one byte form of a document: UTF-8, sorted keys, two spaces, a newline at the end.

    Raises:
        InvalidDocumentError: If it holds NaN, an infinity, or anything that is not JSON.
    """
    return CanonicalWriter().bytes(document)


class CanonicalWriter:
    """Writes canonical JSON of many documents; a part that is one object in all of them is rendered once."""

    def __init__(self) -> None:
        """Start with no part rendered."""
        self._rendered: dict[tuple[str, ...], tuple[Any, orjson.Fragment]] = {}

    def bytes(self, document: Document) -> bytes:
        """The bytes that `canonical_json` gives.

        Raises:
            InvalidDocumentError: If it holds NaN, an infinity, or anything that is not JSON.
        """
        try:
            whole = self._with_parts(document, ())
            return orjson.dumps(whole, option=_CANONICAL | orjson.OPT_APPEND_NEWLINE)
        except (TypeError, ValueError) as error:
            where = str(document.get("id", "document"))
            raise InvalidDocumentError(where, f"is not strict JSON ({error})", "leave the value out") from error

    def _with_parts(self, fields: Document, above: tuple[str, ...]) -> Document:
        rest: Document = {}
        parts: Document = {}
        for key, value in fields.items():
            if key in SHARED_PARTS:
                parts[key] = self._part(value, (*above, key))
            elif key == "properties" and isinstance(value, dict) and not above:
                parts[key] = self._with_parts(value, (key,))
            else:
                rest[key] = value
        _refuse_nan(rest)
        return rest | parts

    def _part(self, value: Any, where: tuple[str, ...]) -> orjson.Fragment:
        known = self._rendered.get(where)
        if known is not None and known[0] is value:
            return known[1]
        _refuse_nan(value)
        lines = orjson.dumps(value, option=_CANONICAL).replace(b"\n", b"\n" + b"  " * len(where))
        self._rendered[where] = (value, orjson.Fragment(lines))
        return self._rendered[where][1]


def _refuse_nan(value: Any) -> None:
    """Raise a ValueError for NaN and infinities, which orjson would write as null."""
    kind = type(value)
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{value} is not JSON")
    elif kind is dict:
        for entry in value.values():
            _refuse_nan(entry)
    elif kind is list or kind is tuple:
        for entry in value:
            _refuse_nan(entry)


def _with_inherited(node: xr.DataTree) -> xr.Dataset:
    """A node's own variables, and the coordinates that it inherits for their dimensions."""
    whole, own = node.to_dataset(), node.to_dataset(inherit=False)
    return whole.drop_dims(set(whole.dims) - set(own.dims))
