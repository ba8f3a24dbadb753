"""The suite of the rsm lab: part 4A and its test of snapshots, and ours."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Final

from kvsrv.rpc import Err
from linearizability.verdict import counted
from tester.labs.kvraft.cluster import ELECTION_TIMEOUT_S, Limits, RSMCluster
from tester.labs.kvraft.generic import LOG_FACTOR
from tester.labs.kvraft.network import CALM, LIMITS, TWICE
from tester.labs.kvraft.replica import DEC, INC, NULL
from tester.labs.kvraft.verdicts import HoldsTooMuch
from tester.world import faults
from tester.world.failure import NodeDown
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

SUBMIT_S: Final = 10
"""How long a request is offered to one server after the other."""
STOP_S: Final = 1
"""In what time whoever waits must be told that nothing can come any more."""
AGREEMENTS: Final = 50
"""How often a group is given one more command until all servers have everything."""
MANY: Final = 100
MAXRAFTSTATE: Final = 1_000
OWN_LIMITS: Final = (400, 700, 1_500, -1, 1_000)
"""A maxraftstate for each server: they make snapshots at different indices, and one makes none."""
CUT_OFF_S: Final = 20
"""Longer than any submit waits that gives up at last."""
FEW, ROUNDS = 100, 6
BYTES_PER_REQUEST: Final = 20
"""What a replica may keep of a request that is over: nothing, if not for chance."""
SLACK: Final = 10_000
"""Bytes by which the log may be longer than before."""


class Lab:
    """Three RSMs with counters, and what the tests of the course do to them."""

    def __init__(self, sim: Simulation, n: int = 3, maxraftstate: Limits = -1) -> None:
        self.sim = sim
        self.group = RSMCluster(sim, n, maxraftstate)
        self.servers = self.group.servers
        self._last_leader = 0
        self._tags = itertools.count(1)
        self._under_way: dict[bytes, int] = {}
        """The requests that have not been answered, and when they were submitted."""
        self._over = False
        """Nobody offers anything any more."""

    def request(self, kind: bytes) -> bytes:
        """A request that has not been submitted yet: no two are the same."""
        return b"%s %d" % (kind, next(self._tags))

    async def submit(self, i: int, kind: bytes) -> tuple[Err, int | None]:
        """Submit a new request to one server; if that is down, it does not lead."""
        request = self.request(kind)
        self._under_way[request] = self.sim.virtual_us
        try:
            return await self.group.rsms[i].submit(request)
        except NodeDown:
            return Err.WRONG_LEADER, None
        finally:
            del self._under_way[request]

    async def offer(self, kind: bytes, among: Sequence[int] = ()) -> int | None:
        """Offer a request to servers in turn, by default the connected ones, until one applies it.

        Returns the reply; None if nobody has for as long as it may take, or until a shutdown.
        """
        deadline = self.sim.now() + SUBMIT_S
        while self.sim.now() < deadline and not self._over:
            first, n = self._last_leader, self.group.n
            for i in [*range(first, n), *range(first)]:
                if i in (among or self.servers.connected()):
                    err, reply = await self.submit(i, kind)
                    if err is Err.OK:
                        self._last_leader = i
                        return reply
            await asyncio.sleep(0.05)
        return None

    async def one(self, among: Sequence[int] = ()) -> int:
        """Count up; the reply may be any, because a lost request may have been applied."""
        reply = await self.offer(INC, among)
        if reply is None:
            raise self.sim.livelock(f"for {SUBMIT_S} s no server has applied a request")
        return reply

    async def agree(self) -> None:
        """Have all servers apply all that any has applied, and some more.

        A new leader commits what others have left when it is asked for something itself.
        """
        for _ in range(AGREEMENTS):
            _ = await self.one()
            await asyncio.sleep(0.1)
            if min(self.group.watch.applied) == self.group.watch.total:
                return
        behind = f"{self.group.watch.applied} requests, of {self.group.watch.total}"
        raise self.sim.livelock(f"all servers can talk, and have applied {behind}")

    async def inc(self, expected: int, among: Sequence[int] = ()) -> None:
        """Count up, and fail unless the reply is what it must be."""
        reply = await self.one(among)
        if reply != expected:
            often = counted(expected, "request")
            raise AssertionError(f"the counter is {reply} after {often} to count up")

    async def check_applied(self, requests: int, n: int) -> None:
        """Wait until `n` servers have applied so many requests; fail if it takes too long.

        That they are in the same state then is watched all the time.
        """
        pause = 0.01
        for _ in range(30):
            found = sum(applied >= requests for applied in self.group.watch.applied)
            if found >= n:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.28)
        raise self.sim.livelock(
            f"{counted(found, 'server')} applied {counted(requests, 'request')}: expected {n}"
        )

    async def count_up(self, times: int, first: int = 1) -> None:
        """Count up so many times, and have all servers follow each time."""
        for i in range(first, first + times):
            await self.inc(i)
            await self.check_applied(i, self.group.n)

    async def crash_all_and_restart(self) -> None:
        """Crash all servers, and start them anew a second later."""
        self.group.crash_all()
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        self.group.restart_all()

    async def shut_down_under_load(self) -> None:
        """Shut all servers down while many requests are under way: everybody is told."""
        _ = await self.group.leader()
        offers = [
            asyncio.create_task(self.offer(NULL), name=f"request {i}")
            for i in range(self.sim.at_most(MANY, "requests"))
        ]
        await asyncio.sleep(0.02)
        self._over = True
        rsms = [await rsm.shut_down() for rsm in self.group.rsms]
        if all(rsms):
            killed_us = self.sim.virtual_us
            await asyncio.sleep(STOP_S)
            self._check_none_waits_since(killed_us)
        for i in range(self.group.n):
            self.servers.stop(i)
        done, _ = await asyncio.wait(offers, timeout=SUBMIT_S + STOP_S)
        if waiting := len(offers) - len(done):
            left = counted(waiting, "request")
            raise self.sim.livelock(f"{left} never got an answer after a shutdown")
        self._over = False

    def _check_none_waits_since(self, us: int) -> None:
        if waiting := sum(since <= us for since in self._under_way.values()):
            raise self.sim.livelock(
                f"all RSMs were killed {STOP_S} s ago, and submit has not returned for {waiting} "
                "requests: nothing can come for them any more"
            )


@simulate(network=CALM, limits=LIMITS)
async def test_basic_4a(sim: Simulation) -> None:
    """Ten requests, one by one: each reply is right, and all servers apply all of them."""
    lab = Lab(sim)
    await lab.count_up(10)
    lab.group.check_no_snapshots()


@simulate(network=CALM, limits=LIMITS)
async def test_concurrent_4a(sim: Simulation) -> None:
    """Fifty requests at once are applied once each."""
    lab = Lab(sim)
    n = sim.at_most(50, "requests")
    async with asyncio.TaskGroup() as group:
        offers = [group.create_task(lab.offer(INC), name=f"request {i}") for i in range(n)]
    if sorted(offer.result() or 0 for offer in offers) != list(range(1, n + 1)):
        replies = [offer.result() for offer in offers]
        raise AssertionError(f"{n} requests to count up were answered {replies}")
    await lab.check_applied(n, 3)


@simulate(network=CALM, limits=LIMITS)
async def test_leader_failure_4a(sim: Simulation) -> None:
    """The leader is cut off, the others make progress, and it catches up when it is back."""
    lab = Lab(sim)
    await lab.inc(1)
    leader = await lab.group.leader()
    lab.servers.disconnect(leader)
    await lab.inc(2)
    await lab.check_applied(2, 2)
    lab.servers.connect(leader)
    await lab.check_applied(2, 3)


@simulate(network=CALM, limits=LIMITS)
async def test_leader_partition_4a(sim: Simulation) -> None:
    """A leader in a minority takes many requests: none is applied, all are answered in time."""
    lab = Lab(sim)
    await lab.inc(1)
    leader = await lab.group.leader()
    rest = [i for i in range(3) if i != leader]
    lab.servers.partition(rest, [leader])
    lost = [
        asyncio.create_task(lab.submit(leader, DEC), name=f"lost {i}")
        for i in range(sim.at_most(MANY, "requests"))
    ]
    await asyncio.sleep(0.01)
    await lab.inc(2, rest)
    await _end_partition(lab, leader, lost, 1)
    await lab.check_applied(2, 3)


async def _end_partition(
    lab: Lab, leader: int, lost: Sequence[asyncio.Task[tuple[Err, int | None]]], seconds: int
) -> None:
    """Connect a leader that was cut off, after some seconds: what it took is answered soon."""
    done, _ = await asyncio.wait(lost, timeout=seconds)
    if any(task.result()[0] is Err.OK for task in done):
        raise AssertionError("a leader that no majority hears answered OK")
    lab.servers.connect_all()
    done, _ = await asyncio.wait(lost, timeout=STOP_S)
    if waiting := len(lost) - len(done):
        raise lab.sim.livelock(
            f"s{leader} can hear of the new leader for {STOP_S} s, and submit has not returned "
            f"for {counted(waiting, 'request')} that it lost with its leadership"
        )
    for task in done:
        if task.result()[0] is not Err.WRONG_LEADER:
            raise AssertionError(f"a request that was lost was answered {task.result()[0]}")


@simulate(network=CALM, limits=LIMITS)
async def test_restart_replay_4a(sim: Simulation) -> None:
    """All servers crash, and restart with the state that their logs give."""
    lab = Lab(sim)
    many = sim.at_most(MANY, "requests")
    await lab.count_up(many)
    await lab.crash_all_and_restart()
    await lab.inc(many + 1)
    await asyncio.sleep(1)
    await lab.check_applied(many + 1, 3)
    lab.group.check_no_snapshots()


@simulate(network=CALM, limits=LIMITS)
async def test_shutdown_4a(sim: Simulation) -> None:
    """Servers are shut down while requests wait: every submit returns."""
    lab = Lab(sim)
    await lab.shut_down_under_load()


@simulate(network=CALM, limits=LIMITS)
async def test_restart_submit_4a(sim: Simulation) -> None:
    """Servers restart, are shut down under load and restart again: each request counts once."""
    lab = Lab(sim)
    many = sim.at_most(MANY, "requests")
    await lab.count_up(many)
    await lab.crash_all_and_restart()
    await lab.inc(many + 1)
    await asyncio.sleep(1)
    await lab.shut_down_under_load()
    lab.group.restart_all()
    await lab.inc(many + 2)
    await lab.check_applied(many + 2, 3)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_4c(sim: Simulation) -> None:
    """Logs stay short, and after all servers crash, snapshots and logs restore the state."""
    lab = Lab(sim, maxraftstate=MAXRAFTSTATE)
    many = sim.at_most(MANY, "requests")
    for i in range(1, many + 1):
        await lab.inc(i)
    await lab.check_applied(many, 3)
    lab.group.check_log_sizes(2 * MAXRAFTSTATE)
    lab.group.crash_all()
    lab.group.restart_all()
    await lab.inc(many + 1)
    await lab.check_applied(many + 1, 3)


# -- not among the tests of the course ----------------------------------------------------------


@simulate(network=CALM, limits=LIMITS)
async def test_laggard_gets_a_snapshot(sim: Simulation) -> None:
    """A server misses more than the logs hold, and continues from another's snapshot."""
    lab = Lab(sim, maxraftstate=MAXRAFTSTATE)
    for _ in range(sim.at_most(3, "rounds")):
        leader = await lab.group.leader()
        lab.servers.disconnect((leader + 1) % 3)
        for _ in range(30):
            await lab.one()
        lab.servers.connect_all()
        await lab.agree()


@simulate(network=CALM, limits=LIMITS)
async def test_minority_for_long(sim: Simulation) -> None:
    """A leader is cut off for long: it may give up what it was asked for, and never says OK."""
    lab = Lab(sim)
    await lab.inc(1)
    leader = await lab.group.leader()
    lab.servers.disconnect(leader)
    lost = [
        asyncio.create_task(lab.submit(leader, DEC), name=f"lost {i}")
        for i in range(sim.at_most(3, "requests"))
    ]
    await lab.inc(2, [i for i in range(3) if i != leader])
    await _end_partition(lab, leader, lost, CUT_OFF_S)
    await lab.check_applied(2, 3)


async def _disturbed(sim: Simulation, lab: Lab) -> None:
    """Requests for whoever leads, while messages and servers suffer; in the end all agree."""
    _ = sim.nemesis(
        *(faults.crash, faults.partition, faults.isolate_leader, faults.one_way),
        seconds=8,
        leader=lab.group.leader_name,
    )
    requests = []
    for _ in range(sim.at_most(160, "rounds")):
        for i in range(lab.group.n):
            if lab.servers.is_up(i):
                request = asyncio.create_task(lab.submit(i, INC), name=f"request to s{i}")
                requests.append(request)
        await asyncio.sleep(lab.group.below(100) / 1_000)
    await lab.group.calm()
    await lab.agree()
    done, _ = await asyncio.wait(requests, timeout=STOP_S)
    if waiting := len(requests) - len(done):
        raise sim.livelock(
            f"all servers have applied everything, and submit has not returned for {waiting} "
            "requests that were lost long ago"
        )


@simulate(network=TWICE, limits=LIMITS)
async def test_leaders_come_and_go(sim: Simulation) -> None:
    """Requests go to all servers while leaders are deposed: each is applied at most once."""
    await _disturbed(sim, Lab(sim))


@simulate(network=TWICE, limits=LIMITS)
async def test_snapshots_at_different_times(sim: Simulation) -> None:
    """Requests go to all servers, which make snapshots of different prefixes of the log."""
    await _disturbed(sim, Lab(sim, 5, OWN_LIMITS))


@simulate(network=CALM, limits=LIMITS)
async def test_forgets_requests_that_are_over(sim: Simulation) -> None:
    """A replica keeps nothing of requests that were answered or lost, and its log stays short."""
    lab = Lab(sim, maxraftstate=MAXRAFTSTATE)
    few, rounds = sim.at_most(FEW, "requests"), sim.at_most(ROUNDS, "rounds")
    await _lose(lab, few)
    before = await _held(lab)
    for _ in range(rounds):
        await _lose(lab, few)
    lab.group.check_log_sizes(LOG_FACTOR * MAXRAFTSTATE)
    more = 2 * rounds * few
    for name, held in (await _held(lab)).items():
        if held - before[name] > more * BYTES_PER_REQUEST + SLACK:
            raise HoldsTooMuch(
                f"{name} holds {held - before[name]} bytes more after {more} more requests, all "
                "of which are over: forget a request when submit returns"
            )


async def _held(lab: Lab) -> dict[str, int]:
    """Bytes that each replica holds, after a last snapshot.

    One that is written in the background keeps the next one waiting, and the log with it.
    """
    _ = await lab.one()
    await asyncio.sleep(0.1)
    return lab.group.held()


async def _lose(lab: Lab, requests: int) -> None:
    """Have so many requests lost with the leadership of their server, and as many applied."""
    leader = await lab.group.leader()
    lab.servers.disconnect(leader)
    lost = [
        asyncio.create_task(lab.submit(leader, DEC), name=f"lost {i}") for i in range(requests)
    ]
    rest = [i for i in range(3) if i != leader]
    await lab.one(rest)
    lab.servers.connect_all()
    _ = await asyncio.gather(*lost)
    async with asyncio.TaskGroup() as group:
        for i in range(requests):
            _ = group.create_task(lab.offer(INC), name=f"request {i}")
    await lab.agree()
