"""The build script for cron and CI, as cron calls it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simstac.demo import CONFIGURATION

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "build_catalog.py"
RUNS = ("u0.20-l05-h20", "u0.80-l05-h20")


@pytest.fixture
def configuration(demo_runs: Path, tmp_path: Path) -> Path:
    """Two runs of the demonstration, published to a folder."""
    for name in RUNS:
        shutil.copytree(demo_runs / name, tmp_path / "runs" / name)
    lines = (demo_runs / "params.csv").read_text().splitlines()
    table = [line for line in lines if line.startswith(("run,", *RUNS))]
    (tmp_path / "runs" / "params.csv").write_text("\n".join(table) + "\n")
    path = tmp_path / "buildings.yaml"
    path.write_text(CONFIGURATION + "targets:\n  - {type: local, path: published}\n")
    return path


def build_catalog(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_builds_publishes_and_verifies_and_then_has_nothing_to_do(configuration: Path) -> None:
    first = build_catalog(configuration)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("office-study: written, version 1.0.0, 2 runs (2 completed)\n")
    published = configuration.parent / "published"
    assert (published / "office-study" / RUNS[0] / f"{RUNS[0]}.json").exists()

    before = {path: path.stat().st_mtime_ns for path in published.rglob("*")}
    second = build_catalog(configuration)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("office-study: unchanged, version 1.0.0, 2 runs (2 completed)\n")
    assert {path: path.stat().st_mtime_ns for path in published.rglob("*")} == before


def test_a_bad_run_is_named_and_the_rest_is_published(configuration: Path) -> None:
    (configuration.parent / "runs" / RUNS[1] / "eplusout.sql").write_bytes(b"not SQLite" * 1000)
    result = build_catalog(configuration)
    assert result.returncode == 1
    assert RUNS[1] in result.stderr
    assert (configuration.parent / "published" / "office-study" / RUNS[0] / f"{RUNS[0]}.json").exists()


def test_a_typo_is_a_usage_error_in_one_line(configuration: Path) -> None:
    configuration.write_text(configuration.read_text().replace("keywords:", "keyword:"))
    result = build_catalog(configuration)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {configuration}:")
    assert "did you mean 'keywords'?" in result.stderr
    assert len(result.stderr.splitlines()) == 1
