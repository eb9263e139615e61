from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from simstac.stac.metadata import CatalogMetadata, Metadata, identifier


def said(**changes) -> Metadata:
    return Metadata(**{"id": "office", "license": "MIT"} | changes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"id": "Office A"}, "pattern"),
        ({"license": "proprietary"}, "write an SPDX identifier"),
        ({"license": "CC BY"}, "pattern"),
        ({"doi": "https://doi.org/10.5281/zenodo.1"}, "pattern"),
        ({"bbox": (0, 10, 1, -10)}, "south"),
        ({"bbox": (0, 0, 361, 1)}, "±180"),
        ({"start_datetime": "2020-01-01T00:00:00Z"}, "go together"),
        ({"start_datetime": "2021-01-01", "end_datetime": "2020-01-01"}, "is after"),
        ({"providers": [{"name": "A", "roles": ["owner"]}]}, "roles"),
        ({"tittle": "x"}, "tittle"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        said(**wrong)


def test_moments_are_utc():
    assert said(datetime="2020-01-01T12:00:00").datetime == datetime(2020, 1, 1, 12, tzinfo=UTC)
    assert said(datetime="2020-01-01T12:00:00-06:00").datetime == datetime(2020, 1, 1, 18, tzinfo=UTC)


def test_names_fall_back_to_ids():
    assert said(title="  ").name == "office"
    assert CatalogMetadata(id="c", title="All").name == "All"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Run 1", "run-1"), ("Straße_2.idf", "stra-e_2.idf"), ("東京", ""), ("../x", "x"), ("A/B", "a-b")],
)
def test_identifiers(name, expected):
    assert identifier(name) == expected
