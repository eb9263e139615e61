"""Runs read and written by several processes: the same store, whatever becomes of the processes."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import distributed
import numpy as np
import psutil
import pytest
from runs import STATUS, DeadlySource, JsonBackend, series_group, write_run

from simstac.errors import ConfigError, SourceError
from simstac.storage import CustomS3, LocalPath
from simstac.studies import Study, find_runs, read_parameters
from simstac.studies.runs import match_parameters
from simstac.write import Parallel, Report, open_stored, write_study
from simstac.write.repository import BUILD_BRANCH, Place, open_repository
from simstac.write.workers import hired

RUNS = 12
CHUNKS = {"run": 2}


def make_runs(base: Path) -> Path:
    """Twelve runs: number 5 has a zone more, 7 failed, 9 is torn, and 11 is named by the table alone."""
    for number in range(RUNS - 1):
        zones = ["CORE", "NORTH", *(["ATTIC"] if number == 5 else [])]
        data = {"t": [[number + zone + hour / 8 for hour in range(48)] for zone in range(len(zones))]}
        groups = {"/": {"data": {"eui": [[], 1.5 * number]}}, "/hourly": series_group(zones, list(range(48)), data)}
        write_run(base / f"runs/run-{number}", groups)
    (base / "runs/run-7" / STATUS).write_text("failed: no convergence")
    (base / "runs/run-9/results.json").write_text("{torn")
    (base / "deaths").mkdir()
    return base


def study(base: Path) -> Study:
    table = read_parameters({f"run-{number}": {"u_value": number / 10} for number in range(RUNS)})
    runs = find_runs("runs/*", base=base)
    return Study(match_parameters(runs, table), table, DeadlySource(JsonBackend))


def reads(base: Path) -> Counter[str]:
    log = base / "read.log"
    return Counter(log.read_text().split()) if log.exists() else Counter()


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, **options) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> tuple[object, Report]:
    """The store that this process alone writes."""
    base = make_runs(tmp_path_factory.mktemp("alone"))
    stored, report = write_study(study(base), str(base / "store"), LocalPath(), chunks=CHUNKS)
    return open_stored(stored).load(), report


def assert_same(stored, report: Report, expected, *, resumed: bool = False) -> None:
    tree, wanted = expected
    opened = open_stored(stored)
    assert replace(report, differences=wanted.differences if resumed else report.differences) == wanted
    for group in tree.subtree:
        for name, variable in group.to_dataset().variables.items():
            other = opened[group.path].to_dataset()[name]
            np.testing.assert_array_equal(other.values, variable.values)
            assert other.attrs == variable.attrs
            assert other.encoding["chunks"] == variable.encoding["chunks"]


def test_processes_write_the_same_store_though_one_is_killed(tmp_path, expected):
    base = make_runs(tmp_path)
    (base / "deaths/run-2").write_text("1")
    steps = []
    stored, report = write_study(
        study(base), str(base / "store"), LocalPath(), chunks=CHUNKS, parallel=Parallel(2), on_progress=steps.append
    )
    assert_same(stored, report, expected)
    assert report.statuses["run-7"] == "failed"
    assert report.statuses["run-9"] == "incomplete"
    assert {(step.stage, step.total) for step in steps} == {("read runs", RUNS)}
    assert max(step.done for step in steps) == RUNS
    assert reads(base)["run-2"] == 1
    again, _ = write_study(study(base), str(base / "store"), LocalPath(), chunks=CHUNKS, parallel=Parallel(2))
    assert (again.snapshot_id, again.changed) == (stored.snapshot_id, False)


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_are_read_once_though_the_first_ones_failed(tmp_path, jobs):
    base = make_runs(tmp_path)
    for number in (0, 1, 2):
        (base / f"runs/run-{number}" / STATUS).write_text("failed: no convergence")
    stored, report = write_study(study(base), str(base / "s"), LocalPath(), chunks=CHUNKS, parallel=Parallel(jobs))
    assert Counter(report.statuses.values()) == {"failed": 4, "completed": 6, "incomplete": 1, "missing": 1}
    expected = dict.fromkeys(("run-3", "run-6", "run-8", "run-9", "run-10"), 1)
    assert reads(base) == expected | {"run-4": 2, "run-5": 2}  # run 5 has a zone more than the store was made for
    assert open_stored(stored)["t"].sel(run="run-10", zone="NORTH").values[8] == 10 + 1 + 1


def process_of(seconds: float, number: int) -> tuple[int, int]:
    time.sleep(seconds)
    return number, os.getpid()


def test_what_was_to_be_begun_when_all_processes_died_is_done_by_others():
    done, died = [], None
    with hired(Parallel(2)) as workers:
        for item, result in workers.results(process_of, 0.02, range(9)):
            assert item == result[0]
            done.append(item)
            if died is None:
                died = psutil.Process().children()
                processes = [each for each in died if "spawn_main" in " ".join(each.cmdline())]
                for each in processes:
                    each.kill()
                psutil.wait_procs(processes)
                time.sleep(0.2)
    assert sorted(done) == list(range(9))


def test_a_run_that_kills_every_process_is_a_row_and_read_again_next_time(tmp_path):
    base = make_runs(tmp_path)
    (base / "deaths/run-4").write_text("3")
    store = str(base / "store")
    _, report = write_study(study(base), store, LocalPath(), chunks={"run": 1}, parallel=Parallel(2))
    assert report.statuses["run-4"] == "incomplete"
    assert "killed several times" in report.messages["run-4"]
    assert Counter(report.statuses.values()) == {"completed": 8, "incomplete": 2, "failed": 1, "missing": 1}
    stored, report = write_study(study(base), store, LocalPath(), chunks={"run": 1})
    assert report.statuses["run-4"] == "completed"
    assert open_stored(stored)["t"].sel(run="run-4", zone="NORTH").values[8] == 4 + 1 + 1


@pytest.mark.parametrize("place", ["local", "s3"])
def test_a_dask_cluster_writes_the_same_store_though_a_worker_is_killed(tmp_path, request, cluster, expected, place):
    base = make_runs(tmp_path)
    (base / "deaths/run-2").write_text("1")
    href, scheme = str(base / "store"), LocalPath()
    parallel = Parallel(dask=cluster.scheduler_address)
    if place == "local":
        stored, report = write_study(study(base), href, scheme, chunks=CHUNKS, parallel=parallel)
    else:
        s3 = request.getfixturevalue("s3")
        bucket = s3.make_bucket()
        href, scheme = f"s3://{bucket}/study", CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
        with distributed.Client(cluster) as client:
            client.run(os.environ.update, s3.env)
            client.register_plugin(Keys(s3.env))
        stored, report = write_study(study(base), href, scheme, chunks=CHUNKS, parallel=parallel)
    assert_same(stored, report, expected)
    assert reads(base)["run-2"]
    assert (base / "deaths/run-2").read_text() == "0"


@pytest.mark.parametrize(
    ("there", "said"),
    [("return '0.0.1'", "has simstac 0.0.1"), ("raise m.PackageNotFoundError(name)", "has no simstac")],
)
def test_workers_without_this_simstac_are_refused(cluster, there, said):
    code = f"import importlib.metadata as m\nm.kept = m.version\ndef version(name): {there}\nm.version = version"
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)  # one that was killed is back
        client.run(exec, code, {})
        try:
            with (
                pytest.raises(ConfigError, match=rf"worker tcp://.*: {said}; install simstac {version('simstac')} in"),
                hired(Parallel(dask=cluster.scheduler_address)) as workers,
            ):
                next(workers.results(process_of, 0.0, range(2)))
        finally:
            client.run(exec, "import importlib.metadata as m\nm.version = m.kept", {})


def test_runs_that_workers_do_not_see_are_not_taken_for_missing(tmp_path, cluster, monkeypatch):
    base = make_runs(tmp_path)
    monkeypatch.chdir(base)
    parallel, found = Parallel(dask=cluster.scheduler_address), study(Path("/proc/self/cwd"))
    with pytest.raises(SourceError, match=r"run-\d+: is there, but a worker does not find it; give workers the runs"):
        write_study(found, "store", LocalPath(), chunks=CHUNKS, parallel=parallel)
    stored, report = write_study(study(Path()), "store", LocalPath(), chunks=CHUNKS, parallel=parallel)
    assert report.statuses["run-10"] == "completed"
    assert open_stored(stored)["t"].sel(run="run-10", zone="NORTH").values[8] == 10 + 1 + 1


class Keys(distributed.WorkerPlugin):
    """Keys in the environment of workers, also of those that are started in place of lost ones."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def setup(self, worker: object) -> None:
        os.environ.update(self.env)


def test_a_changed_run_costs_no_processes(tmp_path, monkeypatch):
    base = make_runs(tmp_path)
    store = str(base / "store")
    write_study(study(base), store, LocalPath(), chunks=CHUNKS)
    write_run(base / "runs/run-2", {"/hourly": series_group(["CORE"], [0, 1], {"t": [[7.0, 8.0]]})})
    (base / "runs/run-9/results.json").unlink()
    (base / "runs/run-9").rmdir()
    monkeypatch.setattr("simstac.write.build.hired", None)
    before = reads(base)
    stored, report = write_study(study(base), store, LocalPath(), chunks=CHUNKS, parallel=Parallel(2))
    assert report.rewritten == ("run-2",)
    assert reads(base) - before == {"run-2": 1}
    assert open_stored(stored)["t"].sel(run="run-2", zone="CORE").values[:2].tolist() == [7.0, 8.0]


@pytest.mark.parametrize(("jobs", "run", "left"), [(1, "run-8", 5), (2, "run-8", 8), (2, "run-3", 10)])
def test_the_build_after_a_killed_one_reads_only_what_that_had_not_saved(tmp_path, expected, jobs, run, left):
    base = make_runs(tmp_path)
    script = Path(__file__).with_name("build_and_save.py")
    command = [sys.executable, str(script), str(base), str(jobs), run]
    killed = subprocess.run(command, timeout=120, check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    repository = open_repository(Place(str(base / "store"), LocalPath()))
    assert BUILD_BRANCH in repository.list_branches()
    before = reads(base)
    stored, report = write_study(study(base), str(base / "store"), LocalPath(), chunks=CHUNKS)
    assert_same(stored, report, expected, resumed=True)
    assert sum((reads(base) - before).values()) <= left
    assert BUILD_BRANCH not in repository.list_branches()
    assert not write_study(study(base), str(base / "store"), LocalPath(), chunks=CHUNKS)[0].changed


def test_a_script_that_every_process_would_begin_again_is_told_so(tmp_path):
    make_runs(tmp_path)
    (tmp_path / "build.py").write_text(
        "import sys, pathlib\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_parallel import CHUNKS, LocalPath, Parallel, study, write_study\n"
        f"base = pathlib.Path({str(tmp_path)!r})\n"
        "write_study(study(base), str(base / 'store'), LocalPath(), chunks=CHUNKS, parallel=Parallel(2))\n"
    )
    command = [sys.executable, str(tmp_path / "build.py")]
    done = subprocess.run(command, timeout=100, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        "jobs: the new processes ended at once; see above what they said; is there memory for 2? in a script"
        in done.stderr
    )


def test_no_processes_no_dask_no_scheduler_and_jobs_for_one_are_one_line_errors(monkeypatch):
    with pytest.raises(ConfigError, match="jobs: is 0; give the number of processes"):
        Parallel(0)
    with pytest.raises(
        ConfigError, match=r"jobs: is of no use with the Dask scheduler tcp://10\.0\.0\.5:8786; leave one"
    ):
        Parallel(4, "tcp://10.0.0.5:8786")
    assert Parallel(4, "local")
    monkeypatch.setattr("simstac.write.workers.CONNECT_SECONDS", 1)
    begun = time.monotonic()
    nobody = hired(Parallel(dask="tcp://127.0.0.1:9"))
    with pytest.raises(ConfigError, match=r"tcp://127.0.0.1:9: is no Dask scheduler that answers") as caught, nobody:
        raise AssertionError
    assert "\n" not in str(caught.value)
    assert time.monotonic() - begun < 30
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"needs Dask; pip install 'simstac\[dask\]'"), hired(Parallel(dask="local")):
        raise AssertionError
