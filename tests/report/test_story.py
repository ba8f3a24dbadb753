"""The story of every kind of failure, word for word, in 80 columns."""

import itertools
import re
import sys
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from labrpc import UNRELIABLE
from linearizability.models import kv
from tester import Limits, Simulation
from tester.engine.choices import Choices, Record, Seeded
from tester.engine.errors import Waiting
from tester.report.story import _waiting, render_story
from tester.search.diagnosis import diagnose
from tester.world import check
from tester.world.run import Outcome, Scenario, repeat, run
from tester.world.scenario import SimulatedTest
from tests import snapshots
from tests.report import breakages, scenarios
from tests.search.planted import scenario
from tests.tree import ROOT
from tests.world.lab import fates, once, passes, unreliable

LOST_REPLY: Record = {"net/c0": fates({"reply_lost": 1})}
DUPLICATED: Record = {
    "net/c0": fates(
        {"request_lost": 1, "duplicated": 1, "duplicate_delay_ms": 8},
        {"late": 1},
        {"request_lost": 1},
        {"duplicated": 1},
    )
}
STORIES: dict[str, tuple[SimulatedTest, Record, dict[str, Any]]] = {
    "lost reply": (scenarios.lost_reply, LOST_REPLY, {"network": UNRELIABLE}),
    "lost reply among others": (
        scenarios.lost_reply_among_others,
        LOST_REPLY,
        {"network": UNRELIABLE},
    ),
    "stale read": (scenarios.stale_read, {}, {}),
    "deadlock": (scenarios.deadlock, {}, {}),
    "deadlock, alone": (scenarios.deadlock_alone, {}, {}),
    "livelock, steps": (scenarios.too_many_steps, {}, {"limits": Limits(steps=100)}),
    "livelock, instant": (scenarios.one_instant, {}, {"limits": Limits(instant_steps=100)}),
    "livelock, time": (scenarios.too_long, {}, {}),
    "limit reached": (scenarios.too_much_work, {}, {"limits": Limits(virtual_s=30)}),
    "livelock, silent RPCs": (scenarios.silent_rpcs, {}, {"limits": Limits(silent_rpcs=30)}),
    "handler": (breakages.handler, {}, {}),
    "async handler": (breakages.async_handler, {}, {}),
    "clerk": (breakages.clerk, LOST_REPLY, {"network": UNRELIABLE}),
    "factory": (breakages.factory, {}, {}),
    "background task": (breakages.background_task, {}, {}),
    "background task before the assertion": (
        breakages.background_task_before_the_assertion,
        {},
        {},
    ),
    "background tasks": (breakages.background_tasks, {}, {}),
    "died before it crashed": (breakages.died_before_it_crashed, {}, {}),
    "forgotten await": (breakages.forgotten_await, {}, {}),
    "forgotten awaits": (breakages.forgotten_awaits, {}, {}),
    "forgotten await of the test": (breakages.forgotten_await_of_the_test, {}, {}),
    "forgotten await of what is returned": (
        breakages.forgotten_await_of_what_is_returned,
        {},
        {},
    ),
    "callback": (breakages.callback, {}, {}),
    "the test itself": (breakages.the_test_itself, {}, {}),
    "one of a group": (breakages.one_of_a_group, {}, {}),
    "an assertion": (breakages.an_assertion, {}, {}),
    "a long assertion": (breakages.a_long_assertion, {}, {}),
    "hostile exception": (breakages.hostile_exception, {}, {}),
    "not a message": (breakages.not_a_message, {}, {}),
    "not an argument": (breakages.not_an_argument, {}, {}),
    "wrong result": (breakages.wrong_result, {}, {}),
    "outside world": (breakages.outside_world, {}, {}),
    "outside world, swallowed": (breakages.swallowed, {}, {}),
    "shared event": (breakages.shared_event, {}, {}),
    "duplicate and late": (scenarios.duplicate, DUPLICATED, {"network": unreliable()}),
    "one-way partition": (scenarios.one_way_partition, {}, {}),
    "unreachable": (scenarios.unreachable, {}, {}),
    "crash and restart": (scenarios.crash_and_restart, {}, {}),
    "caller gave up": (scenarios.caller_gave_up, {}, {}),
    "node down": (scenarios.node_down, {}, {}),
    "long run": (scenarios.long_run, {}, {}),
    "long values": (scenarios.long_values, {}, {}),
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stories name files as seen from the current folder."""
    monkeypatch.chdir(ROOT)


def outcome_of(name: str) -> Outcome:
    test, choices, conditions = STORIES[name]
    return once(test, choices, **conditions)


@pytest.mark.parametrize("name", STORIES)
def test_a_story(name: str) -> None:
    story = render_story(0, outcome_of(name), "pytest 'tests/test_mine.py::test' --sim-seed=0")
    snapshots.check(f"story/{name}", story)


def test_no_snapshot_is_left_over() -> None:
    others = {"process died", "undecided", "module state", "not the same again", "recursion"}
    assert snapshots.unused("story", STORIES.keys() | others) == set()


def story_of(outcome: Outcome) -> str:
    return render_story(0, outcome, "pytest 'tests/test_mine.py::test' --sim-seed=0")


def test_a_node_that_died_with_its_process() -> None:
    outcome = once(breakages.process_died, isolated=True)
    snapshots.check("story/process died", story_of(outcome))


@pytest.mark.parametrize(
    "name", ["forgotten awaits", "background tasks", "died before it crashed"]
)
def test_a_node_in_a_child_process_has_the_same_story(name: str) -> None:
    test, choices, conditions = STORIES[name]
    told = story_of(once(test, choices, isolated=True, **conditions))
    assert told == story_of(outcome_of(name))


def test_an_undecided_history(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = check._MODELS["kv"]._replace(model=replace(kv, method=None))
    monkeypatch.setattr(check, "_MODELS", {"kv": searched})
    outcome = once(scenarios.undecided, limits=Limits(configurations=0))
    assert outcome.verdict == "unknown"
    snapshots.check("story/undecided", story_of(outcome))


def test_state_that_outlives_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changed(NamedTuple):
        module: str = "kvsrv.server"
        name: str = "next_id"
        file: str = "kvsrv/server.py"
        line: int = 7
        sentence: str = "next_id is a global that outlives the run, which changed it from 0 to 1"

    class State:
        def changed(self) -> list[Changed]:
            return [Changed()]

    monkeypatch.setattr("tester.world.run.state_of", lambda modules: State())
    outcome = once(scenarios.stale_read, model=None)
    assert outcome.kind == "SharedState"
    snapshots.check("story/module state", story_of(outcome))


def test_a_run_that_is_another_one_when_it_is_repeated() -> None:
    runs = itertools.count()

    async def differs(sim: Simulation) -> None:
        number = next(runs)
        sim.note(f"run {number}")
        assert number

    first = once(differs)
    again = repeat(Scenario(function=differs, name="differs"), 0, first)
    snapshots.check("story/not the same again", story_of(again))


def test_a_function_that_calls_itself_is_shown_once_with_the_number_of_its_calls() -> None:
    story = story_of(once(breakages.recursion))
    assert re.search(r"in get, 9\d\d times\n", story)
    snapshots.check("story/recursion", re.sub(r"\d+ times", "N times", story))


def _even(calls: int) -> None:
    _odd(calls - 1)


def _odd(calls: int) -> None:
    if not calls:
        raise ValueError
    _even(calls)


@pytest.mark.parametrize(("calls", "shown"), [(4, 8), (50, 9)])
def test_a_deep_traceback_is_shown_at_its_ends(calls: int, shown: int) -> None:
    async def deep(sim: Simulation) -> None:
        _even(calls)

    story = story_of(once(deep))
    assert len(re.findall(", in _(even|odd)", story)) == shown
    assert ("(91 calls are left out)" in story) == (calls == 50)


def test_of_very_many_calls_only_that_there_are_more_is_known() -> None:
    async def deep(sim: Simulation) -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(10_000)
        try:
            _even(4_000)
        finally:
            sys.setrecursionlimit(limit)

    assert "(more than 1899 calls are left out)" in story_of(once(deep))


def test_a_passing_run_has_a_story() -> None:
    async def good(sim: Simulation) -> None:
        sim.note("all is well")

    story = story_of(passes(good))
    assert "seed 0: passes" in story
    assert "all is well" in story


def test_the_clerk_that_is_certain_fails_soon_and_its_story_names_the_lost_reply() -> None:
    outcomes = (once(scenarios.lost_reply, seed, network=UNRELIABLE) for seed in range(50))
    outcome = next(outcome for outcome in outcomes if outcome.error is not None)
    assert outcome.kind == "NotLinearizable"
    assert re.search(r"server +#\d+ OK, and the network lost the reply\n", story_of(outcome))


def test_tasks_that_wait_at_one_place_are_listed_together() -> None:
    tasks = [
        Waiting("s0", f"#{i} KVServer.put", "/x/server.py", 7, "async with self.lock:")
        for i in range(4)
    ]
    tasks.insert(2, Waiting("s0", "ticker", "/x/server.py", 9, "await tick()"))
    tasks.append(Waiting("s1", "#9 KVServer.put", "/x/server.py", 7, "async with self.lock:"))
    assert _waiting(tasks)[0].splitlines()[2:] == [
        "  s0, #0 KVServer.put and 3 more: /x/server.py:7",
        "      async with self.lock:",
        "  s0, ticker: /x/server.py:9",
        "      await tick()",
        "  s1, #9 KVServer.put: /x/server.py:7",
        "      async with self.lock:",
    ]
    many = [Waiting("s0", str(i), "/x/server.py", i // 2, "wait") for i in range(60)]
    assert _waiting(many)[0].endswith("\n  and 48 more")


async def fails_in_the_third_round(sim: Simulation) -> None:
    clients = sim.at_most(4, "clients")
    for round_ in range(sim.at_most(9, "rounds")):
        assert round_ < 2, clients


async def fails_without_rounds(sim: Simulation) -> None:
    raise AssertionError("to see the story")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (fails_in_the_third_round, " to 2, and the test to 1 client and 3 rounds, in "),
        (fails_without_rounds, ""),
    ],
)
def test_what_is_left_of_the_workload_is_said(function: SimulatedTest, said: str) -> None:
    tested = scenario(function)
    diagnosis = diagnose(tested, 0, run(tested, Choices(Seeded(0))))
    story = render_story(0, diagnosis.outcome, "again", diagnosis.explanation)
    lines = [line for line in story.splitlines() if line.startswith("Shrunk from")]
    assert [said in line for line in lines] == ([True] if said else [])


def test_a_limit_that_is_a_share_of_the_run_says_so() -> None:
    tested = scenario(fails_in_the_third_round)
    diagnosis = diagnose(tested, 0, run(tested, Choices(Seeded(0))), most_steps=1)
    story = render_story(0, diagnosis.outcome, "again", diagnosis.explanation)
    assert "(stopped at the limit of 1 steps, a share of what the run took)." in " ".join(
        story.split()
    )
