"""A lock as its clients see it: one holder at a time, and never idle for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from tester.labs.kvtest import Client
from tester.world.failure import MutualExclusionViolated
from tester.world.handles import LockHandle
from tester.world.history import seconds
from tester.world.simulation import Simulation

# Not marked as the harness's: that a watch raised, and where, tells one kind of failure from
# another while it is shrunk, whichever line of the suite was waiting.

PROGRESS_US: Final = 10_000_000
"""A lock that is free while somebody waits for it must have a holder after so long."""


class Watch:
    """One lock as its clients see it: who holds it, how many wait, since when it lies idle."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self.acquired: dict[str, int] = {}
        """How often each client got the lock."""
        self._sim = sim
        self._name = name
        self._holder: str | None = None
        self._since = 0
        self._waiting = 0
        self._idle_since = 0

    def lock(self, client: Client) -> Handle:
        """A client's handle on the lock."""
        self.acquired[client.name] = 0
        return Handle(self, client.name, client.sim.lock(client.clerk, self._name))

    def waits(self) -> None:
        """Somebody has called acquire or release."""
        if not self._waiting:
            self._idle_since = self._sim.virtual_us
        self._waiting += 1

    def got(self, client: str) -> None:
        """The client's acquire has returned."""
        if self._holder is not None:
            raise MutualExclusionViolated(
                f"{client} has acquired the lock {self._name!r}, and {self._holder} has held it "
                f"since {seconds(self._since)} s",
                moments=[self._since],
            )
        self._waiting -= 1
        self._holder, self._since = client, self._sim.virtual_us
        self.acquired[client] += 1

    def lets_go(self) -> None:
        """The holder has called release: from now on somebody else may have the lock."""
        self._holder = None
        self._idle_since = self._sim.virtual_us
        self.waits()

    def gave(self) -> None:
        """The release has returned."""
        self._waiting -= 1
        self._idle_since = self._sim.virtual_us

    async def progress(self) -> None:
        """Fail the run when the lock has been idle for too long; never returns."""
        while True:
            await asyncio.sleep(1)
            idle = self._sim.virtual_us - self._idle_since
            if self._holder is None and self._waiting and idle > PROGRESS_US:
                waiting = self._waiting
                raise self._sim.livelock(
                    f"for {idle / 1e6:.3f} s nobody has held the lock {self._name!r}, and "
                    f"{waiting} {'client waits' if waiting == 1 else 'clients wait'} for acquire "
                    "or release to return"
                )


class Handle:
    """A client's handle on a lock, which tells the watch."""

    def __init__(self, watch: Watch, client: str, lock: LockHandle) -> None:
        self._watch = watch
        self._client = client
        self._lock = lock

    async def acquire(self) -> None:
        """Return when the client holds the lock."""
        self._watch.waits()
        await self._lock.acquire()
        self._watch.got(self._client)

    async def release(self) -> None:
        """Give it back."""
        self._watch.lets_go()
        await self._lock.release()
        self._watch.gave()


@contextlib.asynccontextmanager
async def watching(sim: Simulation, name: str) -> AsyncIterator[Watch]:
    """Watch a lock: inside, no two clients hold it at once, and it never lies idle for long.

    A client that stops only after an acquisition has then got in, however unlucky it was.
    """
    watch = Watch(sim, name)
    async with asyncio.TaskGroup() as group:
        progress = group.create_task(watch.progress(), name=f"watch over {name}")
        yield watch
        progress.cancel()
    sim.note(f"the lock {name!r} went to {watch.acquired}")
