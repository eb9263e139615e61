"""Statistics by groups, against xarray's own."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simstac.xpublish import numbers
from simstac.xpublish.numbers import grouped
from simstac.xpublish.select import BadRequestError

VALUES = arrays(np.float64, (6, 3), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


@given(
    VALUES, st.lists(st.integers(0, 2), min_size=6, max_size=6), st.sampled_from(["mean", "min", "max", "sum", "std"])
)
def test_as_xarray_groups(values, labels, reduction):
    array = xr.DataArray(values, {"kind": ("x", labels)}, ("x", "y"), name="v")
    expected = getattr(array.groupby("kind"), reduction)(...)
    if reduction == "sum":
        expected = expected.where(array.groupby("kind").count(...) > 0)
    found = grouped(array, "kind", reduction)
    assert found["groups"] == expected["kind"].values.tolist()
    np.testing.assert_allclose(np.array(found["values"], dtype=float), expected.values, rtol=1e-9, atol=1e-6)


def test_too_much_work_is_refused(monkeypatch):
    array = xr.DataArray(np.zeros(10), {"x": np.arange(10)}, ("x",), name="v")
    monkeypatch.setattr(numbers, "MOST_GROUPS", 9)
    with pytest.raises(BadRequestError, match="x: has 10 values, of at most 9; select fewer"):
        grouped(array, "x", "mean")
    monkeypatch.setattr(numbers, "MOST_VALUES", 9)
    with pytest.raises(BadRequestError, match="v: has 10 values, of at most 9"):
        grouped(array, "x", "mean")
