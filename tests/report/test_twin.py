"""The failing run and its passing twin, side by side, in 80 columns."""

from __future__ import annotations

import pytest

from labrpc import UNRELIABLE
from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed
from tester.report.twin import side_by_side
from tester.search.explain import Explanation, explain
from tester.search.shrink import as_recorded
from tester.world.run import Scenario, run
from tester.world.scenario import SimulatedTest
from tests import snapshots
from tests.report import scenarios
from tests.search import planted
from tests.search.test_explain import LOST_REPLY, mixed
from tests.world.lab import CertainClerk, fates, unreliable

ANY = unreliable(reply_hold=(1, 10))


async def long_values(sim: Simulation) -> None:
    """Fails like the others, but what it puts is longer than a column."""
    sim.serve()
    await sim.clerk(CertainClerk).put("key" * 10, "value " * 10, 0)


async def many_clients(sim: Simulation) -> None:
    """Another client does something all the time, which is nothing to the failure."""
    sim.serve()
    certain, honest = sim.clerk(CertainClerk), sim.clerk()
    for version in range(8):
        await honest.put("other", str(version), version)
        if version == 4:
            await certain.put("k", "a", 0)


async def takes_long(sim: Simulation) -> None:
    """Fails if one reply is held back."""
    sim.serve()
    await sim.clerk().get("k")
    assert sim.virtual_us < 100_000


def explained(test: SimulatedTest, record: Record) -> Explanation:
    """The explanation of the run of a record, just as it is."""
    tested = Scenario(function=test, name=test.__name__, network=ANY)
    outcome = run(tested, Choices(Replayed(record)), keep_trace=True)
    return explain(tested, as_recorded(0, outcome))


STORIES: dict[str, tuple[SimulatedTest, Record]] = {
    "lost reply": (scenarios.lost_reply, {"net/c0": LOST_REPLY}),
    "two faults": (
        planted.one_half_certain_put,
        {"net/c0": fates({"reply_lost": 1}, {"request_lost": 1})},
    ),
    "among others": (many_clients, {"net/c0": LOST_REPLY}),
    "long values": (long_values, {"net/c0": LOST_REPLY}),
    "long title": (takes_long, {"net/c0": fates({"reply_held": 1})}),
    "second fault": (mixed, {"net/c0": LOST_REPLY, "net/c1": LOST_REPLY}),
}


@pytest.mark.parametrize("name", STORIES)
def test_two_runs_side_by_side(name: str) -> None:
    snapshots.check(f"twin/{name}", side_by_side(explained(*STORIES[name])) + "\n")


def test_no_snapshot_is_left_over() -> None:
    assert snapshots.unused("twin", set(STORIES)) == set()


def test_a_failure_without_faults_has_no_twin() -> None:
    assert side_by_side(explained(planted.no_fault, {})) == ""


def test_the_common_beginning_is_left_out() -> None:
    async def late(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk(CertainClerk)
        for version in range(10):
            await ck.put("k", "a", version)

    text = side_by_side(explained(late, {"net/c0": fates(*[{}] * 9, {"reply_lost": 1})}))
    rows = text.split("\n\n")[1].splitlines()
    differing = [at for at, row in enumerate(rows) if row[:38].strip() != row[41:].strip()]
    assert differing[0] == 2
    assert rows[2].startswith("0.010 server #10 OK, reply lost ")
    assert rows[2].endswith("0.010 server #10 OK")
    assert "#9 " not in text


def test_of_a_long_difference_only_its_beginning_is_shown() -> None:
    async def long(sim: Simulation) -> None:
        sim.serve()
        for number in range(30):
            await sim.clerk().get(str(number))
        assert sim.virtual_us < 100_000

    text = side_by_side(explained(long, {"net/c3": LOST_REPLY}))
    rows = text.split("\n\n")[1].splitlines()
    assert len(rows) == 18


def test_the_columns_do_not_touch() -> None:
    network = UNRELIABLE.but(reply_loss=(1, 2))
    tested = Scenario(function=long_values, name="long", network=network)
    outcome = run(tested, Choices(Replayed({"net/c0": LOST_REPLY})), keep_trace=True)
    text = side_by_side(explain(tested, as_recorded(0, outcome)))
    assert all(row[38:41].strip() == "" for row in text.splitlines())
    assert max(map(len, text.splitlines())) <= 79
