"""What commands print on stdout: JSON lines, and numbers for people."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

_KIB = 1024


def as_json(rows: Iterable[Any]) -> None:
    """Print dataclasses or mappings as one JSON object a line; NaN and infinity are null, which JSON has not."""
    for row in rows:
        value = dataclasses.asdict(row) if dataclasses.is_dataclass(row) and not isinstance(row, type) else row
        click.echo(json.dumps(_plain(value), allow_nan=False, ensure_ascii=False, sort_keys=True))


def counted(number: int, what: str) -> str:
    """Such as ``1 document`` and ``3 documents``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """A number of bytes for people, such as ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < _KIB:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:.1f} TiB"


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case set() | frozenset():
            return sorted(map(_plain, value))
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
