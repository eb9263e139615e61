"""Runs found by a pattern, and matched with their parameters."""

from pathlib import Path

import pandas as pd
import pytest

from simstac.errors import SourceError
from simstac.studies import Parameters, Run, find_runs, read_parameters
from simstac.studies.runs import match_parameters


def make(base: Path, *paths: str) -> None:
    for path in paths:
        target = base / path
        if path.endswith("/"):
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()


def names(runs) -> list[str]:
    return [run.name for run in runs]


def test_folders_are_runs_in_natural_order_and_files_beside_them_are_not(tmp_path):
    make(tmp_path, "runs/run-10/", "runs/run-2/", "runs/Run-1/", "runs/params.csv", "runs/.hidden/")
    runs = find_runs("runs/*", base=tmp_path)
    assert names(runs) == ["Run-1", "run-2", "run-10"]
    assert runs[1] == Run("run-2", tmp_path / "runs/run-2", "runs/run-2")


def test_files_are_runs_named_by_their_stem(tmp_path):
    make(tmp_path, "b.v1.nc", "a.nc", "table.csv")
    assert names(find_runs("*.nc", base=tmp_path)) == ["a", "b.v1"]
    runs = find_runs("*", base=tmp_path, ignore=[tmp_path / "table.csv"])
    assert names(runs) == ["a", "b.v1"]


def test_a_plain_folder_is_a_run_or_holds_runs(tmp_path):
    make(tmp_path, "study/x/", "study/y/", "single/eplusout.sql", "other/graphs/")
    assert names(find_runs("study", base=tmp_path)) == ["x", "y"]
    assert names(find_runs("single", base=tmp_path)) == ["single"]
    assert names(find_runs("other", base=tmp_path, is_run=lambda path: path.name == "other")) == ["other"]


def test_a_relative_base_and_a_run_that_is_the_base(tmp_path, monkeypatch):
    make(tmp_path, "study/runs/a/x", "study/runs/b/x")
    monkeypatch.chdir(tmp_path)
    assert [run.name for run in find_runs("runs", base=Path("study"))] == ["a", "b"]
    monkeypatch.chdir(tmp_path / "study/runs/a")
    for base, pattern in ((Path(), "."), (Path(), ".."), (Path("../b"), ".")):
        found = find_runs(pattern, base=base, is_run=lambda _path: True)
        assert [run.name for run in found] == ["runs" if pattern == ".." else base.name or "a"]


def test_brackets_in_names_of_folders_are_no_pattern(tmp_path):
    base = tmp_path / "study [v1]"
    for name in ("a", "b"):
        (base / "runs [2]" / name).mkdir(parents=True)
    assert [run.name for run in find_runs("runs [[]2]/*", base=base)] == ["a", "b"]
    assert [run.name for run in find_runs("runs [2]", base=base)] == ["a", "b"]
    assert [run.source for run in find_runs("*/b", base=base)] == ["runs [2]/b"]


def test_an_absolute_pattern_publishes_no_local_path(tmp_path):
    make(tmp_path, "elsewhere/run-1/", "here/")
    (run,) = find_runs(tmp_path / "elsewhere/*", base=tmp_path / "here")
    assert run.source == "run-1"


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("missing", "does not exist; check the path of the runs"),
        ("empty/*", "matches no runs; point the path at the folders of the runs"),
        ("*/eplusout.sql", "has two runs called 'eplusout': a/eplusout.sql and b/eplusout.sql; match the folders"),
        ("*/case", "has two runs called 'case': a/case and b/case"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said(tmp_path, pattern, problem):
    make(tmp_path, "a/eplusout.sql", "b/eplusout.sql", "a/case/", "b/case/", "empty/")
    with pytest.raises(SourceError) as caught:
        find_runs(pattern, base=tmp_path)
    assert f"{tmp_path / pattern}: {problem}" in str(caught.value)


def test_rows_without_a_run_are_missing_runs():
    runs = (Run("a", Path("a"), "a"), Run("b", Path("b"), "b"))
    table = read_parameters({"c": {"u": 1}, "b": {"u": 2}, "a": {"u": 3}})
    assert match_parameters(runs, table) == (*runs, Run("c", None))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["a"], "parameters: has no row for 'b'; add their rows, or narrow the pattern of the runs"),
        (["x"], "parameters: has a row for none of the runs; key it by run name: the runs are called like 'a', the"),
        ([], "parameters: has a row for none of the runs"),
    ],
)
def test_runs_without_a_row_are_an_error(rows, problem):
    runs = (Run("a", Path("a"), "a"), Run("b", Path("b"), "b"))
    with pytest.raises(SourceError) as caught:
        match_parameters(runs, read_parameters({row: {"u": 1} for row in rows}))
    assert str(caught.value).startswith(problem)


def test_many_runs_without_a_row_are_counted():
    runs = tuple(Run(f"run-{number}", Path("x")) for number in range(9))
    with pytest.raises(SourceError, match="'run-1', 'run-2', 'run-3', 'run-4', 'run-5' and 3 more"):
        match_parameters(runs, read_parameters({"run-0": {"u": 1}}))


def columns(parameters: Parameters) -> dict[str, list]:
    return {column.name: column.values.tolist() for column in parameters.columns}


def test_a_csv_keeps_kinds_names_and_units(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text(
        "\ufeffid,Run,U value [W m-2 K-1],Glass,n,north,Größe,shade,gap\n"
        "7,001,0.25,clear,1,true,1.5,None,\n8,002,1,NA,2,False,2,int,4\n",
        encoding="utf-8",
    )
    parameters = read_parameters(path)
    assert parameters.runs == ("001", "002")
    assert columns(parameters) == {
        "id": [7, 8],
        "U_value": [0.25, 1.0],
        "Glass": ["clear", "NA"],
        "n": [1, 2],
        "north": [True, False],
        "Grosse": [1.5, 2.0],
        "shade": ["None", "int"],
        "gap": [pytest.approx(float("nan"), nan_ok=True), 4.0],
    }
    attrs = {column.name: column.attrs for column in parameters.columns}
    assert attrs["U_value"] == {"long_name": "U value", "units": "W m-2 K-1"}
    assert attrs["Grosse"] == {"long_name": "Größe"}


def test_a_semicolon_separates_too_and_the_first_column_names_the_runs(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text("case;u\n01;0.5\n")
    assert (read_parameters(path).runs, columns(read_parameters(path))) == (("01",), {"u": [0.5]})


def test_columns_without_a_name_and_a_cell_are_none_but_the_first_names_the_runs(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text(",u,,\n01,0.5,,\n02,1.5,,\n")
    assert (read_parameters(path).runs, columns(read_parameters(path))) == (("01", "02"), {"u": [0.5, 1.5]})


def test_a_separator_in_quotes_separates_nothing(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text('run,"u; wall; roof"\na,0.5\n')
    assert columns(read_parameters(path)) == {"u_wall_roof": [0.5]}


def test_whole_numbers_past_int64_are_strings(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text(f"run,seed\na,{2**64 - 1}\nb,1\n")
    assert columns(read_parameters(path)) == {"seed": [str(2**64 - 1), "1"]}


def test_decimal_commas_are_numbers_where_a_semicolon_separates(tmp_path):
    path = tmp_path / "params.csv"
    path.write_text("case;u;label;code\n1,5;0,5;a,b;1\n2,5;-1,25e1;c;2,0\n")
    assert read_parameters(path).runs == ("1,5", "2,5")
    assert columns(read_parameters(path)) == {"u": [0.5, -12.5], "label": ["a,b", "c"], "code": [1.0, 2.0]}


def test_parquet_mapping_and_frames_say_the_same(tmp_path):
    rows = {"a": {"u": 0.5, "kind": "x", "on": True}, "b": {"u": 1.5, "kind": "y", "on": False}}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.rename_axis("run").reset_index().to_parquet(tmp_path / "table.parquet")
    wanted = ("a", "b"), {"u": [0.5, 1.5], "kind": ["x", "y"], "on": [True, False]}
    frame.to_parquet(tmp_path / "indexed.parquet")
    files = tmp_path / "table.parquet", tmp_path / "indexed.parquet"
    for table in (rows, frame, frame.rename_axis("name").reset_index(), *files):
        parameters = read_parameters(table)
        assert (parameters.runs, columns(parameters)) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("run,u\na,1\na,2\n", "names the run 'a' twice; keep one row a run"),
        ("run,u\na,1\n,2\n", "has no run name in row 2; name every run, or remove the row"),
        ("run,u,u\na,1,2\n", "has the column 'u' twice; rename one of them"),
        ("run,u v,U_V\na,1,2\n", "has the parameter 'u_v' twice; rename one of them"),
        ("run,温度\na,1\n", "has the column '温度', whose name has no letter; name it in ASCII letters"),
        ("run,u\na,1\n,\n,\n", "has no run name in row 2; name every run, or remove the row"),
        ("run,time\na,1\n", "has a parameter called 'time', which is a dimension; rename the column"),
        ("", "has no header; write a line of column names, and one for each run"),
        ("run,u,\na,1,x\n", "has 'x' in row 1 under no name; name the column, or empty it"),
        (f'run,u\na,"{"x" * 140_000}\n', "cannot be read: field larger than field limit (131072); write it as UTF-8"),
        ("run,u\na,1\nb,1,2\n", "has 3 cells in row 2 and 2 in the header; write a cell for every column"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, problem):
    path = tmp_path / "params.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read_parameters(path)
    assert str(caught.value).startswith(f"{path}: {problem}")


def test_a_mapping_without_parameters_is_refused():
    with pytest.raises(SourceError, match=r"parameters: has no mapping for 'b'; write {run: {parameter: value}}"):
        read_parameters({"a": {"u": 1}, "b": 2})


def test_a_missing_table_and_a_binary_one(tmp_path):
    with pytest.raises(SourceError, match="does not exist; check the path of the parameter table"):
        read_parameters(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"run,u\n\xff\xfe,1\n")
    with pytest.raises(SourceError, match=r"binary\.csv: cannot be read: "):
        read_parameters(tmp_path / "binary.csv")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"torn\.parquet: cannot be read: "):
        read_parameters(tmp_path / "torn.parquet")
