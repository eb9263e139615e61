"""`publish`: what idfkit simulated, to a catalog, as the last line of the script that simulated it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, aclosing, suppress
from functools import partial
from typing import Any, overload

from simstac.errors import SimstacError
from simstac.pipeline.builders import Order
from simstac.pipeline.builders.study import write_some
from simstac.pipeline.given import About, Destination, Destined, destined, publish_study
from simstac.pipeline.whole import RunReport
from simstac.progress import OnProgress, silent
from simstac.sources.idfkit import Event, Result
from simstac.studies import Study, study
from simstac.studies.parameters import Table
from simstac.studies.results import Results
from simstac.write.workers import Parallel


@overload
def publish(
    results: Results,
    to: Destination,
    *,
    parameters: Table | None = ...,
    collection: About = ...,
    catalog: Mapping[str, Any] | None = ...,
    drop_vanished: bool = ...,
    jobs: int | None = ...,
    dask: str | None = ...,
    on_progress: OnProgress = ...,
) -> RunReport: ...
@overload
def publish(
    results: AsyncIterable[Event | Result],
    to: Destination,
    *,
    parameters: Table | None = ...,
    collection: About = ...,
    catalog: Mapping[str, Any] | None = ...,
    drop_vanished: bool = ...,
    jobs: int | None = ...,
    dask: str | None = ...,
    on_progress: OnProgress = ...,
) -> Coroutine[Any, Any, RunReport]: ...
def publish(  # noqa: PLR0913  # each is a choice of its own
    results: Results | AsyncIterable[Event | Result],
    to: Destination,
    *,
    parameters: Table | None = None,
    collection: About = None,
    catalog: Mapping[str, Any] | None = None,
    drop_vanished: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress = silent,
) -> RunReport | Coroutine[Any, Any, RunReport]:
    """Publish results of idfkit; called again, it reads and writes only what is new.

    How a run ended is read from its own files, never taken from ``SimulationResult.success``; a run without results is
    published as one, with the reason. Runs that an earlier call published and this one does not have are kept.

    Args:
        results: As in `simstac.study`. Of a stream such as ``async_simulate_batch_stream`` gives, the answer is to be
            awaited: runs are written to the store as they end, and published when all have.
        to: A folder, ``s3://bucket/prefix``, such a target as a configuration has (``{url: …, endpoint_url: …}``), or a
            configuration, whose collection then has these runs.
        parameters: The parameter table, as in `simstac.study`.
        collection: With a configuration the id of the collection, where it has several; else the keys of one, at least
            its ``license``: ``{"license": "CC-BY-4.0", "title": …}``.
        catalog: The keys of the catalog, where it is not there yet: ``{"title": …, "public_url": …}``.
        drop_vanished: Whether runs that an earlier call published and this one does not have are dropped.
        jobs: Processes of this machine that read and write the runs; this one alone where None.
        dask: The address of a Dask scheduler whose workers do so instead, or ``local`` for a cluster of ``jobs`` here.
        on_progress: Hears of every run read and written.

    Returns:
        What was built and published; ``report.ok`` tells whether every run is there.

    Raises:
        SourceError: If there are no runs, or none that completed; what is published stays as it is.
        ConfigError: If a configuration could not say what is said here, or the Dask cluster cannot be used.
        StorageError: If the store cannot be written.
        PublishError: If the destination refuses.
    """
    finish = partial(publish_study, drop_vanished=drop_vanished, parallel=Parallel(jobs, dask), on_progress=on_progress)
    if isinstance(results, AsyncIterable):
        return _published(results, partial(destined, to, collection, catalog), parameters, finish, on_progress)
    found = study(results, parameters=parameters)
    with destined(to, collection, catalog) as place:
        return finish(found, place)


async def _published(
    results: AsyncIterable[Event | Result],
    destined: Callable[[], AbstractContextManager[Destined]],
    parameters: Table | None,
    finish: Callable[[Study, Destined], RunReport],
    on_progress: OnProgress,
) -> RunReport:
    """Write each study of the stream to the store, and publish the last; a first failure to write is not the end."""
    found = None
    with destined() as place:
        order = Order(project=place.project, collection=place.collection, on_progress=on_progress)
        async with aclosing(study(results, parameters=parameters)) as studies:
            async for found in studies:
                with suppress(SimstacError):
                    await asyncio.to_thread(write_some, order, found)
        assert found is not None  # noqa: S101  # a stream of studies has one, or an error
        return await asyncio.to_thread(finish, found, place)
