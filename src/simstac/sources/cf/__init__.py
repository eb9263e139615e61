"""Files by the CF conventions (NetCDF, HDF5, GRIB, Zarr): found, decoded exactly, and combined by their coordinates."""

from simstac.sources.cf.files import CfFiles, SourceFile, find_files
from simstac.sources.cf.options import CfOptions

__all__ = ["CfFiles", "CfOptions", "SourceFile", "find_files"]
