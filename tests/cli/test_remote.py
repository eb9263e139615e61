"""The commands on runs that lie in a bucket."""

import json
import re
import shutil

import pytest
from tests.publishing.proxy import proxied

from simstac.objects import files_at


@pytest.fixture
def bucket(s3, three_runs, tmp_path, monkeypatch):
    """A bucket with three runs of three kinds, and what lies beside them."""
    name, client = s3.make_bucket("runs"), s3.client()
    for run, folder in three_runs.items():
        for path in folder.iterdir():
            client.upload_file(str(path), name, f"study/runs/{run}/{path.name}")
    client.put_object(Bucket=name, Key="study/params.csv", Body=b"run,cm\ni5,5\ni10,10\ni20,20\n")
    client.put_object(Bucket=name, Key="study/notes.csv", Body=b"who,what\nme,nothing\n")
    monkeypatch.chdir(tmp_path)
    return name


def test_init_build_and_status_of_a_bucket(simstac, s3, bucket, tmp_path):
    with proxied(s3.endpoint_url) as proxy:
        said = simstac("init", f"s3://{bucket}/study", "--endpoint-url", proxy.url)
        wrote = "wrote simstac.yaml\nedit it, then: simstac build simstac.yaml\n"
        assert said.out == f"found 3 simulations of study\n{wrote}"
        text = (tmp_path / "simstac.yaml").read_text()
        assert (
            f'source: {{engine: energyplus, path: "s3://{bucket}/study/runs/*", endpoint_url: "{proxy.url}", '
            f'parameters: "s3://{bucket}/study/params.csv"}}' in text
        )
        assert 'description: "3 simulations of study."' in text
        assert {tuple(line.split()[1:3]) for line in simstac("status", "simstac.yaml").out.splitlines()} == {
            ("completed", "new")
        }
        assert simstac("build", "simstac.yaml").code == 0
        proxy.seen.clear()
        said = simstac("status", "simstac.yaml")
        assert [line.split() for line in said.out.splitlines()] == [
            [run, "completed", "current"] for run in ("i5", "i10", "i20")
        ]
        objects = [path for _, path in proxy.seen if "list-type" not in path]
        assert objects == [f"/{bucket}/study/params.csv"]
        s3.client().put_object(Bucket=bucket, Key="study/runs/i10/eplusout.end", Body=b"EnergyPlus Terminated--Fatal")
        rows = [json.loads(line) for line in simstac("status", "simstac.yaml", "--json").out.splitlines()]
        assert [(row["run"], row["status"], row["store"]) for row in rows] == [
            ("i5", "completed", "current"),
            ("i10", "failed", "stale"),
            ("i20", "completed", "current"),
        ]
        listed = simstac("status", f"s3://{bucket}/study/runs", "--endpoint-url", proxy.url)
        assert [line.split()[:2] for line in listed.out.splitlines()] == [
            ["i5", "completed"],
            ["i10", "failed"],
            ["i20", "completed"],
        ]
    again = simstac("init", f"s3://{bucket}/study", "--endpoint-url", s3.endpoint_url)
    assert (again.code, "simstac.yaml: is there already" in again.err) == (2, True)


def test_init_of_a_bucket_takes_the_runs_alone_where_more_lies_beside_them(simstac, s3, bucket, tmp_path):
    s3.client().put_object(Bucket=bucket, Key="study/runs/stac/catalog.json", Body=b"{}")
    assert simstac("init", f"s3://{bucket}/study/runs", "--endpoint-url", s3.endpoint_url).code == 0
    assert f'path: "s3://{bucket}/study/runs/i*"' in (tmp_path / "simstac.yaml").read_text()
    assert simstac("status", "simstac.yaml").err.endswith("3 runs (3 completed)\n")


def test_init_of_scythes_experiments_one_of_them_or_a_run_of_it(simstac, s3, scythe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    endpoint = ("--endpoint-url", s3.endpoint_url)
    said = simstac("init", scythe.address, *endpoint)
    assert "found 4 runs of 3 versions of the Scythe experiment office_box, 3 with results\n" in said.out
    text = (tmp_path / "simstac.yaml").read_text()
    assert f'source: {{engine: scythe, path: "{scythe.address}/office_box", endpoint_url: "{s3.endpoint_url}"}}' in text
    assert f'path: "{scythe.address}/late_box"' in text
    (tmp_path / "simstac.yaml").unlink()
    simstac("init", f"{scythe.address}/office_box/", *endpoint)
    said = simstac("build", "simstac.yaml")
    assert "office_box: written" in said.out
    assert "4 runs (3 completed, 1 incomplete)" in said.out
    version, time = scythe.office_box[0].split("/")[1:]
    copy = files_at(f"{scythe.address}/office_box/{version}", endpoint_url=s3.endpoint_url)
    for file in copy.list():
        target = tmp_path / "copy" / "office_box" / version / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        copy.fetch(file.path, target)
    for folder in ("copy", "copy/office_box", f"copy/office_box/{version}", f"copy/office_box/{version}/{time}"):
        said = simstac("init", folder)
        assert "found 1 run of 1 version of the Scythe experiment office_box, 1 with results\n" in said.out
        said = simstac("build", f"{folder}/simstac.yaml")
        assert (said.code, "1 run (1 completed)" in said.out) == (0, True)
        (tmp_path / folder / "simstac.yaml").unlink()
        shutil.rmtree(tmp_path / folder / "site")


def test_what_is_wrong_with_an_address_is_said(simstac, s3, bucket, monkeypatch):
    endpoint = ("--endpoint-url", s3.endpoint_url)
    said = simstac("init", f"s3://{bucket}/empty", *endpoint)
    assert (said.code, f"s3://{bucket}/empty: holds no runs that energyplus reads" in said.err) == (1, True)
    said = simstac("status", "s3://no-such-bucket/runs", *endpoint)
    assert (said.code, "there is no such bucket" in said.err) == (1, True)
    said = simstac("status", "ftp://host/runs")
    assert (said.code, "is neither a folder nor in a bucket" in said.err) == (1, True)
    said = simstac("status", "none")
    assert (said.code, "'none' does not exist." in said.err) == (2, True)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mistyped")
    said = simstac("status", f"s3://{bucket}/study/runs", *endpoint)
    assert said.code == 1
    assert re.search("the secret key is wrong|access is denied", said.err)
    assert "mistyped" not in said.err
