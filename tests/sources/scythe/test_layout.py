import shutil

import pytest
from tests.sources.scythe.written import SCALARS, SPECS, TIME, frame, run

from simstac.errors import SourceError
from simstac.objects import files_at
from simstac.sources.scythe.layout import find_runs, fingerprint, gathered_frames, split_address, why_incomplete


def look(experiment):
    """What the only run of an experiment has, and why it is not complete."""
    files = files_at(experiment)
    (found,) = find_runs(files)
    frames = gathered_frames(files, found)
    return [file.path for file in frames], why_incomplete(files, found, frames)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/scythe/office/", ("s3://bucket/scythe/office", "")),
        ("s3://bucket/scythe/office/v1.0.0", ("s3://bucket/scythe/office", "v1.0.0")),
        (f"s3://bucket/scythe/office/v1.0.0/{TIME}", ("s3://bucket/scythe/office", f"v1.0.0/{TIME}")),
        ("office/v2", ("office", "v2")),
        ("office", ("office", "")),
    ],
)
def test_an_address_is_that_of_an_experiment_and_what_lies_below(address, expected):
    assert split_address(address) == expected


def test_runs_are_in_the_order_of_versions_and_times_and_other_folders_passed_over(tmp_path):
    for version, time in [("v10.0.0", TIME), ("v2.0.0", TIME), ("v2.0.0", "2025-07-24_00-00-00"), ("v2.0.1", TIME)]:
        run(tmp_path, version, time)
    (tmp_path / "notes").mkdir()
    (tmp_path / "v2.0.0" / "by-hand").mkdir()
    assert [each.folder for each in find_runs(files_at(tmp_path))] == [
        f"v2.0.0/{TIME}",
        "v2.0.0/2025-07-24_00-00-00",
        f"v2.0.1/{TIME}",
        f"v10.0.0/{TIME}",
    ]
    assert [each.name for each in find_runs(files_at(tmp_path), "v2.0.1")] == [f"v2.0.1_{TIME}"]
    assert [each.folder for each in find_runs(files_at(tmp_path), f"v10.0.0/{TIME}")] == [f"v10.0.0/{TIME}"]


def test_a_folder_without_versions_is_an_error(tmp_path):
    run(tmp_path / "office")
    with pytest.raises(SourceError, match="holds no version of an experiment; point the path at an experiment"):
        find_runs(files_at(tmp_path))


def test_a_run_with_all_its_frames_is_complete(tmp_path):
    run(tmp_path)
    assert look(tmp_path) == ([f"v1.0.0/{TIME}/final/scalars.pq"], "")


def test_a_manifest_alone_does_not_make_a_run_complete(tmp_path):
    folder = run(tmp_path)
    shutil.rmtree(folder / "final")
    assert look(tmp_path) == ([], "has no gathered results: it is running, was stopped, or every spec of it failed")
    (folder / "workflow_spec.yml").touch()
    assert look(tmp_path)[1].startswith("is a workflow of a single spec")


def test_a_run_whose_frames_are_being_copied_is_not_complete(tmp_path):
    folder = run(tmp_path, frames={"by_month": ({"sort_index": [0], "a": [1.0]}, ["sort_index"])})
    (folder / "final" / "by_month.pq").unlink()
    assert look(tmp_path)[1] == "is being gathered: by_month will follow"


@pytest.mark.parametrize("below", ["", "scatter-gather/output/root/w-1/"])
def test_the_older_layout_without_time_and_final_is_read(tmp_path, below):
    frame(tmp_path / "v1" / "specs.pq", SPECS)
    frame(tmp_path / "v1" / below / "scalars.pq", SCALARS, ["sort_index"])
    assert look(tmp_path) == ([f"v1/{below}scalars.pq"], "")


def test_the_layout_with_its_metadata_in_artifacts_is_read(tmp_path):
    folder = tmp_path / "v1" / TIME
    frame(folder / "artifacts" / "specs" / "specs.pq", SPECS)
    frame(folder / "scatter-gather" / "output" / "root" / "w-1" / "scalars.pq", SCALARS, ["sort_index"])
    assert look(tmp_path) == ([f"v1/{TIME}/scatter-gather/output/root/w-1/scalars.pq"], "")


def test_a_fingerprint_changes_with_any_frame(tmp_path):
    folder = run(tmp_path)
    files = files_at(tmp_path)
    (found,) = find_runs(files)
    before = fingerprint(gathered_frames(files, found))
    assert fingerprint(gathered_frames(files, found)) == before
    frame(folder / "final" / "scalars.pq", {**SCALARS, "heating": [30.0, 10.5]}, ["sort_index"])
    assert fingerprint(gathered_frames(files, found)) != before
