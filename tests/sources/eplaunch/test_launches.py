import json
import os
import shutil

import pytest
from eplaunch.utilities.cache import CacheFile
from tests.eplaunch_folder import IP, SI, eplaunch_folder  # noqa: F401  # the fixture

from simstac.errors import SourceError
from simstac.sources.eplaunch.freshness import freshness
from simstac.sources.eplaunch.launches import find_launches


def found(folder):
    launches, warnings = find_launches(folder)
    return {launch.name: launch for launch in launches}, warnings


def test_every_workflow_and_file_has_its_true_status(eplaunch_folder):  # noqa: F811  # the fixture
    launches, warnings = found(eplaunch_folder)
    assert warnings == ()
    assert {name: launch.status for name, launch in launches.items()} == {
        f"house/bad.idf {SI}": "failed",
        f"house/never.idf {SI}": "missing",
        f"house/tight.idf {SI}": "completed",
        f"office.idf {IP}": "completed",
        f"office.idf {SI}": "superseded",
        "office.idf Get Site:Location": "no simulation",
    }
    assert launches[f"house/bad.idf {SI}"].message.startswith('BuildingSurface:Detailed="CORE FLOOR"')
    assert launches[f"house/never.idf {SI}"].message == "never run"
    assert f"office.idf by {IP}" in launches[f"office.idf {SI}"].message
    assert launches[f"office.idf {IP}"].result_file == eplaunch_folder / "EPLaunchRun_office" / "office.sql"
    assert launches[f"office.idf {IP}"].entry.columns["Version"] == "25.2"


def test_a_rerun_that_failed_keeps_old_columns_and_is_failed(eplaunch_folder):  # noqa: F811
    house = eplaunch_folder / "house"
    shutil.rmtree(house / "EPLaunchRun_tight")
    shutil.copytree(house / "EPLaunchRun_bad", house / "EPLaunchRun_tight")
    for path in (house / "EPLaunchRun_tight").iterdir():
        path.rename(path.with_name(path.name.replace("bad", "tight")))
    launch = found(eplaunch_folder)[0][f"house/tight.idf {SI}"]
    assert launch.status == "failed"
    assert launch.message.endswith("(its columns are of an earlier run)")


def test_results_whose_entry_eplaunch_lost_are_there(eplaunch_folder):  # noqa: F811
    cache = eplaunch_folder / "house" / ".eplaunch"
    said = json.loads(cache.read_text())
    del said["workflows"][SI]["files"]["tight.idf"]
    cache.write_text(json.dumps(said))
    launch = found(eplaunch_folder)[0]["house/tight.idf"]
    assert (launch.status, launch.entry.workflow, launch.input.name) == ("completed", "", "tight.idf")


def test_a_torn_cache_still_shows_the_results(eplaunch_folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr("simstac.sources.eplaunch.cache.time.sleep", lambda _: None)
    (eplaunch_folder / "house" / ".eplaunch").write_text('{"workflows": {"Ener')
    launches, (warning,) = found(eplaunch_folder)
    assert "house/.eplaunch: is no JSON" in warning
    assert (launches["house/tight.idf"].status, launches["house/bad.idf"].status) == ("completed", "failed")


def test_two_inputs_of_one_stem_share_their_results(eplaunch_folder):  # noqa: F811
    (eplaunch_folder / "house" / "tight.epJSON").write_text("{}")
    CacheFile(eplaunch_folder / "house").add_result(
        SI, "tight.epJSON", {"Errors": 0, "Warnings": 0, "Runtime [s]": 99.0}
    )
    launches, _ = found(eplaunch_folder)
    assert launches[f"house/tight.epJSON {SI}"].status == "superseded"
    assert launches[f"house/tight.idf {SI}"].status == "completed"


def test_without_columns_the_unit_system_tells_whose_results_they_are(eplaunch_folder):  # noqa: F811
    cache = eplaunch_folder / ".eplaunch"
    said = json.loads(cache.read_text())
    for workflow in (SI, IP):
        said["workflows"][workflow]["files"]["office.idf"].pop("result")
    cache.write_text(json.dumps(said))
    launches, _ = found(eplaunch_folder)
    assert launches[f"office.idf {IP}"].status == "completed"
    assert launches[f"office.idf {SI}"].status == "superseded"


def test_a_run_that_was_killed_is_incomplete(eplaunch_folder):  # noqa: F811
    (eplaunch_folder / "house" / "EPLaunchRun_tight" / "tight.end").unlink()
    assert found(eplaunch_folder)[0][f"house/tight.idf {SI}"].status == "incomplete"


@pytest.mark.parametrize("weather", ["pipe", "golden.epw\0", "\ud800.epw"])
def test_a_cache_with_what_no_machine_has_is_borne(eplaunch_folder, weather):  # noqa: F811
    house, columns = eplaunch_folder / "house", {"Errors": 10**400, "Warnings": float("nan"), "Runtime [s]": True}
    os.mkfifo(house / "pipe")
    cache = CacheFile(house)
    cache.add_config(SI, "tight.idf", {"weather": weather})
    cache.add_result(SI, "tight.epJSON", columns)
    cache.add_config(SI, "\ud800.idf", {"weather": ""})
    launches, warnings = found(eplaunch_folder)
    assert warnings == ()
    assert launches[f"house/tight.epJSON {SI}"].status == "superseded"
    assert launches[f"house/\ud800.idf {SI}"].status == "missing"
    for _ in range(2):
        assert freshness(launches[f"house/tight.idf {SI}"]).state in {"fresh", "unknown"}


def test_a_folder_that_eplaunch_never_saw_is_an_error(tmp_path):
    with pytest.raises(SourceError, match=r"holds no \.eplaunch; give a folder that EP-Launch worked in"):
        find_launches(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        find_launches(tmp_path / "nowhere")
