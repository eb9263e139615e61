"""What to tell people who want to see what was built."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from simstac.catalog import ROOT
from simstac.config import Project, load_project
from simstac.errors import ConfigError
from simstac.pipeline.place import trusted_endpoints
from simstac.storage import is_address


def site_folder(path: Path) -> Path:
    """The site that a configuration builds, or the folder or root catalog itself.

    Raises:
        ConfigError: If there is no catalog.
    """
    site = path if path.is_dir() else path.parent if path.name == ROOT else load_project(path).site
    if not (site / ROOT).is_file():
        raise ConfigError(site, f"holds no {ROOT}", "run `simstac build` first, or name the site's folder")
    return site


def catalog_to_serve(location: str) -> tuple[str | Path, tuple[str, ...]]:
    """The catalog of a configuration, a site or a URL, and the S3 endpoints that may see its user's credentials.

    Raises:
        ConfigError: If there is no catalog.
    """
    if is_address(location):
        return location, ()
    path = Path(location)
    is_site = path.is_dir() or path.name == ROOT
    return site_folder(path), () if is_site else trusted_endpoints(load_project(path))


def catalog_to_verify(location: str) -> tuple[str | Path, Path | None, tuple[str, ...]]:
    """The catalog of a configuration at its public address, or else as it is built, or the one at a path or URL.

    Returns:
        Its address; the built site to compare it with, where there is one; the S3 endpoints that may see credentials.

    Raises:
        ConfigError: If the configuration cannot be used.
    """
    path = Path(location)
    if is_address(location) or path.suffix == ".json" or not path.is_file():
        return location, None, ()
    project = load_project(path)
    public_url = project.catalog.public_url
    address = f"{public_url}/{ROOT}" if public_url else site_folder(path)
    return address, project.site, trusted_endpoints(project)


def how_to_look(project: Project, config: Path) -> str:
    """Where the built site is, how to see it in a browser, and the lines of Python that open it."""
    site = Path(os.path.relpath(project.site))
    document = site / project.collections[0].id / "collection.json"
    called = Path(os.path.relpath(sys.argv[0])).as_posix()
    command = shlex.quote(called) if os.access(called, os.X_OK) else f"{shlex.quote(sys.executable)} -m simstac"
    command = "simstac" if shutil.which("simstac") else command
    return f"""
In a browser:  {command} browse {shlex.quote(str(config))}
In Python:
    import pystac, xarray as xr
    study = pystac.read_file("{document.as_posix()}")
    runs = xr.open_dataset(study.assets["icechunk"])
"""
