"""A file read in blocks is the file, however it is read, and each block is fetched once."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from simstac.ranged import RangedFile

CONTENT = bytes(range(251)) * 5


def opened(block: int = 64) -> tuple[RangedFile, list[tuple[int, int]]]:
    fetched: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        fetched.append((start, end))
        return CONTENT[start:end]

    return RangedFile(len(CONTENT), fetch, block=block), fetched


@given(
    st.integers(1, 400),
    st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(-1300, 1300), st.integers(0, 1300)), max_size=12),
)
def test_it_reads_as_any_file(block: int, moves: list[tuple[int, int, int]]) -> None:
    ours, fetched = opened(block)
    theirs = io.BytesIO(CONTENT)
    for whence, offset, count in moves:
        start = {0: 0, 1: theirs.tell(), 2: len(CONTENT)}[whence] + offset
        theirs.seek(max(0, start))
        assert ours.seek(offset, whence) == theirs.tell() == ours.tell()
        assert ours.read(count) == theirs.read(count)
        assert ours.tell() == theirs.tell()
    blocks = [number for start, end in fetched for number in range(start // block, -(-end // block))]
    assert len(blocks) == len(set(blocks))


def test_blocks_that_are_neighbours_come_in_one_request() -> None:
    file, fetched = opened()
    file.prefetch()
    file.seek(200)
    file.read(10)
    file.seek(0)
    assert file.read(500) == CONTENT[:500]
    assert fetched == [(0, 64), (192, 256), (64, 192), (256, 512)]
    file.close()
    assert file.closed
