"""The audit: what nodes may not share, what they may, and which runs pay for it."""

import asyncio
import enum
import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kvsrv import Err, GetArgs, GetReply, PutArgs, PutReply, Version
from kvsrv import KVServer as Reference
from labrpc import ClientEnd
from tester import SharedState, simulate
from tester.engine.choices import Choices, Seeded
from tester.world.run import Outcome, Scenario, repeat, run
from tester.world.simulation import Simulation

Answer = tuple[str, Version, Err]
DELAYS = [1, 2, 3]
BOX: dict[str, str] = {}
SERVERS: "weakref.WeakValueDictionary[str, Server]" = weakref.WeakValueDictionary()


class Colour(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Settings:
    retries: int
    names: tuple[str, ...] = ("a", "b")


@dataclass
class Notes:
    seen: int = 0


class Server:
    def __init__(self, held: Any = None) -> None:
        self.held = held

    def get(self, args: GetArgs) -> GetReply:
        return GetReply("", 0, Err.NO_KEY)


class Clerk:
    def __init__(self, end: ClientEnd, held: Any = None) -> None:
        self.end = end
        self.held = held

    async def get(self, key: str) -> Answer:
        reply = await self.end.call(Server.get, GetArgs(key))
        assert reply is not None
        return reply.value, reply.version, reply.err


def scenario_of(server: Callable[[], Any], clerk: Callable[[ClientEnd], Any]) -> Scenario:
    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        sim.serve(server)
        await sim.sleep(1)
        await sim.clerk(clerk).get("k")

    return scenario.simulation


def seed_0(scenario: Scenario) -> Outcome:
    return run(scenario, Choices(Seeded(0)))


def both_hold(thing: Any) -> Scenario:
    return scenario_of(lambda: Server(thing), lambda end: Clerk(end, thing))


def keep() -> Callable[[], int]:
    """A function that holds a list, as an object does."""
    kept: list[int] = []
    return lambda: len(kept)


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        ({}, "dict"),
        ([], "list"),
        (({"deep": [1]},), "dict"),
        (Notes(), "Notes"),
        (Settings(1, names=[]), "list"),  # type: ignore[arg-type]
        (Server([]), "Server"),
        (Server().get, "Server"),
        (keep(), "list"),
        (asyncio.Event(), "Event"),
    ],
)
def test_no_two_nodes_hold_the_same_mutable_object(thing: Any, kind: str) -> None:
    outcome = seed_0(both_hold(thing))
    assert isinstance(outcome.error, SharedState)
    assert (
        f"Clerk.held on c0 and Server.held on server are or hold the same {kind}; nodes share "
        "nothing but messages" in str(outcome.error)
    )
    assert outcome.verdict == "fail"


def test_the_class_of_what_is_shared_is_told_with_file_and_line() -> None:
    said = str(seed_0(both_hold(Notes())).error)
    file, line, _ = said.split(":", 2)
    assert file == __file__
    assert Path(file).read_text().splitlines()[int(line)] == "class Notes:"


@pytest.mark.parametrize(
    "thing",
    [
        "text",
        (1, ("a", b"b")),
        frozenset({1}),
        Colour.RED,
        Settings(1),
        PutArgs("k", "v", 0),
        Err.OK,
        Server,
        test_the_class_of_what_is_shared_is_told_with_file_and_line,
        asyncio,
        logging.getLogger("kv"),
        DELAYS,
    ],
)
def test_what_cannot_change_or_is_a_constant_may_be_shared(thing: Any) -> None:
    assert seed_0(both_hold(thing)).error is None


def test_nodes_that_hold_equal_objects_share_none() -> None:
    assert seed_0(scenario_of(lambda: Server([1]), lambda end: Clerk(end, [1]))).error is None


class Posting(Reference):
    """Leaves its answer where a clerk that runs in the same process can find it."""

    def put(self, args: PutArgs) -> PutReply:
        BOX[args.key] = "done"
        return super().put(args)


class Collecting:
    def __init__(self, end: ClientEnd) -> None:
        self.end = end

    async def get(self, key: str) -> Answer:
        _ = await self.end.call(Posting.put, PutArgs(key, "", 0))
        return BOX.pop(key), 0, Err.NO_KEY


class Registered(Server):
    def __init__(self) -> None:
        super().__init__()
        SERVERS["server"] = self


class Peeping(Clerk):
    async def get(self, key: str) -> Answer:
        reply = SERVERS["server"].get(GetArgs(key))
        return reply.value, reply.version, reply.err


@pytest.mark.parametrize(
    ("server", "clerk", "name"),
    [(Posting, Collecting, "BOX"), (Registered, Peeping, "SERVERS")],
)
def test_what_a_module_holds_for_a_moment_is_seen(server: type, clerk: type, name: str) -> None:
    BOX.clear()
    outcome = seed_0(scenario_of(server, clerk))
    assert isinstance(outcome.error, SharedState)
    assert f"{name} is a global that outlives the run" in str(outcome.error)
    assert "it was code on server" in str(outcome.error)


def test_what_is_left_behind_does_not_hide_it_when_the_seed_is_run_again() -> None:
    BOX.clear()
    scenario = scenario_of(Posting, Collecting)
    again = repeat(scenario, 0, seed_0(scenario))
    assert isinstance(again.error, SharedState)
    BOX.clear()


def test_it_would_not_be_seen_at_the_end() -> None:
    BOX.clear()
    assert run(scenario_of(Posting, Collecting), Choices(Seeded(1))).error is None
    assert not BOX


def test_one_seed_of_a_light_test_in_this_process_pays_for_it() -> None:
    scenario = both_hold({})
    assert run(scenario, Choices(Seeded(1))).error is None
    assert run(replace(scenario, weight=2), Choices(Seeded(0))).error is None


def test_the_audit_changes_nothing_in_a_run() -> None:
    scenario = scenario_of(Server, Clerk)
    heavy = replace(scenario, weight=2)
    assert seed_0(scenario).digest == seed_0(heavy).digest
