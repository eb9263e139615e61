"""A path → the mount that it lies in, and the address in the bucket; a mount that does not work is an error."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simstac.errors import SourceError
from simstac.objects import split_pattern
from simstac.sources.mounts.table import S3FS, Bucket, Mounted, bucket_of, mount_at, mounts, planned
from simstac.storage import StorageScheme, scheme_from_url

ANSWER_SECONDS = 20.0
LIST = "import os, sys; os.listdir(sys.argv[1])"
SAY_MOUNTS = "say it in the source: mounts: {FOLDER: s3://bucket/prefix}, or start it as the same user"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes of a path in a mount really are.

    Attributes:
        href: ``s3://bucket/key``.
        scheme: The bucket's storage scheme.
        endpoint_url: The service's endpoint; None for Amazon's.
        region: The bucket's region, where it is known.
        point: Where it is mounted.
    """

    href: str
    scheme: StorageScheme
    endpoint_url: str | None
    region: str | None
    point: Path


def canonical(
    path: str | os.PathLike[str],
    explicit: Mapping[str, str] | None = None,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
) -> Origin | None:
    """The address of a path in a mounted bucket, whether there is a file or not; None for other paths.

    Args:
        path: The path; links in it are followed.
        explicit: What folders are mounted from, ``{folder: s3://bucket/prefix}``; it wins over what is detected.
        endpoint_url: The endpoint of the buckets in ``explicit``, where it is not Amazon's.
        region: The region of the buckets, where their mounts do not say.

    Raises:
        SourceError: If it lies in a mount of s3fs whose bucket cannot be told.
    """
    real = _real(path)
    for folder, address in _longest_first(explicit or {}):
        point = _real(folder)
        if real.is_relative_to(point):
            name, _, prefix = address.removeprefix("s3://").partition("/")
            return _origin(Bucket(name, prefix.strip("/"), endpoint_url, region), real.relative_to(point), point)
    rows = mounts()
    row = mount_at(real, rows)
    if row is None or row.kind != S3FS:
        return None
    bucket = bucket_of(row, rows)
    if bucket is None:
        raise SourceError(row.point, "is a mount of s3fs, but no running s3fs says of which bucket", SAY_MOUNTS)
    bucket = Bucket(bucket.name, bucket.prefix, bucket.endpoint_url, bucket.region or region)
    return _origin(bucket, Path(row.root.strip("/")) / real.relative_to(row.point), row.point)


def refuse_lost_mounts(paths: Iterable[str | os.PathLike[str]], explicit: Mapping[str, str] | None = None) -> None:
    """Refuse paths and globs in a mount that is not there, or whose s3fs has ended or does not answer.

    Such a mount looks like an empty folder, and a catalog built from it would lose what is published.

    Args:
        paths: Paths or globs; other paths than those in mounts pass.
        explicit: What folders are mounted from, as in `canonical`.

    Raises:
        SourceError: With the command that mends it.
    """
    rows = mounts()
    for path in paths:
        real = _real(split_pattern(os.fspath(path))[0])
        for folder, address in (explicit or {}).items():
            point = _real(folder)
            if real.is_relative_to(point) and not _is_mounted(point, rows):
                raise _unmounted(point, _mount_command(address, point))
        row = mount_at(real, rows)
        if row is not None and row.kind == S3FS:
            _refuse_silent(row, explicit or {})
        elif (plan := planned(real)) is not None:
            raise _unmounted(plan[0], f"mount {shlex.quote(str(plan[0]))}")


def _is_mounted(point: Path, rows: Sequence[Mounted]) -> bool:
    """Whether something is mounted at a folder, lost or not; systems without a table of mounts know less."""
    return mount_at(point, rows) != mount_at(point.parent, rows) if rows else point.is_mount()


def _refuse_silent(row: Mounted, explicit: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter; a listing in this process could hang for ever
            [sys.executable, "-S", "-E", "-c", LIST, str(row.point)],
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"does not answer within {ANSWER_SECONDS:g} s"
    else:
        if done.returncode == 0:
            return
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = f"is lost: {said[-1] if said else 'it cannot be listed'}"
    address = next((address for folder, address in explicit.items() if _real(folder) == row.point), "s3://BUCKET")
    point = shlex.quote(str(row.point))
    again = f"mount {point}" if planned(row.point) else _mount_command(address, row.point)
    raise SourceError(row.point, reason, f"run: umount -l {point} && {again}")


def _mount_command(address: str, point: Path) -> str:
    name, _, prefix = address.removeprefix("s3://").partition("/")
    what = f"{name}:/{prefix.strip('/')}" if prefix.strip("/") else name
    return f"s3fs {shlex.quote(what)} {shlex.quote(str(point))} -o … (with the options that it had)"


def _unmounted(point: Path, command: str) -> SourceError:
    return SourceError(point, "is not mounted: it is a folder of this machine", f"run: {command}")


def _origin(bucket: Bucket, below: Path, point: Path) -> Origin:
    key = below.as_posix() if below.parts else ""
    href = f"{bucket.href}/{key}".rstrip("/")
    scheme = scheme_from_url(href, endpoint_url=bucket.endpoint_url, region=bucket.region)
    return Origin(href, scheme, bucket.endpoint_url, bucket.region, point)


def _real(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.realpath(path))


def _longest_first(explicit: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(explicit.items(), key=lambda item: -len(item[0]))
