"""Datasets as hostile or careless people make them: each is described validly, or is an error that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import xarray as xr

from simstac.catalog import upsert_collection
from simstac.errors import MetadataError
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.placement import place_store
from simstac.stac.preview import NothingToDrawError, dataset_view
from simstac.stac.validate import Finding, validate_documents

from .cases import EAST, NORTH, SMALL, grid

SETTLED = {"bbox": (0, 0, 1, 1), "datetime": "2000-01-01T00:00:00Z"}
MOMENT = {"time": np.datetime64("2000-01-01", "s")}


def times(*values: Any, **attrs: str) -> xr.Dataset:
    """A grid at these times: dates, or numbers with a unit."""
    coded = np.array(values, dtype=None if attrs else "datetime64[s]")
    return grid().isel(time=[0] * len(values)).assign_coords(time=("time", coded, attrs or {"axis": "T"}))


def curved(longitude: Any, latitude: Any) -> xr.Dataset:
    coords = {"lon": (("y", "x"), longitude, EAST), "lat": (("y", "x"), latitude, NORTH), **MOMENT}
    return xr.Dataset({"v": (("y", "x"), np.zeros(np.shape(longitude)))}, coords)


def with_bounds(values: Any) -> xr.Dataset:
    longitude = ("lon", [0.0, 1.0], EAST | {"bounds": "lon_bnds"})
    return grid().assign_coords(lon=longitude).assign(lon_bnds=(("lon", "k"), values))


DESCRIBED: dict[str, xr.Dataset] = {
    "one cell": grid([7.0], [47.0]),
    "many turns": grid([720.0, 721.0]),
    "westward across the antimeridian": grid([-170.0, -175.0, -180.0, -185.0]),
    "from pole to pole": grid([0.0, 1.0], [90.0, 0.0, -90.0]),
    "unsigned longitudes": grid().assign_coords(lon=("lon", np.array([0, 200], "u1"), EAST)),
    "some missing time": times("2000-01-01", "NaT"),
    "backwards in time": times("2000-01-02", "2000-01-01"),
    "all of history": times("0001-01-01", "9999-12-31"),
    "lone curvilinear cell": curved([[5.0]], [[5.0]]),
    "numbers of no kind": grid().astype(complex),
    "attributes of no kind": grid().assign(
        tas=grid().tas.assign_attrs(units=["a"], long_name={"x": 1}, standard_name=5, cell_methods=7, bounds="nowhere")
    ),
    "a name in two directions": grid().rename(tas="a\u202eb"),
    "five hundred dimensions": xr.Dataset(
        {f"v{i}": ((f"d{i}",), [0.0]) for i in range(500)}, {"lat": ((), 1.0, NORTH), "lon": ((), 2.0, EAST), **MOMENT}
    ),
}
REFUSED: dict[str, tuple[xr.Dataset, str]] = {
    "longitudes without values": (grid().isel(lon=slice(0, 0)), "lon: has no values; set metadata: {bbox"),
    "a longitude twice": (grid([1.0, 1.0]), "lon: has missing or unordered values; set metadata: {bbox"),
    "an infinite latitude": (grid([0.0, 1.0], [0.0, np.inf]), "lat: leaves ±90 degrees; set metadata: {crs"),
    "a grid of nothing": (curved(np.full((2, 2), np.nan), np.zeros((2, 2))), "lon: has no values; set metadata: {bbox"),
    "bounds of nothing": (with_bounds(np.full((2, 2), np.nan)), "lon: has missing values in its bounds lon_bnds"),
    "bounds of three": (with_bounds(np.zeros((2, 3))), r"lon: has bounds of shape \(2, 3\)"),
    "no moment": (times("NaT", "NaT"), "dataset: has no time coordinate with values; set metadata: {datetime"),
    "before Christ": (
        times("-0044-03-15", "2000-01-01"),
        "time: .* cannot be written as RFC 3339; set metadata: {start",
    ),
    "a unit of no clock": (
        times(0, 1, units="fortnights since yesterday", calendar="standard"),
        "time: cannot be read as moments of the unit 'fortnights since yesterday' in the calendar 'standard'; set",
    ),
    "a calendar of no church": (times(0, 1, units="days since 2000-01-01", calendar="mayan"), "time: cannot be read"),
    "three million years": (times(0, 1e9, units="days since 1970-01-01", calendar="standard"), "time: cannot be read"),
}


def findings(dataset: xr.Dataset, stored: Callable[..., Any], metadata: Any) -> tuple[Finding, ...]:
    documents = describe_dataset(dataset, stored(), metadata, place_store("office"))
    return validate_documents(upsert_collection(lambda _: None, CatalogMetadata(id="c"), documents)).findings  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DESCRIBED)
def test_what_can_be_described_is_valid(name, stored, metadata):
    assert findings(DESCRIBED[name], stored, metadata()) == ()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_says_what_to_set_and_is_described_once_that_is_set(name, stored, metadata):
    dataset, message = REFUSED[name]
    with pytest.raises(MetadataError, match=f"^{message}"):
        findings(dataset, stored, metadata())
    assert findings(dataset, stored, metadata(**SETTLED)) == ()


@pytest.mark.parametrize("name", [*DESCRIBED, *REFUSED])
def test_its_picture_is_drawn_or_says_why_not(name, metadata):
    dataset = DESCRIBED[name] if name in DESCRIBED else REFUSED[name][0]
    with suppress(NothingToDrawError, MetadataError):
        assert dataset_view({"": dataset}, metadata(**SETTLED), SMALL).kind in {"map", "lines"}


def test_a_dimension_whose_name_is_no_text_is_refused(stored, metadata):
    with pytest.raises(MetadataError, match="0: is a dimension whose name is no text; rename it"):
        findings(xr.Dataset({"v": ((0,), [1, 2])}), stored, metadata(**SETTLED))


def test_a_path_of_somebodys_machine_is_found_before_it_is_published(stored, metadata):
    dataset = grid().assign(tas=grid().tas.assign_attrs(long_name="from /home/someone/x.nc"))
    assert {finding.rule for finding in findings(dataset, stored, metadata())} == {"local-path"}
