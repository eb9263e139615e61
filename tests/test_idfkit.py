"""What people do with idfkit: simulate into a bucket with the real engine, publish from anywhere, open by xarray."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pystac
import pytest
import xarray as xr
from idfkit.simulation import AsyncS3FileSystem, S3FileSystem, async_simulate_batch_stream, simulate_batch
from tests.idfkit_jobs import BROKEN, engine, job

import simstac.idfkit

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
