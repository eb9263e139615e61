"""Paths of a listing told by a pattern, as `glob.glob` tells those of a disk."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a pattern.

    ``**`` is any number of folders, and names that begin with a dot need one in the pattern.
    """
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return fits(parts, pattern[1:]) or (bool(parts) and not parts[0].startswith(".") and fits(parts[1:], pattern))
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])
