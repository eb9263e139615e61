import numpy as np
import pyarrow as pa
import pytest
from tests.sources.scythe.written import SCALARS, SPECS, TIME, frame, run, schema

from simstac.errors import SourceError
from simstac.objects import files_at
from simstac.sources.attributes import said_in
from simstac.sources.scythe.layout import find_runs, gathered_frames
from simstac.sources.scythe.read import read_run


def read(experiment, tmp_path_factory):
    files = files_at(experiment)
    (found,) = find_runs(files)
    return read_run(files, found, gathered_frames(files, found), tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def reading(tmp_path, tmp_path_factory):
    """Reads the only run of the experiment in ``tmp_path``."""
    return lambda: read(tmp_path, tmp_path_factory)


def test_rows_are_put_to_their_specs_and_what_failed_is_missing(tmp_path, reading):
    run(tmp_path)
    ds = reading().data
    assert ds["spec"].values.tolist() == [0, 1, 2]
    assert ds["r_value"].values.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(ds["heating"], [10, np.nan, 30])
    assert ds["succeeded"].values.tolist() == [True, False, True]
    said = said_in(ds.attrs)
    assert (said["failed"], said["version"], said["workflow_run_id"]) == ([1], "v1.0.0", "w-1")
    assert said["time"] == "2025-07-23T12:59:51+00:00"
    assert said["files"] == []  # a folder of this machine has no address to publish


def test_specs_in_any_order_are_sorted(tmp_path, reading):
    run(tmp_path, specs={"sort_index": [2, 0, 1], "r_value": [3.0, 1.0, 2.0]})
    ds = reading().data
    assert (ds["spec"].values.tolist(), ds["r_value"].values.tolist()) == ([0, 1, 2], [1, 2, 3])


def test_whole_numbers_and_truths_keep_their_type_where_none_is_missing(tmp_path, reading):
    scalars = {"sort_index": [0, 1, 2], "hours": [1, 2, 3], "ok": [True, False, True], "named": ["a", "b", "c"]}
    run(tmp_path, scalars=scalars)
    ds = reading().data
    assert (ds["hours"].dtype, ds["ok"].dtype) == (np.int64, np.bool_)
    assert ds["named"].values.tolist() == ["a", "b", "c"]


def test_missing_texts_are_empty_and_missing_numbers_nan(tmp_path, reading):
    run(tmp_path, scalars={"sort_index": [0, 2], "hours": [1, 3], "ok": [True, False], "named": ["a", None]})
    ds = reading().data
    np.testing.assert_array_equal(ds["hours"], [1, np.nan, 3])
    np.testing.assert_array_equal(ds["ok"], [1, np.nan, 0])
    assert ds["named"].values.tolist() == ["a", "", ""]


def test_numbers_too_large_for_a_float_stay_exact(tmp_path, reading):
    run(tmp_path, scalars={"sort_index": [0, 1, 2], "seed": [2**60 + 1, None, 3]})
    assert reading().data["seed"].values.tolist() == [str(2**60 + 1), "", "3"]


def test_lists_and_mappings_get_dimensions_or_become_text(tmp_path, reading):
    scalars = {
        "sort_index": [0, 1],
        "monthly": [[1.0, 2.0], [3.0, None]],
        "ragged": [[1], [2, 3]],
        "meters": [{"Electricity:Facility": 1.0, "DistrictHeatingWater:Facility": 2.0}, {"Electricity:Facility": 3.0}],
        "words": pa.array([["a"], None]),
    }
    run(tmp_path, scalars=scalars)
    ds = reading().data
    assert ds["monthly"].dims == ("spec", "monthly_index")
    np.testing.assert_array_equal(ds["monthly"], [[1, 2], [3, np.nan], [np.nan, np.nan]])
    assert ds["ragged"].values.tolist() == ["[1]", "[2, 3]", ""]
    assert ds["words"].values.tolist() == ['["a"]', "", ""]
    assert ds["meters"].sel(meters_key="Electricity:Facility").values[:2].tolist() == [1, 3]
    assert np.isnan(ds["meters"].sel(meters_key="DistrictHeatingWater:Facility").values[1])


def test_whole_numbers_in_lists_may_be_missing(tmp_path, reading):
    run(tmp_path, scalars={"sort_index": [0, 1, 2], "counts": [[1, None], [3, 4], [5, 6]]})
    np.testing.assert_array_equal(reading().data["counts"], [[1, np.nan], [3, 4], [5, 6]])


@pytest.mark.parametrize("said", [{"$ref": "#/$defs/Out"}, {"$ref": "#/$defs/Loop"}, {"anyOf": [3]}, "text", None])
def test_a_schema_of_any_shape_is_borne(tmp_path, reading, said):
    folder = run(tmp_path)
    schema(folder / "experiment_io_spec.yml", {}, {"heating": said}, Loop={"$ref": "#/$defs/Loop"})
    assert reading().data["heating"].attrs["long_name"] == "heating"


def test_a_model_in_a_field_is_a_variable_for_each_of_its_fields(tmp_path, reading):
    folder = run(
        tmp_path, scalars={"sort_index": [0, 1, 2], "wall": [{"area": 1.0 + i, "name": "n"} for i in range(3)]}
    )
    wall = {"properties": {"area": {"description": "Area [m2]"}, "name": {"title": "Name"}}}
    schema(folder / "experiment_io_spec.yml", {}, {"wall": {"$ref": "#/$defs/Wall"}}, Wall=wall)
    ds = reading().data
    assert (ds["wall_area"].values.tolist(), ds["wall_area"].attrs) == (
        [1, 2, 3],
        {"long_name": "Area", "units": "m2"},
    )
    assert ds["wall_name"].attrs == {"long_name": "Name"}


@pytest.mark.parametrize(
    ("said", "attrs"),
    [
        ({"description": "Heating energy [kWh/m2]"}, {"long_name": "Heating energy", "units": "kWh/m2"}),
        ({"description": "Setpoint [deg.C]."}, {"long_name": "Setpoint", "units": "degC"}),
        ({"description": "Share [-]"}, {"long_name": "Share", "units": "1"}),
        ({"description": "Weather file [.epw]"}, {"long_name": "Weather file [.epw]"}),
        ({"title": "Heating", "units": "kWh"}, {"long_name": "Heating", "units": "kWh"}),
        ({"anyOf": [{"type": "number"}, {"type": "null"}], "description": "A [m]"}, {"long_name": "A", "units": "m"}),
        ({}, {"long_name": "heating"}),
    ],
)
def test_units_and_descriptions_come_from_the_schema(tmp_path, reading, said, attrs):
    folder = run(tmp_path)
    schema(folder / "experiment_io_spec.yml", {}, {"heating": said})
    assert reading().data["heating"].attrs == attrs


def test_an_input_and_an_output_of_one_name_are_both_there(tmp_path, reading):
    run(tmp_path, scalars={"sort_index": [0, 1, 2], "r_value": [7.0, 8.0, 9.0], "spec": [1.0, 2.0, 3.0]}, specs=SPECS)
    ds = reading().data
    assert ds["r_value"].values.tolist() == [1, 2, 3]
    assert ds["spec_2"].values.tolist() == [1, 2, 3]


def test_computed_features_are_coordinates(tmp_path, reading):
    columns = {"heating": [1.0, 2.0], "sort_index": [0, 2], "r_value": [1.0, 3.0], "glazed": [True, False]}
    run(tmp_path, scalars=None, frames={"scalars": (columns, ["sort_index", "r_value", "glazed"])})
    ds = reading().data
    assert "glazed" in ds.coords
    np.testing.assert_array_equal(ds["glazed"], [1, np.nan, 0])


def test_without_specs_the_index_of_the_scalars_has_the_inputs(tmp_path, reading):
    frame(tmp_path / "v1" / "scalars.pq", SCALARS, ["sort_index", "r_value"])
    ds = reading().data
    assert (ds["spec"].values.tolist(), ds["r_value"].values.tolist()) == ([0, 2], [1, 3])
    assert ds["heating"].values.tolist() == [10, 30]
    assert said_in(ds.attrs)["time"] == ""


def test_a_frame_with_several_rows_a_spec_has_its_telling_level_as_dimension(tmp_path, reading):
    columns = {
        "sort_index": [2, 2, 0, 0],
        "month": [1, 2, 1, 2],
        "Electricity:Facility": [31.0, 32.0, 1.0, 2.0],
        "Gas:Facility": [1, 2, 3, 4],
    }
    run(tmp_path, frames={"by_month": (columns, ["sort_index", "month"])})
    ds = reading().data
    np.testing.assert_array_equal(ds["by_month_electricity_facility"], [[1, 2], [np.nan] * 2, [31, 32]])
    np.testing.assert_array_equal(ds["by_month_gas_facility"].sel(by_month_month=2), [4, np.nan, 2])


def test_rows_of_a_frame_that_differ_by_spec_are_numbered(tmp_path, reading):
    columns = {"sort_index": [0, 0, 1], "zone": ["core", "attic", "attic"], "area": [1.0, 2.0, 3.0]}
    run(tmp_path, frames={"zones": (columns, ["sort_index", "zone"])})
    ds = reading().data
    assert ds["zones_area"].dims == ("spec", "zones_row")
    np.testing.assert_array_equal(ds["zones_area"], [[1, 2], [3, np.nan], [np.nan] * 2])
    assert ds["zones_zone"].values.tolist() == [["core", "attic"], ["attic", ""], ["", ""]]


def test_a_frame_that_does_not_tell_its_specs_stays_a_file(tmp_path, reading):
    run(tmp_path, frames={"surfaces": ({"area": [1.0]}, []), "odd": ({"sort_index": [9], "a": [1]}, ["sort_index"])})
    done = reading()
    assert not [name for name in done.data.variables if str(name).startswith(("surfaces", "odd"))]
    assert [note.partition(": ")[2] for note in done.notes] == [
        "the frame odd stays a file: it has rows of specs that are not in specs.pq",
        "the frame surfaces stays a file: it has no sort_index that says which spec a row is of",
    ]


def with_csv(experiment, *texts):
    folder = experiment / "v1.0.0" / TIME
    address = f"s3://elsewhere/scythe/x/v1.0.0/{TIME}/results/series"
    refs = {"series": [f"{address}/{number}.csv" for number in range(len(texts))], "sort_index": [*range(len(texts))]}
    run(experiment, frames={"result_file_refs": (refs, ["sort_index"])})
    (folder / "results" / "series").mkdir(parents=True)
    for number, text in enumerate(texts):
        (folder / "results" / "series" / f"{number}.csv").write_text(text)


def test_series_of_different_times_are_joined_by_time(tmp_path, reading):
    with_csv(tmp_path, "time,t\n2023-01-01 00:00:00,1\n2023-01-01 01:00:00,2\n", "time,t\n2023-01-01 01:00:00,5\n")
    ds = reading().data
    assert ds["time"].values.astype("M8[h]").tolist() == np.array(["2023-01-01T00", "2023-01-01T01"], "M8[h]").tolist()
    np.testing.assert_array_equal(ds["series"], [[1, 2], [np.nan, 5], [np.nan] * 2])


def test_series_without_moments_have_rows(tmp_path, reading):
    with_csv(tmp_path, "Date/Time,a,b,note\n 01/01  01:00:00,1,2,x\n 01/01  24:00:00,3,,y\n", "Date/Time,a,b,note\n")
    done = reading()
    assert done.data["series_a"].dims == ("spec", "series_row")
    assert done.data["series_row"].values.tolist() == [" 01/01  01:00:00", " 01/01  24:00:00"]
    np.testing.assert_array_equal(done.data["series_b"][0], [2, np.nan])


def test_a_column_with_numbers_in_some_files_alone_leaves_its_field_as_files(tmp_path, reading):
    with_csv(tmp_path, "a,b\n1,2\n", "a,b\n1,none\n")
    done = reading()
    assert "series_a" not in done.data
    assert "words in the column 'b'" in done.notes[0]


def test_a_file_that_is_no_table_leaves_its_field_as_files(tmp_path, reading):
    with_csv(tmp_path, "a,b\n1,2\n3\n", "a,b\n1,2\n")
    done = reading()
    assert "series" not in done.data
    assert done.data["series_file"].values[0].endswith("/results/series/0.csv")
    assert "series stays files: 0.csv cannot be read as CSV" in done.notes[0]


@pytest.mark.parametrize(
    ("specs", "scalars", "problem"),
    [
        ({"sort_index": [0, 0], "a": [1, 2]}, SCALARS, "has 2 rows of the sort_index 0"),
        (SPECS, {"sort_index": [0, 0], "a": [1, 2]}, "has 2 rows of the sort_index 0"),
        (SPECS, {"sort_index": [0, 7], "a": [1, 2]}, "has rows of specs that are not in specs.pq"),
        (SPECS, {"a": [1, 2]}, "columns 'sort_index'"),
        (SPECS, {"sort_index": ["a", "b"], "a": [1, 2]}, "other than whole numbers in 'sort_index'"),
    ],
)
def test_specs_that_cannot_be_told_apart_are_an_error(tmp_path, reading, specs, scalars, problem):
    run(tmp_path, specs=specs, scalars=scalars)
    with pytest.raises(SourceError, match=problem):
        reading()


def test_a_damaged_frame_is_an_error_that_names_it(tmp_path, reading):
    folder = run(tmp_path)
    (folder / "final" / "scalars.pq").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match=r"final/scalars\.pq: cannot be read as Parquet"):
        reading()


def test_a_damaged_schema_is_an_error_and_a_missing_one_is_none(tmp_path, reading):
    folder = run(tmp_path)
    (folder / "experiment_io_spec.yml").write_text("a: [")
    with pytest.raises(SourceError, match="is no YAML"):
        reading()
