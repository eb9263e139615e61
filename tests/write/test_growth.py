"""The growth of an ensemble against a plain dict: whatever runs come, change, fail or go, the store says the same."""

import math
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import STATUS, json_source, series_group, write_run

from simstac.sources.attributes import said_in
from simstac.storage import LocalPath
from simstac.studies import Parameters, Study, find_runs
from simstac.write import open_stored, write_study

RUNS = ("a-1", "a-2", "a-10", "b", "c")
ZONES = st.lists(st.sampled_from(["CORE", "NORTH", "Süd, 1", "EAST"]), min_size=1, unique=True)
HOURS = st.lists(st.integers(1, 9), min_size=1, unique=True).map(sorted)
VALUE = st.one_of(st.integers(-5, 5).map(float), st.just(math.nan), st.just(-0.0))
SERIES = ("daily", "hourly", "hvac", "monthly")


@st.composite
def groups(draw):
    """Some series of a run, with some variables on some zones and hours."""
    run = {"/": {"data": {name: [[], draw(VALUE)] for name in draw(st.sets(st.sampled_from(["eui", "t"])))}}}
    for series in draw(st.sets(st.sampled_from(SERIES))):
        zones, hours = draw(ZONES), draw(HOURS)
        row = st.lists(VALUE, min_size=len(hours), max_size=len(hours))
        table = st.lists(row, min_size=len(zones), max_size=len(zones))
        data = {name: draw(table) for name in draw(st.sets(st.sampled_from(["t", "q"])))}
        meters = {name: draw(row) for name in draw(st.sets(st.sampled_from(["m"])))}
        run[f"/{series}"] = series_group(zones, hours, data, meters=meters)
    return run


@st.composite
def steps(draw):
    """What happens between two writes: runs set, or broken, or gone; and how it is written then."""
    changed = draw(st.dictionaries(st.sampled_from(RUNS), groups(), max_size=4))
    failed = draw(st.sets(st.sampled_from(RUNS), max_size=1))
    gone = draw(st.sets(st.sampled_from(RUNS), max_size=1))
    return changed, failed, gone, draw(st.booleans()), draw(st.sampled_from([{"run": 2}, {"run": 2, "time": 3}, {}]))


@settings(
    max_examples=int(os.environ.get("SIMSTAC_EXAMPLES", "8")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(steps(), min_size=1, max_size=4))
@pytest.mark.timeout(0)
def test_the_store_equals_a_plain_model_after_every_update(sequence):
    base = Path(tempfile.mkdtemp())
    runs, model, store = base / "runs", {}, str(base / "study.icechunk")
    write_run(runs / "first", {"/hourly": series_group(["CORE"], [2, 3], {"t": [[1.0, 2.0]]})})
    try:
        for changed, failed, gone, drop, chunks in [({}, set(), set(), False, {}), *sequence]:
            for name, content in changed.items():
                shutil.rmtree(runs / name, ignore_errors=True)
                write_run(runs / name, content)
            for name in failed & {path.name for path in runs.iterdir()}:
                (runs / name / STATUS).write_text("failed: it broke")
            for name in gone:
                shutil.rmtree(runs / name, ignore_errors=True)
            there = {path.name: path for path in runs.iterdir()}
            model = {name: run for name, run in model.items() if name in there or not drop}
            model |= {name: _expected(path) for name, path in there.items()}
            found = Study(find_runs("runs/*", base=base), Parameters(), json_source())
            stored, report = write_study(found, store, LocalPath(), chunks=chunks, drop_vanished=drop)
            assert report.statuses == {name: run["status"] for name, run in model.items()}
            _assert_holds(open_stored(stored), model)
            again, _ = write_study(found, store, LocalPath(), chunks=chunks, drop_vanished=drop)
            assert (again.snapshot_id, again.changed) == (stored.snapshot_id, False)
    finally:
        shutil.rmtree(base)


def _expected(path: Path) -> dict:
    """A run as {(series, variable): {labels: value}}, times of ``hvac`` as values by step."""
    if (path / STATUS).exists():
        return {"status": "failed", "scalars": {}, "series": {}}
    with json_source().open(path) as tree:
        series = {}
        for group in tree.children.values():
            for name, variable in group.data_vars.items():
                series[group.name, name] = _by_label(variable, "time" if group.name == "hvac" else "")
            if group.name == "hvac":
                series["hvac", "time_hvac"] = {(step,): time for step, time in enumerate(_times(group["time"]))}
        scalars = {name: float(value) for name, value in tree.data_vars.items()}
        return {"status": "completed", "scalars": scalars, "series": series}


def _by_label(variable: xr.DataArray, by_step: str) -> dict:
    labels = [
        range(variable.sizes[dim])
        if dim == by_step
        else _times(variable[dim])
        if dim == "time"
        else variable[dim].values
        for dim in variable.dims
    ]
    return {
        tuple(axis[i] for axis, i in zip(labels, index, strict=True)): value
        for index, value in np.ndenumerate(variable.values)
    }


def _times(times: xr.DataArray) -> list[int]:
    return times.values.astype("datetime64[s]").astype(int).tolist()


def _assert_holds(tree: xr.DataTree, model: dict) -> None:
    described = said_in(tree.attrs)
    own_names = described.get("own_names", {})
    held = {}
    for group in tree.subtree:
        series = group.path.strip("/") or described["primary"]
        assert all(index.is_unique for index in group.indexes.values())
        assert all(index.is_monotonic_increasing for name, index in group.indexes.items() if name.startswith("time"))
        for name, variable in group.to_dataset().variables.items():
            known = described["results"] + described["facts"] + described["parameters"]
            if variable.dims[:1] != ("run",) or name == "run" or (name in known and variable.ndim == 1):
                continue
            logical = own_names.get(f"{group.path.strip('/')}/{name}".strip("/"), name)
            held[series, logical] = group[name]
    assert sorted(map(str, tree["run"].values)) == sorted(model)
    for run, expected in model.items():
        for name in described["results"]:
            assert _same(tree[name].sel(run=run).item(), expected["scalars"].get(name, math.nan))
        for key in expected["series"]:
            assert key in held
        for key, variable in held.items():
            if key[1].endswith("_bounds"):
                continue
            _assert_row(variable.sel(run=run), expected["series"].get(key, {}))


def _assert_row(row: xr.DataArray, expected: dict) -> None:
    labels = [_times(row[dim]) if dim.startswith("time") else row[dim].values.tolist() for dim in row.dims]
    values = row.values
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[s]").astype(float)
        values = np.where(np.isnat(values), math.nan, seconds)
    held = {
        tuple(axis[i] for axis, i in zip(labels, index, strict=True)): value for index, value in np.ndenumerate(values)
    }
    assert set(expected) <= set(held)
    for label, value in held.items():
        assert _same(value, expected.get(label, math.nan)), (row.name, label)


def _same(one: float, other: float) -> bool:
    return (math.isnan(one) and math.isnan(other)) or (
        one == other and math.copysign(1, one) == math.copysign(1, other)
    )
