"""The media type of a file by its name: what its asset says, and what it is served and published as."""

from __future__ import annotations

from pathlib import PurePosixPath

UNKNOWN = "application/octet-stream"
_TEXT = "text/plain; charset=utf-8"

_BY_SUFFIX = {
    **dict.fromkeys((".audit", ".bnd", ".eio", ".end", ".err", ".eso", ".idf", ".log", ".mdd"), _TEXT),
    **dict.fromkeys((".mtd", ".mtr", ".rdd", ".rvaudit", ".shd", ".txt", ".yaml", ".yml"), _TEXT),
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".db": "application/vnd.sqlite3",
    ".epjson": "application/json",
    ".geojson": "application/geo+json",
    ".grib": "application/wmo-GRIB2",
    ".grib2": "application/wmo-GRIB2",
    ".gz": "application/gzip",
    ".h5": "application/x-hdf5",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".ipynb": "application/x-ipynb+json",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".nc": "application/x-netcdf",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".pq": "application/vnd.apache.parquet",
    ".sql": "application/vnd.sqlite3",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".xml": "application/xml",
    ".zip": "application/zip",
}


def media_type_of(name: str) -> str:
    """The media type of a file, by the last suffix of its name; ``application/octet-stream`` where it is unknown."""
    return _BY_SUFFIX.get(PurePosixPath(name).suffix.lower(), UNKNOWN)
