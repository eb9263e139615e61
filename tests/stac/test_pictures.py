from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from simstac.stac.pictures import PictureError, draw_picture, with_picture
from simstac.stac.placement import place_store
from simstac.stac.study import describe_study

from .cases import CASES, building, grid


def pixels(content: bytes) -> np.ndarray:
    return imread(io.BytesIO(content), format="png")


def test_a_study_gets_a_chart_beside_its_collection(study, stored, metadata):
    tree = study(8)
    picture = draw_picture(tree, metadata())
    assert (picture.key, picture.asset["roles"]) == ("chart", ["graphic"])
    assert pixels(picture.content).shape == (432, 768, 4)
    assert draw_picture(tree, metadata()).content == picture.content
    documents = with_picture(describe_study(tree, stored(), metadata(), place_store("office")), picture)
    assert documents.files == {"chart.png": picture.content}
    asset = documents.collection["assets"]["chart"]
    assert (asset["href"], asset["file:size"]) == ("./chart.png", len(picture.content))


def test_a_map_lies_on_its_box(metadata):
    """East is right and north is up, longitudes of 0-360 are turned, and values end where the grid does."""
    dataset = grid(np.arange(0.0, 360, 5), np.arange(-87.5, 90, 5))
    east, north = np.where(dataset.lon < 180, 0.0, 1.0), np.zeros(dataset.lat.size)
    dataset["tas"] = dataset["tas"].copy(data=np.broadcast_to(np.add.outer(north, east), dataset["tas"].shape))
    picture = draw_picture(dataset, metadata())
    assert picture.asset["proj:bbox"] == [-180, -90, 180, 90]
    image = pixels(picture.content)
    assert list(image.shape[:2]) == picture.asset["proj:shape"]
    height, width = image.shape[:2]
    assert width == 2 * height
    west_half, east_half = image[:, : width // 2 - 2], image[:, width // 2 + 2 : -4]
    assert (west_half[..., :3] == west_half[0, 0, :3]).all()
    assert (east_half[..., :3] == east_half[0, 0, :3]).all()
    assert (west_half[0, 0] != east_half[0, 0]).any()
    dataset["tas"] = dataset["tas"].copy(
        data=np.broadcast_to((dataset.lat.values > 0.0)[:, np.newaxis] * 1.0, dataset["tas"].shape)
    )
    image = pixels(draw_picture(dataset, metadata()).content)
    assert image[0, 0, 0] > image[-1, 0, 0]


@pytest.mark.parametrize("name", ["lambert-conformal", "rotated-pole"])
def test_a_projected_map_is_clear_outside_of_its_grid(name, metadata):
    dataset = CASES[name][0]
    image = pixels(draw_picture(dataset, metadata()).content)
    height, width = image.shape[:2]
    assert image[height // 2, width // 2, 3] == 1
    assert image[-1, 0, 3] == 0


def test_a_series_gets_a_chart(metadata):
    assert draw_picture(building(), metadata()).key == "chart"


@pytest.mark.parametrize("name", ["cells", "antimeridian", "forecast"])
def test_what_cannot_be_drawn_says_so(name, metadata):
    dataset = CASES[name][0]
    if name == "forecast":
        dataset = dataset.isel(lat=0, lon=0)
    with pytest.raises(PictureError, match="the build goes on without"):
        draw_picture(dataset, metadata())


def test_drawing_that_takes_too_long_is_ended(metadata):
    with pytest.raises(PictureError, match=r"not drawn in 0\.001 s"):
        draw_picture(building(), metadata(), seconds=0.001)


def test_drawing_that_fails_says_why(metadata, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PictureError, match="exit status 1"):
        draw_picture(building(), metadata())
