"""Commands that keep stores, sites and targets tidy: ``remove``, ``expire``, ``doctor``."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simstac.cli.build import CONFIG, JSON
from simstac.cli.exit_codes import DONE, FAILED, exit_code
from simstac.cli.output import as_json, counted, size
from simstac.cli.progress import drawn_progress

if TYPE_CHECKING:
    from simstac.pipeline import Diagnosis, ExpireReport, Removal
    from simstac.write import Expiry

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")


def _duration(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    """The time that a number and the first letter of its unit name, such as ``90d``."""
    matched = re.fullmatch(r"(\d{1,5})([smhdw])", value.strip().lower())
    if matched is None:
        raise click.BadParameter(f"{value!r} is no length of time: write 90d, 12h or 4w")
    return timedelta(**{UNITS[matched[2]]: int(matched[1])})


@click.command()
@CONFIG
@click.argument("collection")
@click.argument("item", required=False)
@click.option("--data", is_flag=True, help="Delete the store of the collection too; asks before.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DRY_RUN
@JSON
def remove(
    config: Path, collection: str, item: str | None, data: bool, yes: bool, dry_run: bool, as_json_: bool
) -> int:
    """Remove a collection from the site, or a run from its study.

    A COLLECTION that CONFIG no longer has, or a run (ITEM) whose results are gone. What the next build would bring back
    is refused, with the way to take it out. Publish afterwards.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    project = pipeline.load_project(config)
    if item is not None:
        if data:
            raise click.UsageError("--data is for a whole collection; a run leaves the store without it")
        with drawn_progress(quiet=as_json_) as on_progress:
            removal = pipeline.remove_run(project, collection, item, dry_run=dry_run, on_progress=on_progress)
    else:
        removal = pipeline.remove_collection(project, collection, data=data, dry_run=True)
        if data and not dry_run and not yes and not _confirmed(removal):
            click.echo("nothing was removed", err=True)
            return FAILED
        if not dry_run:
            pipeline.remove_collection(project, collection, data=data)
    show_removal(removal, planned=dry_run, as_json_=as_json_)
    if project.targets and not dry_run:
        hint = "" if item else " --allow-shrink"
        click.echo(f"to take it from the targets: simstac publish {shlex.quote(str(config))}{hint}", err=True)
    return DONE


@click.command()
@CONFIG
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, help="Newest versions that stay.")
@click.option(
    "--older-than",
    metavar="AGE",
    default="90d",
    show_default=True,
    callback=_duration,
    help="Nothing younger goes: 90d, 12h, 4w …; longer than a build takes.",
)
@DRY_RUN
@JSON
def expire(config: Path, keep: int, older_than: timedelta, dry_run: bool, as_json_: bool) -> int:
    """Delete old versions from the stores of CONFIG.

    What only they use goes with them. The version that a catalog stands for stays, here and at every target. Older
    versions that a catalog lists leave the site at once; a store in a bucket keeps them until that was published
    and it is expired again.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    project = pipeline.load_project(config)
    with drawn_progress(quiet=as_json_) as on_progress:
        reports = pipeline.expire(project, keep=keep, older_than=older_than, dry_run=dry_run, on_progress=on_progress)
    show_expired(reports, planned=dry_run, as_json_=as_json_)
    return exit_code(report.error for report in reports)


@click.command()
@CONFIG
@click.option("--fix-cors", is_flag=True, help="Give a bucket without a CORS rule for browsers one.")
@JSON
def doctor(config: Path, fix_cors: bool, as_json_: bool) -> int:
    """Try whether the targets of CONFIG can be published to and read.

    Nothing is left there.
    """
    from simstac import pipeline  # noqa: PLC0415  # keeps --help light

    reports = pipeline.doctor(pipeline.load_project(config), fix_cors=fix_cors)
    show_diagnoses(reports, as_json_=as_json_)
    return DONE if all(report.ok for report in reports) else FAILED


def show_removal(removal: Removal, *, planned: bool, as_json_: bool) -> None:
    """Print what goes, each document if nothing else was done, and what is left."""
    if as_json_:
        as_json((*removal.changes, *({"left": store} for store in removal.left)))
        return
    documents = sum(change.kind == "document" for change in removal.changes)
    for change in removal.changes:
        if planned or change.kind != "document":
            freed = f", {size(change.bytes)}" if change.bytes else ""
            click.echo(f"{change.effect} {change.kind} {change.name} ({change.reason}{freed})")
    for store in removal.left:
        click.echo(f"left as it is: {store}")
    if not planned:
        click.echo(f"{removal.site}: {counted(documents, 'document')} removed or changed")


def show_expired(reports: Sequence[ExpireReport], *, planned: bool, as_json_: bool) -> None:
    """Print for each collection the versions that go, those that stay if nothing else was done, and the totals."""
    for report in reports:
        if report.error is not None:
            click.secho(f"error: {report.error}", fg="red", err=True)
        if as_json_:
            as_json([report] if report.error is None else [])
        elif report.expiry is not None:
            for version in report.expiry.versions:
                if planned or not version.listed:
                    sign, why = ("=", f", {version.kept}") if version.kept else ("-", "")
                    click.echo(
                        f"{sign} {report.collection} {', '.join(version.tags)} ({version.written_at:%Y-%m-%d}{why})"
                    )
            click.echo(f"{report.collection}: {_totals(report.expiry, planned=planned)}")
        elif report.error is None:
            click.echo(f"{report.collection}: no store yet")


def show_diagnoses(reports: Sequence[Diagnosis], *, as_json_: bool) -> None:
    """Print what was tried at each target."""
    for report in reports:
        if as_json_:
            as_json([report])
            continue
        click.echo(report.target)
        for check in report.checks:
            click.secho(f"  {check}", fg=None if check.ok else "yellow")
    if not reports and not as_json_:
        click.echo("no targets: name some under `targets:` in the configuration")


def _confirmed(removal: Removal) -> bool:
    freed = sum(change.bytes for change in removal.changes)
    if not freed:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("--data deletes the store and asks before: say --yes where nobody can answer")
    return click.confirm(f"Delete the store and all its versions ({size(freed)})?", err=True)


def _totals(expiry: Expiry, *, planned: bool) -> str:
    gone, kept = counted(len(expiry.expired), "version"), len(expiry.versions) - len(expiry.expired)
    if not expiry.expired and not expiry.unreleased and not expiry.bytes:
        return f"nothing to expire, {counted(kept, 'version')} kept"
    loose = f" and {counted(expiry.unreleased, 'unreleased snapshot')}" if expiry.unreleased else ""
    freed = "a size known only afterwards" if expiry.bytes is None else size(expiry.bytes)
    verbs = ("would go", "to free") if planned else ("gone", "freed")
    return f"{gone}{loose} {verbs[0]}, {kept} kept, {freed} {verbs[1]}"


COMMANDS = (remove, expire, doctor)
