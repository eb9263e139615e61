from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from simstac.errors import InvalidDocumentError
from simstac.stac.document import CanonicalWriter, canonical_json, plain, text, timestamp


def test_canonical_json_is_one_form():
    assert (
        canonical_json({"b": [1, 2.5], "a": "Süd"}) == '{\n  "a": "Süd",\n  "b": [\n    1,\n    2.5\n  ]\n}\n'.encode()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32(1), np.array([1]), {1, 2}])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(InvalidDocumentError, match="item-1: is not strict JSON"):
        canonical_json({"id": "item-1", "x": value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (float("-inf"), None),
        (np.array([1.0, np.nan]), [1.0, None]),
        (b"bytes \xff", "bytes \N{REPLACEMENT CHARACTER}"),
        (np.bool_(True), True),
        ("", None),
        (np.datetime64("2020-01-01", "s"), "2020-01-01T00:00:00"),
        ({1: np.int64(2)}, {"1": 2}),
        (datetime(2020, 1, 1, tzinfo=UTC), "2020-01-01T00:00:00Z"),
        (3 + 4j, "(3+4j)"),
    ],
)
def test_plain(value, expected):
    assert plain(value) == expected


def test_text_is_one_line():
    assert text(" two\n lines ") == "two lines"
    assert text(float("nan")) == ""


def test_timestamps_are_utc():
    moment = datetime(2020, 1, 1, 6, tzinfo=timezone(timedelta(hours=-6)))
    assert timestamp(moment) == "2020-01-01T12:00:00Z"
    assert timestamp(moment.replace(microsecond=500)) == "2020-01-01T12:00:00.000500Z"


def test_a_shared_part_is_rendered_alike_wherever_it_stands():
    shared = {"b": {"href": "x\n y", "roles": ["data"]}, "a": {}}
    other = {"c": []}
    first = {"id": "1", "assets": shared, "properties": {"z": 1, "cube:dimensions": shared}}
    second = {"id": "2", "assets": shared, "properties": {"cube:dimensions": other}, "cube:dimensions": other}
    writer = CanonicalWriter()
    for document in (first, second, first):
        expected = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        assert writer.bytes(document).decode() == expected
    with pytest.raises(InvalidDocumentError):
        writer.bytes({"id": "3", "properties": {"cube:dimensions": {"a": float("nan")}}})
