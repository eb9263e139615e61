"""What numbers mean: which of them are missing, and attributes that say so in the store."""

import numpy as np
import pytest
import xarray as xr

from simstac.errors import SourceError
from simstac.sources.cf.decode import Decoded, decoded

WHOLE = (slice(None),)


def one(values, **attrs) -> Decoded:
    return decoded("x", xr.Variable(("x",), values, attrs), {}, "a.nc: x")


@pytest.mark.parametrize(
    ("dtype", "attrs", "said"),
    [
        ("i2", {"_FillValue": -1, "missing_value": np.array([-2, -3])}, {"_FillValue": -1, "missing_value": [-2, -3]}),
        ("i2", {"_FillValue": -1, "missing_value": -1.0}, {"_FillValue": -1}),
        ("u1", {"missing_value": -999}, {}),
        ("u1", {"missing_value": np.array([-999, 255])}, {"_FillValue": 255}),
        ("i4", {"missing_value": np.nan}, {}),
        ("i4", {"missing_value": 2.5}, {}),
        ("i4", {"missing_value": "none"}, {}),
        ("f4", {"missing_value": "none"}, {}),
        ("?", {"missing_value": 1}, {}),
    ],
)
def test_missing_numbers_are_those_that_the_type_can_hold(dtype, attrs, said):
    assert one(np.zeros(3, dtype), **attrs).attrs == said


def test_missing_floats_of_any_width_are_nan():
    values = one(np.array([1.0, -99.9, np.inf], "f4"), missing_value=-99.9, _FillValue=np.float32(np.inf)).read(WHOLE)
    np.testing.assert_array_equal(values, np.array([1.0, np.nan, np.nan], "f4"))


def test_a_missing_time_may_be_any_integer():
    fill = np.iinfo("i4").max
    times = one(np.array([1, fill], "i4"), units="hours since 2000-01-01", _FillValue=fill)
    assert times.read(WHOLE).tolist() == [946_688_400_000_000, np.iinfo("i8").min]


@pytest.mark.parametrize("values", [[1.0, np.nan], np.array([1, -1])], ids=["float", "integer"])
def test_a_missing_time_in_a_calendar_that_numpy_lacks_is_refused(values):
    """xarray reads it as the date that the unit counts from, or not at all."""
    times = one(values, units="days since 2000-01-01", calendar="noleap", _FillValue=-1)
    with pytest.raises(
        SourceError, match=r"a\.nc: x: has missing times, which xarray cannot read in the calendar noleap"
    ):
        times.read(WHOLE)


def test_a_valid_range_of_packed_numbers_is_none_of_the_unpacked():
    packed = {"scale_factor": 0.5, "add_offset": 200.0}
    assert "valid_range" not in one(np.zeros(1, "i2"), valid_range=np.array([0, 9], "i2"), **packed).attrs
    assert one(np.zeros(1, "i2"), valid_range=np.array([200.0, 210.0]), **packed).attrs["valid_range"] == [200, 210]
    assert one(np.zeros(1, "i2"), valid_range=np.array([0, 9], "i2")).attrs["valid_range"] == [0, 9]
