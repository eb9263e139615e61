"""The xarray engine ``iris``: whatever Iris loads as a Dataset or a DataTree."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xarray.backends import BackendEntrypoint

from simstac.errors import SourceError

if TYPE_CHECKING:
    import xarray as xr

PP_HEADER_BYTES = (256).to_bytes(4, "big"), (256).to_bytes(4, "little")

DECODERS = ("mask_and_scale", "decode_times", "decode_coords", "use_cftime", "decode_timedelta")


class IrisBackend(BackendEntrypoint):
    """Opens PP, fields files, NAME, GRIB and NetCDF as Iris understands them, losslessly.

    Cubes on the same axes are the variables of one group; where all are, that is the root.
    """

    description: ClassVar[str] = "Whatever Iris loads: PP, fields files, NAME, GRIB (with iris-grib), NetCDF, UGRID"
    url: ClassVar[str] = "https://scitools-iris.readthedocs.io"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "group",
        "names",
        *DECODERS,
    )
    supports_groups: ClassVar[bool] = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether it is a PP file, by its ending and its first bytes; other formats have engines of their own."""
        if not isinstance(filename_or_obj, str | os.PathLike) or not str(filename_or_obj).lower().endswith(".pp"):
            return False
        try:
            with Path(filename_or_obj).open("rb") as file:
                return file.read(4) in PP_HEADER_BYTES
        except OSError:
            return False

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        names: str | Sequence[str] = (),
        **decoders: Any,
    ) -> xr.Dataset:
        """One group; without ``group`` the root, or the only one that there is.

        Args:
            filename_or_obj: A file or a glob, or several of them, which Iris merges.
            drop_variables: Variables to leave out.
            group: The name of a group.
            names: The cubes to take, by standard name, long name, variable name or STASH code; all where empty.
            decoders: As in `xarray.decode_cf`. With ``decode_cf=False``, which turns them off, integers keep their
                type beside masked values, and `simstac.sources.iris.cubes` gives equal cubes back.

        Raises:
            SourceError: If the files cannot be read, or there is no such group.
        """
        groups = self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, names=names, **decoders)
        path = "/" + (group or "").strip("/")
        if path not in groups or (group is None and len(groups) > 1):
            listed = ", ".join(name.strip("/") for name in groups if name != "/")
            problem = f"has no group {group!r}" if group else "has cubes on different axes"
            raise SourceError(str(filename_or_obj), problem, f"name one of the groups {listed}, or open_datatree")
        return groups[path]

    def open_datatree(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        drop_variables: str | Iterable[str] | None = None,
        names: str | Sequence[str] = (),
        **decoders: Any,
    ) -> xr.DataTree:
        """All groups; arguments and errors as in `open_dataset`."""
        from xarray import DataTree  # noqa: PLC0415  # xarray imports this module before it is complete itself

        groups = self.open_groups_as_dict(filename_or_obj, drop_variables=drop_variables, names=names, **decoders)
        return DataTree.from_dict(groups)

    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        drop_variables: str | Iterable[str] | None = None,
        names: str | Sequence[str] = (),
        **decoders: Any,
    ) -> dict[str, xr.Dataset]:
        """All groups by their path, ``/`` first; arguments and errors as in `open_dataset`."""
        from xarray import decode_cf  # noqa: PLC0415  # as above

        from simstac.sources.iris.encode import datasets  # noqa: PLC0415  # 1.5 s of Iris that a guess need not pay
        from simstac.sources.iris.files import load  # noqa: PLC0415  # as above

        cubes = load(_files(filename_or_obj), [names] if isinstance(names, str) else names)
        unwanted = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        wished = {name: value for name, value in decoders.items() if value is not None}
        groups = datasets(cubes, exact=not wished.get("mask_and_scale", True))
        return {
            path: decode_cf(dataset.drop_vars(unwanted, errors="ignore"), **wished) for path, dataset in groups.items()
        }


def _files(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    patterns = [given] if isinstance(given, str | os.PathLike) else list(given)
    files = [Path(file) for pattern in patterns for file in sorted(glob.glob(str(pattern))) or [str(pattern)]]  # noqa: PTH207
    missing = [file for file in files if not file.exists()]
    if missing or not files:
        raise SourceError(missing[0] if missing else "files", "does not exist", "check the path")
    return files
