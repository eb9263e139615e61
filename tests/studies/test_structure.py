"""How the shapes of differing runs unite."""

import numpy as np
import pytest

from simstac.studies.structure import Axis, AxisKind, MismatchError, Structure, Variable, convert, differences

FLOAT = np.dtype("f8")


def keys(*labels: str, units: str = "1") -> Axis:
    return Axis(AxisKind.KEYS, np.array(labels, dtype=object), {"units": units})


def times(*hours: int, calendar: str = "standard") -> Axis:
    labels = np.array(hours, dtype=np.int64)
    return Axis(AxisKind.TIMES, labels, {"calendar": calendar}, np.stack([labels - 1, labels], axis=1))


def structure(zone: Axis, time: Axis, *names: str, dtype: np.dtype = FLOAT, units: str = "K") -> Structure:
    axes = {("hourly", "zone"): zone, ("hourly", "time"): time}
    return Structure(axes, {("hourly", name): Variable(tuple(axes), dtype, {"units": units}) for name in names})


def test_keys_keep_their_order_and_new_ones_come_last():
    united = keys("b", "a").union(keys("c", "a"))
    assert united.labels.tolist() == ["b", "a", "c"]
    assert united.positions(np.array(["c", "b"], dtype=object)).tolist() == [2, 0]


def test_times_stay_sorted_and_bounds_go_with_them():
    united = times(3, 7).union(times(1, 3, 5))
    assert united.labels.tolist() == [1, 3, 5, 7]
    assert united.bounds.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert united.positions(np.array([5, 7])).tolist() == [2, 3]


def test_a_structure_that_has_everything_is_itself_after_the_union():
    whole = structure(keys("a", "b"), times(1, 2), "t", "q")
    assert whole.union(structure(keys("b"), times(2), "t")) is whole
    assert whole.union(structure(keys("c"), times(2), "t")) is not whole
    assert whole.union(structure(keys("a"), times(1), "new")) is not whole
    assert whole.run_bytes == 2 * 2 * 2 * 8


def test_types_widen_and_missing_values_stay_missing():
    narrow, wide = (structure(keys("a"), times(1), "t", dtype=np.dtype(name)) for name in ("i4", "f8"))
    assert narrow.union(wide).variables["hourly", "t"].dtype == FLOAT
    assert wide.union(narrow) is wide
    values = convert(np.array([1, np.iinfo("i4").min], dtype="i4"), FLOAT)
    np.testing.assert_array_equal(values, [1.0, np.nan])


def test_what_stands_for_missing_values_widens_with_the_type():
    def of(dtype):
        key = ("hourly", "n")
        attrs = {"units": "1", "_FillValue": int(np.iinfo(dtype).min)}
        return Structure({}, {key: Variable((), np.dtype(dtype), attrs)})

    united = of("i1").union(of("i2")).variables["hourly", "n"]
    assert (united.dtype, united.attrs) == (np.dtype("i2"), {"units": "1", "_FillValue": -(2**15)})
    assert of("i2").union(of("i1")).variables["hourly", "n"].attrs["_FillValue"] == -(2**15)
    key = ("hourly", "n")
    floats = Structure({}, {key: Variable((), FLOAT, {"units": "1"})})
    assert of("i1").union(floats).variables[key].attrs == {"units": "1"}


@pytest.mark.parametrize("labels", [[1.0, 1.0], [1.0, np.nan]], ids=["twice", "NaN"])
def test_labels_that_do_not_tell_places_apart_unite_with_equal_ones_alone(labels):
    def of(*numbers):
        axes = {("", "x"): Axis(AxisKind.NUMBERS, np.array(numbers))}
        return Structure(axes, {("", "t"): Variable((("", "x"),), FLOAT)})

    whole = of(1.0, 2.0)
    with pytest.raises(MismatchError, match="dimension 'x' has a label twice, or one that is no number"):
        whole.union(of(*labels))
    same = of(1.0, 1.0)
    assert same.union(of(1.0, 1.0)) is same


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (structure(times(1), times(1), "t"), "dimension 'zone' has times where other runs have keys"),
        (structure(keys("a"), times(1, calendar="noleap"), "t"), "in another calendar than in other runs"),
        (structure(keys("a"), times(1), "t", dtype=np.dtype(object)), "variable 't' is object where other runs have"),
        (structure(keys("a", units="m"), times(1), "t"), "dimension 'zone' is in m where other runs have 1"),
        (structure(keys("a"), times(1), "t", units="degC"), "variable 't' is in degC where other runs have K"),
    ],
)
def test_what_does_not_go_together_is_said(other, problem):
    with pytest.raises(MismatchError, match=problem):
        structure(keys("a"), times(1), "t").union(other)


def test_differences_are_told_by_thing_and_by_runs():
    runs = {f"run-{number}": structure(keys("a"), times(1, 2), "t", "q") for number in range(5)}
    runs["odd"] = structure(keys("a", "b"), times(2), "t")
    whole = Structure()
    for each in runs.values():
        whole = whole.union(each)
    assert differences(runs, whole) == (
        "hourly: 1 of 2 steps of time in odd",
        "hourly: no zone b in 5 of 6 runs (run-0, run-1 …)",
        "no hourly/q in odd",
    )
