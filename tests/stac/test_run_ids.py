import re

from simstac.stac.metadata import ID_PATTERN
from simstac.stac.runs import run_ids


def test_names_of_any_alphabet_become_distinct_ids():
    names = ["i5", "Büro Süd", "büro süd", "办公室", "офис", "a b", "A-B", "x/y", "..", "run #1", "🏢"]
    ids = run_ids(names)
    assert ids[0] == "i5"
    assert len(set(ids)) == len(names)
    assert all(re.fullmatch(ID_PATTERN, each) for each in ids)
    assert ids == run_ids(names)


def test_no_id_is_that_of_a_file_beside_the_items():
    names = ["collection.json", "items.parquet", "Chart.PNG", "v1.0"]
    assert [re.sub("-[0-9a-f]{8}$", "-…", each) for each in run_ids(names)] == [
        "collection.json-…",
        "items.parquet-…",
        "chart.png-…",
        "v1.0",
    ]


def test_ids_fit_the_names_of_files():
    names = ["x" * 250 + "1", "x" * 250 + "2"]
    ids = run_ids(names)
    assert len(set(ids)) == 2
    assert max(map(len, ids)) < 250
