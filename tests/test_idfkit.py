"""What people do with idfkit: simulate into a bucket with the real engine, publish from anywhere, open by xarray."""

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pystac
import pytest
import xarray as xr
from idfkit.simulation import AsyncS3FileSystem, S3FileSystem, async_simulate_batch_stream, simulate_batch
from tests.idfkit_jobs import BROKEN, engine, job
from tests.publishing.proxy import Fault, proxied

import simstac.idfkit
from simstac.storage import LocalPath
from simstac.write import write_study

LICENSE = {"id": "rooms", "license": "CC-BY-4.0"}
CONFIG = """\
catalog: {{id: buildings, title: Buildings, description: Rooms.}}
collections:
  - id: rooms
    license: CC-BY-4.0
    source:
      engine: energyplus
      path: s3://{bucket}/study-001/case-*
      endpoint_url: {endpoint}
      parameters: params.csv
"""
ROWS = {"case-5": {"cm": 5}, "case-10": {"cm": 10}, "case-20": {"cm": 20}, "case-none": {"cm": 10}}
PARAMETERS = {"case-5": {"cm": 5}, "case-10": {"cm": 10}, "case-20": {"cm": 20}, "case-bad": {"cm": 0}}


def command(*arguments, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line in another process."""
    line = [sys.executable, "-m", "simstac", *map(str, arguments)]
    return subprocess.run(line, check=False, cwd=cwd, capture_output=True, text=True, timeout=120)


def file_system(s3, bucket: str, kind=S3FileSystem):
    return kind(bucket, "study-001", endpoint_url=s3.endpoint_url, region_name=s3.region)


@pytest.fixture(scope="session")
def simulated(seaweedfs, tmp_path_factory):
    """A bucket in which idfkit put three runs in the three layouts, and one that failed; and its results."""
    models, bucket = tmp_path_factory.mktemp("models"), seaweedfs.make_bucket("simulations")
    jobs = [
        job(models, f"case-{cm}", cm / 100, output_suffix=suffix) for cm, suffix in ((5, "L"), (10, "C"), (20, "D"))
    ]
    jobs.append(job(models, "case-bad", 0.1, BROKEN))
    keys = {"aws_access_key_id": seaweedfs.access_key, "aws_secret_access_key": seaweedfs.secret_key}
    fs = S3FileSystem(bucket, "study-001", endpoint_url=seaweedfs.endpoint_url, region_name=seaweedfs.region, **keys)
    return bucket, simulate_batch(jobs, energyplus=engine(), fs=fs)


def test_the_seed_workflow(s3, simulated, tmp_path):
    bucket, results = simulated
    assert [result.success for result in results] == [True, True, True, False]
    (tmp_path / "simstac.yaml").write_text(CONFIG.format(bucket=bucket, endpoint=s3.endpoint_url))
    rows = "".join(f"{run},{row['cm']}\n" for run, row in PARAMETERS.items())
    (tmp_path / "params.csv").write_text(f"run,cm\n{rows}")
    said = command("build", "simstac.yaml", cwd=tmp_path)
    assert said.returncode == 1, said.stderr
    assert "rooms: written, version 1, 4 runs (3 completed, 1 failed)" in said.stdout
    assert "case-bad: failed" in said.stderr
    study = xr.open_dataset(pystac.read_file(tmp_path / "site/rooms/collection.json").assets["icechunk"])
    assert dict(zip(study["run"].values, study["cm"].values, strict=True)) == {
        "case-5": 5,
        "case-10": 10,
        "case-20": 20,
        "case-bad": 0,
    }
    heating = study["zone_air_system_sensible_heating_energy"]
    for run in results.succeeded:
        series = run.sql.get_timeseries("Zone Air System Sensible Heating Energy", "CORE")
        ours = heating.sel(run=run.run_dir.name).squeeze().values
        assert ours.tolist() == list(series.values)
        assert ours.sum() > 0
    assert heating.sel(run="case-bad").isnull().all()
    assert study["source"].sel(run="case-5").item() == f"s3://{bucket}/study-001/case-5"
    again = command("build", "simstac.yaml", cwd=tmp_path)
    assert "rooms: unchanged" in again.stdout
    status = command("status", "simstac.yaml", cwd=tmp_path)
    assert [line.split()[:3] for line in status.stdout.splitlines()] == [
        ["case-5", "completed", "current"],
        ["case-10", "completed", "current"],
        ["case-20", "completed", "current"],
        ["case-bad", "failed", "current"],
    ]


def test_the_module_is_there_without_an_import_of_its_own():
    script = "import simstac; print(simstac.idfkit.publish.__module__)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "simstac.idfkit\n"


def test_sql_files_are_fetched_once_and_unchanged_runs_not_at_all(s3, simulated, tmp_path, monkeypatch):
    bucket, _ = simulated
    here = tmp_path / "temporary"
    here.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    client = s3.client()
    listed = client.list_objects_v2(Bucket=bucket, Prefix="study-001/")["Contents"]
    sizes = {each["Key"]: each["Size"] for each in listed}
    read = {key for key in sizes if re.fullmatch(r"study-001/case-\d+/(eplusout|eplus)\.(sql|end|err|eio)", key)}
    read |= {"study-001/case-bad/eplus.end", "study-001/case-bad/eplus.err"}
    with proxied(s3.endpoint_url) as proxy:
        runs = f"s3://{bucket}/study-001/case-*"
        write_study(simstac.study(runs, endpoint_url=proxy.url), str(tmp_path / "store"), LocalPath())
        fetched = [path for method, path in proxy.seen if method == "GET" and "list-type" not in path]
        assert sorted(fetched) == sorted(f"/{bucket}/{key}" for key in read)
        assert sum(proxy.sent[path] for path in fetched) == sum(sizes[key] for key in read)
        proxy.seen.clear()
        again, _ = write_study(simstac.study(runs, endpoint_url=proxy.url), str(tmp_path / "store"), LocalPath())
        assert not again.changed
        assert [method for method, path in proxy.seen] == ["GET"]
        assert "list-type=2" in proxy.seen[0][1]
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.TRUNCATE, "incomplete"), (Fault.DENY, "incomplete"), (Fault.BUSY, "incomplete")]
)
def test_a_run_that_cannot_be_fetched_is_reported_and_the_others_go_on(s3, simulated, tmp_path, fault, status):
    bucket, _ = simulated
    runs = f"s3://{bucket}/study-001/case-*"
    store = str(tmp_path / "store")
    with proxied(s3.endpoint_url) as proxy:
        proxy.fault = lambda _method, path, _number: fault if path.endswith("case-10/eplus.sql") else None
        _, report = write_study(simstac.study(runs, endpoint_url=proxy.url), store, LocalPath())
        assert report.statuses == {
            "case-5": "completed",
            "case-10": status,
            "case-20": "completed",
            "case-bad": "failed",
        }
        assert report.messages["case-10"].startswith("eplus.sql: ")
        proxy.fault = lambda _method, _path, _number: None
        again, report = write_study(simstac.study(runs, endpoint_url=proxy.url), store, LocalPath())
    assert (again.changed, report.rewritten, report.statuses["case-10"]) == (True, ("case-10",), "completed")


def test_without_credentials_or_bucket_the_site_stays(s3, simulated, tmp_path, monkeypatch):
    bucket, _ = simulated
    (tmp_path / "simstac.yaml").write_text(CONFIG.format(bucket=bucket, endpoint=s3.endpoint_url))
    rows = "".join(f"{run},{row['cm']}\n" for run, row in PARAMETERS.items())
    (tmp_path / "params.csv").write_text(f"run,cm\n{rows}")
    project = simstac.load_project(tmp_path / "simstac.yaml")
    simstac.build(project)
    before = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    (error,) = simstac.build(project).errors
    assert re.search("the secret key is wrong|access is denied", str(error))
    monkeypatch.undo()
    for name, value in s3.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "simstac.yaml").write_text(CONFIG.format(bucket="no-such-bucket", endpoint=s3.endpoint_url))
    (error,) = simstac.build(simstac.load_project(tmp_path / "simstac.yaml")).errors
    assert "s3://no-such-bucket/study-001" in str(error)
    assert "there is no such bucket" in str(error)
    after = {path: path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.is_file()}
    assert after == before


def test_a_stream_is_written_as_runs_end_and_published(s3, tmp_path, monkeypatch):
    bucket = s3.make_bucket("simulations")
    to = {"url": f"s3://{bucket}/stac", "endpoint_url": s3.endpoint_url}
    jobs = [job(tmp_path, f"case-{cm}", cm / 100) for cm in (5, 10, 20)]
    jobs.append(job(tmp_path, "case-none", 0.1, weather=tmp_path / "none.epw"))
    commits: list[int] = []
    written = simstac.idfkit.write_some
    monkeypatch.setattr(
        simstac.idfkit, "write_some", lambda order, study: commits.append(len(study.runs)) or written(order, study)
    )

    async def simulate() -> simstac.idfkit.RunReport:
        async with file_system(s3, bucket, AsyncS3FileSystem) as fs:
            events = async_simulate_batch_stream(jobs, energyplus=engine(), fs=fs, max_concurrent=1)
            return await simstac.idfkit.publish(events, to, parameters=ROWS, collection=LICENSE)

    report = asyncio.run(simulate())
    assert commits == sorted(set(commits))
    assert len(commits) > 1
    (built,) = report.build.collections
    assert built.summary == "written, version 1, 4 runs (3 completed, 1 missing)"
    assert built.problems == (f"case-none: missing: Weather file not found: {tmp_path / 'none.epw'}",)
    assert not report.ok
    again = simstac.idfkit.publish((file_system(s3, bucket), ""), to, parameters=ROWS, collection=LICENSE)
    assert again.build.collections[0].summary == "unchanged, version 1, 4 runs (3 completed, 1 missing)"
    assert not any(outcome.changes for outcome in again.outcomes)
