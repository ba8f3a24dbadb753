"""Tests of a Raft that are not among those of the course: groups and logs that it never makes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from tester.labs.raft.agreement import start_on_leader
from tester.labs.raft.cluster import ELECTION_TIMEOUT_S, RaftCluster
from tester.labs.raft.network import CALM, LIMITS
from tester.labs.raft.ours import ELECTED_S, is_elected, new_leader
from tester.labs.raft.peer import SNAPSHOT_EVERY
from tester.world.failure import TooManyRpcs
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

IDLE_RPCS: Final = 60
"""In a second, as in `test_count_3b`: ten heartbeats to each of two followers, and some more."""

HEARD_MS: Final = 300
"""Within so long a server hears from whoever leads: two heartbeats and more."""
ANY_BYTES: Final = (b"", b"\0", b"\xff\xfe", b"\n", b"same", b"same", b"", b'"]', b"long" * 10_000)
"""Commands that are no text, nothing, or what another one is."""


@simulate(network=CALM, limits=LIMITS)
async def test_half_is_no_majority(sim: Simulation) -> None:
    """Two of four servers elect no leader and commit nothing; three do both."""
    raft = RaftCluster(sim, 4)
    servers = raft.servers
    _ = await raft.one(b"agreed", 4)
    old = await raft.check_one_leader()
    near, *far = [i for i in range(4) if i != old]
    servers.partition([old, near], far)
    index = await start_on_leader(raft, old, b"on two of four")
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    raft.check_no_agreement(index)
    for i in far:
        term, leads = await raft.get_state(i)
        if leads:
            raise AssertionError(f"s{i} claims to lead term {term}, and hears one of three others")
    servers.partition([near, *far], [])
    _ = await raft.one(b"agreed by three", 3)
    servers.connect_all()
    _ = await raft.one(b"agreed by all", 4)


@simulate(network=CALM, limits=LIMITS)
async def test_snapshot_into_wrong_log(sim: Simulation) -> None:
    """A server has many wrong entries, and gets a snapshot that ends in the middle of them."""
    raft = RaftCluster(sim, 3, snapshots=True)
    servers = raft.servers
    for _ in range(sim.at_most(3, "rounds")):
        _ = await raft.one(raft.command(), 3)
        old = await raft.check_one_leader()
        servers.disconnect(old)
        for _ in range(3 * SNAPSHOT_EVERY):  # will never be committed
            _ = await raft.start(old, raft.command())
        for _ in range(2 * SNAPSHOT_EVERY):
            _ = await raft.one(raft.command(), 2)
        servers.connect(old)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_count_after_elections(sim: Simulation) -> None:
    """After many elections, an idle group sends no more RPCs than after the first one."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    for _ in range(sim.at_most(8, "elections")):
        leader = await raft.check_one_leader()
        servers.disconnect(leader)
        _ = await new_leader(raft, [i for i in range(3) if i != leader])
        servers.connect(leader)
    _ = await raft.one(b"agreed", 3)
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    before = sum(map(sim.network.rpc_count, servers.names))
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    used = sum(map(sim.network.rpc_count, servers.names)) - before
    if used > IDLE_RPCS:
        raise TooManyRpcs(
            f"{used} RPCs were sent in an idle second after some elections: {IDLE_RPCS} are enough"
        )


@simulate(network=CALM, limits=LIMITS)
async def test_counts_begin_anew(sim: Simulation) -> None:
    """A server leads again, and uses nothing it knew about the others' logs when it led before."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(b"agreed", 5)
    first = await raft.check_one_leader()
    near, *far = [i for i in range(5) if i != first]
    servers.partition([first, near], far)
    for _ in range(5):
        _ = await start_on_leader(raft, first, b"lost")
    await asyncio.sleep(0.3)  # and first hears that near has them all

    second = await new_leader(raft, far)
    servers.partition([first, second], [])  # both are ahead of the others then
    _ = await start_on_leader(raft, second, b"later")
    await asyncio.sleep(0.3)
    one, other = (i for i in far if i != second)
    servers.partition([first, one, other], [])
    if await is_elected(raft, first, [first, one, other]):
        servers.partition([first, one], [])
        for _ in range(5):
            _ = await raft.start(first, b"on two of five")
        await asyncio.sleep(0.5)

    servers.partition([second, near, other], [])
    _ = await raft.one(b"agreed, too", 3)
    servers.connect_all()
    _ = await raft.one(b"agreed by all", 5)


@simulate(network=CALM, limits=LIMITS)
async def test_any_command(sim: Simulation) -> None:
    """Commands are any bytes, empty or equal ones too, on the network, in the log and on disk."""
    raft = RaftCluster(sim, 3)
    leader = await raft.check_one_leader()
    behind = (leader + 1) % 3
    raft.servers.disconnect(behind)
    for command in ANY_BYTES[: sim.at_most(len(ANY_BYTES), "commands")]:
        index, term, leads = await raft.start(leader, command)
        if leads and await raft.wait(index, 2, term) not in (command, None):
            raise AssertionError(
                f"{command!r} got the index {index} of term {term}, and "
                f"{raft.committed(index)!r} was applied there"
            )
    up = [i for i in range(3) if i != behind]
    for i in up:
        raft.servers.crash(i)
    raft.restart(*up)
    _ = await raft.one(b"agreed by all", 3)


@simulate(network=CALM, limits=LIMITS)
async def test_starts_while_deposed(sim: Simulation) -> None:
    """A leader is asked every millisecond while it hears that there is a later one."""
    raft = RaftCluster(sim, 3)
    for _ in range(sim.at_most(3, "rounds")):
        _ = await raft.one(raft.command(), 3)
        old = await raft.check_one_leader()
        raft.servers.disconnect(old)
        _ = await new_leader(raft, [i for i in range(3) if i != old])
        _ = await raft.one(raft.command(), 2)
        raft.servers.connect(old)
        starts = []
        for _ in range(sim.at_most(HEARD_MS, "commands")):
            start = asyncio.create_task(raft.start(old, raft.command()), name="start")
            starts.append(start)
            await asyncio.sleep(0.001)
        await asyncio.gather(*starts)
        _ = await raft.one(raft.command(), 3)


@simulate(network=CALM, limits=LIMITS)
async def test_deposed_leader_keeps_its_log(sim: Simulation) -> None:
    """A leader that is deposed at once has an entry that is committed, and may not know of it."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    for _ in range(sim.at_most(2, "rounds")):
        _ = await raft.one(raft.command(), 3)
        first = await raft.check_one_leader()
        near, far = (i for i in range(3) if i != first)
        servers.disconnect(far)
        index = await start_on_leader(raft, first, raft.command())
        await _soon(raft, partial(raft.n_committed, index))
        servers.disconnect(first)
        servers.connect(far)
        await _soon(raft, partial(getattr, raft.safety.servers[near], "leads"))
        servers.disconnect(near)
        await asyncio.sleep(ELECTION_TIMEOUT_S)
        servers.connect(near)
        _ = await raft.one(raft.command(), 2)
        servers.connect_all()


@simulate(network=CALM, limits=LIMITS)
async def test_figure8_with_a_newer_entry(sim: Simulation) -> None:
    """An old entry is on three of five servers, and one of the leader's own term on two."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(b"agreed", 5)
    first = await raft.check_one_leader()
    near, *far = [i for i in range(5) if i != first]
    servers.disconnect(*far)
    _ = await start_on_leader(raft, first, b"older")
    await asyncio.sleep(0.2)

    servers.disconnect(first, near)
    servers.connect(*far)
    second = await raft.check_one_leader()
    servers.disconnect(*far)
    _ = await start_on_leader(raft, second, b"later")
    third, other = (i for i in far if i != second)

    servers.connect(first, near, third)  # the older entry comes to a majority, and is of no use
    leader = await new_leader(raft, [first, near, third])
    await asyncio.sleep(0.2)
    servers.disconnect(third)
    _ = await raft.start(leader, b"newer")
    await asyncio.sleep(0.2)

    servers.disconnect(first, near)
    servers.connect(second, other, third)
    _ = await raft.one(b"agreed, too", 3)
    servers.connect_all()
    _ = await raft.one(b"agreed by all", 5)


async def _soon(raft: RaftCluster, holds: Callable[[], object]) -> None:
    """Return as soon as it holds, and not much later than it should."""
    deadline = raft.sim.now() + ELECTED_S
    while not holds() and raft.sim.now() < deadline:
        await asyncio.sleep(0.001)
