"""Sources whose paths lie in mounted buckets, as sources in the buckets themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simstac.config.sources import CfSource
from simstac.errors import ConfigError
from simstac.objects import split_pattern
from simstac.pipeline.builders.order import Order
from simstac.sources.mounts import Origin, canonical, refuse_lost_mounts


def in_buckets(order: Order, source: CfSource) -> tuple[Order, CfSource]:
    """The order and its source with every path in a mount of s3fs replaced by its address, read without the mount.

    Raises:
        SourceError: If a mount is lost, or its bucket cannot be told.
        ConfigError: If the buckets are at several endpoints.
    """
    folder = order.project.folder
    refuse_lost_mounts([folder / path for path in source.local_paths])
    moved = {path: _address(folder / path) for path in source.local_paths}
    origins = [origin for _, origin in filter(None, moved.values())]
    if not origins:
        return order, source
    known = {source.endpoint_url} if source.endpoint_url or len(source.local_paths) < len(source.paths) else set()
    endpoints = known | {origin.endpoint_url for origin in origins}
    if len(endpoints) > 1:
        where = f"collections.{order.collection.id}.source.path"
        named = ", ".join(str(each or "Amazon S3") for each in endpoints)
        raise ConfigError(where, f"leads to buckets at several endpoints ({named})", "make a collection of each")
    paths = tuple(found[0] if (found := moved.get(path)) else path for path in source.paths)
    region = source.region or origins[0].region
    update = {"path": paths, "endpoint_url": origins[0].endpoint_url, "region": region}
    changed = source.model_copy(update=update)
    return replace(order, collection=order.collection.model_copy(update={"source": changed})), changed


def _address(pattern: Path) -> tuple[str, Origin] | None:
    start, rest = split_pattern(str(pattern))
    origin = canonical(start)
    return None if origin is None else (f"{origin.href}/{rest}".rstrip("/"), origin)
