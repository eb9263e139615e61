"""How long the command line takes to answer, from its first import on, beside that of a library of the same field."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from harness import Row, compare, table, write_section


def answer(command: str, *arguments: str) -> Callable[[], int]:
    """A call of a console script of this environment in this process, as its first work."""
    (script,) = entry_points(group="console_scripts", name=command)

    def call() -> int:
        sys.argv = [command, *arguments]
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            try:
                return int(script.load()() or 0)
            except SystemExit as exit_:
                return int(exit_.code or 0)

    return call


def main() -> None:
    ours, peer = compare((answer, ["simstac", "--help"]), (answer, ["idfkit", "--help"]), repeats=9)
    rows = [Row("`simstac --help`", ours, "`idfkit --help`", peer, "≤ 0.3 s")]
    write_section("startup", "Answering on the command line", table(rows))


if __name__ == "__main__":
    main()
