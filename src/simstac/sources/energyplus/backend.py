"""The xarray engine ``energyplus``: a run's folder or result file as a Dataset or a DataTree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xarray.backends import BackendEntrypoint

from simstac.errors import SourceError
from simstac.sources.energyplus.files import find_run, looks_like_run

if TYPE_CHECKING:
    import xarray as xr


class EnergyPlusBackend(BackendEntrypoint):
    """Opens what an EnergyPlus run wrote: its folder, its ``.sql`` file, or its ``.eso`` file where there is no SQL.

    The root holds scalar results and the facts of the run. Each group below it holds the series of one time axis:
    ``hourly``, ``monthly`` and so on; ``sizing/<period>/hourly`` for sizing periods; ``<run period>/hourly`` where the
    model has several run periods.
    """

    description: ClassVar[str] = "EnergyPlus results (eplusout.sql, or eplusout.eso with .mtr and .eio)"
    url: ClassVar[str] = "https://energyplus.net"
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "drop_variables",
        "group",
        "allow_incomplete",
    )
    supports_groups: ClassVar[bool] = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether ``filename_or_obj`` is the path of a run, judged by exact file names alone."""
        return isinstance(filename_or_obj, str | os.PathLike) and looks_like_run(filename_or_obj)

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
        allow_incomplete: bool = False,
    ) -> xr.Dataset:
        """One group of a run; without ``group`` its scalar results and facts.

        Args:
            filename_or_obj: The run's folder, or its ``.sql`` or ``.eso`` file.
            drop_variables: Variables to leave out.
            group: For example ``hourly``, ``sizing/winter_day/hourly`` or ``/``.
            allow_incomplete: Whether to read what there is of a run that was killed.

        Raises:
            SourceError: If the run cannot be read, has not completed, or has no such group.
        """
        groups = self.open_groups_as_dict(
            filename_or_obj, drop_variables=drop_variables, allow_incomplete=allow_incomplete
        )
        path = "/" + (group or "").strip("/")
        if path not in groups:
            listed = ", ".join(name.strip("/") for name in groups if name != "/")
            raise SourceError(Path(filename_or_obj), f"has no group {group!r}", f"it has {listed or 'none'}")
        return groups[path]

    def open_datatree(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        allow_incomplete: bool = False,
    ) -> xr.DataTree:
        """The whole run; arguments and errors as in `open_dataset`."""
        from xarray import DataTree  # noqa: PLC0415  # xarray imports this module before it is complete itself

        groups = self.open_groups_as_dict(
            filename_or_obj, drop_variables=drop_variables, allow_incomplete=allow_incomplete
        )
        return DataTree.from_dict(groups)

    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        allow_incomplete: bool = False,
    ) -> dict[str, xr.Dataset]:
        """All groups by their path, ``/`` first; arguments and errors as in `open_dataset`."""
        from simstac.sources.energyplus.read import read_run, run_groups  # noqa: PLC0415  # not needed to list engines

        files = find_run(filename_or_obj)
        groups = run_groups(read_run(files, allow_incomplete=allow_incomplete))
        unwanted = {drop_variables} if isinstance(drop_variables, str) else set(drop_variables or ())
        return {path: dataset.drop_vars(unwanted, errors="ignore") for path, dataset in groups.items()}
