"""A first configuration for a folder of runs, from what is in it."""

from __future__ import annotations

import json
from pathlib import Path

from simstac.errors import ConfigError, SourceError
from simstac.stac.metadata import identifier
from simstac.studies import Run, find_runs, read_parameters, source_of
from simstac.studies.runs import match_parameters

FILE_NAME = "simstac.yaml"
PATTERNS = ("*", "*/*", "*/*/*")
TABLES = (".csv", ".parquet", ".pq")

TEMPLATE = """\
# What is published, and where to: simstac build {file}, simstac publish {file}.
# `simstac schema` explains every key.
catalog:
  id: {id}
  title: {title}
  description: {description}
  # public_url: https://data.example.org/stac   # where the site will be read
  site: site
collections:
  - id: {id}
    title: {title}
    description: {description}
    license: CC-BY-4.0   # an SPDX identifier; choose the one that you publish under
    # providers: [{{name: Your lab, roles: [producer], url: "https://example.org"}}]
    source: {{engine: energyplus, path: {path}{parameters}}}
# targets:
#   - {{type: local, path: /srv/www/stac}}
#   - {{type: s3, url: "s3://bucket/stac", region: us-east-1}}
"""


def write_config(directory: Path, engine: str = "energyplus") -> Path:
    """Write ``simstac.yaml`` into a folder of runs and return its path.

    Args:
        directory: The folder; the runs lie up to three levels below it.
        engine: The xarray engine that reads a run.

    Raises:
        ConfigError: If there is a configuration already.
        SourceError: If there are no runs.
    """
    path = directory / FILE_NAME
    if path.exists():
        raise ConfigError(path, "is there already", "edit it, or remove it first")
    pattern, runs = _runs_in(directory, engine)
    table = _table_of(directory, runs)
    title = directory.resolve().name
    description = f"{len(runs)} simulation{'' if len(runs) == 1 else 's'} of {title}."
    parameters = f", parameters: {json.dumps(table, ensure_ascii=False)}" if table else ""
    text = TEMPLATE.format(
        file=path.name,
        id=identifier(title) or "simulations",
        title=json.dumps(title, ensure_ascii=False),
        description=json.dumps(description, ensure_ascii=False),
        path=json.dumps(pattern),
        parameters=parameters,
    )
    path.write_text(text, encoding="utf-8")
    return path


def _runs_in(directory: Path, engine: str) -> tuple[str, tuple[Run, ...]]:
    """The pattern with the fewest levels that matches runs, narrowed to their folder where they share one."""
    is_run = source_of(engine).is_run
    for pattern in PATTERNS:
        found = [path for path in directory.glob(pattern) if is_run(path)]
        if not found:
            continue
        parents = {path.parent for path in found}
        narrowed = f"{parents.pop().relative_to(directory).as_posix()}/*" if len(parents) == 1 else pattern
        narrowed = narrowed.removeprefix("./")
        others = [path for path in directory.glob(narrowed) if path not in found]
        return narrowed, find_runs(narrowed, base=directory, ignore=others, is_run=is_run)
    raise SourceError(directory, f"holds no runs that {engine} reads", "name the folder that the runs' folders are in")


def _table_of(directory: Path, runs: tuple[Run, ...]) -> str | None:
    """The first table beside or above the runs that has a row for each of them."""
    folders = dict.fromkeys([directory, *(run.path.parent for run in runs if run.path)])
    tables = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
    for path in tables:
        try:
            match_parameters(runs, read_parameters(path))
        except SourceError:
            continue
        return path.relative_to(directory).as_posix()
    return None
