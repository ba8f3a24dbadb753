"""The Raft test layer says what is missing, and where everybody waits."""

from __future__ import annotations

import asyncio

import pytest

from tester import Livelock, Simulation
from tester.labs.raft.cluster import RaftCluster
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
    elif what == "one, once":
        _ = await raft.one(b"x", 2, retry=False)
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
        (Mute, "wait", "only 0 servers have applied index 1, and 3 should have"),
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
            "1 of 1 servers have applied index 1, and no majority can have it",
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

    error = with_raft(FirstLeads, lambda sim: says(sim, "one, once")).error
    assert isinstance(error, Livelock)
    assert str(error) == (
        "b'x' was started at index 1, and after 2 s 1 servers have applied it, not 2"
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
        assert raft.log_size() == 1

    assert with_raft(Solo, test).error is None
