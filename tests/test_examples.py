"""Notebooks, and the Python in the pages of the documentation, run as they are printed on a site built here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PAGES = ("README.md", "docs/tutorial/first-study.md", "docs/how-to/read-one-run.md")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_without_outputs(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path: Path, demo_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG", str(demo_site / "catalog.json"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    sockets = Config({"KernelManager": {"transport": "ipc", "ip": str(tmp_path / "kernel")}})
    NotebookClient(notebook, timeout=120, kernel_name="python3", config=sockets).execute()
    warnings = [
        output.text for cell in notebook.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"
    ]
    assert warnings == []


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_runs_as_printed(page: str, demo_site: Path, tmp_path: Path) -> None:
    (tmp_path / "my-study" / "runs").mkdir(parents=True)
    (tmp_path / "demo").symlink_to(demo_site.parent)
    (tmp_path / "my-study" / "runs" / "base").symlink_to(demo_site.parent / "runs" / "u0.20-l05-h20")
    (tmp_path / "runs").symlink_to(tmp_path / "my-study" / "runs")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    assert blocks
    command = [sys.executable, "-W", "error::FutureWarning", "-c", "\n".join(blocks)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
