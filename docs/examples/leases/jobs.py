"""A queue of jobs with leases: a worker that takes a job has it for a while, and then others may.

A lease has a token, and each lease of a job has a larger one: a *fencing token*, see Kleppmann,
"How to do distributed locking" (2016). A worker that stood still, or whose clock is slow, may
believe that it holds a lease which has expired. The queue lets it finish the job only if nobody
has been given a later lease.
"""

from __future__ import annotations

import asyncio
import json
import time

from labrpc import ClientEnd, Message
from tester import Disk

LEASE_S = 1.0


class Add(Message, frozen=True):
    job: str


class Take(Message, frozen=True):
    worker: str


class Lease(Message, frozen=True):
    job: str
    """"": there is nothing to do now."""
    token: int


class Finished(Message, frozen=True):
    yes: bool


class Queue:
    """Jobs, and the leases on them. What must survive a crash is on the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._jobs: dict[str, int] = json.loads(disk.read("jobs") or b"{}")
        """The latest token of each job; 0: nobody has taken it."""
        self._done: dict[str, int] = json.loads(disk.read("done") or b"{}")
        """The token under which a job was finished."""
        self._until: dict[str, float] = {}
        """When the lease of a job expires; after a restart, nobody knows: at once."""

    async def add(self, args: Add) -> Finished:
        """Add a job, once."""
        self._jobs.setdefault(args.job, 0)
        await self._save()
        return Finished(True)

    async def take(self, args: Take) -> Lease:
        """Lease a job that is neither done nor leased."""
        for job, token in self._jobs.items():
            if job not in self._done and self._expired(job):
                lease = Lease(job, token + 1)
                self._jobs[job] = lease.token
                self._until[job] = time.monotonic() + LEASE_S
                await self._save()
                return lease
        return Lease("", 0)

    def _expired(self, job: str) -> bool:
        return self._until.get(job, 0.0) <= time.monotonic()

    async def finish(self, args: Lease) -> Finished:
        """Finish a job under the latest lease on it; asked again, the answer is the same."""
        if args.job not in self._done and self._is_latest(args):
            self._done[args.job] = args.token
        await self._save()
        return Finished(self._done.get(args.job) == args.token)

    def _is_latest(self, lease: Lease) -> bool:
        return self._jobs[lease.job] == lease.token

    async def _save(self) -> None:
        self._disk.write(
            {"jobs": json.dumps(self._jobs).encode(), "done": json.dumps(self._done).encode()}
        )
        await self._disk.sync()

    def describe(self) -> dict[str, list[str]]:
        """What an invariant sees."""
        return {"jobs": list(self._jobs), "done": list(self._done)}


class Worker:
    """A client of the queue: it asks until it has an answer."""

    def __init__(self, end: ClientEnd, name: str) -> None:
        self._end = end
        self._name = name

    async def add(self, job: str) -> None:
        """Add a job."""
        while await self._end.call(Queue.add, Add(job)) is None:
            await asyncio.sleep(0.1)

    async def take(self) -> tuple[str, int]:
        """A job and the token of the lease on it; ("", 0) if there is nothing to do now."""
        while (lease := await self._end.call(Queue.take, Take(self._name))) is None:
            await asyncio.sleep(0.1)
        return lease.job, lease.token

    async def finish(self, job: str, token: int) -> bool:
        """Say that the job is done: whether it counts."""
        while (reply := await self._end.call(Queue.finish, Lease(job, token))) is None:
            await asyncio.sleep(0.1)
        return reply.yes
