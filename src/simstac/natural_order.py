"""Names in the order of the numbers in them."""

from __future__ import annotations

import re

type Key = tuple[tuple[int, int, str], ...]


def natural_key(name: str) -> Key:
    """A key by which ``step-9`` comes before ``step-10``, and ``1.9`` before ``1.10``."""
    parts = re.split(r"(\d+)", name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)
