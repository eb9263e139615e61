"""What is mounted on this machine by s3fs-fuse, and from which bucket: the kernel's table and the daemons' commands."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MOUNTINFO = Path("/proc/self/mountinfo")
FSTAB = Path("/etc/fstab")
PROCESSES = Path("/proc")
S3FS = "fuse.s3fs"
AMAZON = re.compile(r"s3(?:[.-]([a-z0-9-]+))?\.amazonaws\.com$")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A row of the kernel's table of mounts.

    Attributes:
        device: The number of the file system, as in ``st_dev``; a bind mount has that of its origin.
        root: The folder of the file system that is mounted; not ``/`` for bind mounts of folders.
        point: Where it is mounted.
        kind: The type of the file system.
    """

    device: int
    root: str
    point: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a daemon mounts.

    Attributes:
        name: The bucket.
        prefix: The folder in it, without slashes at its ends; empty for all of it.
        endpoint_url: The service's endpoint; None for Amazon's.
        region: The region, where the command says.
    """

    name: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None

    @property
    def href(self) -> str:
        """Its address."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


def mounts(table: str | None = None) -> tuple[Mounted, ...]:
    """The rows of ``/proc/self/mountinfo``, later mounts last; none where the system has no such table."""
    if table is None:
        try:
            table = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ()
    return tuple(_row(line) for line in table.splitlines() if " - " in line)


def mount_at(path: Path, rows: Sequence[Mounted]) -> Mounted | None:
    """The mount that a path without links lies in: the longest mount point above it, the last of equal ones."""
    above = [row for row in rows if path.is_relative_to(row.point)]
    return max(enumerate(above), key=lambda row: (len(row[1].point.parts), row[0]), default=(0, None))[1]


def bucket_of(row: Mounted, rows: Sequence[Mounted]) -> Bucket | None:
    """The bucket that the daemon of a mount serves; None where no running daemon names its mount point."""
    points = {str(other.point) for other in rows if other.device == row.device and other.root == "/"}
    for words, folder in _commands():
        bucket, point = read_command(words)
        if bucket is not None and os.path.normpath(folder / point) in points:
            return bucket
    return None


def read_command(words: Sequence[str]) -> tuple[Bucket | None, str]:
    """The bucket and the mount point in the command line of s3fs; no bucket where it is none.

    The daemon itself splits ``bucket:/prefix`` into two words.
    """
    plain, options = _sorted_words(words[1:])
    if "bucket" in options:
        plain.insert(0, options["bucket"])
    name, _, prefix = (plain[0] if plain else "").partition(":")
    if len(plain) == 3 and not prefix:  # noqa: PLR2004  # bucket, prefix, mount point
        prefix = plain.pop(1)
    if not name or len(plain) != 2:  # noqa: PLR2004  # bucket, mount point
        return None, ""
    url = options.get("url", options.get("host", "")).rstrip("/")
    amazon = AMAZON.search(urlsplit(url).hostname or "") if url else None
    endpoint = None if not url or amazon else url + options.get("servicepath", "").rstrip("/")
    region = options.get("endpoint") or options.get("region") or (amazon[1] if amazon else None)
    return Bucket(name, prefix.strip("/"), endpoint, region), plain[1]


def planned(path: Path, text: str | None = None) -> tuple[Path, Bucket] | None:
    """The mount of ``/etc/fstab`` that a path would lie in, and its bucket; None where none is planned there."""
    if text is None:
        try:
            text = FSTAB.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[0].startswith("#") or not _is_s3fs(fields):  # noqa: PLR2004  # what, where, type, options
            continue
        point = Path(_unescaped(fields[1]))
        bucket, _ = read_command(["s3fs", fields[0].removeprefix("s3fs#"), str(point), "-o", fields[3]])
        if bucket is not None and path.is_relative_to(point):
            return point, bucket
    return None


def _is_s3fs(fields: Sequence[str]) -> bool:
    return fields[2] == S3FS or (fields[2] == "fuse" and fields[0].startswith("s3fs#"))


def _row(line: str) -> Mounted:
    fields, _, rest = line.partition(" - ")
    _, _, device, root, point, *_ = fields.split(" ")
    major, _, minor = device.partition(":")
    return Mounted(os.makedev(int(major), int(minor)), _unescaped(root), Path(_unescaped(point)), rest.split(" ")[0])


def _unescaped(text: str) -> str:
    r"""A field of a mount table, which has ``\040`` for a space."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def _commands() -> Iterator[tuple[list[str], Path]]:
    """The words of every running s3fs, and the folder that it runs in."""
    for process in PROCESSES.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="surrogateescape").rstrip("\0").split("\0")
            if Path(words[0]).name == "s3fs":
                yield words, (process / "cwd").readlink()
        except OSError:  # it has ended, or is another user's
            continue


def _sorted_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words of a command that are no options, and the options behind ``-o``."""
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        given = next(rest, "") if word == "-o" else word.removeprefix("-o") if word.startswith("-o") else None
        if given is not None:
            options |= {key: value for key, _, value in (option.partition("=") for option in given.split(","))}
        elif not word.startswith("-"):
            plain.append(word)
    return plain, options
