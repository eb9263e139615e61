"""How the runs of EP-Launch are printed: a table with its own columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from simstac.pipeline.launches import LaunchStatus

GAP = "  "


def show_launches(rows: Sequence[LaunchStatus], warnings: Iterable[str]) -> None:
    """Print the rows as a table on stdout, and warnings and counts on stderr."""
    names = list(dict.fromkeys(name for row in rows for name in row.columns))
    lines = [["run", "status", "fresh", *names, "why"]]
    for row in rows:
        why = "; ".join(dict.fromkeys(part for part in (row.reason, row.message) if part))
        lines.append([row.run, row.status, row.fresh, *(_cell(row.columns.get(name, "")) for name in names), why])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo(GAP.join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    for warning in warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
