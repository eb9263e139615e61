"""Where batches are worked on besides this process: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from multiprocessing import resource_tracker
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
        ConfigError: If there are no jobs, or a running cluster is given a number of them, or a script that new
            processes import begins to build in each of them again.
    """

    jobs: int | None = None
    dask: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.jobs is not None and self.jobs < 1:
            raise ConfigError("jobs", f"is {self.jobs}", "give the number of processes, 1 or more")
        if self.jobs is not None and self.dask not in (None, LOCAL):
            remedy = "leave one of them out: a cluster that runs already has the workers that it has"
            raise ConfigError("jobs", f"is of no use with the Dask scheduler {self.dask}", remedy)
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


def _nothing() -> None:
    """What a process does first that needs nothing."""


@contextmanager
def hired(parallel: Parallel, prepare: Callable[[], None] = _nothing) -> Iterator[Workers]:
    """The workers, for as long as the context lasts; processes of this machine start at once, beside what follows.

    Args:
        parallel: How many, and where.
        prepare: What each new process of this machine does first; it can be pickled.

    Raises:
        ConfigError: If Dask is not installed, or its scheduler cannot be reached.
    """
    if parallel.dask is None:
        processes = Processes(parallel.jobs or 1, prepare)
        try:
            yield processes
        finally:
            processes.close()
        return
    try:
        import distributed  # noqa: PLC0415  # 2 s, and an extra
    except ImportError as error:
        raise ConfigError("--dask", "needs Dask", "pip install 'simstac[dask]'") from error
    dask: Any = distributed
    if parallel.dask == LOCAL:
        here = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
        try:
            with _deaf_to_interrupts():
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


class Processes:
    """Processes of this machine; a pool that lost one is replaced, and what was being done is done one by one."""

    def __init__(self, jobs: int, prepare: Callable[[], None] = _nothing) -> None:
        """Start them, without waiting until they are there."""
        self._jobs, self._prepare = jobs, prepare
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._prepare,))
        with _deaf_to_interrupts():
            self._started = [self._pool.submit(os.getpid) for _ in range(self._jobs)]

    def close(self) -> None:
        """End them, once they have done what they are at."""
        self._pool.shutdown(cancel_futures=True)

    def results[C, I, R](
        self, task: Callable[[C, I], R], common: C, items: Sequence[I]
    ) -> Iterator[tuple[I, R | None]]:
        """See `Workers`.

        Raises:
            ConfigError: If the processes cannot be started.
        """
        packed, losses = pickle.dumps((task, common)), Counter[int]()
        waiting, suspects = deque(range(len(items))), deque[int]()
        while waiting or suspects:
            self._wait_until_started()
            running: dict[Future[R], int] = {}
            try:
                while waiting or suspects or running:
                    while (queue := _queue(waiting, suspects, len(running), self._jobs)) is not None:
                        future = self._pool.submit(_work_until_interrupted, items[queue[0]], packed=packed)
                        running[future] = queue.popleft()
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield items[running.pop(future)], result
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
                self._start()
                for future, index in running.items():
                    if future.done() and future.exception() is None:
                        yield items[index], future.result()
                        continue
                    losses[index] += 1
                    if losses[index] < LOSSES:
                        suspects.append(index)
                    else:
                        yield items[index], None

    def _wait_until_started(self) -> None:
        try:
            wait(self._started, return_when=FIRST_COMPLETED).done.pop().result()
        except BrokenProcessPool as error:
            remedy = f"see above what they said; is there memory for {self._jobs}? {GUARD}"
            raise ConfigError("jobs", "the new processes ended at once", remedy) from error


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers that a `distributed.Client` reaches; Dask itself does the work of lost ones again."""

    client: Any

    def results[C, I, R](
        self, task: Callable[[C, I], R], common: C, items: Sequence[I]
    ) -> Iterator[tuple[I, R | None]]:
        """See `Workers`; it waits until there is a worker.

        Raises:
            ConfigError: If a worker has another version of simstac.
            StorageError: If the cluster is gone.
        """
        import distributed  # noqa: PLC0415  # 2 s, and an extra

        dask: Any = distributed

        self._refuse_other_versions()
        packed = self.client.submit(bytes, pickle.dumps((task, common)), pure=False)
        futures = self.client.map(_work, items, packed=packed, pure=False, batch_size=1000)
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

    def _refuse_other_versions(self) -> None:
        """Refuse workers without this simstac: what they are sent would fail there, and nobody would hear of it."""
        self.client.wait_for_workers(1)
        ours = version("simstac")
        for worker, theirs in self.client.run(version, "simstac", on_error="return").items():
            if theirs != ours:
                has = f"has simstac {theirs}" if isinstance(theirs, str) else "has no simstac"
                raise ConfigError(f"worker {worker}", has, f"install simstac {ours} in the environment of the workers")


def _queue(waiting: deque[int], suspects: deque[int], running: int, jobs: int) -> deque[int] | None:
    """Where the next item is begun from: a suspect runs alone, else every process is busy and one item is ready."""
    if suspects:
        return None if running else suspects
    return waiting if waiting and running <= jobs else None


def _begin(prepare: Callable[[], None]) -> None:
    """Prepare a process of a pool: it ends when its parent does, even if that was killed."""

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    prepare()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are begun meanwhile do not hear Ctrl-C: this one does, ends them, and says so in one line."""
    resource_tracker.ensure_running()  # else the first process starts it, and lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work_until_interrupted(item: Any, *, packed: bytes) -> Any:
    """Work in a process that hears Ctrl-C only meanwhile: what is at hand ends and tidies up."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        return _work(item, packed=packed)
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _work(item: Any, *, packed: bytes) -> Any:
    task, common = _unpacked(packed)
    return task(common, item)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Any:
    return pickle.loads(packed)  # noqa: S301  # made by the process that hired this one
