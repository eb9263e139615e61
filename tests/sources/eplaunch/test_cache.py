import json
import multiprocessing
import time

import pytest
from eplaunch.utilities.cache import CacheFile
from eplaunch.utilities.exceptions import EPLaunchFileException

from simstac.sources.eplaunch.cache import Entry, folders_with_cache, read_cache


def write(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".eplaunch").write_text(content if isinstance(content, str) else json.dumps(content))


def of_files(files):
    return {"workflows": {"EnergyPlus-25.2.0 SI": {"files": files}}}


def test_what_eplaunch_wrote_is_read(tmp_path):
    cache = CacheFile(tmp_path)
    cache.add_config("EnergyPlus-25.2.0 SI", "a.idf", {"weather": "/epw/golden.epw"})
    cache.add_result("EnergyPlus-25.2.0 SI", "a.idf", {"Errors": 0, "Runtime [s]": 1.5, "Version": "25.2"})
    cache.add_config("EnergyPlus-25.2.0 SI", "b.idf", {"weather": "<No_Weather_File>"})
    (first, second), warnings = read_cache(tmp_path)
    assert first == Entry(
        "EnergyPlus-25.2.0 SI",
        "a.idf",
        {"weather": "/epw/golden.epw"},
        {"Errors": 0, "Runtime [s]": 1.5, "Version": "25.2"},
    )
    assert (second.weather, second.columns, warnings) == ("", {}, ())


def test_a_folder_without_a_cache_has_no_entries(tmp_path):
    assert read_cache(tmp_path) == ((), ())


@pytest.mark.parametrize("text", ["", '{"workflows": {"a": {"fil', "\x00\x00", "[[[[", "[" * 100_000])
def test_a_damaged_cache_is_a_warning(tmp_path, text):
    write(tmp_path, text)
    entries, (warning,) = read_cache(tmp_path, attempts=2, pause=0)
    assert entries == ()
    assert ".eplaunch: is no JSON" in warning


@pytest.mark.parametrize(
    ("content", "entries", "warned"),
    [
        ([], 0, 0),
        ([1], 0, 1),
        ({}, 0, 0),
        ({"workflows": [1]}, 0, 1),
        ({"workflows": {"w": None, "v": {"files": "x"}}}, 0, 1),
        (of_files({"a.idf": None, "b.idf": {"config": 3, "result": []}}), 2, 1),
        (of_files({"../evil.idf": {}, "..": {}, "a\0.idf": {}, "a.idf": {}}), 1, 3),
        (of_files({"a.idf": {"result": {"x": [1, 2], "y": None, "z": 1}}}), 1, 0),
    ],
)
def test_wrong_shapes_are_passed_over(tmp_path, content, entries, warned):
    write(tmp_path, content)
    found, warnings = read_cache(tmp_path, attempts=1)
    assert (len(found), len(warnings)) == (entries, warned)


def test_nested_values_are_text_and_missing_ones_left_out(tmp_path):
    write(tmp_path, of_files({"a.idf": {"result": {"x": [1, 2], "y": None, "z": 1}}}))
    assert read_cache(tmp_path)[0][0].columns == {"x": "[1, 2]", "z": 1}


def test_folders_are_found_at_any_depth_but_not_in_results(tmp_path):
    for path in ("", "a/b", "a/EPLaunchRun_x", ".hidden"):
        write(tmp_path / path, {})
    assert folders_with_cache(tmp_path) == (tmp_path, tmp_path / "a" / "b")


def keep_writing(folder, name, stop):
    cache = CacheFile(folder)
    while not stop.is_set():
        try:
            cache.add_result("EnergyPlus-25.2.0 SI", name, {"Errors": 0, "padding": "x" * 20_000})
        except EPLaunchFileException:
            continue
        time.sleep(0.002)


def test_it_is_read_while_several_eplaunches_write_it(tmp_path):
    CacheFile(tmp_path).add_config("EnergyPlus-25.2.0 SI", "a.idf", {"weather": ""})
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writers = [context.Process(target=keep_writing, args=(tmp_path, f"{n}.idf", stop)) for n in range(3)]
    for writer in writers:
        writer.start()
    try:
        deadline, reads, good = time.monotonic() + 4, 0, 0
        while time.monotonic() < deadline or not reads:
            entries, warnings = read_cache(tmp_path)
            assert warnings == () or entries == ()
            reads, good = reads + 1, good + bool(entries)
    finally:
        stop.set()
        for writer in writers:
            writer.join(20)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert good >= 0.9 * reads
    assert sorted(path.name for path in tmp_path.iterdir()) == [".eplaunch"]
