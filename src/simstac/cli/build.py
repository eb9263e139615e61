"""Commands that make things: ``init``, ``demo``, ``build``, ``status``, ``schema``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simstac.cli.exit_codes import DONE, FAILED
from simstac.cli.launches import show_launches
from simstac.cli.output import as_json, counted
from simstac.cli.progress import drawn_progress
from simstac.storage import is_address

if TYPE_CHECKING:
    from simstac.pipeline import BuildReport

CONFIG = click.argument("config", type=click.Path(path_type=Path))
JSON = click.option("--json", "as_json_", is_flag=True, help="Print one JSON object a line.")
DROP = click.option("--drop-vanished", is_flag=True, help="Drop runs, files and stores that are gone from the source.")
JOBS = click.option("--jobs", type=click.IntRange(1), metavar="N", help="Read and write runs in N processes.")
DASK = click.option(
    "--dask", metavar="ADDRESS|local", help="Read and write runs on a Dask cluster, or on one of N processes here."
)


def _reaching_a_bucket[F: Callable[..., Any]](command: F) -> F:
    """The options by which a bucket is reached."""
    for option in (
        click.option("--anonymous", is_flag=True, help="Read an open bucket without credentials."),
        click.option("--profile", help="Profile of the AWS configuration that may read the bucket."),
        click.option("--region", help="Region of the bucket."),
        click.option("--endpoint-url", help="Endpoint of an S3-compatible service."),
    ):
        command = option(command)
    return command


@click.command()
@CONFIG
@DROP
@JOBS
@DASK
@JSON
def build(config: Path, drop_vanished: bool, jobs: int | None, dask: str | None, as_json_: bool) -> int:
    """Read the sources, and write the stores and the site of CONFIG."""
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    project = pipeline.load_project(config)
    with drawn_progress(quiet=as_json_) as on_progress:
        report = pipeline.build(project, drop_vanished=drop_vanished, jobs=jobs, dask=dask, on_progress=on_progress)
    show_build(report, as_json_=as_json_)
    return DONE if report.ok else FAILED


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"))
def demo(directory: Path) -> int:
    """Simulate 18 small offices in DIRECTORY, and build their site.

    The engine is EnergyPlus. What is simulated already is not simulated again.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light
    from simstac.demo import make_demo  # noqa: PLC0415

    with drawn_progress() as on_progress:
        config = make_demo(directory, on_progress=on_progress)
        project = pipeline.load_project(config)
        report = pipeline.build(project, on_progress=on_progress)
    show_build(report, as_json_=False)
    click.echo(pipeline.how_to_look(project, config))
    return DONE if report.ok else FAILED


@click.command()
@click.argument("directory", metavar="DIR|s3://…")
@_reaching_a_bucket
def init(directory: str, **access: Any) -> None:
    """Write a configuration for what is in a folder or a bucket.

    It may hold EnergyPlus runs, what EP-Launch worked on, experiments of
    Scythe, or, in a folder, gridded files.
    """
    from simstac.init import write_config  # noqa: PLC0415  # keeps --help light

    written = write_config(_place(directory, access), access=access)
    found = "".join(f"found {line}\n" for line in written.found)
    command = f"simstac build {shlex.quote(str(written.path))}"
    click.echo(f"{found}wrote {written.path}\nedit it, then: {command}")


@click.command()
@click.argument("path", metavar="CONFIG|DIR|s3://…")
@_reaching_a_bucket
@JSON
def status(path: str, as_json_: bool, **access: Any) -> int:
    """Show the state of every run of CONFIG, a folder or a bucket.

    In a folder that EP-Launch works in: its columns too, and whether the
    results are of the input as it is.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light
    from simstac.objects import files_at  # noqa: PLC0415  # as above
    from simstac.pipeline.launches import is_launch_folder, launch_status  # noqa: PLC0415  # as above

    if is_launch_folder(path):
        launches, warnings = launch_status(Path(path))
        as_json(launches) if as_json_ else show_launches(launches, warnings)
        click.echo(pipeline.count_of([row.fresh or row.status for row in launches]), err=True)
        return DONE if all(row.ok for row in launches) else FAILED
    rows = pipeline.status(_place(path, access), open_files=partial(files_at, **access))
    if as_json_:
        as_json(rows)
    else:
        width = max((len(row.run) for row in rows), default=0)
        for row in rows:
            click.echo(f"{row.run:<{width}}  {row.status:<10}  {row.store:<9}  {row.message}".rstrip())
        told = (
            pipeline.count_of([row.status for row in rows]) if rows else "no source here has runs; build tells the rest"
        )
        click.echo(told, err=True)
    return DONE if all(row.status == "completed" for row in rows) else FAILED


@click.command()
def schema() -> None:
    """Print the JSON Schema of a configuration, for editors."""
    from simstac.config import json_schema  # noqa: PLC0415  # keeps --help light

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _place(given: str, access: Mapping[str, Any]) -> Path | str:
    """An address in a bucket as it is, else a path that is there."""
    if is_address(given):
        return given
    path = Path(given)
    if not path.exists():
        raise click.BadParameter(f"{given!r} does not exist.")
    if idle := next((name for name, value in access.items() if value), None):
        raise click.UsageError(f"--{idle.replace('_', '-')} is of use only with s3://bucket/prefix")
    return path


def show_build(report: BuildReport, *, as_json_: bool) -> None:
    """Print what a build did."""
    for error in report.errors:
        click.secho(f"error: {error}", fg="red", err=True)
    if as_json_:
        as_json(report.collections)
        return
    for collection in report.collections:
        click.echo(f"{collection.id}: {collection.summary}")
        for line in collection.differences:
            click.echo(f"  note: {line}")
        for problem in collection.problems:
            click.secho(f"  {problem}", fg="yellow", err=True)
    changed = len(report.documents)
    if changed or not report.errors:
        click.echo(f"{report.site}: " + (f"{counted(changed, 'document')} written" if changed else "nothing to do"))


COMMANDS = (init, demo, build, status, schema)
