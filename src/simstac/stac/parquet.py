"""The Items of a Collection as one stac-geoparquet table (extra ``parquet``)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from simstac.stac.document import PARQUET, SCHEMAS, Document

BATCH = 5_000
FILE_NAME = "items.parquet"
LEFT_OUT = frozenset({"cube:dimensions", "cube:variables"})
ASSET = {
    "href": f"./{FILE_NAME}",
    "type": PARQUET,
    "title": "All Items as one table (stac-geoparquet)",
    "roles": ["stac-items"],
}


def items_parquet(items: Iterable[Document]) -> bytes:
    """Items as the bytes of a GeoParquet file, equal for equal Items; memory is bounded by a batch of them.

    Data cubes are left out, and so is the second copy of the storage schemes: their keys differ between Items, and a
    table's columns do not.

    Args:
        items: Items with their links; at least one.
    """
    from stac_geoparquet.arrow import parse_stac_items_to_arrow, to_parquet  # noqa: PLC0415  # an extra

    with TemporaryDirectory() as folder:
        table = Path(folder) / FILE_NAME
        batches = Path(folder) / "batches"
        batches.mkdir()
        rows = (_row(item) for item in items)
        reader = parse_stac_items_to_arrow(rows, chunk_size=BATCH, schema="ChunksToDisk", tmpdir=batches)
        to_parquet(reader, table, compression="zstd")
        return table.read_bytes()


def _row(item: Document) -> Document:
    """An Item as a row, its keys in one order: columns come in the order in which they are met."""
    row = {key: value for key, value in item.items() if key != "storage:schemes"}
    row["stac_extensions"] = [uri for uri in item["stac_extensions"] if uri != SCHEMAS["datacube"]]
    row["properties"] = {key: value for key, value in item["properties"].items() if key not in LEFT_OUT}
    ordered: Document = orjson.loads(orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
    return ordered
