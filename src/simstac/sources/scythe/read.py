"""One run of a Scythe experiment → an xarray Dataset along ``spec``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import SourceError
from simstac.objects import FileInfo, Files
from simstac.progress import OnProgress, silent
from simstac.sources.attributes import SAID, json_attrs, said_as_text
from simstac.sources.scythe.columns import Cells, cells_of, free_name, variable_name
from simstac.sources.scythe.files import listed_files, read_series_fields
from simstac.sources.scythe.frames import Placed, place_rows, positions
from simstac.sources.scythe.layout import REFERENCES, SCALARS, ScytheRun, fingerprint
from simstac.sources.scythe.run import OWN_FIELDS, Contents, read_contents
from simstac.sources.scythe.schema import attrs_of
from simstac.sources.scythe.series import Series
from simstac.sources.scythe.tables import placed
from simstac.storage import scheme_to_stac

if TYPE_CHECKING:
    import xarray as xr

EXPERIMENT_LAYOUT = "experiment/1"
RESERVED = frozenset({"spec", "time", "succeeded"})


@dataclass(frozen=True, slots=True)
class Read:
    """A run that was read.

    Attributes:
        data: The run.
        notes: What of it is left as a file, and why, a line each.
    """

    data: xr.Dataset
    notes: tuple[str, ...] = ()


def read_run(
    files: Files, run: ScytheRun, frames: Sequence[FileInfo], scratch: Path, on_progress: OnProgress = silent
) -> Read:
    """Read a run whose frames are all there.

    Inputs and computed features are coordinates along ``spec``, which is the sort index; scalars, series from CSV
    files and users' frames are variables; specs without results have NaN or ``""`` there and are not ``succeeded``.

    Args:
        files: The files below the experiment.
        run: The run.
        frames: Its gathered frames, from `simstac.sources.scythe.layout.gathered_frames`.
        scratch: An empty folder for files and arrays, which must outlive the Dataset.
        on_progress: Hears of every file fetched.

    Raises:
        SourceError: If a file of the run cannot be read, or its specs cannot be told apart.
    """
    contents = read_contents(files, run, frames)
    references = contents.references()
    series, notes = read_series_fields(files, contents, references, scratch, on_progress)
    placed_frames, left = _frames(contents)
    every = [*_inputs(contents), *_outputs(contents), *_addresses(contents, references), *_series(contents, series)]
    said = {
        "layout": EXPERIMENT_LAYOUT,
        "experiment": files.address.rpartition("/")[2],
        "run": run.name,
        "version": run.folder.partition("/")[0],
        "time": run.time.isoformat() if run.has_time else "",
        "workflow_run_id": contents.workflow,
        "fingerprint": fingerprint(frames),
        "failed": contents.order[~contents.succeeded].tolist(),
        "files": listed_files(files, contents, references, series),
        "storage": scheme_to_stac(files.scheme) or {},
    }
    return Read(_dataset(contents, [*every, *placed_frames], said), (*notes, *left))


def _dataset(contents: Contents, variables: Iterable[Placed], said: Mapping[str, Any]) -> xr.Dataset:
    import xarray as xr  # noqa: PLC0415  # 1.8 s that --help need not pay

    coordinates: dict[str, Any] = {"spec": (("spec",), contents.order, {"long_name": "sort index of the spec"})}
    data: dict[str, Any] = {"succeeded": (("spec",), contents.succeeded, {"long_name": "whether the spec has results"})}
    for each in variables:
        is_axis = each.is_coordinate and each.dims == (each.label,)
        if is_axis and each.label in coordinates:
            continue
        name = each.label if is_axis else free_name(each.label, {*coordinates, *data, *RESERVED})
        (coordinates if each.is_coordinate else data)[name] = (each.dims, each.values, dict(each.attrs))
    return xr.Dataset(
        dict(sorted(data.items())), dict(sorted(coordinates.items())), {SAID: said_as_text(json_attrs(said))}
    )


def _inputs(contents: Contents) -> Iterator[Placed]:
    schema = contents.schema
    if contents.specs is not None:
        rows = positions(contents.specs, contents.order)
        for name in contents.inputs:
            for cells in cells_of(contents.specs.column(name), name, schema.inputs.get(name, {}), schema):
                yield from _by_spec(contents, cells, rows, is_coordinate=True)
    for name, frame in contents.features.items():
        rows = positions(frame, contents.order)
        for cells in cells_of(frame.column(name), name, schema.inputs.get(name, {}), schema):
            yield from _by_spec(contents, cells, rows, is_coordinate=True)


def _outputs(contents: Contents) -> Iterator[Placed]:
    scalars, schema = contents.frames.get(SCALARS), contents.schema
    if scalars is None:
        return
    rows = positions(scalars, contents.order)
    for name in scalars.columns:
        for cells in cells_of(scalars.column(name), name, schema.outputs.get(name, {}), schema):
            yield from _by_spec(contents, cells, rows)


def _by_spec(contents: Contents, cells: Cells, rows: Any, *, is_coordinate: bool = False) -> Iterator[Placed]:
    values = placed(cells.values, cells.known, rows, (len(contents.order), *cells.values.shape[1:]))
    yield Placed(cells.label, ("spec", *cells.dims), values, cells.attrs, is_coordinate)
    for dim, labels in cells.labels.items():
        yield Placed(dim, (dim,), labels, {"long_name": f"keys of {cells.label}"}, is_coordinate=True)


def _addresses(contents: Contents, references: Mapping[str, Mapping[int, str]]) -> Iterator[Placed]:
    for name, addresses in references.items():
        values = np.full(len(contents.order), "", dtype=object)
        for position, address in addresses.items():
            values[position] = address
        yield Placed(f"{name}_file", ("spec",), values, {"long_name": f"address of the file {name}"})


def _series(contents: Contents, series: Mapping[str, Series]) -> Iterator[Placed]:
    """Series along ``time`` where all of them have the same moments, else along ``NAME_time`` or ``NAME_row``."""
    timed = [each.axis for each in series.values() if each.axis is not None and each.has_times]
    is_one = all(np.array_equal(axis, timed[0]) for axis in timed)
    for name, each in series.items():
        said = attrs_of(contents.schema.node(contents.schema.outputs.get(name)), name)
        own = f"{variable_name(name)}_{'time' if each.has_times else 'row'}"
        dim = "time" if each.has_times and is_one else own
        if each.axis is not None:
            standard = {"standard_name": "time", "axis": "T"} if each.has_times else {}
            yield Placed(dim, (dim,), each.axis, standard, is_coordinate=True)
        for column, values in each.columns.items():
            label = name if len(each.columns) == 1 else f"{name}_{column}"
            attrs = said if len(each.columns) == 1 else {**said, "long_name": f"{said['long_name']}, {column}"}
            yield Placed(label, ("spec", dim), values, attrs)


def _frames(contents: Contents) -> tuple[list[Placed], list[str]]:
    """The variables of users' frames, and why some stay files."""
    found: list[Placed] = []
    notes = []
    told = {*OWN_FIELDS, *contents.inputs, *contents.features}
    for name, frame in sorted(contents.frames.items()):
        if name in {SCALARS, REFERENCES}:
            continue
        try:
            found.extend(list(place_rows(name, frame, contents.order, told, contents.schema)))
        except SourceError as error:
            notes.append(f"{contents.run.name}: the frame {name} stays a file: it {error.problem}")
    return found, notes
