"""A group of servers: who reaches whom, and what is left after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

import pytest

from labrpc import ClientEnd, Message
from labrpc.errors import TesterError
from tester import Simulation
from tester.world.disk import Disk
from tester.world.group import Group
from tests.world.lab import passes


class Ping(Message, frozen=True):
    text: str


class Neighbour:
    """Answers pings, asks others, and keeps a word on its disk."""

    def __init__(self, disk: Disk, *ends: ClientEnd) -> None:
        self._disk = disk
        self._ends = ends
        self.killed = False

    def ping(self, args: Ping) -> Ping:
        return args

    async def reaches(self) -> list[int]:
        answers = [await end.call(Neighbour.ping, Ping("?")) for end in self._ends]
        return [i for i, answer in enumerate(answers) if answer is not None]

    def keep(self, word: bytes) -> None:
        self._disk.write({"word": word})

    def kept(self) -> bytes:
        return self._disk.read("word")

    def kill(self) -> None:
        self.keep(b"killed")


class Asked(Protocol):
    async def reaches(self) -> list[int]: ...
    async def keep(self, word: bytes) -> None: ...
    async def kept(self) -> bytes: ...


def neighbours(sim: Simulation, n: int) -> tuple[Group, list[Asked]]:
    group = Group(sim, n)
    made = []
    for i, node in enumerate(group.nodes):
        remote = node.make(Neighbour, node.disk, *group.ends(i), like=Neighbour)
        node.serve(remote)
        made.append(cast(Asked, remote))
    return group, made


async def reach(made: list[Asked], up: list[int] | None = None) -> dict[int, list[int]]:
    asked = range(len(made)) if up is None else up
    return {i: await made[i].reaches() for i in asked}


EVERYBODY = {i: [0, 1, 2] for i in range(3)}


def test_everybody_reaches_everybody_at_first() -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 3)
        assert len(group) == 3
        assert group.connected() == [0, 1, 2]
        assert await reach(made) == EVERYBODY

    passes(test, model=None)


def test_a_server_that_is_cut_off_reaches_only_itself() -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 3)
        group.disconnect(1)
        assert group.connected() == [0, 2]
        assert await reach(made) == {0: [0, 2], 1: [1], 2: [0, 2]}
        group.disconnect(2)
        group.connect(1)  # and not to 2, who is cut off
        assert await reach(made) == {0: [0, 1], 1: [0, 1], 2: [2]}
        group.connect_all()
        assert await reach(made) == EVERYBODY

    passes(test, model=None)


def test_a_partition_has_two_sides_and_who_is_on_none_is_alone() -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 5)
        group.partition([0, 1], [2, 3])
        assert await reach(made) == {0: [0, 1], 1: [0, 1], 2: [2, 3], 3: [2, 3], 4: [4]}
        group.connect_all()
        assert (await reach(made))[4] == [0, 1, 2, 3, 4]

    passes(test, model=None)


@pytest.mark.parametrize("how", ["crash", "stop"])
def test_what_was_written_outlives_a_server(how: str) -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 3)
        await made[1].keep(b"it")
        getattr(group, how)(1)  # what kill() writes comes too late
        assert not group.is_up(1)
        group.connect(1)  # which does not bring it back
        assert group.connected() == [0, 2]
        await asyncio.sleep(1)
        group.restart(1)
        assert group.is_up(1)
        assert group.connected() == [0, 2]
        assert await reach(made) == {0: [0, 2], 1: [1], 2: [0, 2]}
        group.connect(1)
        assert await reach(made) == EVERYBODY
        assert await made[1].kept() == b"it"

    passes(test, model=None)


def test_a_power_failure_takes_the_last_writes() -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 2)
        for word in (b"one", b"two", b"three"):
            await made[1].keep(word)
        group.crash(1, lost_writes=2)
        group.restart(1)
        assert await made[1].kept() == b"one"

    passes(test, model=None)


def test_a_call_under_way_to_a_server_that_is_cut_off_fails() -> None:
    async def test(sim: Simulation) -> None:
        group, made = neighbours(sim, 2)
        asked = asyncio.ensure_future(made[0].reaches())
        await asyncio.sleep(0.001_2)  # the request to s1 is on its way
        group.disconnect(1)
        assert await asked == [0]

    passes(test, model=None)


@pytest.mark.parametrize("n", [0, -1, "3", True])
def test_a_group_has_servers(n: object) -> None:
    async def test(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="expected one server or more in a group, got "):
            Group(sim, n)  # type: ignore[arg-type]

    passes(test, model=None)


def test_servers_that_there_are_not() -> None:
    async def test(sim: Simulation) -> None:
        group, _ = neighbours(sim, 3)
        sentence = "expected the number of a server, 0 to 2, got {}"
        with pytest.raises(TesterError, match=sentence.format(3)):
            group.disconnect(0, 3)
        with pytest.raises(TesterError, match=sentence.format(-1)):
            group.crash(-1)
        with pytest.raises(TesterError, match=sentence.format(7)):
            group.restart(7)
        with pytest.raises(TesterError, match=sentence.format(5)):
            group.partition([0], [1, 5])
        with pytest.raises(
            TesterError, match="expected each server on one side only, got s1 on both"
        ):
            group.partition([0, 1], [1, 2])

    passes(test, model=None)


# -- a group in one line --------------------------------------------------------------------------


class Counting:
    """Counts the pings it answers, on its disk, and those it hears from all peers."""

    def __init__(self, peers: Sequence[ClientEnd], me: int, greeting: str, disk: Disk) -> None:
        self._peers = peers
        self._me = me
        self._greeting = greeting
        self._disk = disk

    def ping(self, args: Ping) -> Ping:
        self._disk.write({"n": b"%d" % (self.answered() + 1)})
        return Ping(f"{self._greeting} from {self._me}")

    def answered(self) -> int:
        return int(self._disk.read("n") or b"0")

    async def greet(self) -> list[str]:
        answers = [await end.call(Counting.ping, Ping("?")) for end in self._peers]
        return [answer.text for answer in answers if answer is not None]


class Caller:
    def __init__(self, ends: Sequence[ClientEnd], most: int) -> None:
        self._ends = ends[:most]

    async def call(self) -> list[str]:
        answers = [await end.call(Counting.ping, Ping("?")) for end in self._ends]
        return [answer.text for answer in answers if answer is not None]


async def count(sim: Simulation) -> None:
    group = sim.group("p", 3, Counting, "hello", lambda node: node.disk)
    everybody = [f"hello from {i}" for i in range(3)]
    assert group.names == ["p0", "p1", "p2"]
    assert await group.peers[0].greet() == everybody
    group.partition([0], [1, 2])
    assert await group.peers[1].greet() == everybody[1:]
    group.crash(2)
    assert not group.is_up(2)
    assert await group.peers[1].greet() == everybody[1:2]
    group.restart(2)  # on the side where it was
    assert await group.peers[1].greet() == everybody[1:]
    assert await group.peers[2].answered() == 3
    group.connect_all()
    assert await group.peers[0].greet() == everybody
    group.disconnect(2)
    caller: Any = group.client(Caller, 2)
    assert await caller.call() == everybody[:2]
    other: Any = group.client(Caller, 3)
    assert await other.call() == everybody  # whoever is cut off from its peers hears clients
    assert [op.client for op in sim.history.ops][-2:] == ["c0", "c1"]


@pytest.mark.parametrize("isolated", [False, True])
def test_a_group_in_one_line(isolated: bool) -> None:
    passes(count, isolated=isolated)


def test_a_group_is_built_once() -> None:
    async def test(sim: Simulation) -> None:
        group = sim.group("p", 2, Counting, "hello", lambda node: node.disk)
        with pytest.raises(TesterError, match="p0 and its peers are built already"):
            group.make(Counting, "hello", lambda node: node.disk)

    passes(test)
