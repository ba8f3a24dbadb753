"""A job on a cluster: its tasks through any `concurrent.futures.Executor`, as dask has one.

Whoever runs the job reads the input and keeps what map tasks have made; the cluster needs no
shared folder, only this package and the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import Any, TypeVar

from mapreduce.api import decode, output
from mapreduce.folder import Folder, Split
from mapreduce.loading import Adapted, BadApp, load
from mapreduce.processes import BadJob, Job
from mapreduce.worker import Groups, mapped, merge, reduced

T = TypeVar("T")


def run(
    executor: Executor,
    job: Job,
    at_once: int,
    prepared: Callable[[int], None],
    changed: Callable[[int, int], None],
) -> None:
    """Do the job, with this many tasks under way at once. Raises BadJob.

    `prepared` is told how many map tasks there are.
    """
    parts = job.parts()
    prepared(len(parts))
    folder = job.prepare()
    try:
        _run(executor, job, at_once, parts, folder, changed)
        job.deliver(folder)
    finally:
        job.clean(folder)


def _run(
    executor: Executor,
    job: Job,
    at_once: int,
    parts: dict[str, Split],
    folder: Path,
    changed: Callable[[int, int], None],
) -> None:
    disk = Folder(folder, parts)

    def map_tasks() -> Iterator[Future[Any]]:
        for name, part in parts.items():
            yield executor.submit(
                map_part, job.app, name, part, asyncio.run(disk.read(name)), job.n_reduce
            )

    for number, (at, made) in enumerate(_done(map_tasks(), at_once), 1):
        for reduce_number, data in enumerate(made):
            (folder / f"mr-{at}-{reduce_number}").write_bytes(data)
        changed(number, 0)

    def reduce_tasks() -> Iterator[Future[Any]]:
        for number in range(job.n_reduce):
            files = (folder / f"mr-{at}-{number}" for at in range(len(parts)))
            yield executor.submit(reduce_parts, job.app, [file.read_bytes() for file in files])

    for number, (at, data) in enumerate(_done(reduce_tasks(), at_once), 1):
        (folder / output(at)).write_bytes(data)
        changed(len(parts), number)


def _done(futures: Iterable[Future[Any]], at_once: int) -> Iterator[tuple[int, Any]]:
    """The results with their numbers, as they come; this many are under way at a time."""
    waiting: dict[Future[Any], int] = {}
    left = enumerate(futures)
    try:
        while True:
            while len(waiting) < at_once and (found := next(left, None)) is not None:
                number, future = found
                waiting[future] = number
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                try:
                    result = future.result()
                except BadJob:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever the cluster has to say
                    raise BadJob(f"the cluster failed: {type(error).__name__}: {error}") from None
                yield waiting.pop(future), result
    finally:
        for future in waiting:
            _ = future.cancel()


def map_part(app: str, name: str, part: Split, data: bytes, n_reduce: int) -> list[bytes]:
    """A map task, anywhere: what it has for each reduce task. Raises BadJob."""

    async def work(made: Adapted) -> list[bytes]:
        return await mapped(made, name, decode(data), n_reduce)

    return _with_app(app, {name: part}, work)


def reduce_parts(app: str, parts: list[bytes]) -> bytes:
    """A reduce task, anywhere: its output. Raises BadJob."""

    async def work(made: Adapted) -> bytes:
        groups: Groups = {}
        for part in parts:
            merge(groups, part)
        return await reduced(made, groups)

    return _with_app(app, {}, work)


def _with_app(
    app: str, parts: dict[str, Split], work: Callable[[Adapted], Coroutine[Any, Any, T]]
) -> T:
    try:
        made = Adapted(load(app), app, parts)
    except BadApp as error:
        raise BadJob(str(error)) from None
    try:
        return asyncio.run(work(made))
    except Exception as error:  # noqa: BLE001 - whatever the app raises
        raise BadJob(made.failure(error)) from None
