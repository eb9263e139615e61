"""The commands on runs that lie in a bucket."""

import json
import re

import pytest
from tests.publishing.proxy import proxied


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
        assert said.out == "wrote simstac.yaml\nedit it, then: simstac build simstac.yaml\n"
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
