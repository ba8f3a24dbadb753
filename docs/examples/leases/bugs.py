"""Bugs that a queue with leases can have; the suite finds each of them."""

from __future__ import annotations

import json

from jobs import Finished, Lease, Queue


class NoFencing(Queue):
    """Lets a worker finish a job whose lease has expired and is somebody else's now."""

    def _is_latest(self, lease: Lease) -> bool:
        return True


class CountsFinishes(Queue):
    """Says yes to whoever finishes a job, also when it has been finished already."""

    async def finish(self, args: Lease) -> Finished:
        self._done[args.job] = args.token
        await self._save()
        return Finished(True)


class TokensInMemory(Queue):
    """Saves jobs but no tokens: after a restart they begin anew."""

    async def _save(self) -> None:
        jobs = json.dumps(dict.fromkeys(self._jobs, 0)).encode()
        self._disk.write({"jobs": jobs, "done": json.dumps(self._done).encode()})
        await self._disk.sync()


class NeverExpires(Queue):
    """A lease lasts for ever: what a dead worker had taken is never done."""

    def _expired(self, job: str) -> bool:
        return job not in self._until
