import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from eplaunch.utilities.cache import CacheFile
from tests.eplaunch_folder import IP, SI, eplaunch_folder  # noqa: F401  # the fixture

from simstac.sources.eplaunch.freshness import freshness
from simstac.sources.eplaunch.launches import find_launches
from simstac.sources.eplaunch.record import LAYOUT, places, read_seen, run_identity, write_seen

TIGHT = f"house/tight.idf {SI}"


def fresh(folder, name):
    launch = next(each for each in find_launches(folder)[0] if each.name == name)
    said = freshness(launch)
    assert said.warning == ""
    return said.state, said.reason


def records(folder):
    return sorted((folder / ".simstac").rglob("*.json"))


@pytest.fixture
def seen(eplaunch_folder):  # noqa: F811  # the fixture
    assert fresh(eplaunch_folder, TIGHT) == ("fresh", "")
    return eplaunch_folder


def test_each_state_has_its_reason(eplaunch_folder):  # noqa: F811
    assert fresh(eplaunch_folder, f"office.idf {IP}") == ("fresh", "")
    assert fresh(eplaunch_folder, f"office.idf {SI}") == ("stale", "superseded")
    assert fresh(eplaunch_folder, f"house/never.idf {SI}") == ("stale", "never run")
    assert fresh(eplaunch_folder, f"house/bad.idf {SI}") == ("stale", "failed")
    assert fresh(eplaunch_folder, "office.idf Get Site:Location") == ("", "")


def test_a_date_changes_nothing(seen):
    for path in (seen / "house" / "tight.idf", seen / "golden.epw", *(seen / "house" / "EPLaunchRun_tight").iterdir()):
        path.touch()
    assert fresh(seen, TIGHT) == ("fresh", "")


def test_an_input_that_changed_and_changed_back_is_told(seen):
    path = seen / "house" / "tight.idf"
    text = path.read_text()
    path.write_text(f"{text}! more\n")
    os.utime(path, (0, 0))  # older than the results, which means nothing
    assert fresh(seen, TIGHT) == ("stale", "input: tight.idf changed")
    path.write_text(text)
    assert fresh(seen, TIGHT) == ("fresh", "")
    path.unlink()
    assert fresh(seen, TIGHT) == ("stale", "input: tight.idf is gone")


def test_a_weather_file_that_changed_is_told_and_an_equal_one_is_not(seen):
    copy = seen / "copy.epw"
    shutil.copy(seen / "golden.epw", copy)
    CacheFile(seen / "house").add_config(SI, "tight.idf", {"weather": str(copy)})
    assert fresh(seen, TIGHT) == ("fresh", "")
    copy.write_text(copy.read_text() + " ")
    assert fresh(seen, TIGHT) == ("stale", "weather: copy.epw changed")
    copy.unlink()
    assert fresh(seen, TIGHT) == ("fresh", "the weather file copy.epw is not on this machine")


def test_a_run_told_to_be_of_design_days_later_has_another_weather(seen):
    CacheFile(seen / "house").add_config(SI, "tight.idf", {"weather": ""})
    assert fresh(seen, TIGHT) == ("stale", "weather: it is gone")


def test_results_that_changed_without_a_run_are_told(seen):
    path = seen / "house" / "EPLaunchRun_tight" / "tight.sql"
    path.write_bytes(path.read_bytes() + b" ")
    assert fresh(seen, TIGHT) == ("stale", "outputs: tight.sql changed")
    path.unlink()
    state, reason = fresh(seen, TIGHT)
    assert (state, reason) == ("stale", "outputs: tight.sql is gone")
    shutil.rmtree(seen / "house" / "EPLaunchRun_tight")
    assert fresh(seen, TIGHT) == ("stale", "outputs: they are gone")


def test_a_new_run_of_a_changed_input_is_fresh(seen):
    house = seen / "house"
    (house / "tight.idf").write_text((house / "tight.idf").read_text() + "! more\n")
    outputs = house / "EPLaunchRun_tight"
    for name in ("tight.err", "tight.end"):
        path = outputs / name
        path.write_text(path.read_text().replace("Elapsed Time=00hr 00min", "Elapsed Time=00hr 07min"))
    assert fresh(seen, TIGHT) == ("fresh", "")
    assert len(records(house)) == 2


def test_an_input_that_is_newer_than_results_never_seen_is_unknown(eplaunch_folder):  # noqa: F811
    (eplaunch_folder / "house" / "tight.idf").touch()
    expected = ("unknown", "the input or the weather was changed after the run that was first seen here")
    assert fresh(eplaunch_folder, TIGHT) == expected
    assert fresh(eplaunch_folder, TIGHT) == expected
    (eplaunch_folder / "house" / "tight.idf").write_text("! another")
    assert fresh(eplaunch_folder, TIGHT) == ("stale", "input: tight.idf changed")


def test_the_record_says_what_was_read_when_and_by_which_version(seen):
    (path,) = records(seen / "house")
    said = json.loads(path.read_text())
    assert (said["layout"], said["workflow"], said["file"]) == (LAYOUT, SI, "tight.idf")
    assert sorted(said["outputs"]) == ["tight.eio", "tight.end", "tight.err", "tight.sql"]
    assert {len(digest) for digest in (said["input"], said["weather"], *said["outputs"].values())} == {64}
    assert said["seen"].endswith("+00:00")
    assert str(seen) not in path.read_text()
    before = path.read_bytes()
    fresh(seen, TIGHT)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", [b"", b'{"layout": "simstac-eplaunch/1"', b"[]", b"null"])
def test_a_damaged_record_is_made_anew(seen, damage):
    (path,) = records(seen / "house")
    good = path.read_bytes()
    path.write_bytes(damage)
    assert fresh(seen, TIGHT) == ("fresh", "")
    assert json.loads(path.read_bytes())["input"] == json.loads(good)["input"]
    path.write_bytes(good.replace(b'"sure": true', b'"sure": false'))  # its checksum does not agree
    assert fresh(seen, TIGHT) == ("fresh", "")


def test_where_the_folder_cannot_be_written_the_record_is_the_users(eplaunch_folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    house = eplaunch_folder / "house"
    (house / ".simstac").write_text("a file where the folder would be")
    assert fresh(eplaunch_folder, TIGHT) == ("fresh", "")
    assert len(list((tmp_path / "state" / "simstac" / "eplaunch").rglob("*.json"))) == 1
    (house / "tight.idf").write_text("! another")
    assert fresh(eplaunch_folder, TIGHT) == ("stale", "input: tight.idf changed")


def test_where_nothing_can_be_written_it_is_said(eplaunch_folder, tmp_path, monkeypatch):  # noqa: F811
    (tmp_path / "state").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (eplaunch_folder / "house" / ".simstac").touch()
    launch = next(each for each in find_launches(eplaunch_folder)[0] if each.name == TIGHT)
    said = freshness(launch)
    assert said.state == "fresh"
    assert "cannot be written" in said.warning


def record_at_once(folder, barrier, answers):
    launches = [each for each in find_launches(folder)[0] if each.name == TIGHT]
    barrier.wait(60)
    answers.put(freshness(launches[0]).state)


def test_processes_that_record_the_same_run_at_once_agree(eplaunch_folder):  # noqa: F811
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    writers = [context.Process(target=record_at_once, args=(eplaunch_folder, barrier, answers)) for _ in range(3)]
    for writer in writers:
        writer.start()
    assert [answers.get(timeout=60) for _ in writers] == ["fresh"] * 3
    for writer in writers:
        writer.join(20)
    (path,) = records(eplaunch_folder / "house")
    assert [each.name for each in path.parent.iterdir()] == [path.name]


WRITES_FOR_EVER = """
import sys
from dataclasses import replace
from pathlib import Path
from simstac.sources.eplaunch.record import Seen, write_seen
folder = Path(sys.argv[1])
seen = Seen("w", "a.idf", {}, "0" * 64, "", "", {"a.sql": "1" * 64}, True, "2026-01-01T00:00:00+00:00", "1")
print("ready", flush=True)
number = 0
while True:
    number += 1
    write_seen(folder, "a", f"{number:032d}", replace(seen, columns={"n": number, "padding": "x" * 50_000}))
"""


def test_a_killed_writer_leaves_only_whole_records(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITES_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.7)
    writer.send_signal(signal.SIGKILL)
    writer.wait(20)
    writer.stdout.close()
    there = records(tmp_path)
    assert there
    assert all(read_seen(tmp_path, "a", path.stem).columns["n"] == int(path.stem) for path in there)


def test_the_first_record_of_a_run_stays(tmp_path, seen):
    house = seen / "house"
    (path,) = records(house)
    first = read_seen(house, "tight", path.stem)
    assert first is not None
    assert path.stem == run_identity(first.outputs, "tight")
    later = type(first)(**{**{name: getattr(first, name) for name in first.__slots__}, "input": "f" * 64})
    assert write_seen(house, "tight", path.stem, later) == ""
    assert read_seen(house, "tight", path.stem) == first
    assert next(places(house)) == house / ".simstac" / "eplaunch"
