"""The explanation names the faults a failure takes, and flips one for the run beside it."""

from __future__ import annotations

import pytest

from tester import Simulation
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.search.explain import Explanation, describe, explain
from tester.search.shrink import as_recorded, nonzero, shrink
from tester.world.events import read
from tester.world.run import run
from tester.world.scenario import SimulatedTest
from tester.world.streams import FATE_FIELDS
from tests.search import planted
from tests.search.planted import failing, scenario
from tests.world.lab import fates, unreliable

ANY = unreliable(reply_hold=(1, 10))


def recorded(test: SimulatedTest, record: Record) -> Explanation:
    """The explanation of the run of a record, just as it is."""
    tested = scenario(test, ANY)
    outcome = run(tested, Choices(Replayed(record)), keep_trace=True)
    return explain(tested, as_recorded(0, outcome))


async def lost(sim: Simulation) -> bool:
    """Whether a new client's first message or its reply is lost."""
    start = sim.virtual_us
    await sim.clerk().get("k")
    return sim.virtual_us - start >= 100_000


LOST_REPLY = fates({"reply_lost": 1})


# -- which faults it takes ----------------------------------------------------------------------


def test_the_necessary_fault_of_every_failing_seed_is_the_one_that_is_left() -> None:
    tested = scenario(planted.one_fault)
    for seed, outcome in failing(tested, 8):
        explanation = explain(tested, shrink(tested, seed, outcome))
        (cause,) = explanation.causes
        assert cause.fault == explanation.shrunk.faults[0]
        assert (cause.kind, cause.necessary, cause.passes) == ("lost reply", True, True)
        assert explanation.flipped is cause
        assert explanation.sentence == ("One lost reply is enough: without it this seed passes.")


def test_the_twin_passes_and_differs_by_just_that_fault() -> None:
    tested = scenario(planted.two_faults)
    for seed, outcome in failing(tested, 8):
        explanation = explain(tested, shrink(tested, seed, outcome))
        twin, flipped = explanation.twin, explanation.flipped
        assert twin is not None
        assert flipped is not None
        assert twin.verdict == "pass"
        assert twin.digest != explanation.shrunk.outcome.digest
        assert twin.trace
        mine = nonzero(explanation.shrunk.record)
        assert mine.pop(flipped.fault) == 1
        assert nonzero(twin.choices.record()).items() <= mine.items()


def test_the_twin_keeps_the_choices_behind_the_fault() -> None:
    record = {"net/c0": fates({"reply_lost": 1}, {"request_delay_ms": 5})}

    async def slow(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        await ck.put("a", "", 0)
        await ck.get("a")
        assert sim.virtual_us < 100_000

    twin = recorded(slow, record).twin
    assert twin is not None
    assert nonzero(twin.choices.record()) == {("net/c0", len(FATE_FIELDS) + 1): 5}


def test_a_failure_that_takes_two_faults_names_both() -> None:
    two: Record = {"net/c0": fates({"reply_lost": 1}, {"request_lost": 1})}
    explanation = recorded(planted.one_half_certain_put, two)
    assert [cause.what for cause in explanation.necessary] == [
        "the lost reply to #1",
        "the lost request #2",
    ]
    assert explanation.sentence == (
        "It takes the lost reply to #1 and the lost request #2: "
        "without either of them this seed passes."
    )


def test_three_are_listed() -> None:
    async def three(sim: Simulation) -> None:
        sim.serve()
        assert not all([await lost(sim), await lost(sim), await lost(sim)])

    explanation = recorded(three, {f"net/c{number}": LOST_REPLY for number in range(3)})
    assert explanation.sentence == (
        "It takes the lost reply to #1, the lost reply to #3 and the lost reply to #5: "
        "without any one of them this seed passes."
    )


def test_a_failure_without_a_fault_needs_none_and_has_no_twin() -> None:
    tested = scenario(planted.no_fault)
    explanation = explain(tested, shrink(tested, 0, run(tested, Choices(Seeded(0)))))
    assert explanation.causes == []
    assert explanation.twin is None
    assert explanation.flipped is None
    assert explanation.sentence == "No fault is needed: it fails on a perfect network."


def test_what_the_test_itself_did_is_not_called_a_perfect_network() -> None:
    async def crashing(sim: Simulation) -> None:
        sim.serve()
        sim.node("server").crash()
        raise AssertionError

    tested = scenario(crashing)
    explanation = explain(tested, shrink(tested, 0, run(tested, Choices(Seeded(0)))))
    assert explanation.causes == []
    assert explanation.sentence == (
        "No random fault is needed, only the crashes of the test itself."
    )


def test_faults_that_stand_in_for_each_other_are_not_called_necessary() -> None:
    async def either(sim: Simulation) -> None:
        sim.serve()
        assert not any([await lost(sim), await lost(sim)])

    explanation = recorded(either, {"net/c0": LOST_REPLY, "net/c1": LOST_REPLY})
    assert len(explanation.causes) == 2
    assert explanation.necessary == []
    assert explanation.twin is None
    assert explanation.sentence == "Each fault that is left can be replaced by another one."


def test_a_run_that_fails_otherwise_without_the_fault_does_not_pass() -> None:
    async def fails(sim: Simulation) -> None:
        sim.serve()
        if await lost(sim):
            raise KeyError
        raise IndexError

    explanation = recorded(fails, {"net/c0": LOST_REPLY})
    (cause,) = explanation.necessary
    assert not cause.passes
    assert explanation.twin is None
    assert explanation.sentence == (
        "One lost reply is enough: without it this seed does not fail in this way."
    )


async def mixed(sim: Simulation) -> None:
    """Without the first fault it fails in another way; without the second one it passes."""
    sim.serve()
    one, two = await lost(sim), await lost(sim)
    if one and two:
        raise KeyError
    if two:
        raise IndexError


def test_the_twin_is_of_the_first_fault_without_which_the_run_passes() -> None:
    explanation = recorded(mixed, {"net/c0": LOST_REPLY, "net/c1": LOST_REPLY})
    assert [cause.passes for cause in explanation.necessary] == [False, True]
    assert explanation.flipped is explanation.causes[1]
    assert explanation.twin is not None
    assert explanation.twin.verdict == "pass"
    assert explanation.sentence == (
        "It takes the lost reply to #1 and the lost reply to #3: "
        "without either of them this seed does not fail in this way."
    )


# -- what it costs, and words -------------------------------------------------------------------


def test_each_fault_costs_a_run_that_is_announced() -> None:
    tested = scenario(planted.two_faults)
    ((seed, outcome),) = failing(tested, 1)
    shrunk = shrink(tested, seed, outcome)
    calls: list[str] = []
    explanation = explain(tested, shrunk, lambda: calls.append("attempt"))
    assert len(calls) == 2
    assert explanation.runs == shrunk.runs + 2


@pytest.mark.parametrize(
    ("field", "what", "kind"),
    [
        ("request_lost", "the lost request #1", "lost request"),
        ("reply_lost", "the lost reply to #1", "lost reply"),
        ("duplicated", "the duplicate of #1", "duplicated request"),
        ("late", "the late arrival of #1", "late request"),
        ("reply_held", "the held-back reply to #1", "held-back reply"),
    ],
)
def test_every_fault_of_a_message_has_words(field: str, what: str, kind: str) -> None:
    choices = Choices(Replayed({"net/c0": fates({field: 1})}))
    outcome = run(scenario(planted.correct, ANY), choices, keep_trace=True)
    (fault,) = outcome.choices.faults
    assert describe(fault, outcome.events) == (what, kind)


def test_a_message_is_counted_among_those_of_its_own_client() -> None:
    ends = enumerate(["c0", "c1", "c0"])
    events = read([(at, "send", at + 1, end, "S.put", b"") for at, end in ends])
    place = len(FATE_FIELDS) + FATE_FIELDS.index("late")
    assert describe(("net/c0", place), events)[0] == "the late arrival of #3"
    assert describe(("net/c1", place), events)[0] == "the late arrival of #?"


def test_another_fault_is_named_by_its_entry_in_the_trace() -> None:
    events = read([(5, "fault", "nemesis", 2, "the crash of s1", "crash")])
    assert describe(("nemesis", 2), events) == ("the crash of s1", "crash")
    assert describe(("nemesis", 3), events) == (
        "fault 3 of nemesis, which never struck",
        "fault that never struck",
    )
