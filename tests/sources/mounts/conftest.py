from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.s3fs_mounts import Mounts, mounted


@pytest.fixture
def mounts(s3, tmp_path: Path) -> Iterator[Mounts]:
    with mounted(s3, tmp_path) as made:
        yield made


@pytest.fixture
def bucket(s3) -> str:
    name = s3.make_bucket()
    for key, body in {
        "runs/a b.txt": b"hello",
        "runs/sub/x.txt": b"x",
        "runs/.hidden.txt": b"h",
        "y.txt": b"y",
    }.items():
        s3.client().put_object(Bucket=name, Key=key, Body=body)
    return name
