"""The Raft test layer says what is missing, and where everybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from labrpc import Message
from raft.api import ApplyMsg
from tester import Livelock, NodeDown, Simulation, TesterError
from tester.labs.raft.cluster import RaftCluster
from tester.labs.raft.peer import NEVER
from tests.labs.raft.rafts import Mute, Solo, with_raft


async def says(sim: Simulation, what: str, n: int = 3) -> None:
    """Make the one call that is to fail."""
    raft = RaftCluster(sim, n)
    await asyncio.sleep(0.001)
    if what == "one leader":
        _ = await raft.check_one_leader()
    elif what == "no leader":
        await raft.check_no_leader()
    elif what == "no agreement":
        index, _, _ = await raft.start(0, b"x")
        await asyncio.sleep(0.001)
        raft.check_no_agreement(index)
    elif what == "one":
        _ = await raft.one(b"x", n)
    elif what == "wait":
        _ = await raft.wait(1, n)


@pytest.mark.parametrize(
    ("raft", "what", "sentence"),
    [
        (Mute, "one leader", "a leader was expected within 5 s, and there is none"),
        (
            Mute,
            "one",
            "for 10 s, 3 of 3 servers should have agreed on b'x', and they have not",
        ),
        (Mute, "wait", "index 1 was applied by 0 of 3 servers, and 3 should have"),
    ],
)
def test_what_does_not_come_is_a_livelock(raft: type, what: str, sentence: str) -> None:
    error = with_raft(raft, lambda sim: says(sim, what)).error
    assert isinstance(error, Livelock)
    assert str(error) == sentence


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("no leader", "s0 claims to lead term 1, but no majority can talk to each other"),
        (
            "no agreement",
            "index 1 was applied by 1 of 1 servers, and no majority can have it",
        ),
    ],
)
def test_what_must_not_be_is_an_assertion(what: str, sentence: str) -> None:
    error = with_raft(Solo, lambda sim: says(sim, what, 1)).error
    assert type(error) is AssertionError
    assert str(error) == sentence


def test_a_command_that_too_few_apply() -> None:
    class FirstLeads(Solo):
        def start(self, command: bytes) -> tuple[int, int, bool]:
            return super().start(command) if self.me == 0 else (-1, 1, False)

        def get_state(self) -> tuple[int, bool]:
            return 1, self.me == 0

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 3)
        for i in (1, 2):  # or nobody would believe that s0 was elected
            raft._hearsay._heard[0].add(i)
        raft._hearsay._views[0] = (0, 0, 0), (9, 0, 0), (9, 0, 0)  # or have it
        _ = await raft.one(b"x", 2, retry=False)

    error = with_raft(FirstLeads, test).error
    assert isinstance(error, Livelock)
    assert str(error) == (
        "b'x' was started at index 1, and after 2 s it was applied by 1 of 3 servers, not 2"
    )


def test_terms_that_differ() -> None:
    class OwnTerm(Mute):
        def get_state(self) -> tuple[int, bool]:
            return self.me + 1, False

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 2)
        await asyncio.sleep(1)
        _ = await raft.check_terms()

    error = with_raft(OwnTerm, test).error
    assert str(error) == "the servers disagree on the term: {'s0': 1, 's1': 2}"


def test_waiting_ends_when_a_server_has_passed_the_term() -> None:
    class MovesOn(Mute):
        def get_state(self) -> tuple[int, bool]:
            return 1 + int(asyncio.get_running_loop().time()), False

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        await asyncio.sleep(0.5)
        assert await raft.wait(1, 1, term=1) is None
        assert sim.now() < 5

    class Beats(MovesOn):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            self.task = asyncio.get_running_loop().create_task(self.beat())

        async def beat(self) -> None:
            while True:
                await asyncio.sleep(0.1)

    assert with_raft(Beats, test).error is None


def test_a_server_that_is_down_leads_nobody() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        _ = await raft.one(b"x", 1)
        raft.servers.crash(0)
        assert await raft.start(0, b"y") == (-1, -1, False)
        assert raft.committed(1) == b"x"
        assert raft.log_sizes() == {"s0": 1}

    assert with_raft(Solo, test).error is None


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda raft: raft.one(b"x", 2), "2 of 1 servers can never agree"),
        (lambda raft: raft.one(b"x", 0), "0 of 1 servers can never agree"),
        (lambda raft: raft.one(b"x", 1, within=0), "nothing can be agreed on within 0 s"),
        (lambda raft: raft.wait(0, 1), "the indexes of a log begin at 1, and 0 was asked for"),
    ],
)
def test_what_makes_no_sense_is_refused(
    ask: Callable[[RaftCluster], Awaitable[object]], sentence: str
) -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        with pytest.raises(TesterError, match=sentence):
            await ask(raft)

    assert with_raft(Solo, test).error is None


def test_nobody_is_there_to_be_asked() -> None:
    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 1)
        _ = await raft.check_one_leader()
        raft.servers.crash(0)
        with pytest.raises(NodeDown, match="s0 is down"):
            await raft.get_state(0)
        with pytest.raises(TesterError, match="no server is connected"):
            await raft.check_terms()

    assert with_raft(Solo, test).error is None


@pytest.mark.parametrize("index", [0, -5])
def test_a_leader_gives_no_index_before_the_first(index: int) -> None:
    class Odd(Solo):
        def start(self, command: bytes) -> tuple[int, int, bool]:
            return index, 1, True

    async def test(sim: Simulation) -> None:
        _ = await RaftCluster(sim, 1).one(b"x", 1)

    error = with_raft(Odd, test).error
    assert str(error).endswith(f"gave the command the index {index}; the first one is 1")


class SaysSo(Mute):
    """Every server says that it leads, after a moment's thought."""

    async def get_state(self) -> tuple[int, bool]:  # type: ignore[override]
        await asyncio.sleep(0)
        return 1, True


def test_who_takes_its_time_to_answer_is_judged_too() -> None:
    async def test(sim: Simulation) -> None:
        _ = await RaftCluster(sim, 3).check_one_leader()

    error = with_raft(SaysSo, test).error
    assert type(error).__name__ == "OutOfNowhere"
    assert str(error) == (
        "s0 leads term 1, and has got messages of 0 others: it takes the votes of 1"
    )


class Hello(Message, frozen=True):
    """Says nothing."""


class Said(Message, frozen=True):
    """Says something."""

    text: bytes


class Telepath(Mute):
    """Agrees by a list that all servers hold, and sends nothing; s0 only starts commands."""

    common: ClassVar[list[bytes]] = []

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.task = asyncio.get_running_loop().create_task(self.read())

    def start(self, command: bytes) -> tuple[int, int, bool]:
        if self.me:
            return -1, 1, False
        self.common.append(command)
        return len(self.common), 1, True

    async def read(self) -> None:
        done = 0
        while True:
            for command in self.common[done:] if self.me else []:
                done += 1
                msg = ApplyMsg(command_valid=True, command=command, command_index=done)
                self.apply.put_nowait(msg)
            await asyncio.sleep(0.01)


def test_nobody_applies_what_no_message_has_told() -> None:
    async def test(sim: Simulation) -> None:
        _ = await RaftCluster(sim, 3).one(b"x", 2)

    Telepath.common.clear()
    error = with_raft(Telepath, test, choices=1).error  # seed 0 is audited for shared objects
    assert type(error).__name__ == "OutOfNowhere"
    assert str(error)[2:] == (
        " applied 'x' at index 1, and no message can have told it of that command: servers share "
        "nothing else"
    )


def test_nobody_applies_what_nobody_else_can_have() -> None:
    async def test(sim: Simulation) -> None:
        _ = await RaftCluster(sim, 3).one(b"x", 3)

    error = with_raft(Solo, test).error
    assert type(error).__name__ == "OutOfNowhere", "s0 leads, and has asked nobody"

    class Waits(Solo):
        """Leads when it has heard of all, and applies a command as soon as it has it."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.heard: set[int] = set()
            loop = asyncio.get_running_loop()
            self.tasks = [loop.create_task(self.ask(i)) for i in (1, 2) if self.me == 0]

        async def ask(self, peer: int) -> None:
            await asyncio.sleep(0.1)  # for the others to start
            _ = await self.peers[peer].call(Waits.hello, Hello())
            self.heard.add(peer)

        def hello(self, args: Hello) -> Hello:
            return args

        def get_state(self) -> tuple[int, bool]:
            return 1, len(self.heard) == 2

        def start(self, command: bytes) -> tuple[int, int, bool]:
            return super().start(command) if self.get_state()[1] else (-1, 1, False)

    async def later(sim: Simulation) -> None:
        raft = RaftCluster(sim, 3)
        leader = await raft.check_one_leader()
        _ = await raft.start(leader, b"x")
        await asyncio.sleep(1)

    error = with_raft(Waits, later).error
    assert type(error).__name__ == "AppliedWithoutAMajority"
    assert str(error) == (
        "s0 applied 'x' at index 1, and no message can have told it that anybody has that command "
        "but s0: it is committed once 2 of 3 servers have it"
    )


def test_nobody_applies_what_was_never_started() -> None:
    class Inventive(Solo):
        def start(self, command: bytes) -> tuple[int, int, bool]:
            return super().start(b"no-op")

    async def test(sim: Simulation) -> None:
        _ = await RaftCluster(sim, 1).one(b"x", 1)

    error = with_raft(Inventive, test).error
    assert str(error) == ("s0 applied 'no-op' at index 1, a command that nobody has started")


def test_each_service_has_a_pace() -> None:
    async def test(sim: Simulation) -> None:
        _ = RaftCluster(sim, 3, snapshots=[NEVER])

    error = with_raft(Solo, test).error
    assert isinstance(error, TesterError)
    assert str(error) == "expected the paces of 3 services, got 1"


def test_what_a_server_asks_can_be_held() -> None:
    got: list[tuple[int, bytes]] = []

    class Sends(Mute):
        def start(self, command: bytes) -> tuple[int, int, bool]:
            loop = asyncio.get_running_loop()
            self.tasks = [loop.create_task(self.send(i, command)) for i in (1, 2)]
            return super().start(command)

        async def send(self, peer: int, command: bytes) -> None:
            _ = await self.peers[peer].call(Sends.note, Said(command))

        def note(self, args: Said) -> Said:
            got.append((self.me, args.text))
            return args

    async def test(sim: Simulation) -> None:
        raft = RaftCluster(sim, 3)
        hold = raft.servers.hold(0, 2)
        for text in (b"1", b"2"):
            _ = await raft.start(0, text)
            await asyncio.sleep(0.1)
            hold.stop()
        assert len(hold) == 1
        got.append((0, b"released"))
        hold.release()
        await asyncio.sleep(0.1)

    assert with_raft(Sends, test).error is None
    assert got == [(1, b"1"), (1, b"2"), (2, b"2"), (0, b"released"), (2, b"1")]
