"""Schedules from end to end: asked for, named wherever a seed is, recorded, and replayed."""

import asyncio
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tester import Simulation, recorded, run_once, simulate
from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.schedule import SCHEDULES
from tester.world.run import Scenario, run
from tester.world.simulate import UNRELIABLE
from tests.running import TWO_CLIENTS, Runner, labtester, submit_lock

__all__ = ["labtester"]

REPLAY = ("replay", "tiny", "test_unreliable", "--seed", "0")
RUN = ("run", "lock", "--tests", TWO_CLIENTS, "--submission", "maybe", "--seeds", "1")
RECORD = Path(f".labtester/lock-{TWO_CLIENTS}-0-fifo-maybe.sim")


async def two_clients(sim: Simulation) -> None:
    sim.serve()

    async def client() -> None:
        clerk = sim.clerk()
        for version in range(3):
            await clerk.put("k", str(version), version)

    await asyncio.gather(client(), client())


def scenario(schedule: str) -> Scenario:
    return simulate(network=UNRELIABLE, schedule=schedule)(two_clients).simulation


# -- in one process -------------------------------------------------------------------------------


def test_the_schedule_of_a_run_decides_what_is_drawn_for_it() -> None:
    streams = {
        name: set(run(scenario(name), Choices(Seeded(3))).choices.record()) for name in SCHEDULES
    }
    assert streams["fifo"] == {"net/c0", "net/c1"}
    assert {"order", "sched/test", "net/c0"} <= streams["random"]


def test_without_luck_the_schedule_changes_nothing() -> None:
    digests = {run(scenario(name), Choices(Replayed({}))).digest for name in SCHEDULES}
    assert len(digests) == 1


def test_a_test_runs_under_random_unless_it_says_otherwise() -> None:
    plain = simulate(network=UNRELIABLE)(two_clients).simulation
    assert plain == scenario("random")
    assert plain.under(None) == plain
    assert plain.under("fifo") == scenario("fifo")


def test_a_schedule_that_nobody_knows_is_refused() -> None:
    known = "expected a schedule of fifo, random, got 'lifo'"
    calls: list[Callable[[], object]] = [
        lambda: simulate(schedule="lifo")(two_clients),
        lambda: scenario("fifo").under("lifo"),
        lambda: run_once(simulate()(two_clients), recorded({}), schedule="lifo"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=known):
            call()


def test_a_further_schedule_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Last:
        """Last come, first served."""

        def for_node(self, name: str, choices: Choices) -> tuple[Callable[[int], int], None]:
            return lambda n: n - 1, None

        def for_run(self, choices: Choices) -> Callable[[int], int]:
            return lambda n: n - 1

    async def race(sim: Simulation) -> None:
        done = []

        async def client(number: int) -> None:
            done.append(number)

        await asyncio.gather(*map(client, range(3)))
        sim.note(repr(done))

    monkeypatch.setitem(SCHEDULES, "last", lambda disturbed: Last())
    notes = {
        name: [
            entry[2]
            for entry in run(
                simulate(schedule=name)(race).simulation, Choices(Replayed({})), keep_trace=True
            ).trace
            if entry[1] == "note"
        ]
        for name in ("fifo", "last")
    }
    assert notes == {"fifo": ["[0, 1, 2]"], "last": ["[2, 1, 0]"]}


# -- at the command line --------------------------------------------------------------------------


def test_a_run_under_a_schedule_is_another_run_and_says_which(labtester: Runner) -> None:
    plain, random, fifo = (
        labtester.json("run", "tiny", "--seeds", "5", *options)
        for options in ([], ["--schedule", "random"], ["--schedule", "fifo"])
    )
    assert plain == random
    assert fifo["digest"] != plain["digest"]
    for record, name in ((plain, "random"), (fifo, "fifo")):
        assert {test["schedule"] for test in record["tests"]} == {name}


def test_a_replay_under_a_schedule_is_the_run_of_that_seed(labtester: Runner) -> None:
    found = {name: labtester.json(*REPLAY, "--schedule", name) for name in SCHEDULES}
    assert {name: replayed["schedule"] for name, replayed in found.items()} == {
        name: name for name in SCHEDULES
    }
    assert found["random"] == labtester.json(*REPLAY)
    assert found["random"]["digest"] != found["fifo"]["digest"]


@pytest.fixture
def kept(labtester: Runner) -> str:
    """What a run under fifo says that found a bug, and kept it."""
    submit_lock(labtester.folder)
    done = labtester(*RUN, "--schedule", "fifo")
    assert (done.status, done.err) == (1, f"kept as {RECORD}\n")
    return done.out


def test_the_printed_command_carries_the_schedule(labtester: Runner, kept: str) -> None:
    (command,) = re.findall(r"^ +(labtester replay .*)$", kept, re.MULTILINE)
    assert command.endswith("--seed 0 --submission maybe --schedule fifo")
    again = labtester(*shlex.split(command)[1:])
    assert again.status == 1
    assert f"    {command}\n" in again.out
    found = labtester.json(*shlex.split(command)[1:])
    whole = labtester.json(*RUN, "--schedule", "fifo")["tests"][0]["story"]
    assert (whole["schedule"], whole["digest"]) == ("fifo", found["digest"])


def test_a_record_restores_its_schedule(labtester: Runner, kept: str) -> None:
    record = json.loads(RECORD.read_text())
    assert record["schedule"] == "fifo"
    assert not [stream for stream in record["choices"] if stream.startswith(("sched/", "order"))]
    found = labtester.json("replay", str(RECORD))
    assert (found["verdict"], found["digest"]) == ("fail", record["digest"])
    assert found["schedule"] == "fifo"
    explained = labtester("explain", str(RECORD), "--json", "-")
    assert json.loads(explained.out)["schedule"] == "fifo"
    assert "stale" not in labtester("replay", str(RECORD)).out.lower()


def test_a_record_keeps_its_own_schedule(labtester: Runner, kept: str) -> None:
    for command in ("replay", "explain"):
        done = labtester(command, str(RECORD), "--schedule", "random")
        assert "a record has its own schedule; leave --schedule out" in done.sentence


def test_a_record_is_tried_whatever_schedule_a_run_is_under(labtester: Runner, kept: str) -> None:
    submit_lock(labtester.folder, fixed=True)
    done = labtester(*RUN, "--schedule", "random")
    assert (done.status, done.err) == (0, f"fixed: {RECORD} passes and was removed\n")


def test_the_same_seed_under_another_schedule_is_another_failure(
    labtester: Runner, kept: str
) -> None:
    other = Path(f".labtester/lock-{TWO_CLIENTS}-0-maybe.sim")
    done = labtester(*RUN)
    assert done.status == 1
    still = f"recorded failure: {RECORD} still fails; to see it: labtester replay {RECORD}\n"
    assert done.err == f"{still}kept as {other}\n"


def test_a_record_as_a_test_names_its_schedule(labtester: Runner, kept: str) -> None:
    printed = labtester("explain", str(RECORD), "--pytest").out
    assert printed.endswith(f"run_once({TWO_CLIENTS}, recorded(choices), schedule='fifo')\n")


def test_verify_runs_under_the_schedule(labtester: Runner) -> None:
    options = ("--tests", "test_unreliable", "--seeds", "1", "--schedule", "fifo")
    assert labtester("verify", "tiny", *options).status == 0
