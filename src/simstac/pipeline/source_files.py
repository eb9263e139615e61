"""The files that a source of the configuration names, reached with the endpoint and the keys that it names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from simstac.config.sources import Source
from simstac.objects import Files, files_at


def files_of(source: Source, base: Path | None = None) -> Callable[[str], Files]:
    """Opens the files below an address of a source; see `simstac.objects.files_at`.

    Args:
        source: The source.
        base: What a relative folder is relative to; the current folder where None.
    """
    return partial(
        files_at,
        base=base,
        endpoint_url=source.endpoint_url,
        region=source.region,
        profile=source.profile,
        anonymous=source.anonymous,
    )
