"""Commands that publish: ``publish`` and ``run``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simstac.cli.build import CONFIG, DASK, DROP, JOBS, JSON, show_build
from simstac.cli.exit_codes import exit_code
from simstac.cli.output import as_json
from simstac.cli.progress import drawn_progress

if TYPE_CHECKING:
    from simstac.pipeline import Outcome, Verified

SHRINK = click.option("--allow-shrink", is_flag=True, help="Let a dataset, or more than a tenth of the documents, go.")


@click.command()
@CONFIG
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--check", is_flag=True, help="As --dry-run, and exit 1 if anything would change.")
@SHRINK
@click.option(
    "--recheck", is_flag=True, help="Compare every file at the target, trusting no record of the last publish."
)
@JSON
def publish(config: Path, dry_run: bool, check: bool, allow_shrink: bool, recheck: bool, as_json_: bool) -> int:
    """Publish the built site of CONFIG to its targets."""
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    project = pipeline.load_project(config)
    planned = dry_run or check
    with drawn_progress(quiet=as_json_) as on_progress:
        outcomes = pipeline.publish(
            project, dry_run=planned, allow_shrink=allow_shrink, recheck=recheck, on_progress=on_progress
        )
    show_outcomes(outcomes, planned=planned, as_json_=as_json_)
    plans = [outcome.changes for outcome in outcomes if outcome.changes is not None]
    changing = any(plan or plan.unfinished for plan in plans)
    return exit_code((outcome.error for outcome in outcomes), ok=not (check and changing))


@click.command()
@CONFIG
@DROP
@SHRINK
@JOBS
@DASK
@JSON
def run(
    config: Path, drop_vanished: bool, allow_shrink: bool, jobs: int | None, dask: str | None, as_json_: bool
) -> int:
    """Build, publish and verify CONFIG. Run again, it does only what is new."""
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    project = pipeline.load_project(config)
    with drawn_progress(quiet=as_json_) as on_progress:
        report = pipeline.run(
            project,
            drop_vanished=drop_vanished,
            allow_shrink=allow_shrink,
            jobs=jobs,
            dask=dask,
            on_progress=on_progress,
        )
    show_build(report.build, as_json_=as_json_)
    if not report.build.errors:
        show_outcomes(report.outcomes, planned=False, as_json_=as_json_)
    for verified in report.verified:
        show_verified(verified, as_json_=as_json_)
    return exit_code((outcome.error for outcome in report.outcomes), ok=report.ok)


def show_outcomes(outcomes: Sequence[Outcome], *, planned: bool, as_json_: bool) -> None:
    """Print each target's plan, whole if nothing else was done with it, and what went wrong."""
    for outcome in outcomes:
        if outcome.error is not None:
            where = "" if outcome.error.where.startswith(outcome.target) else f"{outcome.target}: "
            click.secho(f"error: {where}{outcome.error}", fg="red", err=True)
        if as_json_:
            failed = [{"target": outcome.target, "error": str(outcome.error)}] if outcome.error is not None else ()
            as_json(outcome.changes.to_json() if outcome.changes is not None else failed)
        elif outcome.changes is not None:
            lines = list(outcome.changes.lines())
            for line in lines if planned else lines[-1:]:
                click.echo(line)
    if not outcomes and not as_json_:
        click.echo("no targets: name some under `targets:` in the configuration")


def show_verified(report: Verified, *, as_json_: bool) -> None:
    """Print what a stranger found."""
    if as_json_:
        as_json((*report.findings, report.totals()))
        return
    for address, what in report.opened.items():
        click.echo(f"opened {address}: {what}")
    for finding in report.findings:
        click.secho(str(finding), fg="yellow")
    click.echo(report.summary)


COMMANDS = (publish, run)
