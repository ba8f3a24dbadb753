"""Part 3B of the Raft suite: agreement on a log, also when servers are cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from tester.labs.raft.cluster import ELECTION_TIMEOUT_S, RaftCluster
from tester.labs.raft.network import CALM, LIMITS
from tester.world.failure import TooManyRpcs
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

SEVERAL: Final = 5
"""How often a test is begun again when the term changes in the middle of it."""


def expect_index(index: int, wanted: int) -> None:
    """Fail unless a command was given this place in the log."""
    if index != wanted:
        raise AssertionError(f"the command got index {index}, and it must be {wanted}")


async def start_on_leader(raft: RaftCluster, leader: int, command: bytes) -> int:
    """Start a command on a server that leads, and return its index."""
    index, _, leads = await raft.start(leader, command)
    if not leads:
        raise AssertionError(f"s{leader}, which leads, rejected Start({command!r})")
    return index


@simulate(network=CALM, limits=LIMITS)
async def test_basic_agree_3b(sim: Simulation) -> None:
    """Three commands in a row are agreed on by all, at index 1, 2 and 3."""
    raft = RaftCluster(sim, 3)
    for index in range(1, 4):
        raft.check_no_agreement(index)
        expect_index(await raft.one(b"%d" % (100 * index), 3, retry=False), index)


@simulate(network=CALM, limits=LIMITS)
async def test_rpc_bytes_3b(sim: Simulation) -> None:
    """Each command is sent to each peer once: ten of 5000 bytes, and little more than that."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"99", 3, retry=False)
    before = sim.network.byte_total
    sent = 0
    for index in range(2, 12):
        command = b"%c" % (ord("a") + raft.below(26)) * 5_000
        expect_index(await raft.one(command, 3, retry=False), index)
        sent += len(command)
    used = sim.network.byte_total - before
    allowed = raft.n * sent + 50_000
    if used > allowed:
        raise TooManyRpcs(
            f"{used} bytes were sent for {sent} bytes of commands and 3 servers: more than "
            f"{allowed}; each command has to travel to each peer once"
        )


@simulate(network=CALM, limits=LIMITS)
async def test_follower_failure_3b(sim: Simulation) -> None:
    """One follower fails, and agreement goes on; the other fails, and it does not."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"101", 3, retry=False)
    leader = await raft.check_one_leader()
    raft.servers.disconnect((leader + 1) % 3)
    _ = await raft.one(b"102", 2, retry=False)
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    _ = await raft.one(b"103", 2, retry=False)

    leader = await raft.check_one_leader()
    raft.servers.disconnect((leader + 1) % 3, (leader + 2) % 3)
    expect_index(await start_on_leader(raft, leader, b"104"), 4)
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    raft.check_no_agreement(4)


@simulate(network=CALM, limits=LIMITS)
async def test_leader_failure_3b(sim: Simulation) -> None:
    """One leader fails, and agreement goes on; the next one fails, and it does not."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"101", 3, retry=False)
    raft.servers.disconnect(await raft.check_one_leader())
    _ = await raft.one(b"102", 2, retry=False)
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    _ = await raft.one(b"103", 2, retry=False)

    raft.servers.disconnect(await raft.check_one_leader())
    for i in range(3):
        _ = await raft.start(i, b"104")
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    raft.check_no_agreement(4)


@simulate(network=CALM, limits=LIMITS)
async def test_fail_agree_3b(sim: Simulation) -> None:
    """A follower that was cut off catches up when it comes back."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"101", 3, retry=False)
    leader = await raft.check_one_leader()
    raft.servers.disconnect((leader + 1) % 3)
    _ = await raft.one(b"102", 2, retry=False)
    _ = await raft.one(b"103", 2, retry=False)
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    _ = await raft.one(b"104", 2, retry=False)
    _ = await raft.one(b"105", 2, retry=False)

    raft.servers.connect((leader + 1) % 3)
    _ = await raft.one(b"106", 3)
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    _ = await raft.one(b"107", 3)


@simulate(network=CALM, limits=LIMITS)
async def test_fail_no_agree_3b(sim: Simulation) -> None:
    """Three of five followers are cut off: nothing is agreed on until they are back."""
    raft = RaftCluster(sim, 5)
    _ = await raft.one(b"10", 5, retry=False)
    leader = await raft.check_one_leader()
    lost = [(leader + i) % 5 for i in (1, 2, 3)]
    raft.servers.disconnect(*lost)
    expect_index(await start_on_leader(raft, leader, b"20"), 2)
    await asyncio.sleep(2 * ELECTION_TIMEOUT_S)
    raft.check_no_agreement(2)

    raft.servers.connect(*lost)
    # The majority may have chosen a leader among themselves, who never heard of index 2.
    leader = await raft.check_one_leader()
    index = await start_on_leader(raft, leader, b"30")
    if index not in (2, 3):
        raise AssertionError(f"the command got index {index}, and it must be 2 or 3")
    _ = await raft.one(b"1000", 5)


@simulate(network=CALM, limits=LIMITS)
async def test_concurrent_starts_3b(sim: Simulation) -> None:
    """Five commands that are started at once in one term are all agreed on."""
    raft = RaftCluster(sim, 3)
    for attempt in range(SEVERAL):
        if attempt:
            await asyncio.sleep(3)  # for the terms to settle
        leader = await raft.check_one_leader()
        _, term, leads = await raft.start(leader, b"1")
        if not leads:
            continue
        async with asyncio.TaskGroup() as group:
            starts = [
                group.create_task(raft.start(leader, b"%d" % (100 + i)), name=f"start {i}")
                for i in range(5)
            ]
        answers = [start.result() for start in starts]
        taken = [index for index, now, leads in answers if leads and now == term]
        found = [await raft.wait(index, 3, term) for index in taken]
        if len(taken) < 5 or None in found or (await raft.get_state(leader))[0] != term:
            continue
        missing = {b"%d" % (100 + i) for i in range(5)} - set(found)
        if missing:
            raise AssertionError(
                f"{sorted(missing)} were started in term {term}, and {found} were committed"
            )
        return
    raise sim.livelock(f"the term changed in each of {SEVERAL} attempts, though nothing failed")


@simulate(network=CALM, limits=LIMITS)
async def test_rejoin_3b(sim: Simulation) -> None:
    """A leader that took commands while it was cut off discards them when it comes back."""
    raft = RaftCluster(sim, 3)
    _ = await raft.one(b"101", 3)
    first = await raft.check_one_leader()
    raft.servers.disconnect(first)
    for command in (b"102", b"103", b"104"):
        _ = await raft.start(first, command)
    _ = await raft.one(b"103", 2)

    second = await raft.check_one_leader()
    raft.servers.disconnect(second)
    raft.servers.connect(first)
    _ = await raft.one(b"104", 2)
    raft.servers.connect(second)
    _ = await raft.one(b"105", 3)


@simulate(network=CALM, limits=LIMITS)
async def test_backup_3b(sim: Simulation) -> None:
    """Leaders overwrite long wrong logs of followers fast, not one entry per round trip."""
    raft = RaftCluster(sim, 5)
    servers = raft.servers
    many = sim.at_most(50, "commands")
    _ = await raft.one(raft.command(), 5)

    first = await raft.check_one_leader()
    near, rest = (first + 1) % 5, [(first + i) % 5 for i in (2, 3, 4)]
    servers.disconnect(*rest)
    for _ in range(many):  # will never be committed
        _ = await raft.start(first, raft.command())
    await asyncio.sleep(ELECTION_TIMEOUT_S / 2)

    servers.disconnect(first, near)
    servers.connect(*rest)
    for _ in range(many):
        _ = await raft.one(raft.command(), 3)

    second = await raft.check_one_leader()
    other = next(i for i in rest if i != second)
    servers.disconnect(other)
    for _ in range(many):  # will never be committed
        _ = await raft.start(second, raft.command())
    await asyncio.sleep(ELECTION_TIMEOUT_S / 2)

    servers.disconnect(*range(5))
    servers.connect(first, near, other)
    for _ in range(many):
        _ = await raft.one(raft.command(), 3)
    servers.connect_all()
    _ = await raft.one(raft.command(), 5)


@simulate(network=CALM, limits=LIMITS)
async def test_count_3b(sim: Simulation) -> None:
    """Elections, agreement and idle time take no more RPCs than they need."""
    raft = RaftCluster(sim, 3)

    def rpcs() -> int:
        return sum(sim.network.rpc_count(name) for name in raft.servers.names)

    _ = await raft.check_one_leader()
    if not 1 <= rpcs() <= 30:
        raise TooManyRpcs(f"it took {rpcs()} RPCs to elect a leader, and 1 to 30 are enough")
    await _agree_on_ten(raft, rpcs)
    before = rpcs()
    await asyncio.sleep(ELECTION_TIMEOUT_S)
    if rpcs() - before > 3 * 20:
        raise TooManyRpcs(f"{rpcs() - before} RPCs were sent in an idle second: 60 are enough")


async def _agree_on_ten(raft: RaftCluster, rpcs: Callable[[], int]) -> None:
    """Start eleven commands in one term, and see that ten are committed with few RPCs."""
    most = (10 + 1 + 3) * 3
    for attempt in range(SEVERAL):
        if attempt:
            await asyncio.sleep(3)  # for the terms to settle
        leader = await raft.check_one_leader()
        before = rpcs()
        first, term, leads = await raft.start(leader, b"1")
        commands = [raft.command() for _ in range(11)]
        answers = [await raft.start(leader, command) for command in commands]
        if not leads or any(not ok or now != term for _, now, ok in answers):
            continue
        for at, (index, _, _) in enumerate(answers):
            if index != first + at + 1:
                raise AssertionError(f"the leader gave index {index} after {first + at}")
        found = [await raft.wait(first + 1 + at, 3, term) for at in range(10)]
        terms = [(await raft.get_state(i))[0] for i in range(3)]
        if None in found or terms != [term] * 3:
            continue
        if found != commands[:10]:
            raise AssertionError(f"{commands[:10]} were started, and {found} were committed")
        if (used := rpcs() - before) > most:
            raise TooManyRpcs(f"it took {used} RPCs to agree on 12 commands: {most} are enough")
        return
    raise raft.sim.livelock(
        f"the term changed in each of {SEVERAL} attempts, though nothing failed"
    )
