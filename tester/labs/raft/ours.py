"""Tests of a Raft that are not among those of the course: what its network and disks never do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tester.labs.raft.agreement import start_on_leader
from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.network import CALM, LIMITS, ROUGH
from tester.world import faults
from tester.world.failure import TooManyRpcs
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

ELECTED_S: Final = 5
"""What the lab allows an election to take, as long as a majority can talk."""
WRONG: Final = 100
"""How many entries a server has to give up."""
BACKUP_S: Final = 5
BACKUP_RPCS: Final = 70
"""Five seconds of heartbeats would take a hundred; all others are to be few."""
SLOW_DISK_MS: Final = 50
FAULTY: Final = CALM.but(
    request_loss=(1, 20), reply_loss=(1, 20), reply_hold=(1, 20), duplicate=(1, 20), late=(1, 20)
)
HELD: Final = CALM.but(reply_hold=(1, 1))
LATE: Final = ROUGH.but(request_delay_ms=200, reply_hold=(1, 2))
"""Most requests of one election arrive in the next one, and so do some answers."""


@simulate(network=CALM, limits=LIMITS)
async def test_figure8_scripted(sim: Simulation) -> None:
    """An entry of an old term is on a majority, and may still be overwritten: Figure 8."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(b"agreed", 5)
    first = await raft.check_one_leader()
    near, *far = [i for i in range(5) if i != first]
    servers.disconnect(*far)  # (a): the leader and one other server have an entry
    _ = await start_on_leader(raft, first, b"older")
    await asyncio.sleep(0.2)

    servers.disconnect(first, near)  # (b): so has the next leader, in a later term, alone
    servers.connect(*far)
    second = await raft.check_one_leader()
    servers.disconnect(*far)
    _ = await start_on_leader(raft, second, b"later")
    third, other = (i for i in far if i != second)

    servers.connect(first, near, third)  # (c): a leader brings the older entry to a majority
    leader = await raft.check_one_leader()
    await asyncio.sleep(0.2)

    servers.disconnect(first, near, third)  # (d): and the later one replaces it
    servers.connect(second, other, third if third != leader else near)
    _ = await raft.one(b"agreed, too", 3)
    servers.connect_all()
    _ = await raft.one(b"agreed by all", 5)


async def new_leader(raft: RaftCluster, among: Sequence[int]) -> int:
    """Wait until one of these servers leads, and return it."""
    for _ in range(ELECTED_S * 10):
        await asyncio.sleep(0.1)
        for i in among:
            if (await raft.get_state(i))[1]:
                return i
    none = "was not elected" if len(among) == 1 else "none was elected"
    who = _named(among) if len(among) == 1 else f"of {_named(among)}"
    raise raft.stuck(f"a majority could talk for {ELECTED_S} s, and {who} {none}")


async def is_elected(raft: RaftCluster, wanted: int, among: Sequence[int]) -> bool:
    """Wait until one of these servers leads; returns whether it is the one a test has prepared.

    It may be another one, of a Raft that has brought other entries to them by then.
    """
    for _ in range(ELECTED_S * 10):
        await asyncio.sleep(0.1)
        for i in (wanted, *among):
            if (await raft.get_state(i))[1]:
                return i == wanted
    raise raft.stuck(f"a majority could talk for {ELECTED_S} s, and of {_named(among)} none leads")


def _named(servers: Sequence[int]) -> str:
    return ", ".join(f"s{i}" for i in servers)


@simulate(network=CALM, limits=LIMITS)
async def test_old_leader_is_not_heeded(sim: Simulation) -> None:
    """A leader of an earlier term sends but receives nothing: the others elect a new one."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    old = await raft.check_one_leader()
    servers.disconnect(old)
    rest = [i for i in range(5) if i != old]
    newer = await new_leader(raft, rest)

    names = [servers.names[i] for i in rest]
    deaf = sim.links.cut([names, [servers.names[old]]], one_way=True)
    servers.connect(old)
    servers.disconnect(newer)
    rest.remove(newer)
    _ = await new_leader(raft, rest)
    sim.links.restore(deaf)
    servers.connect_all()
    _ = await raft.one(b"agreed", 5)


@simulate(network=CALM, limits=LIMITS)
async def test_only_one_can_win(sim: Simulation) -> None:
    """Five of nine servers are connected, and the log of only one of them can win."""
    raft = RaftCluster(sim, 9)
    servers = raft.servers
    for _ in range(sim.at_most(4, "rounds")):
        leader = await raft.check_one_leader()
        servers.disconnect(leader)
        _ = await start_on_leader(raft, leader, raft.command())
        rest = [i for i in range(9) if i != leader]
        newer = await new_leader(raft, rest)
        rest.remove(newer)
        servers.disconnect(newer, *rest[:3])
        servers.connect(leader)
        await asyncio.sleep(0.01)  # for the old leader to hear that it leads no more
        _ = await new_leader(raft, [leader])
        servers.connect_all()


@simulate(network=LATE, limits=LIMITS)
async def test_votes_outlive_crashes(sim: Simulation) -> None:
    """Votes are requested, granted and counted late; a voter and the winner crash."""
    raft = RaftCluster(sim, 3)
    voter, terms = raft.below(3), [0] * 3
    for _ in range(sim.at_most(2_000, "iterations")):
        await asyncio.sleep(0.01)
        for i in range(3):
            term, leads = await raft.get_state(i)
            if leads and raft.below(8) == 0:
                voter = raft.below(3)
                raft.servers.crash(i)
                raft.restart(i)
            elif i == voter and term > terms[i]:
                raft.servers.crash(i)
                raft.restart(i)
            terms[i] = term
    sim.network.conditions = CALM
    _ = await raft.one(b"agreed", 3)


@simulate(network=CALM, limits=LIMITS)
async def test_entries_outlive_power_failures(sim: Simulation) -> None:
    """Two servers agree, one of them with a slow disk; after a power failure, it remembers.

    A Raft that never syncs relies on a disk that keeps every write, as the course does: there,
    the server only crashes. What it has saved by then remains, and nothing else.
    """
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    _ = await raft.one(b"first", 3)
    syncs = any(node.store.syncs for node in servers.nodes)
    if not syncs:
        sim.note("nobody has synced anything: nothing is to outlive a power failure")
    for _ in range(sim.at_most(4, "rounds")):
        leader = await raft.check_one_leader()
        swap = raft.below(2)
        follower, absent = (leader + 1 + swap) % 3, (leader + 2 - swap) % 3
        servers.disconnect(absent)
        slow, quick = (follower, leader) if raft.below(2) else (leader, follower)
        servers.nodes[slow].slow_disk(SLOW_DISK_MS)
        index = await start_on_leader(raft, leader, raft.command())
        for _ in range(200):
            if raft.n_committed(index):
                break
            await asyncio.sleep(0.001)
        servers.crash(slow, lost_writes=servers.nodes[slow].store.unsynced if syncs else 0)
        servers.nodes[slow].slow_disk()
        servers.disconnect(quick)
        servers.restart(slow)
        servers.connect(slow, absent)
        _ = await raft.one(raft.command(), 2)
        servers.connect_all()
        _ = await raft.one(raft.command(), 3)


async def _disturbed(sim: Simulation, *, snapshots: bool) -> None:
    """Commands for whoever leads, while messages and servers suffer; in the end all agree."""
    raft = RaftCluster(sim, 3, snapshots=snapshots)
    _ = sim.nemesis(
        *(faults.duplicates, faults.late_requests, faults.long_reordering),
        *(faults.crash, faults.isolate, faults.one_way),
        seconds=5,
    )
    for number in range(sim.at_most(100, "commands")):
        for i in range(3):
            if raft.servers.is_up(i):
                _ = await raft.start(i, b"%d" % number)
        await asyncio.sleep(raft.below(100) / 1_000)
    await sim.quiet()
    sim.network.conditions = CALM
    _ = await raft.one(b"agreed", 3)


@simulate(network=ROUGH, limits=LIMITS)
async def test_duplicates_and_late_requests(sim: Simulation) -> None:
    """Requests arrive twice, and up to two seconds late, while servers crash and restart."""
    await _disturbed(sim, snapshots=False)


@simulate(network=ROUGH, limits=LIMITS)
async def test_snapshots_twice_and_late(sim: Simulation) -> None:
    """Requests and old snapshots arrive twice and late, while servers crash and restart."""
    await _disturbed(sim, snapshots=True)


@simulate(network=CALM, limits=LIMITS)
async def test_backup_is_fast(sim: Simulation) -> None:
    """A leader needs few RPCs to find where a long log of another term conflicts."""
    raft = RaftCluster(sim, 3)
    servers = raft.servers
    _ = await raft.one(b"agreed", 3)
    old = await raft.check_one_leader()
    servers.disconnect(old)
    for _ in range(sim.at_most(WRONG, "commands")):  # will never be committed
        _ = await raft.start(old, raft.command())
    for _ in range(sim.at_most(WRONG, "more_commands")):
        _ = await raft.one(raft.command(), 2)
    newer = await raft.check_one_leader()
    servers.disconnect(newer)
    before = sim.rpcs
    servers.connect(old)
    _ = await new_leader(raft, [3 - old - newer])
    _ = await raft.one(raft.command(), 2, within=BACKUP_S)
    used = sim.rpcs - before
    if used > BACKUP_RPCS:
        raise TooManyRpcs(
            f"it took {used} RPCs until a server with {WRONG} wrong entries had the right ones: "
            f"{BACKUP_RPCS} are more than enough"
        )


@simulate(network=CALM, limits=LIMITS)
async def test_late_answers(sim: Simulation) -> None:
    """A server leads again, and gets late replies about entries that it has lost since."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    _ = await raft.one(b"agreed", 5)
    first = await raft.check_one_leader()
    near, *far = [i for i in range(5) if i != first]
    held = servers.links[servers.names[first], servers.names[near]]
    sim.network.set_conditions(HELD, held)
    servers.partition([first, near], far)
    for command in (b"lost", b"lost, too", b"and lost"):
        _ = await start_on_leader(raft, first, command)
    second = await new_leader(raft, far)
    _ = await start_on_leader(raft, second, b"later")
    one, other = (i for i in far if i != second)

    servers.partition([first, second], [])  # both are ahead of the others then
    _ = await start_on_leader(raft, second, b"later still")
    await asyncio.sleep(0.25)
    servers.partition([first, one, other], [])
    if await is_elected(raft, first, [first, one, other]):
        servers.partition([first, one], [])
        _ = await raft.start(first, b"on two of five")
        await asyncio.sleep(2)  # now the answers come

    sim.network.set_conditions(None, held)
    servers.partition([second, near, other], [])
    _ = await raft.one(b"agreed, too", 3)
    servers.connect_all()
    _ = await raft.one(b"agreed by all", 5)


@simulate(network=FAULTY, limits=LIMITS)
async def test_two_commands(sim: Simulation) -> None:
    """Three servers agree on two commands: small enough for `labtester exhaust`."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"first", 3)
    _ = await raft.one(b"second", 3)
