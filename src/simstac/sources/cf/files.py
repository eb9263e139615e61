"""The files of a source: found by path, folder, glob or ``s3://`` prefix, each with what tells whether it changed."""

from __future__ import annotations

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from simstac.errors import SourceError
from simstac.natural_order import natural_key
from simstac.objects import FileInfo, Files, LocalFiles, split_pattern
from simstac.sources.cf.options import CfOptions
from simstac.sources.globs import fits
from simstac.web_files import WebFiles

SUFFIXES = frozenset(
    {".nc", ".nc3", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5", ".he5", ".grib", ".grb", ".grib2", ".grb2"}
)
"""Names of files that a folder is searched for; a path or a glob may name any."""
STORE_MARKS = frozenset({"zarr.json", ".zgroup", ".zmetadata", "repo"})
"""Files that make a folder a Zarr or an Icechunk store."""
KEPT_BYTES = 16 << 30
HASHED_AT_ONCE = 1 << 20

type Open = Callable[[str], Files]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, or a folder that is a store.

    Attributes:
        name: Its path as the source has it, which stays the same whatever other files there are.
        version: What differs when its bytes do.
        files: Where it is.
        path: Its path there.
        members: The files in it, where it is a store.
        info: What its listing says of a single file.
    """

    name: str
    version: str
    files: Files
    path: str
    members: tuple[FileInfo, ...] = ()
    info: FileInfo | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """Its whole address."""
        return self.files.url(self.path)


def find_files(patterns: Sequence[str], open_files: Open, *, by_content: bool = False) -> tuple[SourceFile, ...]:
    """The files that paths, folders and globs name, each once, in natural order of their names.

    Args:
        patterns: The paths, folders and globs.
        open_files: Opens the files below an address.
        by_content: Whether a file's version is the SHA-256 of its bytes, else its time and size, or its ETag.

    Raises:
        SourceError: If a pattern names no file, or a path cannot be listed.
    """
    found: dict[str, SourceFile] = {}
    for pattern in patterns:
        units = list(_matching(pattern, open_files))
        if not units:
            remedy = "point the path at the files, for example output/*.nc"
            raise SourceError(_shown(pattern, open_files), "matches no files", remedy)
        found |= {_address(unit): unit for unit in units}
    units = [replace(unit, version=_content(unit)) if by_content else unit for unit in found.values()]
    return tuple(sorted(units, key=lambda unit: natural_key(unit.name)))


@dataclass(frozen=True, slots=True)
class CfFiles:
    """Files that are one dataset.

    Attributes:
        files: The files.
        options: What to read of them, and how to combine it.
    """

    files: tuple[SourceFile, ...]
    options: CfOptions = field(default_factory=CfOptions)


class LocalCopies:
    """Files on this machine: those of a disk where they are, those of a bucket copied to a temporary folder.

    Copies are kept until they take `KEPT_BYTES`; then those used longest ago go first.
    """

    def __init__(self) -> None:
        """Have no copies yet."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._copies: OrderedDict[str, tuple[Path, int]] = OrderedDict()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete the copies."""
        if self._folder is not None:
            self._folder.cleanup()

    def path(self, file: SourceFile) -> Path:
        """Where a file is on this machine.

        Raises:
            SourceError: If it cannot be fetched.
        """
        if isinstance(file.files, LocalFiles):
            return file.files.folder / file.path
        if file.where not in self._copies:
            self._copies[file.where] = self._copied(file)
        self._copies.move_to_end(file.where)
        return self._copies[file.where][0]

    def _copied(self, file: SourceFile) -> tuple[Path, int]:
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="simstac-cf-")
        key = hashlib.sha256(file.where.encode()).hexdigest()[:16]
        top = Path(self._folder.name, key) / PurePosixPath(file.path).name
        members = file.members or (FileInfo("", 0, ""),)
        for member in members:
            target = top / member.path if member.path else top
            target.parent.mkdir(parents=True, exist_ok=True)
            file.files.fetch(f"{file.path}/{member.path}" if member.path else file.path, target)
        size = sum(each.stat().st_size for each in ([top] if top.is_file() else top.rglob("*")) if each.is_file())
        while self._copies and size + sum(held for _, held in self._copies.values()) > KEPT_BYTES:
            path, _ = self._copies.popitem(last=False)[1]
            _delete(path)
        return top, size


def _matching(pattern: str, open_files: Open) -> Iterable[SourceFile]:
    if pattern.startswith(("http://", "https://")):
        yield from _on_the_web(pattern)
        return
    address, wildcard = split_pattern(pattern)
    files = open_files(address)
    if not wildcard and (files.folder.is_file() if isinstance(files, LocalFiles) else _is_named_so(address)):
        parent, _, name = address.rpartition("/")
        files = open_files(parent or ("/" if address.startswith("/") else "."))
        info = files.find(name)
        yield from [] if info is None else [SourceFile(_named(address), info.version, files, info.path, info=info)]
        return
    units = list(_units(files, address))
    if wildcard:
        yield from (unit for unit in units if fits(unit.path.split("/"), wildcard.split("/")))
    else:
        whole = [unit for unit in units if not unit.path]
        yield from whole or (unit for unit in units if unit.members or _is_named_so(unit.path))


def _on_the_web(url: str) -> Iterator[SourceFile]:
    folder, _, name = url.rpartition("/")
    files = WebFiles(folder)
    info = files.find(name)
    if info is None:
        raise SourceError(url, "does not exist", "check the address")
    yield SourceFile(url, info.version, files, name, info=replace(info, path=name))


def _is_named_so(path: str) -> bool:
    return PurePosixPath(path).suffix in SUFFIXES


def _named(address: str, path: str = "") -> str:
    return f"{address}/{path}".rstrip("/").removeprefix("./")


def _units(files: Files, address: str) -> Iterable[SourceFile]:
    """Files and stores; what is in a store is part of it."""
    listed = [info for info in files.list() if _is_seen(info.path)]
    marked = {folder for folder, _, name in (info.path.rpartition("/") for info in listed) if name in STORE_MARKS}
    members: dict[str, list[FileInfo]] = {}
    for info in listed:
        root = _store_above(info.path, marked) if marked else None
        if root is None:
            yield SourceFile(_named(address, info.path), info.version, files, info.path, info=info)
        else:
            inner = info.path.removeprefix(root).lstrip("/")
            members.setdefault(root, []).append(FileInfo(inner, info.size, info.version))
    for root, inside in members.items():
        digest = hashlib.sha256("".join(f"{info.path} {info.version}\n" for info in inside).encode())
        yield SourceFile(_named(address, root), digest.hexdigest(), files, root, tuple(inside))


def _store_above(path: str, marked: set[str]) -> str | None:
    """The outermost store that a file is in; None where it is in none."""
    parts = path.split("/")
    return next((folder for end in range(len(parts)) if (folder := "/".join(parts[:end])) in marked), None)


def _is_seen(path: str) -> bool:
    name = path.rpartition("/")[2]
    return not name.startswith(".") or name in STORE_MARKS or name in {".zarray", ".zattrs"}


def _address(unit: SourceFile) -> str:
    return f"{unit.files.address}/{unit.path}".rstrip("/")


def _content(unit: SourceFile) -> str:
    digest = hashlib.sha256()
    for path in [f"{unit.path}/{info.path}".lstrip("/") for info in unit.members] or [unit.path]:
        digest.update(path.encode() if unit.members else b"")
        if isinstance(unit.files, LocalFiles):
            with (unit.files.folder / path).open("rb") as file:
                while block := file.read(HASHED_AT_ONCE):
                    digest.update(block)
        else:
            digest.update(unit.files.read(path))
    return f"sha256:{digest.hexdigest()}"


def _shown(pattern: str, open_files: Open) -> str:
    address, wildcard = split_pattern(pattern)
    return "/".join(part for part in (open_files(address).address, wildcard) if part)


def _delete(path: Path) -> None:
    if path.is_file():
        path.unlink()
        return
    for each in sorted(path.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
