"""The real STAC Browser, built from its npm package on first use and kept in the user's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from simstac.errors import SimstacError
from simstac.progress import OnProgress, Progress, silent

PACKAGE = "@radiantearth/stac-browser"
VERSION = "4.0.1"
PINS = {"ol-stac": "1.1.0"}  # the range that the package asks for now resolves to a release it does not build with
CACHE_VARIABLE = "SIMSTAC_CACHE"

_STAGE = "build STAC Browser"
_OPTIONS = {"SB_historyMode": "hash", "SB_pathPrefix": "/browser/"}
_TIMEOUT_SECONDS = 1_800


def cache_folder() -> Path:
    """Where builds are kept: ``$SIMSTAC_CACHE``, or ``simstac`` in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(CACHE_VARIABLE) or home / "simstac")


def built_browser(on_progress: OnProgress = silent) -> Path:
    """The folder of a STAC Browser build; the first call makes it, which takes a minute or two and 0.5 GB for a while.

    Raises:
        SimstacError: If Node.js or npm is missing, or the build fails; the message names the log.
    """
    target = cache_folder() / f"stac-browser-{VERSION}"
    if (target / "index.html").is_file():
        return target
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise SimstacError("npm", "is not installed", "install Node.js 18 or newer, which brings npm")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stac-browser-", dir=target.parent) as work:
        built = _build(Path(work), npm, on_progress)
        try:
            built.rename(target)
        except OSError:
            if not (target / "index.html").is_file():  # else another process was faster
                raise
    return target


def _build(work: Path, npm: str, on_progress: OnProgress) -> Path:
    steps = ("download", "install its packages", "compile")
    source = work / "package"

    on_progress(Progress(_STAGE, 0, len(steps), steps[0]))
    _run([npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"], work)
    with tarfile.open(next(work.glob("*.tgz"))) as archive:
        archive.extractall(work, filter="data")
    manifest = json.loads((source / "package.json").read_text(encoding="utf-8"))
    manifest["dependencies"] |= PINS
    (source / "package.json").write_text(json.dumps(manifest), encoding="utf-8")

    on_progress(Progress(_STAGE, 1, len(steps), steps[1]))
    _run([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], source)

    on_progress(Progress(_STAGE, 2, len(steps), steps[2]))
    _run([npm, "run", "build:minimal"], source)
    on_progress(Progress(_STAGE, len(steps), len(steps)))
    return source / "dist"


def _run(command: list[str], folder: Path) -> None:
    log = cache_folder() / "stac-browser.log"
    with log.open("ab") as output:
        try:
            subprocess.run(  # noqa: S603  # npm alone, with fixed arguments
                command,
                cwd=folder,
                env=os.environ | _OPTIONS,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            problem = f"STAC Browser {VERSION} could not be built ({' '.join(command[1:3])} failed)"
            raise SimstacError(log, problem, "read this log; browsing without --browser needs no build") from error
