from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from simstac.stac.pictures import PictureError, draw_picture, with_picture
from simstac.stac.placement import place_store
from simstac.stac.study import describe_study

from .cases import CASES, EARTH, building, grid


def pixels(content: bytes) -> np.ndarray:
    return imread(io.BytesIO(content), format="png")


def test_a_study_gets_a_chart_beside_its_collection(study, stored, metadata):
    tree = study(8)
    picture = draw_picture(tree, metadata(), EARTH)
    assert (picture.key, picture.asset["roles"]) == ("chart", ["graphic"])
    assert pixels(picture.content).shape == (432, 768, 4)
    assert draw_picture(tree, metadata(), EARTH).content == picture.content
    documents = with_picture(describe_study(tree, stored(), metadata(), place_store("office")), picture)
    assert documents.files == {"chart.png": picture.content}
    asset = documents.collection["assets"]["chart"]
    assert (asset["href"], asset["file:size"]) == ("./chart.png", len(picture.content))


BUILDING = CASES["building"][1]


def test_a_map_goes_over_its_box(metadata):
    """East is right and north is up, from the process that draws."""
    dataset = grid(np.arange(0.5, 10), np.arange(0.5, 10))
    values = np.add.outer(np.arange(10.0) * 10, np.arange(10.0))
    dataset["tas"] = dataset["tas"].copy(data=np.broadcast_to(values, dataset["tas"].shape))
    picture = draw_picture(dataset, metadata(), (0, 0, 20, 10))
    assert (picture.key, picture.asset["roles"]) == ("thumbnail", ["thumbnail", "overview"])
    assert picture.asset["proj:bbox"] == [0, 0, 20, 10]
    image = pixels(picture.content)
    assert list(image.shape[:2]) == picture.asset["proj:shape"] == [180, 360]
    assert (image[:, :180, 3] == 1).all()
    assert (image[:, 181:, 3] == 0).all()
    assert image[0, 179, 0] > image[-1, 0, 0]
    assert draw_picture(dataset, metadata(), (0, 0, 20, 10)).content == picture.content


def test_a_map_across_the_antimeridian_says_its_whole_width(metadata):
    dataset, box, _ = CASES["antimeridian"]
    assert draw_picture(dataset, metadata(), box).asset["proj:bbox"] == [169.5, -20.5, 190.5, -9.5]


def test_a_series_gets_a_chart(metadata):
    picture = draw_picture(building(), metadata(), BUILDING)
    assert (picture.key, picture.asset["roles"]) == ("chart", ["graphic"])
    assert pixels(picture.content).shape == (432, 768, 4)


def test_stations_get_a_line_each(metadata):
    assert draw_picture(CASES["stations"][0], metadata(), CASES["stations"][1]).key == "chart"


def test_what_cannot_be_drawn_says_so(metadata):
    with pytest.raises(PictureError, match="neither a grid nor a series to draw; the build goes on without a picture"):
        draw_picture(grid().drop_vars("tas"), metadata(), (-0.5, -0.5, 1.5, 1.5))


def test_drawing_that_takes_too_long_is_ended(metadata):
    with pytest.raises(PictureError, match=r"not drawn in 0\.001 s"):
        draw_picture(building(), metadata(), BUILDING, seconds=0.001)


def test_drawing_that_fails_says_why(metadata, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PictureError, match="exit status 1"):
        draw_picture(building(), metadata(), BUILDING)
