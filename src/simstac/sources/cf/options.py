"""What a reader of CF files can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class CfOptions:
    """What a reader of CF files can be told.

    Attributes:
        along: Dimensions or scalar coordinates along which files are appended; found from the coordinates where empty.
        variables: The data variables that are wanted, with what they refer to; all where empty.
        group: The group of a NetCDF4, HDF5 or Zarr file that is read.
        filter_by_keys: The GRIB messages that are read, by key, such as ``{"typeOfLevel": "surface"}``.
        allow_gaps: Whether times may be missing between two files, and combinations where there are two axes.
        mixed_packing: Whether the same variable may be packed with another scale or offset in another file.
        calendar: The calendar of times that name none; the standard one, as CF says, where empty.
        in_threads: Whether chunks of HDF5 files may be decoded in threads; else xarray reads them.
    """

    along: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    group: str | None = None
    filter_by_keys: Mapping[str, str | int | float] = field(default_factory=dict)
    allow_gaps: bool = False
    mixed_packing: bool = False
    calendar: str = ""
    in_threads: bool = True
