"""The coordinate reference system that a dataset names, and nothing about where its cells are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simstac.errors import MetadataError

if TYPE_CHECKING:
    import pyproj
    import xarray as xr

    from simstac.stac.metadata import Overrides

WKT_ATTRIBUTES = ("crs_wkt", "spatial_ref")


def dataset_crs(dataset: xr.Dataset, overrides: Overrides) -> pyproj.CRS | None:
    """The CRS of the horizontal coordinates: the configured one, else that of the grid mapping; None if there is none.

    Raises:
        MetadataError: If there are several grid mappings, or pyproj does not know the one there is.
    """
    import pyproj  # noqa: PLC0415  # most datasets need none

    if overrides.crs is not None:
        try:
            return pyproj.CRS.from_user_input(overrides.crs)
        except pyproj.exceptions.CRSError as error:
            problem = f"pyproj does not know the CRS ({error})"
            raise MetadataError("metadata.crs", problem, "write it as EPSG:code or WKT") from error
    names = grid_mappings(dataset)
    if not names:
        return None
    if len(names) > 1:
        problem = f"the variables lie on several grid mappings ({', '.join(names)})"
        raise MetadataError(names[0], problem, "set metadata: {crs: …} to the one that is meant")
    attrs = dataset[names[0]].attrs
    try:
        wkt = next((attrs[key] for key in WKT_ATTRIBUTES if attrs.get(key)), None)
        return pyproj.CRS.from_user_input(wkt) if wkt else pyproj.CRS.from_cf(attrs)
    except (pyproj.exceptions.CRSError, KeyError, TypeError, ValueError) as error:
        problem = f"is no grid mapping that pyproj knows ({error})"
        raise MetadataError(names[0], problem, "set metadata: {crs: …}") from error


def grid_mappings(dataset: xr.Dataset) -> list[str]:
    """The grid mapping variables that data variables name, sorted."""
    said = (array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping") for array in dataset.values())
    names = {str(entry).split()[0].rstrip(":") for entry in said if entry}
    return sorted(name for name in names if name in dataset.variables)


def reference_system(crs: pyproj.CRS) -> int | str:
    """A CRS as the data cube extension writes it: the EPSG code, or WKT 2 where it has none."""
    code = crs.to_epsg()
    return code if code is not None else crs.to_wkt()


def projection_fields(crs: pyproj.CRS) -> dict[str, str]:
    """A CRS as the projection extension writes it: ``proj:code``, or ``proj:wkt2`` where it has none."""
    authority = crs.to_authority()
    return {"proj:code": ":".join(authority)} if authority else {"proj:wkt2": crs.to_wkt()}
