"""Entry point of ``simstac``: the command group, and errors as one line and an exit code."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import NoReturn

import click

from simstac.cli import build, config, look, maintain, publish
from simstac.cli.exit_codes import DONE, INTERRUPTED, USAGE, exit_code
from simstac.errors import ConfigError, SimstacError

EPILOG = (
    "Exit codes: 0 done or nothing to do, 1 failed (or --check found changes), 2 usage or configuration, 3 conflict."
)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="simstac")
@click.option("-v", "--verbose", count=True, help="Log what is done; twice for details.")
def app(verbose: int) -> None:
    """Turn simulation results and gridded data into Icechunk stores with a STAC catalog, and publish both."""
    if verbose:
        level = logging.INFO if verbose == 1 else logging.DEBUG
        logging.basicConfig(format="%(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("simstac").setLevel(level)


for command in (*build.COMMANDS, *publish.COMMANDS, *look.COMMANDS, *maintain.COMMANDS, *config.COMMANDS):
    app.add_command(command)


def main() -> NoReturn:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        return app(standalone_mode=False, color=_color()) or DONE
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return _complain("stopped; what was finished stays, and the next run goes on from there", INTERRUPTED)
    except (SimstacError, OSError) as error:
        return _complain(_message(error), USAGE if isinstance(error, ConfigError) else exit_code([error]))


def _message(error: SimstacError | OSError) -> str:
    if isinstance(error, SimstacError):
        return str(error)
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror or error}"


def _complain(message: str, code: int) -> int:
    click.secho("error: ", fg="red", bold=True, err=True, nl=False, color=_color())
    click.echo(message, err=True)
    return code


def _color() -> bool | None:
    """No colours where NO_COLOR (https://no-color.org) is set, else those that the terminal has."""
    return False if os.environ.get("NO_COLOR") else None
