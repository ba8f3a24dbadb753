"""The shell: what it keeps over failures, what it sends and when, and that it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from raft import Raft
from raft.messages import AppendEntriesArgs, Entry, RequestVoteArgs
from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM
from tester.world import faults
from tester.world.simulate import run_all, simulate
from tester.world.simulation import Simulation
from tests.labs.raft.rafts import instead
from tests.world.lab import passes

DURABILITY = (faults.power_failure, faults.slow_disk, faults.partition, faults.losses)


async def commands_all_the_time(sim: Simulation) -> None:
    """Starts commands everywhere while faults strike; at the end all must agree on one more."""
    n = 3 + 2 * sim.choices.below(2, "work/raft")
    raft = RaftCluster(sim, n, snapshots=bool(sim.choices.below(2, "work/raft")))
    while sim.now() < 10:
        for i in range(n):
            _ = await raft.start(i, raft.command())
        await asyncio.sleep(raft.below(400) / 1_000)
    await asyncio.sleep(8)  # until what was started while faults struck is over
    _ = await raft.one(b"last", n)


@simulate(seeds=20, network=CALM, faults=faults.ALL)
async def test_whatever_strikes_all_agree_in_the_end(sim: Simulation) -> None:
    await commands_all_the_time(sim)


@simulate(seeds=20, network=CALM, faults=DURABILITY)
async def test_a_power_failure_takes_nothing_that_a_peer_has_told(sim: Simulation) -> None:
    await commands_all_the_time(sim)


class Hasty(Raft):
    """Sends what it has saved before it is safe."""

    async def _sync(self) -> None:
        self._safe = self._saves
        self._release()


def test_what_is_told_before_it_is_safe_is_noticed() -> None:
    scenario = simulate(seeds=20, network=CALM, faults=DURABILITY)(
        commands_all_the_time
    ).simulation
    with instead(Hasty), pytest.raises(AssertionError):
        run_all(scenario)


@simulate(seeds=5, network=CALM)
async def test_a_peer_that_is_not_reached_is_sent_each_entry_once(sim: Simulation) -> None:
    raft = RaftCluster(sim, 3)
    leader = await raft.check_one_leader()
    victim = (leader + 1) % 3
    raft.servers.disconnect(victim)
    before = sim.network.byte_total
    for _ in range(10):
        _ = await raft.one(bytes(10_000), 2)
    await asyncio.sleep(5)
    assert sim.network.byte_total - before < 250_000, "two peers, ten commands, and heartbeats"
    raft.servers.connect(victim)
    _ = await raft.one(b"x", 3)


@simulate(seeds=5, network=CALM)
async def test_an_idle_leader_sends_at_most_ten_heartbeats_a_second(sim: Simulation) -> None:
    raft = RaftCluster(sim, 3)
    _ = await raft.check_one_leader()
    before = sim.network.rpc_total
    await asyncio.sleep(2)
    assert 2 * 2 * 6 <= sim.network.rpc_total - before <= 2 * 2 * 10


class Calls:
    """A peer of three, whose calls to the others are counted and never answered."""

    def __init__(self, persister: Any) -> None:
        self.sent: list[Any] = []
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.raft = Raft([self, self, self], 0, persister, self.queue)  # type: ignore[list-item]

    def call(self, method: object, args: Any) -> Awaitable[None]:
        self.sent.append(args)
        return asyncio.get_running_loop().create_future()


class Memory:
    """A persister whose writes are safe when the test says so."""

    def __init__(self) -> None:
        self.files = b"", b""
        self.safe = asyncio.Event()

    def save(self, raft_state: bytes, snapshot: bytes) -> None:
        self.files = raft_state, snapshot
        self.safe = asyncio.Event()

    async def sync(self) -> None:
        _ = await self.safe.wait()

    def read_raft_state(self) -> bytes:
        return self.files[0]

    def read_snapshot(self) -> bytes:
        return self.files[1]


class Script:
    """What is tried with one Raft, on a node."""

    async def run(self) -> None: ...


class Candidate(Script):
    async def run(self) -> None:
        disk = Memory()
        peer = Calls(disk)
        await asyncio.sleep(0.7)
        assert disk.files[0], "its own vote is saved,"
        assert peer.sent == [], "and while it is not safe, nobody hears of it"
        assert peer.raft.get_state() == (1, False)
        disk.safe.set()
        await asyncio.sleep(0.01)
        assert [type(args) for args in peer.sent] == [RequestVoteArgs] * 2


class Voter(Script):
    async def run(self) -> None:
        disk = Memory()
        peer = Calls(disk)
        asked = RequestVoteArgs(1, 1, 0, 0)
        first = asyncio.ensure_future(peer.raft.request_vote(asked))
        again = asyncio.ensure_future(peer.raft.request_vote(asked))
        await asyncio.sleep(0.1)
        assert not first.done()
        assert not again.done(), "it changes nothing, but tells what the first one has changed"
        disk.safe.set()
        assert (await first).granted
        assert (await again).granted


class Follower(Script):
    async def run(self) -> None:
        disk = Memory()
        disk.safe.set()
        peer = Calls(disk)
        sent = AppendEntriesArgs(1, 1, 0, 0, [Entry(1, b"x")], 1)
        heard = asyncio.ensure_future(peer.raft.append_entries(sent))
        await asyncio.sleep(0.1)
        assert not heard.done()
        assert peer.queue.empty(), "the entry is committed, but not safe here yet"
        disk.safe.set()
        assert (await heard).success
        assert peer.queue.get_nowait().command_index == 1


class Killed(Script):
    async def run(self) -> None:
        disk = Memory()
        peer = Calls(disk)
        disk.safe.set()
        peer.raft.kill()
        await asyncio.sleep(5)
        assert peer.sent == []
        assert peer.raft.start(b"x") == (-1, 0, False)


class KilledWhileItSaves(Script):
    async def run(self) -> None:
        disk = Memory()
        peer = Calls(disk)
        await asyncio.sleep(0.7)
        peer.raft.kill()
        disk.safe.set()
        await asyncio.sleep(5)
        assert peer.sent == []


class Restarted(Script):
    async def run(self) -> None:
        disk = Memory()
        first = Calls(disk)
        disk.safe.set()
        entries = [Entry(term, b"x") for term in (1, 4, 4)]
        sent = AppendEntriesArgs(4, 2, 0, 0, entries, 2)
        heard = asyncio.ensure_future(first.raft.append_entries(sent))
        await asyncio.sleep(0.1)
        disk.safe.set()
        assert (await heard).success
        first.raft.snapshot(1, b"snapshot")
        first.raft.kill()
        told = first.raft.describe()
        assert told == {
            "term": 4,
            "voted_for": None,
            "role": "follower",
            "leader": 2,
            "commit": 2,
            "applied": 2,
            "base": 1,
            "base_term": 1,
            "terms": [4, 4],
        }
        again = Calls(disk)
        assert again.raft.describe() == told | {"leader": None, "commit": 1, "applied": 1}
        assert disk.read_snapshot() == b"snapshot"


@pytest.mark.parametrize(
    "script", [Candidate, Voter, Follower, Killed, KilledWhileItSaves, Restarted]
)
def test_one_peer(script: type[Script]) -> None:
    async def scenario(sim: Simulation) -> None:
        await sim.node("s0").make(script).run()

    _ = passes(scenario, network=CALM)
