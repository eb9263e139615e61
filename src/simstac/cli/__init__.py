"""The command line: parsing, printing and exit codes; all else is done below it."""

from simstac.cli.main import main

__all__ = ["main"]
