"""Where batches are worked on besides this process: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from simstac.errors import ConfigError, StorageError

LOSSES = 3
"""As often the worker of an item is lost before the item is given up."""
LOCAL = "local"
GUARD = "in a script, call simstac below: if __name__ == '__main__':"
CONNECT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Parallel:
    """How many runs are read and written at once, and where.

    Attributes:
        jobs: Processes of this machine; 1 for this one alone.
        dask: The address of a Dask scheduler, or ``local`` for a cluster of ``jobs`` processes here.

    Raises:
        ConfigError: If there are no jobs, or a script that new processes import begins to build in each of them again.
    """

    jobs: int | None = None
    dask: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError("jobs", f"is {self.jobs}", "give the number of processes, 1 or more")
        if self and getattr(multiprocessing.current_process(), "_inheriting", False):
            raise ConfigError("jobs", "a new process imports the script and would build again", GUARD)

    def __bool__(self) -> bool:
        """Whether other processes take part."""
        return self.dask is not None or (self.jobs or 1) > 1


SERIAL = Parallel()
"""This process alone."""


class Workers(Protocol):
    """Processes that do what can be pickled."""

    def results[C, I, R](
        self, task: Callable[[C, I], R], common: C, items: Sequence[I]
    ) -> Iterator[tuple[I, R | None]]:
        """``task(common, item)`` of every item, in the order in which they end.

        An item whose worker is lost is done again by another; it is None where its workers are lost ``LOSSES`` times.
        """


@contextmanager
def hired(parallel: Parallel) -> Iterator[Workers]:
    """The workers, for as long as the context lasts.

    Raises:
        ConfigError: If Dask is not installed, its scheduler cannot be reached, or processes cannot be started.
    """
    if parallel.dask is None:
        yield Processes(parallel.jobs or 1)
        return
    try:
        import distributed  # noqa: PLC0415  # 2 s, and an extra
    except ImportError as error:
        raise ConfigError("--dask", "needs Dask", "pip install 'simstac[dask]'") from error
    dask: Any = distributed
    if parallel.dask == LOCAL:
        here = {"host": "127.0.0.1", "dashboard_address": None, "threads_per_worker": 1}
        try:
            local = dask.LocalCluster(n_workers=parallel.jobs or os.cpu_count() or 1, **here)
        except RuntimeError as error:
            raise ConfigError("--dask local", f"the cluster does not start ({error})", GUARD) from error
        with local as cluster, dask.Client(cluster) as client:
            yield Cluster(client)
        return
    try:
        client = dask.Client(parallel.dask, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        remedy = "start it with dask scheduler, and give its address, for example tcp://10.0.0.5:8786"
        raise ConfigError(parallel.dask, f"is no Dask scheduler that answers ({error})", remedy) from error
    with client:
        yield Cluster(client)


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine; a pool that lost one is replaced, and what was being done is done one by one."""

    jobs: int

    def results[C, I, R](
        self, task: Callable[[C, I], R], common: C, items: Sequence[I]
    ) -> Iterator[tuple[I, R | None]]:
        """See `Workers`."""
        losses: Counter[int] = Counter()
        waiting, suspects = deque(range(len(items))), deque[int]()
        while waiting or suspects:
            running: dict[Future[R], int] = {}
            try:
                with _pool(self.jobs, task, common) as pool:
                    while waiting or suspects or running:
                        for index in _next(waiting, suspects, len(running), self.jobs):
                            running[pool.submit(_work, items[index])] = index
                        done, _ = wait(running, return_when=FIRST_COMPLETED)
                        for future in done:
                            result = future.result()
                            yield items[running.pop(future)], result
            except BrokenProcessPool:
                for future, index in running.items():
                    if future.done() and future.exception() is None:
                        yield items[index], future.result()
                        continue
                    losses[index] += 1
                    if losses[index] < LOSSES:
                        suspects.append(index)
                    else:
                        yield items[index], None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers that a `distributed.Client` reaches; Dask itself does the work of lost ones again."""

    client: Any

    def results[C, I, R](
        self, task: Callable[[C, I], R], common: C, items: Sequence[I]
    ) -> Iterator[tuple[I, R | None]]:
        """See `Workers`."""
        import distributed  # noqa: PLC0415  # 2 s, and an extra

        dask: Any = distributed

        packed = self.client.submit(bytes, pickle.dumps((task, common)), pure=False)
        futures = self.client.map(_work_packed, items, packed=packed, pure=False, batch_size=1000)
        left = dict(zip(futures, items, strict=True))
        del futures
        try:
            for future in dask.as_completed(list(left)):
                item = left.pop(future)
                try:
                    result = future.result()
                except dask.KilledWorker:
                    result = None
                future.release()
                yield item, result
        except CancelledError as error:
            remedy = "start it again and build again: what was saved is not done again"
            raise StorageError("the Dask cluster", "lost its scheduler or was closed", remedy) from error
        finally:
            self.client.cancel(list(left))


_task: dict[str, Callable[[Any], Any]] = {}
"""What a process of a pool does; set once when it starts."""


@contextmanager
def _pool[C, I, R](jobs: int, task: Callable[[C, I], R], common: C) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(task, common)) as pool:
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise ConfigError("jobs", "the processes do not start", GUARD) from error
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _next(waiting: deque[int], suspects: deque[int], running: int, jobs: int) -> Iterator[int]:
    """What to begin now: a suspect alone, else as much as keeps every process busy and one item ready."""
    if suspects:
        if not running:
            yield suspects.popleft()
        return
    while waiting and running <= jobs:
        yield waiting.popleft()
        running += 1


def _begin[C, I, R](task: Callable[[C, I], R], common: C) -> None:
    """Prepare a process of a pool: it ends when its parent does, even if that was killed."""

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    _task["work"] = lambda item: task(common, item)


def _work(item: Any) -> Any:
    return _task["work"](item)


def _work_packed(item: Any, *, packed: bytes) -> Any:
    task, common = pickle.loads(packed)  # noqa: S301  # made by this process's client
    return task(common, item)
