"""Commands about configurations: ``config import``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from simstac.errors import ConfigError


@click.group()
def config() -> None:
    """Make configurations from those of other programs."""


@config.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--store", "stores", multiple=True, metavar="ADDRESS", help="Address of a store; may be given again.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("simstac.yaml"), show_default=True)
def import_(files: tuple[Path, ...], stores: tuple[str, ...], output: Path) -> None:
    """Write a configuration from the JSON files of cloudify.

    Each FILE counts over the ones before.
    """
    from simstac.config.cloudify import import_cloudify  # noqa: PLC0415  # keeps --help light

    if output.exists():
        raise ConfigError(output, "is there already", "name another one with --output, or remove it first")
    imported = import_cloudify(files, stores)
    output.write_text(imported.text, encoding="utf-8")
    for line in imported.left:
        click.secho(f"not taken over: {line}", fg="yellow", err=True)
    click.echo(f"wrote {output}\nedit it, then: simstac build {shlex.quote(str(output))}")


COMMANDS = (config,)
