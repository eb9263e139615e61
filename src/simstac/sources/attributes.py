"""Attributes of any source as JSON has them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

SAID = "simstac"
"""The attribute of a root group in which simstac says what lies there, as text: NetCDF holds no objects."""


def said_as_text(said: Mapping[str, Any]) -> str:
    """What a root group says of itself, as the value of its attribute `SAID`: JSON with sorted keys."""
    return json.dumps(said, sort_keys=True, ensure_ascii=False)


def said_in(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """What a root group says of itself in its attribute `SAID`; empty where it says nothing as JSON."""
    try:
        said = json.loads(attrs.get(SAID, ""))
    except (TypeError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


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
