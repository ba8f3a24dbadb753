"""What the tests of the world share: one run of a scenario, fates by name, and student code."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from kvsrv import Clerk, Err, KVServer, PutArgs, PutReply, Version
from labrpc import UNRELIABLE, Conditions, Fate
from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.world.failure import Failure, HandlerCrashed, Misused
from tester.world.run import Outcome, Scenario, run
from tester.world.scenario import SimulatedTest

PERFECT = UNRELIABLE.but(request_loss=(0, 1), reply_loss=(0, 1))
"""Delays, and tasks that are put off, but no faults."""


def once(
    test: SimulatedTest, choices: int | Record = 0, *, keep_trace: bool = True, **conditions: Any
) -> Outcome:
    """Run a test once: with a seed, or with a record; what is not in a record is 0."""
    source = Seeded(choices) if isinstance(choices, int) else Replayed(choices)
    scenario = Scenario(function=test, name=test.__name__, **conditions)
    return run(scenario, Choices(source), keep_trace=keep_trace)


def passes(test: SimulatedTest, choices: int | Record = 0, **conditions: Any) -> Outcome:
    """Run a test that must pass."""
    outcome = once(test, choices, **conditions)
    if outcome.error is not None:
        raise outcome.error
    return outcome


def failure_of(test: SimulatedTest, *, keep_trace: bool = True, **conditions: Any) -> Failure:
    """What a node reported when the test failed."""
    error = once(test, keep_trace=keep_trace, **conditions).error
    assert isinstance(error, HandlerCrashed | Misused), error
    return error.failure


def fates(*rpcs: Mapping[str, int]) -> list[int]:
    """The choices of an end's stream that give its first RPCs these fates, and 0 for all else."""
    return [rpc.get(field, 0) for rpc in rpcs for field in Fate._fields]


def unreliable(conditions: Conditions = UNRELIABLE, **changes: Any) -> Conditions:
    """Conditions under which any fate by name can happen."""
    return conditions.but(duplicate=(1, 10), late=(1, 10), **changes)


async def put_and_get(sim: Simulation, clients: Sequence[Any], rounds: int = 3) -> None:
    """Have the clients race: each puts at the version it has read, and reads what came of it."""

    async def client(ck: Any) -> None:
        for round_ in range(rounds):
            _, version, _ = await ck.get("k")
            await ck.put("k", str(round_), version)

    async with asyncio.TaskGroup() as group:
        for ck in clients:
            group.create_task(client(ck))


class AsyncKVServer(KVServer):
    """Correct, though its put waits before it looks."""

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().put(args)


class RacyKVServer(KVServer):
    """The classic: another put may run between its check and its install."""

    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        _, version = self._table.get(args.key, ("", 0))
        if version != args.version:
            return PutReply(Err.VERSION if version else Err.NO_KEY)
        await asyncio.sleep(0)
        self._table[args.key] = (args.value, version + 1)
        return PutReply(Err.OK)


class CertainClerk(Clerk):
    """Says ErrVersion also after a resend, when it cannot know."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        while True:
            reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
            if reply is not None:
                return reply.err
            await asyncio.sleep(0.1)
