from __future__ import annotations

import pytest

from simstac.sources.virtual.filters import UnfitError, codecs_of

SHUFFLE, DEFLATE, FLETCHER = (2, 1, (4,), b"shuffle"), (1, 1, (6,), b"deflate"), (3, 0, (), b"fletcher32")


def test_codecs_are_in_the_order_of_the_pipeline() -> None:
    assert codecs_of([SHUFFLE, DEFLATE, FLETCHER]) == (
        {"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}},
        {"name": "numcodecs.zlib", "configuration": {"level": 6}},
        {"name": "numcodecs.fletcher32", "configuration": {}},
    )
    assert codecs_of([]) == ()


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ([(4, 1, (141, 32), b"szip")], "its filter szip is one that Zarr cannot decode"),
        ([SHUFFLE, (32013, 1, (4,), b"zfp; version 1")], "its filter zfp is one"),
        ([(65000, 1, (), b"")], "its filter number 65000 is one that Zarr cannot decode"),
        ([FLETCHER, (2, 1, (8,), b"shuffle")], "its values of 8 bytes are shuffled together with a checksum of 4"),
    ],
)
def test_what_zarr_cannot_decode(pipeline, reason) -> None:
    with pytest.raises(UnfitError, match=reason):
        codecs_of(pipeline)


def test_a_checksum_before_narrow_values_or_behind_them_fits() -> None:
    assert len(codecs_of([FLETCHER, SHUFFLE, DEFLATE])) == 3
    assert len(codecs_of([(2, 1, (8,), b"shuffle"), FLETCHER])) == 2
