"""``remove``, ``expire`` and ``doctor`` as their users meet them: plans, questions, exit codes."""

import io
import json
import shutil

import pytest

STUDY = "office-study"


@pytest.fixture
def config(simstac, study_folder):
    """A built project with a folder as its target."""
    config = study_folder / "buildings.yaml"
    config.write_text(config.read_text().replace("collections:", "targets: [{type: local, path: www}]\ncollections:"))
    assert simstac("build", config).code == 0
    return config


@pytest.fixture
def left_over(simstac, config):
    """A project whose site has a collection that the configuration no longer has."""
    text = config.read_text()
    config.write_text(text + text.split("collections:\n")[1].replace(STUDY, "second-study"))
    assert simstac("build", config).code == 0
    assert simstac("publish", config).code == 0
    config.write_text(text)
    return config


def new_version(simstac, config, three_runs, like):
    shutil.rmtree(config.parent / "runs" / "i20")
    shutil.copytree(three_runs[like], config.parent / "runs" / "i20")
    assert simstac("build", config).code == 0


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_expire_prints_the_plan_then_does_it_then_has_nothing_to_do(simstac, config, three_runs):
    new_version(simstac, config, three_runs, "i5")
    plan = simstac("expire", config, "--keep", 1, "--older-than", "0s", "--dry-run")
    assert plan.code == 0
    current, old, total = plan.out.splitlines()
    assert current.startswith(f"= {STUDY} 1.0.0+2 (")
    assert current.endswith(", current)")
    assert old.startswith(f"- {STUDY} 1.0.0 (")
    assert total.startswith(f"{STUDY}: 1 version would go, 1 kept, ")
    assert total.endswith(" to free")
    done = simstac("expire", config, "--keep", 1, "--older-than", "0s")
    assert done.code == 0
    assert done.out.splitlines() == [old, total.replace("would go", "gone").replace("to free", "freed")]
    again = simstac("expire", config, "--keep", 1, "--older-than", "0s")
    assert again.out.splitlines() == [f"{STUDY}: nothing to expire, 1 version kept"]


def test_expire_as_json(simstac, config, three_runs):
    new_version(simstac, config, three_runs, "i5")
    said = simstac("expire", config, "--keep", 1, "--older-than", "0s", "--dry-run", "--json")
    (row,) = [json.loads(line) for line in said.out.splitlines()]
    assert row["collection"] == STUDY
    assert [(version["tags"], version["kept"]) for version in row["expiry"]["versions"]] == [
        (["1.0.0+2"], "current"),
        (["1.0.0"], ""),
    ]
    assert row["expiry"]["bytes"] > 0
    assert said.err == ""


@pytest.mark.parametrize(
    ("age", "code"), [("90d", 0), ("12H", 0), ("4w", 0), ("30m", 0), ("90", 2), ("d", 2), ("-1d", 2)]
)
def test_ages(simstac, config, age, code):
    said = simstac("expire", config, f"--older-than={age}")
    assert said.code == code
    assert ("is no length of time: write 90d" in said.err) is (code == 2)


def test_expire_keeps_at_least_one(simstac, config):
    assert simstac("expire", config, "--keep", 0).code == 2


def test_a_target_that_cannot_be_read_is_one_line(simstac, config):
    simstac("publish", config)
    (config.parent / "www" / "catalog.json").write_text("{")
    said = simstac("expire", config, "--older-than", "0s")
    assert said.code == 1
    (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert f"{config.parent / 'www'}: cannot be read, so nothing was expired" in line


def test_a_broken_store_is_told_and_fails(simstac, config):
    shutil.rmtree(config.parent / "site" / "data" / f"{STUDY}.icechunk" / "snapshots")
    said = simstac("expire", config, "--older-than", "0s", "--json")
    assert said.code == 1
    assert said.out == ""
    assert "error: " in said.err


def test_a_project_that_is_not_built_has_nothing_to_expire(simstac, study_folder):
    said = simstac("expire", study_folder / "buildings.yaml")
    assert (said.code, said.out) == (0, f"{STUDY}: no store yet\n")


def test_a_configured_collection_is_refused_as_a_mistake_of_usage(simstac, config):
    said = simstac("remove", config, STUDY)
    assert said.code == 2
    assert "take it out of the configuration first" in said.err


def test_remove_shows_what_goes_and_how_to_publish_it(simstac, left_over):
    plan = simstac("remove", left_over, "second-study", "--dry-run")
    assert plan.code == 0
    assert "- document second-study/i5/i5.json (removed with it)" in plan.out.splitlines()
    assert "~ document catalog.json (described anew)" in plan.out.splitlines()
    site = left_over.parent / "site"
    count = sum(path.is_file() for path in (site / "second-study").rglob("*")) + 1
    assert count >= 5
    done = simstac("remove", left_over, "second-study")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"left as it is: {site / 'data' / 'second-study.icechunk'}",
        f"{site}: {count} documents removed or changed",
    ]
    assert f"simstac publish {left_over} --allow-shrink" in done.err
    assert not (site / "second-study").exists()


def test_machines_are_told_of_the_store_that_is_left(simstac, left_over):
    said = simstac("remove", left_over, "second-study", "--json")
    *rows, left = [json.loads(line) for line in said.out.splitlines()]
    assert {row["kind"] for row in rows} == {"document"}
    assert left == {"left": str(left_over.parent / "site" / "data" / "second-study.icechunk")}


def test_data_is_deleted_only_after_a_yes(simstac, left_over, monkeypatch):
    store = left_over.parent / "site" / "data" / "second-study.icechunk"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    nobody = simstac("remove", left_over, "second-study", "--data")
    assert nobody.code == 2
    assert "say --yes" in nobody.err
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    declined = simstac("remove", left_over, "second-study", "--data")
    assert declined.code == 1
    assert "nothing was removed" in declined.err
    assert (left_over.parent / "site" / "second-study").is_dir()
    assert simstac("remove", left_over, "second-study", "--data", "--dry-run").code == 0
    assert (store / "repo").is_file()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    agreed = simstac("remove", left_over, "second-study", "--data")
    assert agreed.code == 0
    assert f"- store {store} (all its versions, " in agreed.out
    assert not store.exists()


def test_yes_answers_the_question(simstac, left_over):
    said = simstac("remove", left_over, "second-study", "--data", "--yes", "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert {row["effect"] for row in rows} == {"-", "~"}
    assert max(row["bytes"] for row in rows) > 0
    assert not (left_over.parent / "site" / "data" / "second-study.icechunk").exists()


def test_a_run_is_removed_when_its_results_are_gone(simstac, config):
    refused = simstac("remove", config, STUDY, "i5")
    assert refused.code == 1
    assert "move them away first" in refused.err
    runs = config.parent / "runs"
    shutil.rmtree(runs / "i5")
    (runs / "params.csv").write_text((runs / "params.csv").read_text().replace("i5,5\n", ""))
    assert simstac("remove", config, STUDY, "i5", "--data").code == 2
    said = simstac("remove", config, STUDY, "i5")
    assert said.code == 0
    assert said.out.splitlines()[0] == "- run i5 (its results are gone)"
    assert not (config.parent / "site" / STUDY / "i5").exists()
    assert simstac("status", config).out.split()[0::3] == ["i10", "i20"]


def test_doctor_tells_each_target(simstac, config):
    said = simstac("doctor", config)
    assert said.code == 0
    assert said.out.splitlines()[0] == str(config.parent / "www")
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [["ok", "write:"], ["ok", "space:"]]
    (row,) = [json.loads(line) for line in simstac("doctor", config, "--json").out.splitlines()]
    assert [check["name"] for check in row["checks"]] == ["write", "space"]


def test_doctor_mends_a_bucket(simstac, study_folder, s3):
    bucket, config = s3.make_bucket(public=True), study_folder / "buildings.yaml"
    target = f"targets: [{{type: s3, url: 's3://{bucket}/stac', endpoint_url: '{s3.endpoint_url}'}}]"
    config.write_text(config.read_text().replace("collections:", f"{target}\ncollections:"))
    said = simstac("doctor", config, "--fix-cors")
    assert said.code == 0, said.out
    assert said.out.startswith(f"s3://{bucket}/stac\n  ok  credentials: ")
    missing = simstac("doctor", config.parent / "none.yaml")
    assert missing.code == 2
    config.write_text(config.read_text().replace(bucket, "no-such-bucket-here"))
    wrong = simstac("doctor", config)
    assert wrong.code == 1
    assert "NO  bucket: " in wrong.out
