"""What a study needs to know of a source format, and how it asks an xarray engine for it."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simstac.errors import SourceError
from simstac.objects import readable

if TYPE_CHECKING:
    import xarray as xr
    from xarray.backends import BackendEntrypoint

HASHED_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class State:
    """How a run ended, known before its data are read.

    Attributes:
        status: ``completed``, ``failed``, ``incomplete`` or ``missing``; only a completed run has data.
        message: Why, in one line; empty where there is nothing to say.
        facts: More that is known without reading data, for example ``warnings`` and ``software``.
        files: The files that the data come from, which the fingerprint covers.
        by_content: Whether the fingerprint covers their bytes, else their sizes and times.
    """

    status: str
    message: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    by_content: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files of a run that lies elsewhere are read.

    Attributes:
        state: Those that tell how the run ended; small.
        data: Those that its data need besides, read only if it completed.
        is_run: Whether the names surely are those of one run.
    """

    state: tuple[str, ...]
    data: tuple[str, ...]
    is_run: bool


class Source(Protocol):
    """A format of simulation results; picklable, so that workers read too."""

    @property
    def reader(self) -> str:
        """The reader's name, version and options: when they change, runs are read again."""

    def is_run(self, path: Path) -> bool:
        """Whether a path surely holds the results of one run."""

    def wanted(self, names: Collection[str], file: str = "") -> Wanted:
        """Which files of a run that lies elsewhere are read.

        Args:
            names: The files there are, by their paths within the run's folder.
            file: The one that the run was named by, where it was not the folder.

        Raises:
            SourceError: If it is not certain which run is meant.
        """

    def state(self, path: Path) -> State:
        """How the run ended, and its files; of a copy, those that only its data need may still be empty."""

    def open(self, path: Path) -> xr.DataTree:
        """The run as a DataTree whose groups are its series."""


@dataclass(frozen=True, slots=True)
class EngineSource:
    """Any xarray engine that opens a run as a DataTree or a Dataset.

    Attributes:
        engine: The engine's name in xarray's registry, or its `xarray.backends.BackendEntrypoint`.
        options: Keyword arguments for opening a run.
        by_content: See `State`.
    """

    engine: str | type[BackendEntrypoint]
    options: Mapping[str, Any] = field(default_factory=dict)
    by_content: bool = True

    @property
    def reader(self) -> str:
        """See `Source`."""
        backend = type(self.backend())
        package = importlib.import_module(backend.__module__.partition(".")[0])
        name = self.engine if isinstance(self.engine, str) else backend.__qualname__
        return _reader(name, getattr(package, "__version__", "0"), self.options)

    def is_run(self, path: Path) -> bool:
        """See `Source`."""
        return self.backend().guess_can_open(path)

    def wanted(self, names: Collection[str], file: str = "") -> Wanted:
        """The one file, or all files in the run's folder: only the engine knows which it reads."""
        return Wanted((), (file,) if file else tuple(sorted(names)), is_run=False)

    def state(self, path: Path) -> State:
        """A run that is there counts as completed; whether it can be read shows when it is read."""
        if not path.exists():
            return State("missing", "no results are there")
        files = (path,) if path.is_file() else tuple(sorted(each for each in path.rglob("*") if each.is_file()))
        return State("completed", files=files, by_content=self.by_content)

    def open(self, path: Path) -> xr.DataTree:
        """See `Source`."""
        import xarray as xr  # noqa: PLC0415  # 1.8 s that an unchanged study need not pay

        if self.backend().supports_groups:
            return xr.open_datatree(path, engine=self.engine, **self.options)
        return xr.DataTree(xr.open_dataset(path, engine=self.engine, **self.options))

    def backend(self) -> BackendEntrypoint:
        """The engine.

        Raises:
            SourceError: If xarray has none of that name.
        """
        from xarray.backends.plugins import get_backend, list_engines  # noqa: PLC0415  # as above

        if isinstance(self.engine, str) and self.engine not in list_engines():
            known = ", ".join(sorted(list_engines()))
            raise SourceError(self.engine, "is no xarray engine here", f"install its package, or use one of {known}")
        return get_backend(self.engine)


@dataclass(frozen=True, slots=True)
class EnergyPlusSource:
    """EnergyPlus runs, whose state is known from small files.

    Attributes:
        options: Keyword arguments for opening a run.
        by_content: See `State`.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    by_content: bool = True

    @property
    def reader(self) -> str:
        """See `Source`."""
        return _reader("energyplus", version("simstac"), self.options)

    def is_run(self, path: Path) -> bool:
        """See `Source`."""
        from simstac.sources.energyplus.files import looks_like_run  # noqa: PLC0415  # needed by this source alone

        return looks_like_run(path)

    def wanted(self, names: Collection[str], file: str = "") -> Wanted:
        """The SQL file, or else ESO and MTR, and the small files that go with them."""
        from simstac.sources.energyplus import files as run_files  # noqa: PLC0415  # as above

        files = run_files.files_among(Path("the folder"), names, file=file)
        state = tuple(path.name for path in (files.end, files.err) if path)
        data = tuple(path.name for path in files.read_files if path.name not in state)
        return Wanted(state, (*data, *run_files.journals_of(files, names)), run_files.names_look_like_run(names))

    def state(self, path: Path) -> State:
        """See `Source`."""
        from simstac.sources.energyplus.state import run_state  # noqa: PLC0415  # as above

        state = run_state(path)
        facts: dict[str, str | int] = {
            "warnings": state.warnings,
            "severe_errors": state.severe_errors,
            "software": state.software,
        }
        message = state.message
        if state.status == "missing":
            message = "no results are there"
        elif state.status == "incomplete":
            message = message or "the run has not ended, or was killed"
        return State(str(state.status), message, facts, state.files.read_files, self.by_content)

    def open(self, path: Path) -> xr.DataTree:
        """See `Source`."""
        return EngineSource("energyplus", self.options).open(path)


def source_of(
    engine: str | type[BackendEntrypoint] | Source,
    options: Mapping[str, Any] | None = None,
    *,
    by_content: bool = True,
) -> Source:
    """The source that reads runs by an xarray engine.

    Args:
        engine: The engine's name in xarray's registry, or its `xarray.backends.BackendEntrypoint`; or a source, which
            is taken as it is.
        options: Keyword arguments for opening a run.
        by_content: Whether a changed run is known by its bytes, else by the sizes and times of its files.

    Raises:
        SourceError: If xarray has no engine of that name.
    """
    if not isinstance(engine, str | type):
        return engine
    if engine == "energyplus":
        return EnergyPlusSource(options or {}, by_content)
    source = EngineSource(engine, options or {}, by_content)
    source.backend()  # a wrong name is no fault of the runs
    return source


def fingerprint(state: State, reader: str) -> str:
    """SHA-256 in hexadecimal over the names of a run's files, their bytes or times, its status, and the reader.

    Raises:
        SourceError: If a file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([reader, state.status, [path.name for path in state.files]]).encode())
    for path in state.files:
        digest.update(_file_digest(path) if state.by_content else _file_stamp(path))
    return digest.hexdigest()


def _file_stamp(path: Path) -> bytes:
    with readable(path):
        facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns};".encode()


def _file_digest(path: Path) -> bytes:
    """SHA-256 of a file, read in large blocks: other threads run while one is hashed."""
    digest = hashlib.sha256()
    with readable(path), path.open("rb", buffering=0) as file:
        block = memoryview(bytearray(min(HASHED_BYTES, path.stat().st_size + 1)))
        while count := file.readinto(block):
            digest.update(block[:count])
    return digest.digest()


def _reader(name: str, number: str, options: Mapping[str, Any]) -> str:
    return f"{name}/{number} {json.dumps(dict(options), sort_keys=True, default=str)}"
