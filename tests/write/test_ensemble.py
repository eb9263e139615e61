"""A study written to a store: what is written when, what is left alone, and what the store says."""

import shutil
from pathlib import Path

import icechunk
import numpy as np
import pytest
from runs import STATUS, json_source, series_group, write_run

from simstac.errors import ConfigError, SourceError, StorageError
from simstac.sources.attributes import said_in
from simstac.storage import LocalPath, Stored, icechunk_storage
from simstac.studies import Parameters, Study, find_runs, read_parameters
from simstac.studies.runs import match_parameters
from simstac.write import Report, open_stored, write_study


class Folder:
    """A folder with runs and their store."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.href = str(base / "study.icechunk")

    def run(self, name: str, values: list[float], **extra) -> None:
        hourly = series_group(["CORE", "NORTH"], [1, 2, 3], {"t": [values, values]}, meters={"m": values})
        groups = {"/": {"data": {"eui": [[], values[0]]}}, "/hourly": hourly, **extra}
        write_run(self.base / "runs" / name, groups)

    def study(self, parameters=None) -> Study:
        runs = find_runs("runs/*", base=self.base)
        table = Parameters() if parameters is None else read_parameters(parameters)
        return Study(runs if parameters is None else match_parameters(runs, table), table, json_source())

    def write(self, parameters=None, **options) -> tuple[Stored, Report]:
        return write_study(self.study(parameters), self.href, LocalPath(), **options)

    def repository(self) -> icechunk.Repository:
        return icechunk.Repository.open(icechunk_storage(self.href, LocalPath()))


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path)
    for number in range(5):
        folder.run(f"run-{number}", [float(number), 1.0, 2.0])
    return folder


def chunks_between(folder: Folder, old: str, new: str) -> dict[str, list]:
    diff = folder.repository().diff(from_snapshot_id=old, to_snapshot_id=new)
    return {path: sorted(map(tuple, chunks)) for path, chunks in diff.updated_chunks.items()}


def test_an_unchanged_study_makes_no_commit(folder):
    first, report = folder.write()
    assert first.changed
    assert report.added == ("run-0", "run-1", "run-2", "run-3", "run-4")
    files = {path: path.stat().st_mtime_ns for path in Path(folder.href).rglob("*")}
    second, report = folder.write()
    assert (second.snapshot_id, second.tag, second.fingerprint) == (first.snapshot_id, first.tag, first.fingerprint)
    assert not second.changed
    assert report.added == report.rewritten == ()
    assert {path: path.stat().st_mtime_ns for path in Path(folder.href).rglob("*")} == files


def test_a_changed_run_rewrites_its_chunks_alone(folder):
    first, _ = folder.write(chunks={"run": 2})
    folder.run("run-3", [30.0, 1.0, 2.0])
    second, report = folder.write(chunks={"run": 2})
    assert report.rewritten == ("run-3",)
    assert report.added == ()
    touched = chunks_between(folder, first.snapshot_id, second.snapshot_id)
    assert touched.pop("/t") == [(1, 0, 0)]
    assert touched.pop("/m") == [(1, 0)]
    assert set(touched) == {"/eui", "/fingerprint"}
    tree = open_stored(second)
    assert tree["t"].sel(zone="CORE").isel(time=0).values.tolist() == [0, 1, 2, 30, 4]
    old = open_stored(first)
    assert old["t"].sel(zone="CORE").isel(time=0).values.tolist() == [0, 1, 2, 3, 4]


def test_a_new_run_is_appended_and_the_others_are_not_read(folder, monkeypatch):
    folder.write(chunks={"run": 2})
    folder.run("another", [9.0, 1.0, 2.0])
    source, opened = json_source(), []
    monkeypatch.setattr(type(source), "open", lambda self, path: opened.append(path.name) or _open(self, path))
    _open = super(type(source), source).open.__func__
    stored, report = folder.write(chunks={"run": 2})
    assert report.added == ("another",)
    assert opened == ["another"]
    assert open_stored(stored)["run"].values.tolist() == [f"run-{number}" for number in range(5)] + ["another"]


def test_a_vanished_run_is_kept_unless_told_to_drop_it(folder):
    first, _ = folder.write()
    shutil.rmtree(folder.base / "runs/run-1")
    kept, report = folder.write()
    assert not kept.changed
    assert kept.snapshot_id == first.snapshot_id
    assert report.vanished == ("run-1",)
    dropped, report = folder.write(drop_vanished=True)
    assert report.dropped == ("run-1",)
    tree = open_stored(dropped)
    assert tree["run"].values.tolist() == ["run-0", "run-2", "run-3", "run-4"]
    assert tree["eui"].values.tolist() == [0, 2, 3, 4]
    assert tree["m"].isel(time=0).values.tolist() == [0, 2, 3, 4]
    assert not folder.write(drop_vanished=True)[0].changed


def test_changed_parameters_rewrite_no_series(folder):
    names = [f"run-{number}" for number in range(5)]
    first, _ = folder.write({name: {"u": 0.1, "glass": "clear"} for name in names})
    second, report = folder.write({name: {"u": 0.2, "glass": "clear", "north": True} for name in names})
    assert report.rewritten == ()
    assert second.snapshot_id != first.snapshot_id
    assert set(chunks_between(folder, first.snapshot_id, second.snapshot_id)) == {"/u", "/north"}
    dataset = open_stored(second).to_dataset()
    assert {"u", "glass", "north"} <= set(dataset.coords)
    assert dataset["north"].values.tolist() == [True] * 5
    third, _ = folder.write({name: {"u": 0.2} for name in names})
    assert {"glass", "north"}.isdisjoint(open_stored(third).to_dataset().variables)


def test_a_row_without_results_is_missing_and_becomes_a_run_when_they_come(folder):
    parameters = {name: {"u": float(number)} for number, name in enumerate(["late", *(f"run-{n}" for n in range(5))])}
    stored, report = folder.write(parameters)
    assert report.statuses["late"] == "missing"
    assert report.problems == ("late: missing: the parameter table names it, but its results are not there",)
    tree = open_stored(stored)
    assert np.isnan(tree["t"].sel(run="late")).all()
    assert tree["u"].sel(run="late").item() == 0.0
    folder.run("late", [7.0, 8.0, 9.0])
    stored, report = folder.write(parameters)
    assert report.rewritten == ("late",)
    assert open_stored(stored)["m"].sel(run="late").values.tolist() == [7, 8, 9]


def test_one_bad_run_does_not_stop_the_others_and_is_read_again_next_time(folder):
    whole = (folder.base / "runs/run-2/results.json").read_text()
    (folder.base / "runs/run-2/results.json").write_text(whole[:-5])
    (folder.base / "runs/run-3" / STATUS).write_text("failed:severe error in node 3")
    stored, report = folder.write()
    assert report.problems == (
        "run-2: incomplete: results.json: is torn; simulate again",
        "run-3: failed: severe error in node 3",
    )
    tree = open_stored(stored)
    assert np.isnan(tree["t"].sel(run=["run-2", "run-3"])).all()
    assert tree["eui"].isnull().values.tolist() == [False, False, True, True, False]
    assert tree["status"].values.tolist() == ["completed", "completed", "incomplete", "failed", "completed"]
    assert folder.write()[0].snapshot_id == stored.snapshot_id
    (folder.base / "runs/run-2/results.json").write_text(whole)
    healed, report = folder.write()
    assert report.rewritten == ("run-2",)
    assert open_stored(healed)["eui"].values[2] == 2.0


def test_a_stored_run_that_cannot_be_read_again_keeps_its_results_and_is_a_problem(folder):
    first, _ = folder.write()
    whole = (folder.base / "runs/run-2/results.json").read_text()
    (folder.base / "runs/run-2/results.json").write_text(whole[:-5])
    torn, report = folder.write()
    problem = ("run-2: its last results are kept: results.json: is torn; simulate again",)
    assert (torn.snapshot_id, report.problems, report.rewritten) == (first.snapshot_id, problem, ())
    folder.run("run-3", [9.0, 9.0, 9.0])
    other, report = folder.write()
    assert (report.problems, report.rewritten) == (problem, ("run-3",))
    tree = open_stored(other)
    assert tree["eui"].values.tolist() == [0.0, 1.0, 2.0, 9.0, 4.0]
    assert tree["t"].sel(run="run-2", zone="CORE").values.tolist() == [2.0, 1.0, 2.0]
    assert folder.write()[1].problems == problem
    (folder.base / "runs/run-2/results.json").write_text(whole)
    healed, report = folder.write()
    assert report.problems == ()
    assert open_stored(healed)["eui"].values.tolist() == [0.0, 1.0, 2.0, 9.0, 4.0]


def test_a_completed_run_that_fails_later_has_no_data_left(folder):
    folder.write()
    (folder.base / "runs/run-0" / STATUS).write_text("failed:")
    stored, _ = folder.write()
    tree = open_stored(stored)
    assert np.isnan(tree["t"].sel(run="run-0")).all()
    assert np.isnan(tree["eui"].sel(run="run-0"))
    assert tree["m"].sel(run="run-1").values.tolist() == [1, 1, 2]


def test_a_study_of_which_no_run_is_left_never_replaces_what_is_stored(folder):
    stored, report = folder.write()
    for name in report.statuses:
        (folder.base / "runs" / name / STATUS).write_text("failed:severe error in node 3")
    with pytest.raises(
        SourceError, match=r"run-0: no run of the study completed: run-0 is failed \(severe error in node 3\)"
    ):
        folder.write()
    for name in report.statuses:
        (folder.base / "runs" / name / STATUS).unlink()
    again, _ = folder.write()
    assert (again.snapshot_id, again.tag, again.changed) == (stored.snapshot_id, stored.tag, False)


def test_a_run_of_another_kind_is_refused_by_name(folder):
    odd = series_group(["CORE"], [1, 2, 3], {"m": [[1.0, 2.0, 3.0]]})
    write_run(folder.base / "runs/run-9", {"/hourly": odd})
    _, report = folder.write()
    assert report.problems == (
        "run-9: incomplete: variable 'm' has the dimensions ('zone', 'time') where other runs have ('time',)",
    )


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_runs_in_other_units_are_never_taken_for_those_of_the_others(tmp_path, at_once):
    folder = Folder(tmp_path)
    for number, unit in enumerate(("K", "degC")):
        data = {"eui": [[], 1.0, "kWh"], "t": [["x"], [1.0, 2.0], unit]}
        write_run(folder.base / f"runs/run-{number}", {"/": {"data": data}})
        if number or not at_once:
            stored, report = folder.write()
    assert report.problems == ("run-1: incomplete: variable 't' is in degC where other runs have K",)
    assert open_stored(stored)["t"].sel(run="run-0").values.tolist() == [1, 2]
    assert np.isnan(open_stored(stored)["t"].sel(run="run-1").values).all()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "later"])
def test_a_result_in_several_units_is_an_error_that_names_the_run(tmp_path, at_once):
    folder = Folder(tmp_path)
    write_run(folder.base / "runs/run-0", {"/": {"data": {"eui": [[], 1.0, "kWh"]}}})
    if not at_once:
        folder.write()
    write_run(folder.base / "runs/run-1", {"/": {"data": {"eui": [[], 1.0, "J"]}}})
    with pytest.raises(SourceError, match="the result 'eui' is in J where other runs have kWh; give it the same unit"):
        folder.write()
    write_run(folder.base / "runs/run-0", {"/": {"data": {"eui": [[], 1.0, "J"]}}})
    stored, _ = folder.write()
    assert open_stored(stored)["eui"].attrs["units"] == "J"


def test_differences_between_runs_are_reported(folder):
    write_run(folder.base / "runs/run-9", {"/hourly": series_group(["EAST"], [1, 2], {"t": [[1.0, 2.0]]})})
    _, report = folder.write()
    assert report.differences == (
        "hourly: 2 of 3 steps of time in run-9",
        "hourly: no zone CORE, NORTH in run-9",
        "hourly: no zone EAST in 5 of 6 runs (run-0, run-1 …)",
        "no hourly/m in run-9",
    )


def test_the_layout_of_the_store(folder):
    monthly = series_group(["CORE", "NORTH", "EAST"], [744], {"t": [[1.0], [2.0], [3.0]]})
    hvac = series_group(["CORE"], [1, 2], {"q": [[5.0, 6.0]]})
    for number in range(5):
        extra = {"/monthly": monthly, "/sizing/winter/hvac": hvac}
        folder.run(f"run-{number}", [float(number), 1.0, 2.0], **extra)
    tree = open_stored(folder.write({f"run-{n}": {"u": 0.1} for n in range(5)})[0])
    assert tree.attrs["Conventions"] == "CF-1.11"
    assert said_in(tree.attrs) == {
        "layout": "study/1",
        "primary": "hourly",
        "parameters": ["u"],
        "results": ["eui"],
        "facts": ["fingerprint", "message", "software", "source", "status", "warnings"],
    }
    assert tree["t"].dims == ("run", "zone", "time")
    assert tree["monthly/t"].dims == ("run", "zone_monthly", "time_monthly")
    assert {"run", "u", "time_bounds"} <= set(tree.coords)
    assert {"run", "u", "time_monthly", "time_monthly_bounds"} <= set(tree["monthly"].coords)
    assert tree["time"].attrs["bounds"] == "time_bounds"
    assert tree["time"].encoding["units"] == "seconds since 1970-01-01"
    assert tree["time_bounds"].values[0].astype("datetime64[h]").astype(str).tolist() == [
        "2013-01-01T00",
        "2013-01-01T01",
    ]
    irregular = tree["sizing/winter/hvac"]
    assert irregular["q"].dims == ("run", "zone_hvac", "step")
    assert irregular["time_hvac"].dims == ("run", "step")
    assert "time_hvac" in irregular["q"].coords
    assert tree["source"].values.tolist() == [f"runs/run-{number}" for number in range(5)]


def test_a_primary_series_that_appears_later_moves_into_the_root(tmp_path):
    folder = Folder(tmp_path)
    monthly = series_group(["CORE"], [744], {"t": [[3.0]]})
    write_run(tmp_path / "runs/a", {"/monthly": monthly})
    stored, _ = folder.write()
    assert open_stored(stored)["t"].sel(run="a").values.tolist() == [[3.0]]
    write_run(tmp_path / "runs/b", {"/hourly": series_group(["CORE"], [1], {"t": [[4.0]]}), "/monthly": monthly})
    tree = open_stored(folder.write()[0])
    assert said_in(tree.attrs)["primary"] == "hourly"
    np.testing.assert_array_equal(tree["t"].values, [[[np.nan]], [[4.0]]])
    assert tree["monthly/t"].values.tolist() == [[[3.0]], [[3.0]]]


def test_a_study_that_outgrows_its_chunks_gets_larger_ones(tmp_path):
    folder = Folder(tmp_path)
    folder.run("run-0", [0.0, 1.0, 2.0])
    folder.write()
    for number in range(1, 6):
        folder.run(f"run-{number}", [float(number), 1.0, 2.0])
    tree = open_stored(folder.write()[0])
    assert tree["t"].encoding["chunks"][0] == 8
    assert tree["eui"].values.tolist() == tree["m"].isel(time=0).values.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("parameter", "problem"),
    [
        ("eui", "has a parameter called 'eui', which is also a result of the runs"),
        ("status", "has a parameter called 'status', which is also a fact of the runs"),
        ("zone", "has a parameter called 'zone', which is a dimension of the results"),
        ("t", "has a parameter called 't', which is a series of the results"),
    ],
)
def test_a_parameter_must_not_be_called_like_something_else(folder, parameter, problem):
    with pytest.raises(SourceError, match=problem):
        folder.write({f"run-{number}": {parameter: 1} for number in range(5)})


def test_chunks_of_an_unknown_dimension_are_refused_and_nothing_is_written(folder):
    with pytest.raises(ConfigError, match=r"'rn', which the data do not have; did you mean 'run'\?"):
        folder.write(chunks={"rn": 5})
    assert set(folder.repository().list_tags()) == set()


def test_a_store_that_is_something_else_is_left_alone(folder, tmp_path):
    Path(folder.href).mkdir()
    (Path(folder.href) / "thesis.docx").write_text("mine")
    with pytest.raises(StorageError, match=r"holds other files, such as thesis\.docx"):
        folder.write()
    assert [path.name for path in Path(folder.href).iterdir()] == ["thesis.docx"]


def test_progress_names_every_run(folder):
    events = []
    folder.write(on_progress=events.append)
    read = [event for event in events if event.stage == "read runs"]
    assert [event.detail for event in read] == [f"run-{number}" for number in range(5)]
    assert [event.done for event in read] == [1, 2, 3, 4, 5]
    assert {event.total for event in read} == {5}
