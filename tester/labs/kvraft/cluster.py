"""The test layer of the replicated labs: what their suites are written with, and yours can be.

    @simulate(network=CALM)
    async def test_crash(sim: Simulation) -> None:
        kv = KVCluster(sim, 3)
        ck = kv.clerk()
        await ck.put("k", "x", 0)
        kv.servers.crash(await kv.leader())
        await within(sim, 5, ck.get("k"), "the leader has crashed, and two servers are left")

Servers are numbered from 0. Times are virtual seconds. Whatever is random is a choice of the run.
While the test runs, `Watch` looks at every replica.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, cast

from labrpc.errors import TesterError
from raft.api import SNAPSHOT
from tester.labs.kvraft.network import CALM
from tester.labs.kvraft.replica import RSMReplica, Server, ServerReplica, Submitter
from tester.labs.kvraft.verdicts import LogsTooLong, UnwantedSnapshot
from tester.labs.kvraft.watch import Watch
from tester.labs.raft.cluster import saved_beside_snapshot
from tester.world import submission
from tester.world.group import Group
from tester.world.handles import KV, AppendKV
from tester.world.nodes import Remote
from tester.world.simulate import Conditions
from tester.world.simulation import Simulation

T = TypeVar("T")

ELECTION_TIMEOUT_S: Final = 1
"""What an election has finished within, generously."""
LEADER_S: Final = 5
"""In what time a group with a majority must have a leader that serves."""


class Cluster:
    """A group of replicas, and what a test does to them."""

    def __init__(self, sim: Simulation, n: int, *, once: bool = False) -> None:
        self.sim = sim
        self.servers = Group(sim, n)
        self.watch = Watch(sim, self.servers.names, once=once)
        self._replicas: list[Server] = []

    def _watch(self, replicas: list[Server]) -> None:
        """Watch the replicas from their first step on."""
        self._replicas = replicas
        self.sim.always("replicas agree", self.watch, *replicas)

    @property
    def n(self) -> int:
        """How many servers there are."""
        return len(self.servers)

    def below(self, n: int) -> int:
        """An integer in [0, n), by a choice of the test."""
        return self.sim.choices.below(n, "work/kvraft")

    async def get_state(self, i: int) -> tuple[int, bool]:
        """(term, whether it leads), as a server that is up sees it now."""
        seen = self.watch.leaders.servers[i]
        if seen.asked and self.servers.is_up(i):
            return seen.term, seen.leads
        return await self._replicas[i].get_state()

    async def leader(self) -> int:
        """Who leads among the connected servers: of several, the one of the highest term."""
        deadline = self.sim.now() + LEADER_S
        while self.sim.now() < deadline:
            leaders = []
            for i in self.servers.connected():
                term, leads = await self.get_state(i)
                if leads:
                    leaders.append((term, i))
            if leaders:
                return max(leaders)[1]
            await asyncio.sleep(0.02)
        raise self.sim.livelock(f"a leader was expected within {LEADER_S} s, and there is none")

    def leader_name(self) -> str | None:
        """Who leads at this moment, as far as the watch knows."""
        leaders = [seen for seen in self.watch.leaders.servers if seen.leads]
        return max(leaders, key=lambda seen: seen.term).name if leaders else None

    def crash_all(self) -> None:
        """Take all servers down: what they have saved is left."""
        for i in range(self.n):
            self.servers.crash(i)

    def restart_all(self) -> None:
        """Start those that are down anew, with what they have saved, and connect all."""
        for i in range(self.n):
            if not self.servers.is_up(i):
                self.servers.restart(i)
        self.servers.connect_all()

    def disturb_peers(self, conditions: Conditions | None) -> None:
        """Give the links between servers conditions of their own; None: the network's again.

        Only there a network may deliver a request twice without wronging a clerk: of two copies of
        one put, the second one finds the version used up, and may be answered first.
        """
        for (one, other), end in self.servers.links.items():
            if one != other:
                self.sim.network.set_conditions(conditions, end)

    async def calm(self) -> None:
        """Have nothing fail any more: all servers are up and can talk, on a reliable network."""
        await self.sim.quiet()
        self.sim.network.conditions = CALM
        self.disturb_peers(None)
        self.restart_all()

    def held(self) -> dict[str, int]:
        """Bytes that each replica holds in memory, with all that it refers to."""
        replicas = cast(list[Remote], self._replicas)
        return {
            name: self.sim.measure(one)
            for name, one in zip(self.servers.names, replicas, strict=True)
        }

    def log_sizes(self) -> dict[str, int]:
        """Bytes that each server has saved, but for its snapshot."""
        return {
            node.name: saved_beside_snapshot(node.store.files()) for node in self.servers.nodes
        }

    def snapshot_sizes(self) -> dict[str, int]:
        """Bytes of the snapshot that each server has saved."""
        return {
            node.name: len(node.store.files().get(SNAPSHOT, b"")) for node in self.servers.nodes
        }

    def check_log_sizes(self, most: int) -> None:
        """Fail if a server has saved a Raft state of more bytes than that."""
        for name, size in self.log_sizes().items():
            if size > most:
                raise LogsTooLong(
                    f"{name} has saved a Raft state of {size} bytes, and {most} are allowed: when "
                    "it comes near maxraftstate, hand Raft a snapshot of what has been applied"
                )

    def check_no_snapshots(self) -> None:
        """Fail if a server has saved a snapshot: with a maxraftstate of -1 it takes none."""
        for name, size in self.snapshot_sizes().items():
            if size:
                raise UnwantedSnapshot(
                    f"{name} has saved a snapshot of {size} bytes, though maxraftstate is -1"
                )

    def check_snapshot_sizes(self, most: int) -> None:
        """Fail if a server has saved a snapshot of more bytes than that."""
        for name, size in self.snapshot_sizes().items():
            if size > most:
                raise LogsTooLong(
                    f"{name} has saved a snapshot of {size} bytes, and {most} are allowed"
                )


Limits = int | Sequence[int]
"""What maxraftstate is: the same for all servers, or for each its own."""


def _limits(maxraftstate: Limits, n: int) -> Sequence[int]:
    if isinstance(maxraftstate, int):
        return [maxraftstate] * n
    if len(maxraftstate) != n:
        raise TesterError(f"expected maxraftstate for {n} servers, got {len(maxraftstate)}")
    return maxraftstate


class RSMCluster(Cluster):
    """Replicas of the rsm lab."""

    def __init__(self, sim: Simulation, n: int, maxraftstate: Limits = -1) -> None:
        super().__init__(sim, n, once=True)
        _ = sim.submission.get("kvraft.rsm", "RSM")  # whatever is wrong with it is said here
        self.rsms: list[Submitter] = []
        limits = _limits(maxraftstate, n)
        for i, node in enumerate(self.servers.nodes):
            ends = self.servers.ends(i)
            arguments = (i, limits[i], node.disk, node.probe, *ends)
            made = node.make(RSMReplica, *arguments, like=Submitter, name=node.name)
            node.serve(made)
            self.rsms.append(cast(Submitter, made))
        self._watch([cast(Server, one) for one in self.rsms])


class Service(NamedTuple):
    """A store that the suites know: where a submission has it, and how its clerks are called."""

    server: str
    client: str
    interface: type


VERSIONED: Final = Service("kvraft.server", "kvraft.client", KV)
APPEND: Final = Service("kvraft.dedup.server", "kvraft.dedup.client", AppendKV)


class MakeClerk:
    """Makes the clerk of a module of the submission on its node, with an end to each server."""

    stands_for: ClassVar = "Clerk"

    def __new__(cls, module: str, *ends: object) -> Any:
        """Make it."""
        return submission.current().get(module, "Clerk")(list(ends))


class StoreCluster(Cluster):
    """Servers of a replicated store, and clerks of theirs."""

    def __init__(
        self, sim: Simulation, n: int, service: Service, maxraftstate: Limits = -1
    ) -> None:
        super().__init__(sim, n)
        for module, name in ((service.server, "KVServer"), (service.client, "Clerk")):
            _ = sim.submission.get(module, name)  # whatever is wrong with it is said here
        self._service = service
        self._numbers = itertools.count()
        limits = _limits(maxraftstate, n)
        servers: list[Server] = []
        for i, node in enumerate(self.servers.nodes):
            ends = self.servers.ends(i)
            arguments = (service.server, i, limits[i], node.disk, node.probe, *ends)
            made = node.make(ServerReplica, *arguments, like=Server, name=node.name)
            node.serve(made)
            servers.append(cast(Server, made))
        self._watch(servers)

    def next_name(self) -> str:
        """What the next client is called."""
        return f"c{next(self._numbers)}"

    def make_clerk(self) -> tuple[str, list[str], Any]:
        """A clerk on a node of its own: its name, those of its ends, and itself."""
        name = self.next_name()
        node = self.sim.node(name)
        names = [f"{name}.{server}" for server in self.servers.names]
        ends = [node.end(*both) for both in zip(names, self.servers.names, strict=True)]
        service = self._service
        made = node.make(MakeClerk, service.client, *ends, like=service.interface, name=name)
        return name, names, made

    def limit(self, clerk: str, servers: Sequence[int]) -> None:
        """Have the clerk of that name reach only these servers."""
        for i, server in enumerate(self.servers.names):
            self.sim.network.enable(f"{clerk}.{server}", i in servers)


async def within(sim: Simulation, seconds: int, operation: Awaitable[T], though: str) -> T:
    """Await an operation, and fail with a livelock if it takes longer. `though`: why it may not.

    Who called it is told nothing more: it stays open in the history.
    """
    try:
        async with asyncio.timeout(seconds):
            return await operation
    except TimeoutError:
        raise sim.livelock(
            f"an operation should have completed within {seconds} s: {though}"
        ) from None
