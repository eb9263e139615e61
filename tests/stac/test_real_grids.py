"""Files as the Met Office and NEMO wrote them (iris-sample-data), described without a word of configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import iris_sample_data
import numpy as np
import pytest

import simstac
from simstac.stac.validate import validate_tree

FILES = ("A1B_north_america", "orca2_votemper", "ostia_monthly", "rotated_pole", "SOI_Darwin")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> simstac.pipeline.BuildReport:
    folder = tmp_path_factory.mktemp("real")
    entries = []
    for name in FILES:
        shutil.copy(Path(iris_sample_data.path) / f"{name}.nc", folder)
        source = f"{{engine: cf, path: {name}.nc}}"
        entries.append(f"  - {{id: {name.lower()}, license: OGL-UK-3.0, source: {source}}}\n")
    (folder / "real.yaml").write_text("catalog: {id: real, title: Real}\ncollections:\n" + "".join(entries))
    return simstac.build(simstac.load_project(folder / "real.yaml"))


def collection(report: simstac.pipeline.BuildReport, name: str) -> dict[str, Any]:
    return json.loads((report.site / name / "collection.json").read_text())


def test_what_is_built_is_valid_and_has_a_picture(report):
    assert validate_tree(report.site).findings == ()
    built = {each.id for each in report.collections}
    assert built == {name.lower() for name in FILES} - {"soi_darwin"}
    assert all("thumbnail" in collection(report, name)["assets"] for name in built)


def test_what_has_no_place_says_which_collection_and_what_to_set(report):
    (error,) = report.errors
    assert str(error) == (
        "soi_darwin: dataset: has no horizontal coordinates; set metadata: {bbox: [west, south, east, north]}"
    )


def test_longitudes_of_0_to_360_in_a_calendar_of_360_days(report):
    document = collection(report, "a1b_north_america")
    assert document["extent"]["spatial"]["bbox"] == [[-135.9375, 14.375, -44.0625, 60.625]]
    assert document["extent"]["temporal"]["interval"] == [["1859-12-01T00:00:00Z", "2099-12-01T00:00:00Z"]]
    assert document["cube:dimensions"]["longitude"]["extent"] == [225, 315]
    time = document["cube:dimensions"]["time"]
    assert (time["reference_system"], time["unit"], time["size"]) == ("360_day", "days since 1859-01-01", 240)
    with simstac.open(report.site / "a1b_north_america" / "collection.json") as dataset:
        assert dataset["time"].dt.calendar == "360_day"


def test_a_tripolar_ocean_reaches_the_north_pole_and_not_the_south(report):
    west, south, east, north = collection(report, "orca2_votemper")["extent"]["spatial"]["bbox"][0]
    assert (west, east, north) == (-180, 180, 90)
    assert -79 < south < -78


def test_a_whole_circle_in_single_precision_has_no_gap(report):
    boxes = collection(report, "ostia_monthly")["extent"]["spatial"]["bbox"]
    assert np.allclose(boxes, [[-180, -5.277767, 180, 4.722229]])


def test_a_rotated_pole_has_its_own_dimensions(report):
    dimensions = collection(report, "rotated_pole")["cube:dimensions"]
    assert (dimensions["grid_longitude"]["axis"], dimensions["grid_latitude"]["axis"]) == ("x", "y")
