"""What commands print on stdout: JSON lines, counts, sizes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

_KIB = 1024


def as_json(rows: Iterable[Any]) -> None:
    """Print dataclasses or mappings as one JSON object a line."""
    for row in rows:
        value = dataclasses.asdict(row) if dataclasses.is_dataclass(row) and not isinstance(row, type) else row
        click.echo(json.dumps(value, default=_plain, ensure_ascii=False, sort_keys=True))


def size(number: float) -> str:
    """A number of bytes for people, such as ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < _KIB:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:.1f} TiB"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
