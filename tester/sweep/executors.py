"""Who runs the chunks: our worker processes, a cluster, or whatever executor a factory makes."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, cast

from tester.sweep import job

PROCESSES: Final = "processes"
_DASK: Final = "dask://"


class BadExecutor(Exception):
    """The executor does not exist; the text is one sentence that says what to do."""


class Unreachable(BadExecutor):
    """The cluster does not answer: it may do so later."""


class WorkerProcesses(ThreadPoolExecutor):
    """A number of threads, each with a worker process of the project's own."""

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs, thread_name_prefix="sweep")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads and their processes; what is being run is given up."""
        job.stopping.set()
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            job.end_all()
            job.stopping.clear()


class DaskExecutor(Executor):
    """The workers of a dask cluster, under the scheduler at an address."""

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise BadExecutor(
                "--executor dask://... takes dask.distributed, which is not installed; "
                "install labtester[cluster]"
            ) from None
        for name in _LOGGERS:  # what is lost, the futures say; tracebacks of that are for nobody
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = distributed.Client(address, set_as_default=False, timeout=_CONNECT)
            try:
                self._client.wait_for_workers(1, timeout=_CONNECT)
            except BaseException:
                self._client.close()
                raise
        except (OSError, TimeoutError) as error:
            raise Unreachable(
                f"no dask scheduler with a worker answers at {address}: {error}"
            ) from None
        self._executor = self._client.get_executor(pure=False, retries=_RETRIES)
        self.jobs = max(1, sum(self._client.nthreads().values()))

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """See Executor."""
        return self._executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, which goes on."""
        self._client.close()


_CONNECT: Final = 10
"""Seconds to wait for the scheduler."""
_LOGGERS: Final = ("distributed.client", "distributed.comm", "distributed.core")
_RETRIES: Final = 0
"""An exception of a job is not tried again by the cluster; a lost worker's job is, by itself."""


def factory(text: str, jobs: int) -> Callable[[], Executor]:
    """What makes the executor of this name, and makes it anew after it broke. Raises BadExecutor.

    `processes`; `dask://HOST:PORT`; `MODULE:FACTORY`, a function that takes the number of jobs.
    """
    if text == PROCESSES:
        return lambda: WorkerProcesses(jobs)
    if text.startswith(_DASK):
        return lambda: DaskExecutor(f"tcp://{text.removeprefix(_DASK)}")
    module, colon, name = text.partition(":")
    if not colon or not module or not name.isidentifier():
        raise BadExecutor(
            f"expected {PROCESSES}, {_DASK}HOST:PORT or MODULE:FACTORY for --executor, "
            f"got {text!r}"
        )
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BadExecutor(f"--executor {text}: {error}") from None

    def made() -> Executor:
        found = make(jobs)
        if not hasattr(found, "submit") or not hasattr(found, "shutdown"):
            raise BadExecutor(
                f"--executor {text}: expected a concurrent.futures.Executor, got "
                f"{type(found).__name__}"
            )
        return cast(Executor, found)

    return made
