"""An environment for Scythe's own code, which wants an older Python and pandas than simstac; made once, then cached."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
NEWEST_PYTHON = (3, 12)


def scythe_python(cache: Path) -> Path | None:
    """The interpreter of the environment; None where there is no Python that Scythe installs on."""
    own = sys.version_info[:2] <= NEWEST_PYTHON
    python = sys.executable if own else shutil.which(f"python{NEWEST_PYTHON[0]}.{NEWEST_PYTHON[1]}")
    if python is None:
        return None
    version = subprocess.run([python, "-V"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version + REQUIREMENTS.read_bytes()).hexdigest()[:16]
    finished = cache / "scythe" / digest
    if not (finished / "done").exists():
        finished.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=finished.parent, prefix=".environment-"))
        subprocess.run([python, "-m", "venv", made], check=True, timeout=120)
        install = [made / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*install, "--requirement", REQUIREMENTS], check=True, timeout=600)
        (made / "done").touch()
        try:
            made.rename(finished)
        except OSError:  # another process of the test run was faster
            shutil.rmtree(made)
    return finished / "bin" / "python"
