"""Failures are alike where the same rule is broken, whatever the numbers and the names are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc import UNRELIABLE
from tester import Simulation
from tester.report.broken import Broken
from tester.report.likeness import likeness
from tester.report.ways import alike
from tests.report import scenarios
from tests.world.lab import CertainClerk, fates, once

LOST = {"net/c0": fates({"reply_lost": 1})}


async def another_key(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk()
    await ck.put("another", "b", 0)
    await sim.clerk(CertainClerk).put("key", "c", 0)


def test_failures_of_the_same_rule_are_alike() -> None:
    one = once(scenarios.lost_reply, LOST, network=UNRELIABLE)
    other = once(another_key, {"net/c1": fates({"reply_lost": 1})}, network=UNRELIABLE)
    assert likeness(one) == likeness(other) == "# are the same Put, and # had no reply"


def test_failures_of_different_rules_are_not_alike() -> None:
    stale = once(scenarios.stale_read)
    assert likeness(stale) != likeness(once(scenarios.lost_reply, LOST, network=UNRELIABLE))
    assert likeness(stale) == "The server answered ErrNoKey to #"


@pytest.mark.parametrize(("way", "same"), [("", False), ("after a snapshot", True)])
def test_an_event_makes_a_way_of_its_own_unless_the_way_is_known(
    monkeypatch: pytest.MonkeyPatch, way: str, same: bool
) -> None:
    outcome = once(scenarios.stale_read)
    keys = set()
    for events in [], [3]:
        broken = Broken(0, "s1 is wrong.", rule="A rule", events=events, way=way)
        monkeypatch.setattr("tester.report.likeness.reason", lambda _, found=broken: found)
        keys.add(likeness(outcome))
    assert (len(keys) == 1) is same


def test_without_a_rule_the_words_of_the_verdict_count() -> None:
    async def fails(sim: Simulation, after: float = 0.5) -> None:
        await sim.sleep(after)
        raise AssertionError(f"after {after} s 'k' is gone")

    async def later(sim: Simulation) -> None:
        await fails(sim, 1.5)

    assert likeness(once(fails)) == likeness(once(later))
    assert likeness(once(fails)) != likeness(once(scenarios.deadlock_alone))


@given(st.lists(st.sampled_from(["", "a", "b"])))
def test_none_is_lost_and_what_has_no_key_stands_alone(keys: list[str]) -> None:
    numbered = list(enumerate(keys))
    groups = alike(numbered, lambda one: one[1])
    assert sorted(one for group in groups for one in group) == numbered
    assert all(len(group) == 1 for group in groups if group[0][1] == "")
    assert len(groups) == len(set(keys) - {""}) + keys.count("")
