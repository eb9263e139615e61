"""Which files a run of EnergyPlus left, chosen by their exact names in every layout that the engine writes."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from simstac.errors import SourceError

STEMS = ("eplusout", "eplus")
RESULTS = (".sql", ".eso", ".mtr")
_COMPANIONS = (".end", ".err", ".eio")
_OF_A_RUN = frozenset((*RESULTS, *_COMPANIONS))
_WRITING = ("-journal", "-wal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """The files of one run, each None where it is not there.

    Attributes:
        directory: The run's folder.
        stem: What the names begin with: ``eplusout``, ``eplus``, or a name of the user's own.
    """

    directory: Path
    stem: str
    sql: Path | None = None
    eso: Path | None = None
    mtr: Path | None = None
    eio: Path | None = None
    end: Path | None = None
    err: Path | None = None

    @property
    def read_files(self) -> tuple[Path, ...]:
        """The files that are read: the results from SQL or else from ESO and MTR, and what goes with them."""
        results = (self.sql,) if self.sql else (self.eso, self.mtr)
        return tuple(path for path in (*results, self.eio, self.end, self.err) if path)

    @property
    def has_results(self) -> bool:
        """Whether any file holds series."""
        return bool(self.sql or self.eso or self.mtr)


def find_run(path: str | PathLike[str]) -> RunFiles:
    """The files of the run in a folder, or of the run that a ``.sql``, ``.eso`` or ``.mtr`` file belongs to.

    In a folder, ``eplusout.*`` (the engine's own names) comes before ``eplus.*`` (options ``-s C`` and ``-s D``),
    and that before a single ``<stem>.sql`` or ``<stem>.eso`` beside its ``<stem>.end``, ``.err`` or ``.eio``.

    Raises:
        SourceError: If the path does not exist, or it is not certain which run is meant.
    """
    given = Path(path)
    if given.is_dir():
        return files_among(given, _names_in(given))
    if not given.exists():
        raise SourceError(given, "does not exist", "give the folder of a run, or its eplusout.sql")
    if given.suffix not in RESULTS:
        raise SourceError(given, "is no result file of EnergyPlus", "give the folder of a run, or its .sql or .eso")
    return files_among(given.parent, _names_in(given.parent), file=given.name)


def files_among(folder: Path, names: Collection[str], *, file: str = "") -> RunFiles:
    """The files of the run in a folder that holds files of these names; the folder itself is not looked at.

    Args:
        folder: The folder.
        names: The names of its files.
        file: The result file that says which run is meant, where it is not the folder's one.

    Raises:
        SourceError: If it is not certain which run is meant.
    """
    stem = Path(file).stem if file else _stem_among(folder, names)
    found = {}
    for kind in ("sql", "eso", "mtr", "eio", "end", "err"):
        name = f"{stem}.{kind}"
        found[kind] = folder / name if name in names else None
    files = RunFiles(directory=folder, stem=stem, **found)
    return files if not file or file.endswith(".sql") else replace(files, sql=None)


def journals_of(files: RunFiles, names: Collection[str]) -> tuple[str, ...]:
    """Which of these names show that the run's database is still being written."""
    return tuple(f"{files.stem}.sql{suffix}" for suffix in _WRITING if f"{files.stem}.sql{suffix}" in names)


def names_look_like_run(names: Collection[str]) -> bool:
    """Whether a folder that holds files of these names surely holds a run."""
    return any(f"{stem}{suffix}" in names for stem in STEMS for suffix in RESULTS)


def looks_like_run(path: str | PathLike[str]) -> bool:
    """Whether ``path`` is surely a run of EnergyPlus, by names alone; never raises."""
    given = Path(path)
    try:
        if given.is_dir():
            return names_look_like_run(_names_in(given))
        return given.suffix in RESULTS and given.is_file() and (given.stem in STEMS or _has_companion(given))
    except OSError:
        return False


def refuse_unfinished_write(path: Path) -> None:
    """Refuse a database that some process is still writing.

    Raises:
        SourceError: If a journal or a write-ahead log lies beside it.
    """
    if problem := unfinished_write(path):
        raise SourceError(path, problem, "wait for the run to end")


def unfinished_write(path: Path) -> str:
    """What shows that some process is still writing a database: its journal or write-ahead log; else empty."""
    for suffix in _WRITING:
        if path.with_name(path.name + suffix).exists():
            return f"is still being written: {path.name}{suffix} is there"
    return ""


def _names_in(folder: Path) -> frozenset[str]:
    with os.scandir(folder) as entries:
        return frozenset(entry.name for entry in entries if entry.is_file())


def _stem_among(folder: Path, names: Collection[str]) -> str:
    """The stem of the run with these files; the engine's usual one where there is nothing."""
    kinds: dict[str, set[str]] = {}
    for name in names:
        stem, dot, kind = name.rpartition(".")
        if stem and dot + kind in _OF_A_RUN and "/" not in stem:
            kinds.setdefault(stem, set()).add(dot + kind)
    for stem in STEMS:
        if stem in kinds:
            return stem
    own = sorted(stem for stem, found in kinds.items() if len(found) > 1 and found.intersection(_COMPANIONS))
    if len(own) > 1:
        listed = ", ".join(own[:5])
        raise SourceError(folder, f"holds several runs: {listed}", "give the path of one .sql file")
    return own[0] if own else STEMS[0]


def _has_companion(path: Path) -> bool:
    return any(path.with_suffix(suffix).is_file() for suffix in _COMPANIONS)
