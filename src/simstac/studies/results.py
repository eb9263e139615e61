"""Studies from whatever holds runs: paths, addresses, results of idfkit, directories of its file systems, streams."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

from simstac.errors import SourceError
from simstac.objects import Files, files_at, split_pattern
from simstac.sources.idfkit import Event, Result, place_of
from simstac.studies.definition import OpenFiles, Study, find_study, read_table, with_parameters
from simstac.studies.parameters import Parameters, Table
from simstac.studies.remote import find_remote_runs, remote_run
from simstac.studies.runs import Run, find_runs, in_order, local_run, run_at
from simstac.studies.source import Source, source_of

if TYPE_CHECKING:
    from xarray.backends import BackendEntrypoint

LISTING_THREADS = 8
REASON = 200

type Place = tuple[Any, str | Path]
type One = str | Path | Result | Event | Place
type Results = One | Mapping[str, One] | Iterable[One | Iterable[One]]


@overload
def study(
    results: Results,
    *,
    parameters: Table | None = ...,
    engine: str | type[BackendEntrypoint] = ...,
    options: Mapping[str, Any] | None = ...,
    endpoint_url: str | None = ...,
    region: str | None = ...,
    profile: str | None = ...,
    anonymous: bool = ...,
) -> Study: ...
@overload
def study(
    results: AsyncIterable[Event | Result],
    *,
    parameters: Table | None = ...,
    engine: str | type[BackendEntrypoint] = ...,
    options: Mapping[str, Any] | None = ...,
    endpoint_url: str | None = ...,
    region: str | None = ...,
    profile: str | None = ...,
    anonymous: bool = ...,
) -> AsyncGenerator[Study]: ...
def study(
    results: Results | AsyncIterable[Event | Result],
    *,
    parameters: Table | None = None,
    engine: str | type[BackendEntrypoint] = "energyplus",
    options: Mapping[str, Any] | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    anonymous: bool = False,
) -> Study | AsyncGenerator[Study]:
    """The study that some results make; no run is opened yet.

    Args:
        results: A folder of runs or a glob, here or as ``s3://bucket/study/case-*``; a ``SimulationResult`` or a
            ``BatchResult`` of idfkit; ``(fs, directory)``, where ``fs`` satisfies idfkit's ``FileSystem`` or
            ``AsyncFileSystem``, or is a `simstac.objects.Files`, and ``directory`` is a run, a folder of runs, or a
            glob; or several of these in a list or as ``{name: result}``. Of an async stream, such as
            ``async_simulate_batch_stream`` gives, the answer is a stream too: the study of the runs that have ended so
            far, each time that more have.
        parameters: The parameter table: a CSV or Parquet file, here or in a bucket, ``{run: {parameter: value}}``, or a
            DataFrame. Runs are called by their label, else by the name of their folder.
        engine: The xarray engine that reads a run.
        options: Keyword arguments for opening a run.
        endpoint_url: The S3 endpoint of addresses in buckets, where it is not Amazon's.
        region: The region of these buckets.
        profile: The profile of the AWS configuration whose keys read them.
        anonymous: Whether they are read without keys.

    Raises:
        SourceError: If there are no runs, two have one name, a name would not last, or runs and rows of the table do
            not fit.
    """
    open_files = partial(files_at, endpoint_url=endpoint_url, region=region, profile=profile, anonymous=anonymous)
    if isinstance(results, AsyncIterable):
        return _as_they_end(results, parameters, source_of(engine, options), open_files)
    if isinstance(results, str | Path):
        return find_study(results, parameters=parameters, engine=engine, options=options, open_files=open_files)
    source = source_of(engine, options)
    return with_parameters(runs_of(results, source, open_files), source, parameters, open_files)


def runs_of(
    results: Results, source: Source, open_files: OpenFiles = files_at, loop: AbstractEventLoop | None = None
) -> tuple[Run, ...]:
    """The runs that results are of, in natural order of their names; see `study`.

    Args:
        results: The results.
        source: What reads a run.
        open_files: How an address in a bucket is reached.
        loop: The event loop that asynchronous file systems belong to, running in another thread.
    """
    named = _named(results)
    with ThreadPoolExecutor(LISTING_THREADS) as pool:
        found = list(pool.map(lambda pair: _runs_of_one(pair[0], pair[1], source, open_files, loop), named))
    runs = [run for each in found for run in each]
    if not runs:
        raise SourceError("results", "has no runs", "give at least one result")
    return in_order(runs, "results")


def _named(results: Results) -> list[tuple[str, One]]:
    """The single results, each with the name that it was given."""
    if isinstance(results, Mapping):
        return [(str(name), each) for name, each in results.items()]
    if _is_one(results):
        return [("", cast("One", results))]
    several = cast("Iterable[One | Iterable[One]]", results)
    return [one for each in several for one in ([("", cast("One", each))] if _is_one(each) else _named(each))]


def _is_one(value: object) -> bool:
    return isinstance(value, str | Path | Result | Event) or _is_place(value) or not isinstance(value, Iterable)


def _is_place(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], str | Path):  # noqa: PLR2004
        return False
    fs = value[0]
    return not isinstance(fs, Path) and (hasattr(fs, "read_bytes") or isinstance(fs, Files))


def _runs_of_one(
    name: str, one: object, source: Source, open_files: OpenFiles, loop: AbstractEventLoop | None
) -> tuple[Run, ...]:
    match one:
        case Event():
            return (_run_of_result(name or one.label, one.result, loop),)
        case Result():
            return (_run_of_result(name, one, loop),)
        case str() | Path():
            return _called(name, find_study(one, engine=source, open_files=open_files).runs, one)
        case (fs, directory) if _is_place(one):
            return _called(name, _runs_in(fs, str(directory), source, loop), directory)
        case _:
            problem = f"holds a {type(one).__name__}, which is no result"
            raise SourceError("results", problem, "give results of idfkit, paths, or (file system, directory)")


def _called(name: str, runs: tuple[Run, ...], where: object) -> tuple[Run, ...]:
    if not name:
        return runs
    if len(runs) > 1:
        raise SourceError(str(where), f"holds {len(runs)} runs, and {name!r} is the name of one", "name each of them")
    return tuple(Run(name, run.path, run.source, run.problem) for run in runs)


def _runs_in(fs: Any, directory: str, source: Source, loop: AbstractEventLoop | None) -> tuple[Run, ...]:
    """The runs that a directory or glob of a file system names."""
    if isinstance(fs, Files):
        place, pattern = fs, directory.strip("/")
    else:
        plain, pattern = split_pattern(directory)
        below = place_of(fs, "" if plain == "." else plain, loop)
        if isinstance(below, Path):
            return find_runs(directory, is_run=source.is_run)
        place = below
    found = find_remote_runs(place, pattern, is_run=lambda names: source.wanted(names).is_run)
    return tuple(map(run_at, found))


def _run_of_result(name: str, result: Result, loop: AbstractEventLoop | None) -> Run:
    """The run of a result; how it ended is for its files to say, but where there are none it says why."""
    directory = Path(result.run_dir)
    name = name or _lasting_name(directory)
    problem = _reason(result)
    place = place_of(result.fs or result.async_fs, directory.as_posix(), loop)
    if isinstance(place, Path):
        there = place.is_dir() and any(place.iterdir())
        return Run(name, place, local_run(place, Path.cwd()).source) if there else Run(name, None, "", problem)
    run = remote_run(place)
    return Run(name, None, "", problem) if run is None else Run(name, run, run_at(run).source)


def _lasting_name(directory: Path) -> str:
    """The name of a run's folder, which must be the same when the study is simulated again."""
    if directory.parent == Path(tempfile.gettempdir()) or directory.name.startswith("idfkit_sim_"):
        problem = "is a temporary folder, whose name is another one each time"
        raise SourceError(directory, problem, "set output_dir in its SimulationJob, or give {name: result}")
    return directory.name


def _reason(result: Result) -> str:
    """Why a result has no files, in one line."""
    said = next((line.strip() for line in result.stderr.splitlines() if line.strip()), "")
    return said[:REASON] if said and not result.success else "its results are not there"


async def _as_they_end(
    events: AsyncIterable[Event | Result], parameters: Table | None, source: Source, open_files: OpenFiles
) -> AsyncGenerator[Study]:
    loop, runs = asyncio.get_running_loop(), list[Run]()
    table = Parameters() if parameters is None else await asyncio.to_thread(read_table, parameters, open_files)
    async with contextlib.aclosing(_gathered(events)) as batches:
        async for ended in batches:
            runs += await asyncio.to_thread(runs_of, ended, source, open_files, loop)
            yield Study(in_order(runs, "results"), table, source)
    if not runs:
        raise SourceError("results", "has no runs", "give at least one result")
    whole = with_parameters(in_order(runs, "results"), source, None if parameters is None else table)
    if len(whole.runs) > len(runs):
        yield whole


async def _gathered[T](events: AsyncIterable[T]) -> AsyncGenerator[list[T]]:
    """What has come since the last time, at least one; events are taken as they come, so that none has to wait."""
    queue: asyncio.Queue[T | None] = asyncio.Queue()

    async def take() -> None:
        try:
            async for event in events:
                queue.put_nowait(event)
        finally:
            queue.put_nowait(None)

    taking = asyncio.create_task(take())
    try:
        more = True
        while more:
            come = [await queue.get()]
            while not queue.empty():
                come.append(queue.get_nowait())
            more = None not in come
            if batch := [event for event in come if event is not None]:
                yield batch
        await taking
    finally:
        taking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(taking, return_exceptions=True)
