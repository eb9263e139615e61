"""Names in the order of the numbers in them."""

from simstac.natural_order import natural_key


def test_numbers_in_names_count_as_numbers():
    names = ["step-10", "step-9", "1.10.0", "1.9.0", "run", "run-٣", "run-2", "1²", "1", "01", ""]
    ordered = ["", "01", "1", "1.9.0", "1.10.0", "1²", "run", "run-2", "run-٣", "step-9", "step-10"]
    assert sorted(sorted(names), key=natural_key) == ordered
