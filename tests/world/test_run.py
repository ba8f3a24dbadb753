"""A run: one call, a verdict for whatever happens, and everything put back."""

import asyncio
import random
import sys
import time
from typing import Any

import pytest

from kvsrv import GetArgs, GetReply, KVServer
from labrpc import UNRELIABLE, NotAMessage
from tester import NonDeterministic, OutsideWorld, SharedState, Simulation, Undecided
from tester.engine import current
from tester.engine.choices import Choices, Seeded
from tester.world.failure import Misused
from tester.world.run import Outcome, Scenario, repeat, run
from tester.world.submission import BadSubmission
from tests.world.lab import AsyncKVServer, once, passes

# -- verdicts -----------------------------------------------------------------------------------


async def good(sim: Simulation) -> None:
    sim.serve()
    await sim.clerk().put("k", "a", 0)


async def raises_a_base_exception(sim: Simulation) -> None:
    raise GeneratorExit("odd")


async def cancels_itself(sim: Simulation) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await sim.sleep(1)


async def exits(sim: Simulation) -> None:
    sys.exit(2)


async def unknown(sim: Simulation) -> None:
    raise Undecided("who knows")


async def misuses(sim: Simulation) -> None:
    class Server(KVServer):
        def get(self, args: GetArgs) -> GetReply:
            return 7  # type: ignore[return-value]

    sim.serve(Server)
    await sim.clerk().get("k")


async def loads_nothing(sim: Simulation) -> None:
    raise BadSubmission("theirs/kvsrv/client.py has no class Clerk")


async def names_nothing(sim: Simulation) -> None:
    undefined  # type: ignore[name-defined]  # noqa: B018, F821


@pytest.mark.parametrize(
    ("test", "verdict", "kind", "saying"),
    [
        (good, "pass", "", "passes"),
        (raises_a_base_exception, "fail", "GeneratorExit", "fails with GeneratorExit"),
        (cancels_itself, "fail", "CancelledError", "fails with CancelledError"),
        (exits, "fail", "SystemExit", "fails with SystemExit"),
        (unknown, "unknown", "Undecided", "fails with Undecided"),
        (misuses, "fail", "NotAMessage", "fails with NotAMessage"),
        (loads_nothing, "misuse", "BadSubmission", "fails with BadSubmission"),
        (names_nothing, "fail", "NameError", "fails with NameError"),
    ],
)
def test_whatever_happens_is_a_verdict(test: Any, verdict: str, kind: str, saying: str) -> None:
    outcome = once(test)
    assert (outcome.verdict, outcome.kind, outcome.saying) == (verdict, kind, saying)
    assert outcome.trace[-1][1:] == ("end", kind)


def test_an_outcome_has_the_figures_of_its_run() -> None:
    outcome = passes(good)
    assert (outcome.rpcs, outcome.ops, outcome.virtual_us) == (1, 1, 1_000)
    assert outcome.steps > 5
    assert [entry[1] for entry in outcome.trace] == [
        *("call", "send", "deliver", "answer", "reply", "return", "end"),
    ]
    assert once(good, keep_trace=False).digest == outcome.digest


def test_the_innermost_line_of_the_users_is_where_it_failed() -> None:
    def inner() -> None:
        raise KeyError

    async def fails(sim: Simulation) -> None:
        inner()

    line = inner.__code__.co_firstlineno + 1
    [where] = once(fails).where
    assert where.endswith(f"test_run.py:{line}")
    assert passes(good).where == ()


def test_of_a_task_group_what_failed_first_is_the_verdict() -> None:
    async def client(seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise ValueError(seconds)

    async def group(sim: Simulation) -> None:
        async with asyncio.TaskGroup() as group:
            for seconds in 3, 1, 2:
                group.create_task(client(seconds))

    outcome = once(group)
    assert isinstance(outcome.error, ValueError)
    assert outcome.error.args == (1,)


# -- the outside world --------------------------------------------------------------------------


class Swallows(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        try:
            time.sleep(1)
        except OutsideWorld:
            return super().get(args)
        raise AssertionError("not reached")


class UsesTheLoop(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        try:
            _ = asyncio.get_running_loop().run_in_executor(None, print)
        except OutsideWorld:
            return super().get(args)
        raise AssertionError("not reached")


async def swallow(sim: Simulation) -> None:
    sim.serve(Swallows)
    await sim.clerk().get("k")


async def use_the_loop(sim: Simulation) -> None:
    sim.serve(UsesTheLoop)
    await sim.clerk().get("k")


def test_a_swallowed_refusal_fails_the_run() -> None:
    for test, server, said in [
        (swallow, Swallows, "node server: time.sleep stops the whole node"),
        (use_the_loop, UsesTheLoop, "loop.run_in_executor is not simulated"),
    ]:
        here, isolated = once(test), once(test, isolated=True)
        for outcome in here, isolated:
            assert (outcome.verdict, outcome.kind) == ("fail", "OutsideWorld")
            assert said in str(outcome.error)
            assert outcome.where[0].endswith(f":{server.get.__code__.co_firstlineno + 2}")
        assert here.digest == isolated.digest


def test_a_refusal_does_not_hide_what_the_test_found() -> None:
    async def finds(sim: Simulation) -> None:
        await swallow(sim)
        raise AssertionError("found")

    assert once(finds).kind == "AssertionError"


# -- everything is put back ---------------------------------------------------------------------


async def interrupted(sim: Simulation) -> None:
    sim.serve(AsyncKVServer)
    left = asyncio.ensure_future(sim.clerk().put("k", "a", 0))
    await sim.sleep(0.001)
    assert not left.done()
    raise KeyboardInterrupt


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_an_interrupt_passes_and_all_is_put_back(seed: int, isolated: bool) -> None:
    before = time.time, random.random, sys.unraisablehook, sys.get_asyncgen_hooks()
    with pytest.raises(KeyboardInterrupt):
        once(interrupted, seed, network=UNRELIABLE, isolated=isolated)
    assert before == (time.time, random.random, sys.unraisablehook, sys.get_asyncgen_hooks())
    assert current.node is None
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    passes(good)


def test_a_run_inside_a_real_event_loop_leaves_it_running() -> None:
    async def outside() -> None:
        loop = asyncio.get_running_loop()
        passes(good)
        assert asyncio.get_running_loop() is loop
        await asyncio.sleep(0)

    asyncio.run(outside())


def test_a_run_inside_a_run_is_refused() -> None:
    async def nested(sim: Simulation) -> None:
        once(good)

    error = once(nested).error
    assert "a run is active in this process" in str(error)
    passes(good)


# -- the same again -----------------------------------------------------------------------------


def scenario_of(test: Any) -> Scenario:
    return Scenario(function=test, name=test.__name__)


def failing(scenario: Scenario) -> Outcome:
    outcome = run(scenario, Choices(Seeded(0)))
    assert outcome.verdict == "fail"
    return outcome


def test_a_seed_that_is_repeated_keeps_its_trace() -> None:
    scenario = scenario_of(exits)
    first = failing(scenario)
    again = repeat(scenario, 0, first)
    assert again.digest == first.digest
    assert (again.kind, again.trace[-1]) == ("SystemExit", (0, "end", "SystemExit"))


@pytest.mark.parametrize("later", ["passes", "fails with KeyError"])
def test_a_seed_that_goes_another_way_is_not_deterministic(later: str) -> None:
    runs = iter(range(2))

    async def differs(sim: Simulation) -> None:
        if next(runs) == 0:
            raise ValueError
        if later != "passes":
            raise KeyError

    scenario = scenario_of(differs)
    again = repeat(scenario, 0, failing(scenario))
    assert isinstance(again.error, NonDeterministic)
    assert again.verdict == "fail"
    assert f"failed with ValueError, and when it is run again it {later}" in str(again.error)


class State:
    """Module-level state that is changed in the first run and stays so."""

    seen: list[object]

    def __init__(self, modules: object) -> None: ...

    def changed(self) -> list[object]:
        changes, State.seen = State.seen, []
        return changes


class Change:
    module = "kvsrv.server"
    name = "counter"
    file = "kvsrv/server.py"
    line = 7
    sentence = "counter is a global that outlives the run"


def test_module_state_that_a_run_changed_fails_it_and_stays_its_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tester.world.run.state_of", State)
    monkeypatch.setattr(State, "seen", [Change], raising=False)
    scenario = scenario_of(good)
    first = failing(scenario)
    assert isinstance(first.error, SharedState)
    assert str(first.error) == f"kvsrv/server.py:7: {Change.sentence}"
    again = repeat(scenario, 0, first)
    assert (again.verdict, again.error) == ("fail", first.error)


def test_module_state_that_makes_the_second_run_differ_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = iter(range(2))

    async def differs(sim: Simulation) -> None:
        assert next(runs) != 0

    monkeypatch.setattr("tester.world.run.state_of", State)
    monkeypatch.setattr(State, "seen", [Change], raising=False)
    scenario = scenario_of(differs)
    again = repeat(scenario, 0, failing(scenario))
    assert isinstance(again.error, NonDeterministic)
    assert str(again.error).endswith(
        f"The first run left something behind: kvsrv/server.py:7: {Change.sentence}"
    )


def test_module_state_does_not_hide_what_the_test_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tester.world.run.state_of", State)
    monkeypatch.setattr(State, "seen", [Change], raising=False)
    outcome = once(exits)
    assert outcome.kind == "SystemExit"
    assert len(outcome.leaked_state) == 1


def test_misuse_is_reported_in_the_words_of_the_node() -> None:
    error = once(misuses).error
    assert isinstance(error, Misused)
    assert error.failure.kind == NotAMessage.__name__
    assert error.failure.misuse
