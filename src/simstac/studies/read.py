"""One run read by its xarray engine, as encoded arrays and the structure that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.attributes import SAID, json_attrs, said_in
from simstac.studies.encode import beside_missing, encoded
from simstac.studies.fetch import AtHand, at_hand
from simstac.studies.remote import RemotePath
from simstac.studies.runs import Run
from simstac.studies.source import Source
from simstac.studies.structure import Axis, AxisKey, AxisKind, Structure, Variable, VariableKey

if TYPE_CHECKING:
    import xarray as xr

IRREGULAR = frozenset({"hvac"})
"""Groups whose time steps differ from run to run, so that their times are data of each run."""
UNREADABLE = (OSError, EOFError, LookupError, RuntimeError, ValueError)
"""What engines of others raise for files that they cannot read, as netCDF4 does for a damaged chunk."""
NOT_THERE = "the parameter table names it, but its results are not there"
OURS = frozenset({"Conventions", "coordinates", SAID})
"""Attributes of groups that the ensemble has of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value of a run: a result or a fact.

    Attributes:
        value: Encoded.
        attrs: CF attributes, with those that decoding needs.
        is_fact: Whether it says something of the run (its place, its engine) and is no result.
    """

    value: Any
    attrs: Mapping[str, Any] = field(default_factory=dict)
    is_fact: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """What was read of one run.

    Attributes:
        run: The run.
        status: ``completed``, ``failed``, ``incomplete`` or ``missing``.
        message: Why, where it is not completed.
        fingerprint: SHA-256 of its source; empty if it must be read again next time.
        scalars: Results and facts by name.
        structure: Of its series; None without data.
        values: Encoded arrays by series and name; empty without data, or once written.
    """

    run: Run
    status: str
    message: str
    fingerprint: str
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    structure: Structure | None = None
    values: Mapping[VariableKey, NDArray[Any]] = field(default_factory=dict)


def read_run(run: Run, mark: str | None, source: Source) -> RunData:
    """Read a run: its state first, and its data if it completed.

    A run that cannot be read has the status ``incomplete`` and the reason as its message; no error is raised for it.

    Args:
        run: The run.
        mark: Its fingerprint, taken before; None to take it beside the reading.
        source: What reads it.
    """
    if run.path is None:
        return RunData(run, "missing", run.problem or NOT_THERE, "")
    try:
        with at_hand(run.path, source) as here:
            if mark is not None:
                return _read(run, here, lambda: mark)
            with _mark_beside(run.path, here, source) as taken:
                return _read(run, here, taken)
    except SourceError as error:
        return RunData(run, "incomplete", _bare(str(error), run.path), "")
    except OSError as error:
        return RunData(run, "incomplete", f"cannot be read: {error.strerror or error}", "")


def refused(data: RunData, problem: str) -> RunData:
    """A run whose data do not go with those of the others."""
    return replace(data, status="incomplete", message=problem, fingerprint="", structure=None, values={})


def _read(run: Run, here: AtHand, mark: Callable[[], str]) -> RunData:
    state = here.state
    facts = {name: Scalar(value, is_fact=True) for name, value in state.facts.items()}
    if state.status != "completed":
        return RunData(run, state.status, state.message, mark(), facts)
    try:
        with here.open() as tree:
            try:
                scalars, structure, values = _encode(tree)
            finally:
                _take_apart(tree)
    except SourceError as error:
        return RunData(run, "incomplete", _bare(str(error), here.path, run.path), "", facts)
    except UNREADABLE as error:
        return RunData(run, "incomplete", _bare(f"cannot be read: {_said(error)}", here.path, run.path), "", facts)
    return RunData(run, state.status, state.message, mark(), {**facts, **scalars}, structure, values)


def _take_apart(tree: xr.DataTree) -> None:
    """Part nodes that refer to each other: what a cycle holds is freed only when Python looks for it, much later."""
    for node in tuple(tree.subtree):
        node.children = {}


@contextmanager
def _mark_beside(path: Path | RemotePath, here: AtHand, source: Source) -> Iterator[Callable[[], str]]:
    """The fingerprint of a run, taken by another thread while the run is read; empty if its files change meanwhile."""
    files = here.state.files if isinstance(path, Path) else ()
    with ThreadPoolExecutor(1) as beside:
        before, hashing = _versions(files), beside.submit(_mark, here, source)
        yield lambda: hashing.result() if hashing.result() and _versions(files) == before else ""


def _mark(here: AtHand, source: Source) -> str:
    try:
        return here.mark(source.reader)
    except SourceError:
        return ""


def _versions(files: Sequence[Path]) -> list[tuple[int, int, int]]:
    """What tells that files were written to or replaced; shorter where some are gone."""
    stats = [path.stat() for path in files if path.exists()]
    return [(each.st_ino, each.st_size, each.st_mtime_ns) for each in stats]


def _said(error: Exception) -> str:
    """What an engine raised, in one line."""
    if isinstance(error, OSError):
        return str(error.strerror or error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _bare(text: str, *paths: Path | RemotePath | None) -> str:
    """A message without the run's own path, which readers of a catalog do not know."""
    for path in paths:
        if path is not None:
            text = text.replace(f"{path}/", "").replace(str(path), path.name)
    return text


def _encode(tree: xr.DataTree) -> tuple[dict[str, Scalar], Structure, dict[VariableKey, NDArray[Any]]]:
    facts = set(said_in(tree.attrs).get("facts", ()))
    scalars: dict[str, Scalar] = {}
    axes: dict[AxisKey, Axis] = {}
    variables: dict[VariableKey, Variable] = {}
    values: dict[VariableKey, NDArray[Any]] = {}
    groups: dict[str, dict[str, Any]] = {}
    for node in tree.subtree:
        series = node.path.strip("/")
        if series:
            groups[series] = {key: value for key, value in json_attrs(node.attrs).items() if key not in OURS}
        dataset = node.to_dataset(inherit=True)
        inherited = set(dataset.variables) - set(node.to_dataset(inherit=False).variables)
        dataset = _with_own_times(dataset, series) if series.rpartition("/")[2] in IRREGULAR else dataset
        axes |= {(series, dim): axis for dim, axis in _axes(dataset)}
        bounds = {str(dataset[dim].attrs.get("bounds")) for dim in dataset.dims}
        for name, variable in dataset.variables.items():
            if name in {*dataset.dims, *inherited, *bounds}:
                continue
            where = f"{series}/{name}".strip("/")
            array, attrs = beside_missing(*encoded(variable, where), where)
            if not series and not variable.ndim:
                scalars[str(name)] = Scalar(array[()], attrs, is_fact=name in facts)
                continue
            dims = tuple((series, str(dim)) for dim in variable.dims)
            variables[series, str(name)] = Variable(dims, array.dtype, attrs)
            values[series, str(name)] = array
    used = {key for variable in variables.values() for key in variable.dims}
    return scalars, Structure({key: axes[key] for key in axes if key in used}, variables, groups), values


def _with_own_times(dataset: xr.Dataset, series: str) -> xr.Dataset:
    """Irregular times as variables on the dimension ``step``, as CF has incomplete multidimensional arrays."""
    if "time" not in dataset.indexes:
        return dataset
    name = f"time_{series.rpartition('/')[2]}"
    bounds = dataset["time"].attrs.get("bounds")
    renamed = {"time": name, **({bounds: f"{name}_bounds"} if bounds in dataset.variables else {})}
    dataset = dataset.reset_index("time").rename(renamed).swap_dims({name: "step"})
    if bounds:
        dataset[name].attrs["bounds"] = f"{name}_bounds"
    for variable in dataset.data_vars:
        if variable != f"{name}_bounds":
            dataset[variable].attrs["coordinates"] = name
    return dataset


def _axes(dataset: xr.Dataset) -> Iterator[tuple[str, Axis]]:
    for dim in map(str, dataset.dims):
        if dim not in dataset.indexes:
            yield dim, Axis(AxisKind.INDEX, np.arange(dataset.sizes[dim]))
            continue
        labels, attrs = encoded(dataset[dim].variable, dim)
        attrs.pop("_FillValue", None)
        if labels.dtype.kind == "O":
            axis = Axis(AxisKind.KEYS, labels, attrs)
        elif "calendar" in attrs:
            bounds = attrs.pop("bounds", None)
            edges = encoded(dataset[bounds].variable, bounds)[0] if bounds in dataset.variables else None
            axis = Axis(AxisKind.TIMES, labels, attrs, edges)
        else:
            axis = Axis(AxisKind.NUMBERS, labels, attrs)
        yield dim, axis
