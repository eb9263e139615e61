"""Numbers as JSON writes them: the shortest decimal of their own precision, and the step of even spacing."""

from __future__ import annotations

from typing import Any

import numpy as np

EXACT_INTEGERS = 2**53


def number(value: Any) -> float | int:
    """A numpy number as the shortest decimal of its own precision; 0.1 of float32 is 0.1."""
    if value.dtype.kind in "iu":
        return int(value)
    shortest = float(str(value))
    return int(shortest) if shortest.is_integer() and abs(shortest) < EXACT_INTEGERS else shortest


def regular_step(values: np.ndarray[Any, Any]) -> float | int | None:
    """The spacing of evenly spaced numbers, to the precision that their type carries; else None."""
    if values.size < 2 or not np.isfinite(values).all():  # noqa: PLR2004  # one value has no spacing
        return None
    exact = values.astype(np.float64)
    step = (exact[-1] - exact[0]) / (values.size - 1)
    digits = 6 if values.dtype == np.float32 else 12
    tolerance = max(abs(step) * 1e-3, np.abs(exact).max() * 10.0**-digits)
    if step == 0 or np.abs(np.diff(exact) - step).max() > tolerance:
        return None
    return number(np.float64(f"{step:.{digits}g}"))
