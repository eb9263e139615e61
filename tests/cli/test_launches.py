"""``simstac status`` in a folder that EP-Launch works in."""

import json
import shutil

from eplaunch.utilities.cache import CacheFile
from tests.eplaunch_folder import IP, SI, eplaunch_folder  # noqa: F401  # the fixture


def test_it_shows_columns_states_and_why(simstac, eplaunch_folder):  # noqa: F811  # the fixture
    said = simstac("status", eplaunch_folder)
    assert said.code == 1
    header, *lines = said.out.splitlines()
    columns = ("run", "status", "Errors", "Warnings", "Runtime [s]", "Version", "Site:Location []", "why")
    starts = [header.index(column) for column in columns]
    assert starts == sorted(starts)
    table = {line[: starts[1]].strip(): line[starts[1] :].split() for line in lines}
    assert table[f"house/tight.idf {SI}"][:4] == ["completed", "fresh", "0", "0"]
    assert table[f"office.idf {IP}"][:2] == ["completed", "fresh"]
    assert table[f"office.idf {SI}"][:2] == ["superseded", "stale"]
    assert " ".join(table[f"house/never.idf {SI}"]) == "missing stale never run"
    assert " ".join(table[f"house/bad.idf {SI}"]).startswith("failed stale failed; BuildingSurface:Detailed")
    assert said.err.strip() == "6 runs (2 fresh, 1 no simulation, 3 stale)"


def test_json_has_a_line_for_each_and_nothing_to_run_again_is_success(simstac, eplaunch_folder):  # noqa: F811
    house = eplaunch_folder / "house"
    told = json.loads((house / ".eplaunch").read_text())
    for name in ("bad.idf", "never.idf"):
        del told["workflows"][SI]["files"][name]
    (house / ".eplaunch").write_text(json.dumps(told))
    shutil.rmtree(house / "EPLaunchRun_bad")
    said = simstac("status", "--json", house)
    assert said.code == 0
    (row,) = map(json.loads, said.out.splitlines())
    assert (row["run"], row["status"], row["fresh"], row["reason"]) == (f"tight.idf {SI}", "completed", "fresh", "")
    assert (row["columns"]["Version"], row["workflow"]) == ("25.2", SI)
    assert row["weather"].endswith("golden.epw")


def test_a_damaged_cache_is_a_warning(simstac, eplaunch_folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr("simstac.sources.eplaunch.cache.time.sleep", lambda _: None)
    (eplaunch_folder / "house" / ".eplaunch").write_text("{")
    said = simstac("status", eplaunch_folder)
    assert "house/.eplaunch: is no JSON" in said.err.partition("warning: ")[2]
    assert "house/tight.idf " in said.out


def test_eplaunch_finds_its_cache_as_it_left_it(simstac, eplaunch_folder):  # noqa: F811
    house = eplaunch_folder / "house"
    before = (house / ".eplaunch").read_bytes()
    simstac("status", eplaunch_folder)
    assert (house / ".eplaunch").read_bytes() == before
    assert set(CacheFile(house).get_files_for_workflow(SI)) == {"tight.idf", "bad.idf", "never.idf"}


def test_init_writes_a_configuration_of_the_launches(simstac, eplaunch_folder):  # noqa: F811
    said = simstac("init", eplaunch_folder)
    assert said.out.splitlines()[0] == "found 5 launches of EP-Launch in 2 folders"
    assert 'source: {engine: eplaunch, path: "."}' in (eplaunch_folder / "simstac.yaml").read_text()
    said = simstac("build", eplaunch_folder / "simstac.yaml")
    assert "launches: written, version 1, 5 runs (2 completed, 1 failed, 1 missing, 1 superseded)" in said.out
    assert simstac("build", eplaunch_folder / "simstac.yaml").out.startswith("launches: unchanged")
