"""Attributes of any source as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def json_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON has them: numpy values as Python's, bytes as text; NaN, infinity and None left out."""
    clean = {str(name): _json(value) for name, value in attrs.items()}
    return {name: value for name, value in clean.items() if value is not None}


def _json(value: Any) -> Any:
    match value:
        case np.ndarray() | np.generic():
            return _json(value.tolist())
        case bytes():
            return value.decode("utf-8", errors="replace")
        case float():
            return value if math.isfinite(value) else None
        case bool() | int() | str() | None:
            return value
        case Mapping():
            return json_attrs(value)
        case list() | tuple() | set() | frozenset():
            items = [_json(item) for item in value]
            return None if None in items else items
        case _:
            return str(value)
