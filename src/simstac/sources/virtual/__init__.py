"""CF files referred to where they are: an index of their chunks, and the dataset that these make together."""

from simstac.sources.virtual.combine import combine
from simstac.sources.virtual.filters import UnfitError
from simstac.sources.virtual.index import FileIndex, index_hdf5
from simstac.sources.virtual.places import PlacedFile, placed_files
from simstac.sources.virtual.read import index_files
from simstac.sources.virtual.references import IndexedFile, Kept, References

__all__ = [
    "FileIndex",
    "IndexedFile",
    "Kept",
    "PlacedFile",
    "References",
    "UnfitError",
    "combine",
    "index_files",
    "index_hdf5",
    "placed_files",
]
