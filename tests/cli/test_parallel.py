"""Builds of real runs by several processes, as users start them: by the command, with a worker killed in the middle."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pystac
import pytest
import xarray as xr

RUNS = 36
CONFIG = """\
catalog: {{id: buildings, title: Buildings}}
collections:
  - id: offices
    license: CC-BY-4.0
    source: {{engine: energyplus, path: "runs/*", parameters: params.csv}}
    store: {store}
"""
SECONDS = 120


@pytest.fixture(scope="module")
def built_alone(three_runs, tmp_path_factory) -> tuple[Path, xr.Dataset]:
    """A folder of real runs, as many as keep workers busy, one of them torn; and what one process makes of them."""
    folder = tmp_path_factory.mktemp("runs")
    for number in range(RUNS):
        shutil.copytree(three_runs[f"i{(5, 10, 20)[number % 3]}"], folder / f"runs/case-{number}")
    (folder / "runs/case-7/eplusout.end").unlink()
    rows = "".join(f"case-{number},{(5, 10, 20)[number % 3]}\n" for number in range(RUNS))
    (folder / "params.csv").write_text(f"run,cm\n{rows}")
    (folder / "simstac.yaml").write_text(CONFIG.format(store="{chunks: {run: 1}}"))
    code, out, _ = said(command(folder, "build", "simstac.yaml", "--jobs", "1"))
    assert (code, "36 runs (35 completed, 1 incomplete)" in out) == (1, True)
    return folder, values(folder)


@pytest.fixture
def built(built_alone) -> tuple[Path, xr.Dataset]:
    """The folder as it is before any build."""
    shutil.rmtree(built_alone[0] / "site", ignore_errors=True)
    return built_alone


def command(folder: Path, *arguments: str, **options: bool) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "simstac", *arguments]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def said(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err
    return process.returncode, out, err


def workers_of(process: int) -> list[psutil.Process]:
    """The processes below one that Dask started to do work."""
    found = psutil.Process(process).children(recursive=True)
    return [each for each in found if "spawn_main" in " ".join(_command_line(each))]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def kill_a_worker(process: int, build: subprocess.Popen[str]) -> None:
    """Kill one that works for ``process`` as soon as a part of the runs is written."""
    lines = iter(build.stderr.readline, "")
    done = next(int(line.split()[2].partition("/")[0]) for line in lines if re.match(r"read runs: (5|9|\d\d)/", line))
    workers_of(process)[0].kill()
    assert done < RUNS / 2
    assert build.poll() is None


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, int]]:
    """A scheduler and two workers with a nanny, as the ``dask`` commands start them; their address and process."""
    script = folder / "cluster.py"
    script.write_text(
        "import sys\n"
        "from distributed import LocalCluster\n"
        "if __name__ == '__main__':\n"
        "    one = {'threads_per_worker': 1, 'host': '127.0.0.1', 'dashboard_address': '127.0.0.1:0'}\n"
        "    with LocalCluster(n_workers=2, **one) as cluster:\n"
        "        print(cluster.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    line = [sys.executable, str(script)]
    with subprocess.Popen(line, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        yield cluster.stdout.readline().strip(), cluster.pid
        cluster.stdin.close()


def values(folder: Path) -> xr.Dataset:
    collection = pystac.Collection.from_file(str(folder / "site/offices/collection.json"))
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        return ds.load()


def assert_built(folder: Path, build: subprocess.Popen[str], expected: xr.Dataset) -> None:
    code, out, err = said(build)
    assert (code, "offices: written, version 1, 36 runs (35 completed, 1 incomplete)" in out) == (1, True), err
    assert "read runs: 36/36" in err
    xr.testing.assert_identical(values(folder), expected)


@pytest.mark.parametrize("options", [["--jobs", "2"], ["--dask", "local", "--jobs", "2"]], ids=["jobs", "dask"])
def test_an_interrupt_in_the_middle_is_one_line_of_ours_whatever_the_processes_are_at(built, options):
    folder, _ = built
    build = command(folder, "build", "simstac.yaml", *options, start_new_session=True)
    lines = [next(line for line in iter(build.stderr.readline, "") if re.match(r"read runs: (5|9|\d\d)/", line))]
    os.killpg(build.pid, signal.SIGINT)
    lines += build.communicate(timeout=SECONDS)[1].splitlines()
    assert build.returncode == 128 + signal.SIGINT
    wanted = "error: stopped; what was finished stays, and the next run goes on from there"
    assert lines[-1] == wanted
    if "--dask" in options:  # Dask may log an interrupt of its own calls
        assert not [line for line in lines if "simstac" in line]
    else:
        assert [line for line in lines if line and not line.startswith("read runs: ")] == [wanted]


def test_dask_local_builds_real_runs_though_a_worker_is_killed(built):
    folder, expected = built
    build = command(folder, "build", "simstac.yaml", "--dask", "local", "--jobs", "2")
    kill_a_worker(build.pid, build)
    assert_built(folder, build, expected)


def test_a_cluster_that_works_in_another_folder_builds_into_a_bucket_though_a_worker_is_killed(
    built, s3, tmp_path, monkeypatch
):
    folder, expected = built
    monkeypatch.setenv("SIMSTAC_TRUST", s3.endpoint_url)
    store = f'{{url: "s3://{s3.make_bucket("study")}/offices", endpoint_url: "{s3.endpoint_url}", chunks: {{run: 1}}}}'
    (folder / "bucket.yaml").write_text(CONFIG.format(store=store))
    with dask_cluster(tmp_path) as (address, cluster):
        build = command(folder, "build", "bucket.yaml", "--dask", address)
        kill_a_worker(cluster, build)
        assert_built(folder, build, expected)
