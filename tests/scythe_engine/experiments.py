"""Experiments that Scythe's own code made in SeaweedFS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.scythe_engine.environment import scythe_python

SCRIPT = Path(__file__).with_name("office_box.py")


@dataclass(frozen=True, slots=True)
class Scythe:
    """Scythe at work in a bucket: ``run(*steps)`` as in ``office_box.py``."""

    bucket: str
    run: Callable[..., list[Any]]
    office_box: tuple[str, ...] = ()
    late_box: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/scythe"


@pytest.fixture(scope="session")
def scythe(cache_dir, seaweedfs, tmp_path_factory) -> Scythe:
    """The experiment ``office_box``: two versions, a second run of the newer one, and a run that waits in the queue.

    Change nothing in it. Of ``late_box`` the older version waits in the queue.
    """
    python = scythe_python(cache_dir)
    if python is None:
        pytest.skip("Scythe needs Python 3.12: install python3.12 with python3.12-venv")
    folder = tmp_path_factory.mktemp("scythe")

    bucket = seaweedfs.make_bucket("scythe")
    settings = {"SCYTHE_STORAGE_BUCKET": bucket, "AWS_ENDPOINT_URL": seaweedfs.endpoint_url, **seaweedfs.env}

    def run(*steps: str) -> list[Any]:
        done = folder / "done.json"
        command = [python, SCRIPT, done, *steps]
        ended = subprocess.run(
            command, check=False, env={**os.environ, **settings}, capture_output=True, text=True, timeout=240
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return json.loads(done.read_text())

    steps = ("bumpmajor:6", "bumpminor:4", "keep:3", "bumpminor-later:2")
    runs = run(*steps, "experiment:late_box", "bumpmajor-later:2", "bumpmajor:3")
    return Scythe(bucket, run, tuple(runs[: len(steps)]), tuple(runs[len(steps) :]))
