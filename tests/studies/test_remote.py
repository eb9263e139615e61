"""Runs that lie elsewhere: found, compared and fetched; elsewhere is a folder read as a bucket is, or a real bucket."""

import os
import pickle
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import xarray as xr
from tests.energyplus_runs import run_energyplus
from tests.study_folder import model, three_runs  # noqa: F401  # fixture

from simstac.errors import SourceError
from simstac.objects import BucketFiles, FileInfo, LocalFiles, files_at
from simstac.storage import CustomS3, LocalPath
from simstac.studies import find_study
from simstac.studies.fetch import at_hand, run_fingerprint
from simstac.studies.read import read_run
from simstac.studies.remote import find_remote_runs, remote_run
from simstac.studies.source import EnergyPlusSource, EngineSource
from simstac.write import open_stored, write_study

SOURCE = EnergyPlusSource()


@dataclass(frozen=True)
class Watched:
    """The files of a folder as a bucket has them, and the names of what is fetched from it."""

    files: LocalFiles
    fetched: list[str] = field(default_factory=list)
    scheme: LocalPath = field(default_factory=LocalPath)

    @property
    def address(self) -> str:
        return "s3://bucket/study"

    def list(self, prefix: str = "") -> tuple[FileInfo, ...]:
        return self.files.list(prefix)

    def read(self, path: str) -> bytes:
        self.fetched.append(path)
        return self.files.read(path)

    def fetch(self, path: str, to: Path) -> None:
        self.fetched.append(path)
        self.files.fetch(path, to)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that temporary files are made in, alone for this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def elsewhere(three_runs, tmp_path):  # noqa: F811  # the fixture imported above
    for name, run in three_runs.items():
        shutil.copytree(run, tmp_path / "elsewhere" / name)
    return Watched(LocalFiles(tmp_path / "elsewhere"))


def found(place, pattern, **kwargs):
    wanted = {"is_run": lambda names: SOURCE.wanted(names).is_run} | kwargs
    return [run.path for run in find_remote_runs(place, pattern, **wanted)]


def make(folder: Path, *paths: str) -> Watched:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return Watched(LocalFiles(folder))


def test_patterns_match_as_in_a_folder(tmp_path):
    place = make(tmp_path, "a/case-1/x.sql", "a/case-2/deep/x.sql", "b/case-1/x.sql", "a/.case-0/x.sql", "params.csv")
    assert found(place, "a/case-*") == ["a/case-1", "a/case-2"]
    assert found(place, "*/case-1") == ["a/case-1", "b/case-1"]
    assert found(place, "**/case-1") == ["a/case-1", "b/case-1"]
    assert found(place, "*") == ["a", "b"]
    assert found(place, "**/*.sql") == ["a/case-1/x.sql", "a/case-2/deep/x.sql", "b/case-1/x.sql"]
    with pytest.raises(SourceError, match=r"s3://bucket/study/c/\*: matches no runs"):
        found(place, "c/*")


def test_an_address_is_a_run_or_holds_runs(tmp_path):
    assert found(make(tmp_path / "one", "eplusout.sql", "sub/x.txt"), "") == [""]
    assert found(make(tmp_path / "many", "x/eplus.sql", "y/eplus.sql", "params.csv"), "") == ["x", "y"]
    assert remote_run(make(tmp_path / "other", "note.txt")).name == "study"
    (tmp_path / "none").mkdir()
    assert remote_run(make(tmp_path / "none")) is None


def test_files_are_runs_with_the_files_that_are_called_so(tmp_path):
    place = make(tmp_path, "a.sql", "a.end", "a.err", "b.sql", "b.end", "params.csv")
    runs = find_remote_runs(place, "*.sql", is_run=lambda names: False)
    assert [(run.name, sorted(run.by_name)) for run in runs] == [
        ("a.sql", ["a.end", "a.err", "a.sql"]),
        ("b.sql", ["b.end", "b.sql"]),
    ]
    assert found(make(tmp_path, "c.csv"), "*.csv", ignore="s3://bucket/study/params.csv") == ["c.csv"]


def test_only_what_is_read_is_fetched_once_and_nothing_is_left(elsewhere, three_runs, temporary):  # noqa: F811
    run = next(run for run in find_remote_runs(elsewhere, "i5", is_run=bool))
    with at_hand(run, SOURCE) as here:
        assert (here.state.status, sorted(elsewhere.fetched)) == ("completed", ["i5/eplusout.end", "i5/eplusout.err"])
        with here.open() as tree, xr.open_datatree(three_runs["i5"], engine="energyplus") as same:
            assert tree.identical(same)
        assert len(list(temporary.iterdir())) == 1
    assert sorted(elsewhere.fetched) == [f"i5/eplusout.{kind}" for kind in ("eio", "end", "err", "sql")]
    assert list(temporary.iterdir()) == []


def test_the_copy_goes_when_reading_fails_or_is_interrupted(elsewhere, temporary):
    run = next(run for run in find_remote_runs(elsewhere, "i5", is_run=bool))
    for error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error), at_hand(run, SOURCE) as here:  # noqa: PT012  # it fails in the middle
            here.open()
            raise error
        assert list(temporary.iterdir()) == []


def test_a_failed_run_costs_no_results(elsewhere, temporary):
    folder = elsewhere.files.folder / "i5"
    (folder / "eplusout.end").write_text("EnergyPlus Terminated--Fatal Error Detected. 1 Warning; 2 Severe Errors")
    (run,) = find_remote_runs(elsewhere, "i5", is_run=bool)
    study = find_study("s3://bucket/study/i5*", open_files=lambda at: elsewhere)
    data = read_run(study.runs[0], "mark", SOURCE)
    assert (data.status, data.scalars["severe_errors"].value) == ("failed", 2)
    assert sorted(elsewhere.fetched) == ["i5/eplusout.end", "i5/eplusout.err"]
    (folder / "eplusout.end").unlink()
    (folder / "eplusout.sql-journal").write_bytes(b"")
    (run,) = find_remote_runs(elsewhere, "i5", is_run=bool)
    with at_hand(run, SOURCE) as here:
        assert here.state.message == "eplusout.sql is still being written: eplusout.sql-journal is there"


def test_a_run_that_changed_since_it_was_listed_is_told(elsewhere):
    study = find_study("s3://bucket/study", open_files=lambda at: elsewhere)
    with (elsewhere.files.folder / "i10" / "eplusout.sql").open("ab") as file:
        file.write(b"more")
    (elsewhere.files.folder / "i20" / "eplusout.sql").unlink()
    read = {run.name: read_run(run, "mark", SOURCE) for run in study.runs}
    assert {name: data.status for name, data in read.items()} == {
        "i5": "completed",
        "i10": "incomplete",
        "i20": "incomplete",
    }
    size = (elsewhere.files.folder / "i10" / "eplusout.sql").stat().st_size
    assert read["i10"].message == (
        f"eplusout.sql: has {size} bytes where {size - 4} were listed; wait until it is written, then run it again"
    )
    assert "cannot be read: No such file or directory" in read["i20"].message
    assert (read["i20"].fingerprint, read["i5"].fingerprint) == ("", "mark")


def test_the_fingerprint_is_that_of_names_sizes_and_versions(elsewhere):
    def marks():
        return find_study("s3://bucket/study", open_files=lambda at: elsewhere).fingerprints()

    before = marks()
    assert len(set(before.values())) == 3
    assert elsewhere.fetched == []
    (elsewhere.files.folder / "i5" / "eplustbl.htm").write_text("no file that is read")
    assert marks() == before
    os.utime(elsewhere.files.folder / "i5" / "eplusout.sql", (0, 0))
    after = marks()
    assert {name for name in before if before[name] != after[name]} == {"i5"}


def test_without_versions_the_bytes_count(elsewhere):
    (run,) = find_remote_runs(elsewhere, "i5", is_run=bool)
    blind = type(run)(run.place, run.path, tuple(FileInfo(file.path, -1, "") for file in run.files))
    before = run_fingerprint(blind, SOURCE, "reader")
    assert sorted(elsewhere.fetched) == [f"i5/eplusout.{kind}" for kind in ("eio", "end", "err", "sql")]
    os.utime(elsewhere.files.folder / "i5" / "eplusout.sql", (0, 0))
    assert run_fingerprint(blind, SOURCE, "reader") == before
    (elsewhere.files.folder / "i5" / "eplusout.err").write_text("other")
    assert run_fingerprint(blind, SOURCE, "reader") != before


def test_other_engines_get_all_of_a_folder_or_the_one_file(tmp_path):
    xr.Dataset({"t": ("x", [1.0, 2.0])}).to_netcdf(tmp_path / "x-1.nc", engine="h5netcdf")
    place = make(tmp_path, "x-1.txt", "run/a.csv", "run/sub/b.csv")
    source = EngineSource("h5netcdf")
    (file,) = find_remote_runs(place, "*.nc", is_run=bool)
    with at_hand(file, source) as here, here.open() as tree:
        assert tree["t"].values.tolist() == [1.0, 2.0]
    assert place.fetched == ["x-1.nc"]
    assert source.wanted(["a.csv", "sub/b.csv"]).data == ("a.csv", "sub/b.csv")


@pytest.mark.parametrize("suffix", ["L", "C", "D"])
def test_every_layout_of_a_bucket(s3, suffix, tmp_path):
    run = run_energyplus(model(0.1), "chicago", suffix=suffix)
    bucket = s3.make_bucket()
    for path in run.iterdir():
        s3.client().upload_file(str(path), bucket, f"runs/{suffix}/{path.name}")
    opened = partial(files_at, endpoint_url=s3.endpoint_url)
    study = pickle.loads(pickle.dumps(find_study(f"s3://{bucket}/runs/*", open_files=opened)))
    assert [(each.name, each.source) for each in study.runs] == [(suffix, f"s3://{bucket}/runs/{suffix}")]
    stored, report = write_study(study, str(tmp_path / "store"), LocalPath())
    assert report.statuses == {suffix: "completed"}
    with xr.open_datatree(run, engine="energyplus") as wanted:
        ours = open_stored(stored)["zone_mean_air_temperature"]
        assert (ours.isel(run=0).values == wanted["hourly"]["zone_mean_air_temperature"].values).all()
    again, _ = write_study(find_study(f"s3://{bucket}/runs/*", open_files=opened), str(tmp_path / "store"), LocalPath())
    assert not again.changed


def test_a_table_beside_the_runs_of_a_bucket(s3, three_runs, tmp_path):  # noqa: F811
    bucket, client = s3.make_bucket(), s3.client()
    for name, run in three_runs.items():
        for kind in ("end", "err", "eio", "sql"):
            client.upload_file(str(run / f"eplusout.{kind}"), bucket, f"runs/{name}/eplusout.{kind}")
    client.put_object(Bucket=bucket, Key="runs/params.csv", Body=b"run,insulation_cm\ni5,5\ni10,10\ni20,20\ni40,40\n")
    opened = partial(files_at, endpoint_url=s3.endpoint_url)
    table = f"s3://{bucket}/runs/params.csv"
    study = find_study(f"s3://{bucket}/runs", parameters=table, open_files=opened)
    assert [(run.name, run.path is None) for run in study.runs] == [
        ("i5", False),
        ("i10", False),
        ("i20", False),
        ("i40", True),
    ]
    assert study.parameters.where == table
    client.put_object(Bucket=bucket, Key="runs/params.csv", Body=b"run,insulation_cm\ni5,5\n")
    with pytest.raises(SourceError, match=f"{table}: has no row for 'i10', 'i20'"):
        find_study(f"s3://{bucket}/runs", parameters=table, open_files=opened)
    with pytest.raises(SourceError, match=r"none\.csv: does not exist"):
        find_study(f"s3://{bucket}/runs", parameters=f"s3://{bucket}/none.csv", open_files=opened)


def test_a_bucket_that_cannot_be_listed_is_an_error(s3, monkeypatch):
    missing = partial(files_at, endpoint_url=s3.endpoint_url)
    with pytest.raises(SourceError, match=r"no-such-bucket.*: there is no such bucket"):
        find_study("s3://no-such-bucket/runs/*", open_files=missing)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SourceError, match=r"the secret key is wrong|access is denied"):
        find_study(f"s3://{s3.make_bucket()}/runs/*", open_files=missing)


def test_places_are_addresses(s3):
    place = files_at("s3://bucket/runs", endpoint_url=s3.endpoint_url)
    assert isinstance(place, BucketFiles)
    assert isinstance(place.scheme, CustomS3)


@pytest.mark.parametrize("name", ["case 1", "ä#1", "100%", "a+b&c=d", "[x]"])
def test_keys_hold_any_characters(s3, three_runs, name, tmp_path):  # noqa: F811
    bucket, client = s3.make_bucket(), s3.client()
    for kind in ("end", "err", "eio", "sql"):
        client.upload_file(str(three_runs["i5"] / f"eplusout.{kind}"), bucket, f"my runs/{name}/eplusout.{kind}")
    study = find_study(f"s3://{bucket}/my runs/*", open_files=partial(files_at, endpoint_url=s3.endpoint_url))
    assert [run.name for run in study.runs] == [name]
    assert read_run(study.runs[0], "mark", SOURCE).status == "completed"


def test_an_address_may_be_that_of_one_file(s3, three_runs):  # noqa: F811
    bucket, client = s3.make_bucket(), s3.client()
    for kind in ("end", "err", "eio", "sql"):
        client.upload_file(str(three_runs["i5"] / f"eplusout.{kind}"), bucket, f"runs/office.{kind}")
    opened = partial(files_at, endpoint_url=s3.endpoint_url)
    study = find_study(f"s3://{bucket}/runs/office.sql", open_files=opened)
    assert [(run.name, run.source) for run in study.runs] == [("office", f"s3://{bucket}/runs/office.sql")]
    assert read_run(study.runs[0], "mark", SOURCE).status == "completed"
    with pytest.raises(SourceError, match=r"runs/none\.sql: matches no runs"):
        find_study(f"s3://{bucket}/runs/none.sql", open_files=opened)


def test_no_room_for_a_copy_is_told_of_the_run(elsewhere, monkeypatch):
    study = find_study("s3://bucket/study", open_files=lambda at: elsewhere)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/full/none")
    data = read_run(study.runs[0], "mark", SOURCE)
    assert (data.status, data.fingerprint) == ("incomplete", "")
    assert data.message.startswith("cannot be read: ")
