import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.virtual_files import write_steps

from simstac.cli.output import as_json


def test_help_names_every_command_of_the_contract(simstac):
    said = simstac("--help")
    assert said.code == 0
    listed = {line.split()[0] for line in said.out.partition("Commands:")[2].splitlines() if line.startswith("  ")}
    assert "..." not in said.out.partition("Commands:")[2]
    assert listed >= {
        *("init", "build", "publish", "run", "status", "validate", "verify", "open", "browse", "demo", "schema"),
    }


def test_help_imports_nothing_heavy():
    heavy = {"xarray", "icechunk", "zarr", "pystac", "boto3", "obstore", "pandas", "pydantic", "numpy", "rich.progress"}
    script = "import sys\nfrom simstac.cli.main import app\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert heavy.isdisjoint(loaded)


def test_build_says_what_it_did_and_the_second_time_that_there_is_nothing_to_do(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    first = simstac("build", config)
    assert first.code == 0
    assert first.out.splitlines() == [
        "office-study: written, version 1.0.0, 3 runs (3 completed)",
        f"{study_folder / 'site'}: 7 documents written",
    ]
    second = simstac("build", config)
    assert second.code == 0
    assert second.out.splitlines() == [
        "office-study: unchanged, version 1.0.0, 3 runs (3 completed)",
        f"{study_folder / 'site'}: nothing to do",
    ]


def test_json_is_one_object_a_line_and_nothing_else(simstac, study_folder):
    said = simstac("build", study_folder / "buildings.yaml", "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["id"] for row in rows] == ["office-study"]
    assert rows[0]["stored"]["tag"] == "1.0.0"
    assert said.err == ""


def test_json_has_null_where_a_number_is_none(capsys):
    as_json([{"a": float("nan"), "b": (float("inf"), 1.5), "c": {"z", "y"}, "d": datetime(2024, 1, 2, tzinfo=UTC)}])
    assert (
        capsys.readouterr().out == '{"a": null, "b": [null, 1.5], "c": ["y", "z"], "d": "2024-01-02T00:00:00+00:00"}\n'
    )


def test_a_pipe_that_nobody_reads_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "simstac", "schema"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_a_terminal_has_colours_unless_told_otherwise(no_color, colours):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "simstac", "build", "missing.yaml"]
    ended = subprocess.run(command, stderr=theirs, check=False, env={**os.environ, "NO_COLOR": no_color})
    said = os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert ended.returncode == 2
    assert said.startswith(b"\x1b[31m\x1b[1merror: " if colours else b"error: missing.yaml: cannot be read")


def test_a_name_that_is_not_utf8_is_said_in_one_line(study_folder):
    (study_folder / "runs" / "i5").rename(study_folder / "runs" / os.fsdecode(b"i\xff5"))
    command = [sys.executable, "-m", "simstac", "status", "--json", str(study_folder / "runs")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"})
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert "has a run called 'i\\udcff5', which is not UTF-8; rename its folder" in ended.stderr


@pytest.mark.parametrize("command", ["validate", "verify", "open", "serve"])
def test_an_address_that_is_none_is_a_usage_error(simstac, command):
    said = simstac(command, "http://[")
    assert said.code == 2
    assert "'http://[' is no address" in said.err


def test_verbose_tells_what_is_done(study_folder):
    command = [sys.executable, "-m", "simstac", "-v", "build", str(study_folder / "buildings.yaml")]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "office-study: reading runs/* (energyplus)\n" in said.stderr
    assert f"wrote {study_folder / 'site' / 'office-study' / 'collection.json'}\n" in said.stderr
    assert "reading" not in said.stdout


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["alone", "jobs"])
def test_an_interrupt_is_one_line_and_the_next_build_finishes(simstac, study_folder, jobs):
    config = study_folder / "buildings.yaml"
    command = [sys.executable, "-u", "-m", "simstac", "build", str(config), *jobs]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    said = started.stderr.readline()
    os.killpg(started.pid, signal.SIGINT)
    said += started.communicate(timeout=60)[1]
    assert started.returncode == 128 + signal.SIGINT
    assert said.endswith("error: stopped; what was finished stays, and the next run goes on from there\n")
    assert "Traceback" not in said
    assert simstac("build", config).code == 0


def test_options_of_buckets_are_refused_for_folders(simstac, study_folder):
    for command in ("init", "status"):
        said = simstac(command, study_folder, "--region", "eu-west-1")
        assert said.code == 2
        assert "--region is of use only with s3://bucket/prefix" in said.err


def test_progress_goes_to_stderr_in_plain_lines(simstac, study_folder):
    said = simstac("build", study_folder / "buildings.yaml")
    assert "3/3" in said.err
    assert "\x1b" not in said.err
    assert "3/3" not in said.out


def test_a_bad_run_shows_and_makes_the_exit_code_one(simstac, study_folder):
    (study_folder / "runs" / "i10" / "eplusout.end").unlink()
    said = simstac("build", study_folder / "buildings.yaml")
    assert said.code == 1
    assert "3 runs (2 completed, 1 incomplete)" in said.out
    assert "i10: incomplete" in said.err


@pytest.mark.parametrize(
    ("mend", "code", "message"),
    [
        (lambda folder: shutil.rmtree(folder / "runs"), 1, "does not exist"),
        (lambda folder: [shutil.rmtree(run) for run in (folder / "runs").glob("i*")], 1, "matches no runs"),
        (
            lambda folder: (folder / "runs" / "params.csv").write_text("run,a\ni5,1\ni5,2\n"),
            1,
            "names the run 'i5' twice",
        ),
        (lambda folder: (folder / "runs" / "params.csv").write_text("run,a\ni5,1\n"), 1, "has no row for 'i10', 'i20'"),
        (
            lambda folder: (folder / "runs" / "params.csv").write_text("run,a\nz,1\n"),
            1,
            "has a row for none of the runs",
        ),
        (lambda folder: (folder / "runs" / "params.csv").unlink(), 1, "does not exist"),
        (lambda folder: (folder / "buildings.yaml").write_text("catalog: {titel: x}"), 2, "buildings.yaml:1"),
    ],
    ids=["no folder", "no runs", "twice", "missing rows", "unknown rows", "no table", "typo"],
)
def test_bad_input_is_one_line_with_path_and_remedy_and_changes_nothing(simstac, study_folder, mend, code, message):
    simstac("build", study_folder / "buildings.yaml")
    before = {path: path.read_bytes() for path in (study_folder / "site").rglob("*") if path.is_file()}
    mend(study_folder)
    said = simstac("build", study_folder / "buildings.yaml")
    assert said.code == code
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert str(study_folder) in line
    assert "; " in line
    assert "nothing to do" not in said.out
    assert {path: path.read_bytes() for path in (study_folder / "site").rglob("*") if path.is_file()} == before


def test_a_run_that_is_being_written_or_broken_is_reported_alone(simstac, study_folder):
    (study_folder / "runs" / "i5" / "eplusout.sql-journal").touch()
    (study_folder / "runs" / "i10" / "eplusout.sql").write_text("no database at all, but long enough to look at" * 9)
    said = simstac("build", study_folder / "buildings.yaml")
    assert said.code == 1
    assert "is still being written" in said.err
    assert "3 runs (1 completed, 2 incomplete)" in said.out


def test_status_tells_each_run_and_whether_the_store_has_it(simstac, study_folder, three_runs):
    config = study_folder / "buildings.yaml"
    assert {line.split()[2] for line in simstac("status", config).out.splitlines()} == {"new"}
    simstac("build", config)
    shutil.rmtree(study_folder / "runs" / "i20")
    shutil.copytree(three_runs["i5"], study_folder / "runs" / "i20")
    said = simstac("status", config)
    assert [line.split() for line in said.out.splitlines()] == [
        ["i5", "completed", "current"],
        ["i10", "completed", "current"],
        ["i20", "completed", "stale"],
    ]
    (study_folder / "runs" / "i20" / "eplusout.end").unlink()
    folder = simstac("status", study_folder / "runs")
    assert folder.code == 1
    assert folder.out.splitlines()[-1].split()[:2] == ["i20", "incomplete"]


def test_status_of_a_folder_without_runs_says_which_to_name(simstac, study_folder):
    said = simstac("status", study_folder)
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"error: {study_folder}: holds no runs that energyplus reads; name the folder that the runs' folders are in\n"
    )
    assert simstac("status", study_folder / "runs").code == 0


def test_status_tells_of_runs_that_the_last_build_could_not_use(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    (study_folder / "runs" / "i10" / "eplusout.sql").write_text("no database at all, but long enough to look at" * 9)
    for name in ("a", "b"):
        for kind in ("sql", "end"):
            (study_folder / "runs" / "i20" / f"{name}.{kind}").touch()
    for path in (study_folder / "runs" / "i20").glob("eplusout.*"):
        path.unlink()
    assert simstac("build", config).code == 1
    said = simstac("status", config)
    assert said.code == 1
    lines = [line.split(maxsplit=3) for line in said.out.splitlines()]
    assert [line[:2] for line in lines] == [["i5", "completed"], ["i10", "incomplete"], ["i20", "incomplete"]]
    assert "the last build could not use it" in lines[1][3]
    assert "holds several runs: a, b" in lines[2][3]


def test_a_damaged_site_is_said_in_one_line(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    simstac("build", config)
    for path in ("catalog.json", ".simstac/built.json"):
        content = (study_folder / "site" / path).read_bytes()
        (study_folder / "site" / path).write_bytes(content[:10])
        said = simstac("build", config)
        assert said.code == 1
        assert f"{study_folder / 'site' / path}: is not JSON" in said.err
        assert "repair or remove it, then build again" in said.err
        (study_folder / "site" / path).write_bytes(b"[]")
        assert f"{study_folder / 'site' / path}: is not a JSON object" in simstac("build", config).err
        (study_folder / "site" / path).write_bytes(content)
    (study_folder / "site" / "catalog.json").write_bytes(b'{"id": "buildings", "links": 5}')
    assert "catalog.json: has no list of links; repair or remove it" in simstac("build", config).err
    (study_folder / "site" / "catalog.json").write_bytes(b"{}")
    assert "is the site of the catalog None, not of 'buildings'" in simstac("build", config).err


def test_an_unknown_profile_of_a_store_is_said_in_one_line(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    store = '{url: "s3://bucket/x", endpoint_url: "http://127.0.0.1:9", profile: nobody}'
    config.write_text(config.read_text().replace("    version", f"    store: {store}\n    version"))
    said = simstac("build", config)
    assert (said.code, said.err) == (
        1,
        "error: profile nobody: is not in the AWS configuration; see aws configure list-profiles\n",
    )


def test_init_writes_a_configuration_that_builds(simstac, study_folder):
    (study_folder / "buildings.yaml").unlink()
    said = simstac("init", study_folder)
    assert said.code == 0
    assert said.out.splitlines()[0] == "found 3 simulations of study"
    text = (study_folder / "simstac.yaml").read_text()
    assert 'path: "runs/*", parameters: "runs/params.csv"' in text
    assert simstac("build", study_folder / "simstac.yaml").code == 0
    again = simstac("init", study_folder)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert (study_folder / "simstac.yaml").read_text() == text


def test_init_takes_a_folder_with_a_table_for_no_experiment(simstac, study_folder, tmp_path):
    folder = shutil.copytree(study_folder, tmp_path / "v2")
    pd.read_csv(folder / "runs/params.csv").to_parquet(folder / "params.parquet")
    assert simstac("init", folder).out.splitlines()[0] == "found 3 simulations of v2"
    assert 'parameters: "params.parquet"' in (folder / "simstac.yaml").read_text()


def test_init_takes_the_runs_alone_of_a_folder_that_has_more_in_it(simstac, study_folder, three_runs, tmp_path):
    for name in three_runs:
        shutil.copytree(three_runs[name], tmp_path / "beside" / f"case-{name[1:]}")
    (tmp_path / "beside/scripts").mkdir()
    assert simstac("init", tmp_path / "beside").code == 0
    assert 'path: "case-*"' in (tmp_path / "beside/simstac.yaml").read_text()
    for said in (simstac("build", tmp_path / "beside/simstac.yaml") for _ in range(2)):
        assert (said.code, "version 1, 3 runs (3 completed)" in said.out) == (0, True)


def test_init_of_a_run_or_of_files_writes_a_configuration_that_builds(simstac, three_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(three_runs["i5"], "alone")
    Path("flat").mkdir()
    for name, run in three_runs.items():
        for path in run.glob("eplusout.*"):
            shutil.copy(path, Path("flat", f"{name}{path.suffix}"))
    for folder, pattern, count in ((Path("alone"), ".", "1 run "), (Path("flat"), "*.sql", "3 runs ")):
        assert simstac("init", folder).code == 0
        assert f'path: "{pattern}"' in (folder / "simstac.yaml").read_text()
        for said in (simstac("build", folder / "simstac.yaml") for _ in range(2)):
            assert (said.code, count in said.out) == (0, True)
    monkeypatch.chdir("alone")
    assert simstac("status", "simstac.yaml").out.split() == ["alone", "completed", "current"]


def test_init_prints_a_command_that_can_be_pasted(simstac, study_folder, tmp_path):
    folder = shutil.copytree(study_folder, tmp_path / "büro & co")
    said = simstac("init", folder)
    assert said.out.splitlines()[-1] == f"edit it, then: simstac build '{folder / 'simstac.yaml'}'"


def test_init_of_a_folder_of_gridded_files_writes_a_configuration_that_builds(simstac, tmp_path):
    for year in (2000, 2001):
        write_steps(tmp_path / "model" / "out" / f"{year}.nc", [366.0 * (year - 2000)])
    said = simstac("init", tmp_path / "model")
    assert said.code == 0
    config = tmp_path / "model" / "simstac.yaml"
    assert "\n    # description: What it is" in config.read_text()
    assert 'source: {engine: cf, path: "**/*.nc"}' in config.read_text()
    assert simstac("build", config).out.startswith("model: written, version 1, 2 files (2 added)")
    document = json.loads((tmp_path / "model/site/model/collection.json").read_text())
    assert document["description"].startswith("model: ")


def test_init_of_a_folder_without_runs_says_so(simstac, tmp_path):
    said = simstac("init", tmp_path)
    assert said.code == 1
    assert "holds no runs that energyplus reads, and no gridded files; name the folder" in said.err


def test_validate_and_open_what_was_built(simstac, study_folder):
    simstac("build", study_folder / "buildings.yaml")
    valid = simstac("validate", study_folder / "site")
    assert (valid.code, valid.out, valid.err.splitlines()[-1]) == (0, "", "5 documents, 0 findings")
    opened = simstac("open", study_folder / "site", "--item", "i10")
    assert opened.code == 0
    assert "zone_mean_air_temperature" in opened.out
    path = study_folder / "site" / "catalog.json"
    path.write_text(path.read_text().replace('"type": "Catalog"', '"type": "Katalog"'))
    broken = simstac("validate", study_folder / "site")
    assert broken.code == 1
    assert "catalog.json" in broken.out
    assert simstac("validate", study_folder / "nowhere").code == 1
    nothing = simstac("validate", study_folder / "runs")
    assert (nothing.code, "holds no STAC document" in nothing.err) == (1, True)


def test_publish_plans_checks_publishes_and_then_has_nothing_to_do(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    with config.open("a") as file:
        file.write("targets:\n  - {type: local, path: www}\n")
    early = simstac("publish", config)
    assert (early.code, "is not built yet" in early.err) == (1, True)
    simstac("build", config)
    plan = simstac("publish", config, "--dry-run")
    assert plan.code == 0
    assert any(line.startswith("+") and "office-study/i5/i5.json" in line for line in plan.out.splitlines())
    assert not (study_folder / "www").exists()
    assert simstac("publish", config, "--check").code == 1
    assert simstac("publish", config).code == 0
    assert simstac("validate", study_folder / "www").code == 0
    nothing = simstac("publish", config, "--check")
    assert (nothing.code, "nothing to publish" in nothing.out) == (0, True)


def test_what_is_wrong_at_a_target_is_said_with_its_address(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    with config.open("a") as file:
        file.write("targets:\n  - {type: local, path: www}\n")
    simstac("build", config)
    (study_folder / "www").mkdir()
    (study_folder / "www" / "catalog.json").write_text('{"type": "Catalog", "id": "others", "links": []}')
    said = simstac("publish", config)
    assert said.code == 1
    assert f"error: {study_folder / 'www'}: catalog.json: is the catalog 'others' there" in said.err


def test_a_damaged_store_is_said_in_one_line(simstac, study_folder):
    command = [sys.executable, "-m", "simstac"]
    config, store = study_folder / "buildings.yaml", study_folder / "site" / "data" / "office-study.icechunk"
    assert simstac("build", config).code == 0
    shutil.rmtree(store / "manifests")
    shutil.rmtree(study_folder / "runs" / "i20")
    (study_folder / "runs" / "params.csv").write_text("run,insulation_cm\ni5,5\ni10,11\n")
    said = subprocess.run([*command, "build", config], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    (line,) = [line for line in said.stderr.splitlines() if not line.startswith("compare runs")]
    assert line.startswith(f"error: {store}: cannot be used: object not found; ")
    (store / "repo").write_bytes(b"junk")
    said = subprocess.run([*command, "build", config], capture_output=True, text=True, check=False)
    assert said.stderr.splitlines()[-1].endswith("; restore it from a copy, or move it away and build again")


def test_a_target_that_fails_does_not_stop_the_others(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    with config.open("a") as file:
        file.write("targets:\n  - {type: git, clone: no-clone}\n  - {type: local, path: www}\n")
    simstac("build", config)
    said = simstac("publish", config)
    assert said.code == 1
    assert "no-clone" in said.err
    assert (study_folder / "www" / "catalog.json").is_file()
    rows = [json.loads(row) for row in simstac("publish", config, "--json").out.splitlines()]
    assert [row["target"].rpartition("/")[2] for row in rows] == ["no-clone", "www"]
    assert rows[0]["error"].endswith("is not there; clone the repository to this path first")
    assert rows[1] == {"target": str(study_folder / "www"), "requests": 0, "totals": {}}


@pytest.mark.requires("git")
def test_a_commit_that_is_not_pushed_yet_is_a_change(simstac, study_folder):
    def git(*command):
        subprocess.run(["git", *command], cwd=study_folder, check=True, capture_output=True)

    git("init", "-q", "--bare", "-b", "main", "bare.git")
    git("clone", "-q", "bare.git", "pages")
    config = study_folder / "buildings.yaml"
    text = config.read_text()
    config.write_text(f"{text}targets: [{{type: git, clone: pages}}]\n")
    assert simstac("build", config).code == 0
    assert simstac("publish", config).code == 0
    assert simstac("publish", config, "--check").code == 0
    config.write_text(f"{text}targets: [{{type: git, clone: pages, push: true}}]\n")
    said = simstac("publish", config, "--check")
    assert said.code == 1
    assert said.out == f"{study_folder}/pages: nothing to publish; an earlier commit is pushed and checked out\n"
    assert simstac("publish", config).code == 0
    assert simstac("publish", config, "--check").code == 0


def test_run_builds_publishes_and_verifies(simstac, study_folder):
    config = study_folder / "buildings.yaml"
    with config.open("a") as file:
        file.write("targets:\n  - {type: local, path: www}\n")
    assert simstac("run", config).code == 0
    whole = simstac("verify", study_folder / "www")
    assert whole.code == 0
    opened, summary = whole.out.splitlines()
    assert opened.startswith(f"opened {study_folder}/www/data/office-study.icechunk: ")
    assert opened.endswith(" variables, up to 3 places of each")
    assert ": 5 documents, " in summary
    (totals,) = [json.loads(row) for row in simstac("verify", study_folder / "www", "--json").out.splitlines()]
    assert (totals["documents"], totals["problems"], len(totals["opened"])) == (5, 0, 1)
    (study_folder / "www" / "office-study" / "i5" / "i5.json").unlink()
    broken = simstac("verify", study_folder / "www")
    assert broken.code == 1
    assert "i5.json" in broken.out


def test_verify_of_a_configuration_compares_its_public_address_with_what_was_built(simstac, study_folder, s3):
    bucket = s3.make_bucket(public=True)
    config, address = study_folder / "buildings.yaml", f"{s3.endpoint_url}/{bucket}/stac"
    text = config.read_text().replace("catalog:\n", f"catalog:\n  public_url: {address}\n", 1)
    config.write_text(text + f"targets: [{{type: s3, url: 's3://{bucket}/stac', endpoint_url: '{s3.endpoint_url}'}}]\n")
    assert simstac("verify", config).code == 1
    assert simstac("build", config).code == 0
    assert simstac("publish", config).code == 0
    said = simstac("verify", config, "--items", 2)
    assert said.code == 0, said.out
    opened, summary = said.out.splitlines()
    assert opened.startswith(f"opened {address}/data/office-study.icechunk: ")
    assert opened.endswith(", equal to the site's")
    assert summary.startswith(f"{address}/catalog.json: 4 documents (1 of the items left out), ")
    document = study_folder / "site" / "office-study" / "i5" / "i5.json"
    document.write_text(document.read_text().replace("insulation", "isolation"))
    changed = simstac("verify", config, "--sample", 0)
    assert changed.code == 1
    assert f"{address}/office-study/i5/i5.json: is not the document that was built" in changed.out


def test_run_says_nothing_of_targets_where_nothing_was_built(simstac, study_folder):
    (study_folder / "runs" / "params.csv").write_text("run,insulation\ni5,1\n")
    said = simstac("run", study_folder / "buildings.yaml")
    assert (said.code, said.out) == (1, "")
    assert "has no row for" in said.err


def test_browse_tells_that_it_builds_stac_browser(simstac, study_folder, tmp_path, monkeypatch):
    assert simstac("build", study_folder / "buildings.yaml").code == 0
    for name in ("npm", "node"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SIMSTAC_CACHE", str(tmp_path / "cache"))
    said = simstac("browse", study_folder / "site", "--browser")
    assert said.code == 1
    assert said.err.startswith("build STAC Browser: 0/3 download\n")
    assert "could not be built" in said.err


def test_browse_serves_the_site_until_interrupted(simstac, study_folder):
    command = [sys.executable, "-m", "simstac", "browse", str(study_folder / "buildings.yaml")]
    assert simstac("build", study_folder / "buildings.yaml").code == 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        with urllib.request.urlopen(url) as answer:
            assert json.load(answer)["id"] == "buildings"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        server.terminate()


def test_the_schema_is_json(simstac):
    assert json.loads(simstac("schema").out)["title"] == "simstac configuration"


def test_usage_errors_exit_with_two(simstac):
    assert simstac("build").code == 2
    assert simstac("nonsense").code == 2
    assert simstac("demo", __file__).code == 2
