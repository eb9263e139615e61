"""Which files a run of EnergyPlus left, chosen by their exact names in every layout that the engine writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

from simstac.errors import SourceError

STEMS = ("eplusout", "eplus")
RESULTS = (".sql", ".eso", ".mtr")
_COMPANIONS = (".end", ".err", ".eio")
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
        return _files(given, _stem_in(given))
    if not given.exists():
        raise SourceError(given, "does not exist", "give the folder of a run, or its eplusout.sql")
    if given.suffix not in RESULTS:
        raise SourceError(given, "is no result file of EnergyPlus", "give the folder of a run, or its .sql or .eso")
    files = _files(given.parent, given.stem)
    return files if given.suffix == ".sql" else _without_sql(files)


def looks_like_run(path: str | PathLike[str]) -> bool:
    """Whether ``path`` is surely a run of EnergyPlus, by names alone; never raises."""
    given = Path(path)
    try:
        if given.is_dir():
            return any((given / f"{stem}{suffix}").is_file() for stem in STEMS for suffix in RESULTS)
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


def _stem_in(folder: Path) -> str:
    """The stem of the run in ``folder``; the engine's usual one where there is nothing."""
    kinds: dict[str, set[str]] = {}
    for entry in folder.iterdir():
        if entry.suffix in (*RESULTS, *_COMPANIONS):
            kinds.setdefault(entry.stem, set()).add(entry.suffix)
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


def _files(folder: Path, stem: str) -> RunFiles:
    found = {}
    for kind in ("sql", "eso", "mtr", "eio", "end", "err"):
        path = folder / f"{stem}.{kind}"
        found[kind] = path if path.is_file() else None
    return RunFiles(directory=folder, stem=stem, **found)


def _without_sql(files: RunFiles) -> RunFiles:
    kept = {field.name: getattr(files, field.name) for field in fields(files)}
    return RunFiles(**{**kept, "sql": None})
