"""Builds of real runs by several processes, as users start them: by the command, with a worker killed in the middle."""

import re
import shutil
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


@pytest.fixture
def many_runs(three_runs, tmp_path: Path) -> Path:
    """A folder of real runs, each as often as it takes to be busy; one of them is torn."""
    for number in range(RUNS):
        shutil.copytree(three_runs[f"i{(5, 10, 20)[number % 3]}"], tmp_path / f"runs/case-{number}")
    (tmp_path / "runs/case-7/eplusout.end").unlink()
    rows = "".join(f"case-{number},{(5, 10, 20)[number % 3]}\n" for number in range(RUNS))
    (tmp_path / "params.csv").write_text(f"run,cm\n{rows}")
    return tmp_path


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "simstac", *arguments]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
        "    one = {'threads_per_worker': 1, 'host': '127.0.0.1', 'dashboard_address': None}\n"
        "    with LocalCluster(n_workers=2, **one) as cluster:\n"
        "        print(cluster.scheduler_address, flush=True)\n"
        "        sys.stdin.read()\n"
    )
    line = [sys.executable, str(script)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        yield cluster.stdout.readline().strip(), cluster.pid
        cluster.stdin.close()


def values(folder: Path) -> xr.Dataset:
    collection = pystac.Collection.from_file(str(folder / "site/offices/collection.json"))
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        return ds.load()


@pytest.mark.parametrize("place", ["local", "s3"])
def test_dask_builds_real_runs_though_a_worker_is_killed(many_runs, request, place):
    config = many_runs / "simstac.yaml"
    config.write_text(CONFIG.format(store="{chunks: {run: 1}}"))
    code, out, _ = said(command(many_runs, "build", "simstac.yaml", "--jobs", "1"))
    assert (code, "36 runs (35 completed, 1 incomplete)" in out) == (1, True)
    expected = values(many_runs)
    shutil.rmtree(many_runs / "site")
    if place == "local":
        build = command(many_runs, "build", "simstac.yaml", "--dask", "local", "--jobs", "2")
        kill_a_worker(build.pid, build)
        code, out, err = said(build)
    else:
        s3 = request.getfixturevalue("s3")
        bucket = s3.make_bucket("study")
        store = f'{{url: "s3://{bucket}/offices", endpoint_url: "{s3.endpoint_url}", chunks: {{run: 1}}}}'
        config.write_text(CONFIG.format(store=store))
        with dask_cluster(many_runs) as (address, cluster):
            build = command(many_runs, "build", "simstac.yaml", "--dask", address)
            kill_a_worker(cluster, build)
            code, out, err = said(build)
    assert (code, "offices: written, version 1, 36 runs (35 completed, 1 incomplete)" in out) == (1, True), err
    assert "read runs: 36/36" in err
    xr.testing.assert_identical(values(many_runs), expected)
    assert "offices: unchanged" in said(command(many_runs, "build", "simstac.yaml", "--dask", "local"))[1]
