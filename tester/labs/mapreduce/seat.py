"""A seat: where a worker of the submission runs on its node, with the app that it is given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar, Final

from mapreduce.api import App, Disk
from mapreduce.apps import (
    Crash,
    EarlyExit,
    Indexer,
    JobCount,
    Machine,
    MapParallelism,
    NoCrash,
    ReduceParallelism,
    WordCount,
)
from tester.world import submission
from tester.world.faults import maybe
from tester.world.files import Files
from tester.world.probe import Probe

# It observes the code under test: see tester.guard.origin.
__harness__ = True

UNLUCKY: Final = "crash"
"""The app that crashes, or takes long, now and then."""
STALLS_MS: Final = 10_000
"""It takes less than that."""
APPS: Final[dict[str, Callable[[Machine], App]]] = {
    "wc": lambda machine: WordCount(),
    "indexer": lambda machine: Indexer(),
    "mtiming": MapParallelism,
    "rtiming": ReduceParallelism,
    "jobcount": JobCount,
    "early_exit": lambda machine: EarlyExit(),
    UNLUCKY: Crash,
    "nocrash": lambda machine: NoCrash(),
}
"""By the names the tests have for them."""


class SimulatedMachine:
    """The node of a worker, as its app sees it."""

    def __init__(self, name: str, disk: Files, probe: Probe) -> None:
        self.name = name
        self.disk: Disk = disk
        self._probe = probe

    def below(self, n: int) -> int:
        """See Machine."""
        return random.randrange(n)

    async def crash_or_stall(self) -> None:
        """See Machine."""
        if maybe("crash"):
            self._probe.report("crashes")
            await asyncio.get_running_loop().create_future()
        if maybe("stall"):
            milliseconds = self.below(STALLS_MS)
            self._probe.report("stalls", milliseconds)
            await asyncio.sleep(milliseconds / 1_000)


class Observed:
    """An app that tells of every call of its map and reduce."""

    def __init__(self, app: App, probe: Probe) -> None:
        self._app = app
        self._probe = probe
        combine: Callable[[str, Sequence[str]], Awaitable[str]] | None
        combine = getattr(app, "combine", None)
        if combine is not None:
            self.combine = combine

    async def map(self, file: str, contents: str) -> Iterable[tuple[str, str]]:
        """See App."""
        for what, given in (("the name", file), ("the contents", contents)):
            if type(given) is not str:
                raise TypeError(
                    f"map(file, contents): expected a str for {what} of the file, got "
                    f"{type(given).__name__}"
                )
        self._probe.report("maps", file)
        return await self._app.map(file, contents)

    async def reduce(self, key: str, values: Sequence[str]) -> str:
        """See App."""
        if type(key) is not str:
            raise TypeError(
                f"reduce(key, values): expected a str for the key, got {type(key).__name__}"
            )
        self._probe.report("reduces", key)
        return await self._app.reduce(key, values)


class Seat:
    """Runs a worker from the beginning of its node on, and tells when it returns."""

    stands_for: ClassVar = "worker"

    def __init__(self, app: str, name: str, end: Any, files: Files, probe: Probe) -> None:
        self._probe = probe
        machine = SimulatedMachine(name, files, probe)
        work = submission.current().function("mapreduce.worker", "worker")
        working = self._work(work, Observed(APPS[app](machine), probe), end, files)
        self._task = asyncio.get_running_loop().create_task(working, name="worker")

    async def _work(
        self, work: Callable[..., Awaitable[object]], app: Observed, end: Any, files: Files
    ) -> None:
        try:
            _ = await work(app, end, files)
        except BaseException as error:  # noqa: BLE001 - the user's, whatever it is
            self._probe.fail(error, "while it ran worker")
            return
        self._probe.report("returned")
