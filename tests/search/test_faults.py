"""Bugs that take a fault of a nemesis: the fault that is left, and the sentence that names it."""

from __future__ import annotations

import re
from statistics import median

import pytest

from kvsrv import Clerk
from tester import faults
from tester.engine.choices import Choices, Seeded
from tester.report.story import render_story
from tester.search.diagnosis import Diagnosis, diagnose
from tester.world.nemesis import Kind
from tester.world.run import Scenario, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.durable import Durable, Forgetful, GivesUp, Unsynced, serve, two_clients

SEEDS = 3
"""So many failing seeds of each bug are shrunk."""
NODES = (faults.crash, faults.crash_in_handler, faults.power_failure, faults.stop)
LINKS = (faults.partition, faults.one_way, faults.isolate, faults.swizzle)
OTHERS = (faults.pause, faults.skew, faults.drift, faults.slow_disk, faults.late_requests)


def scenario_of(server: type, clerk: type, kinds: tuple[Kind, ...]) -> Scenario:
    async def scenario(sim: Simulation) -> None:
        serve(sim, server)
        await two_clients(sim, clerk, rounds=4)

    return simulate(faults=kinds)(scenario).simulation


def failing(scenario: Scenario, seeds: int) -> list[Diagnosis]:
    found = []
    for seed in range(200):
        outcome = run(scenario, Choices(Seeded(seed)))
        if outcome.error is not None:
            found.append(diagnose(scenario, seed, outcome))
            if len(found) == seeds:
                break
    return found


@pytest.mark.parametrize(
    ("server", "clerk", "kinds", "culprit"),
    [
        (Forgetful, Clerk, NODES + OTHERS, "crash|power failure|shutdown|crash in a handler"),
        (Unsynced, Clerk, NODES + OTHERS, "power failure|crash in a handler"),
        (
            Durable,
            GivesUp,
            LINKS + OTHERS,
            "partition|one-way partition|mute node|deaf node|isolation|swizzle",
        ),
    ],
    ids=["forgetful", "unsynced", "gives-up"],
)
def test_one_or_two_faults_are_left_and_the_sentence_names_them(
    server: type, clerk: type, kinds: tuple[Kind, ...], culprit: str
) -> None:
    found = failing(scenario_of(server, clerk, kinds), SEEDS)
    assert len(found) == SEEDS
    left = []
    for diagnosis in found:
        explanation = diagnosis.explanation
        assert explanation is not None
        left.append(len(explanation.causes))
        assert re.search(rf"^(One|It takes the) ({culprit})\b", explanation.sentence)
        assert re.search(
            r": without (it|any one of them) this seed passes\.$", explanation.sentence
        )
        assert explanation.twin is not None
    assert median(left) == 1
    assert max(left) <= 2


def test_the_story_of_a_server_that_does_not_wait_for_its_disk() -> None:
    scenario = scenario_of(Unsynced, Clerk, (faults.power_failure, *OTHERS))
    (diagnosis,) = failing(scenario, 1)
    story = render_story(0, diagnosis.outcome, "run it again", diagnosis.explanation)
    assert re.search(
        r"""
(.*\n)* +\S+  server  crashes
 +\S+  server  the disk loses the last (write|\d writes): not synced
(.*\n)* +\S+  server  restarts
(.*\n)*One power failure is enough: without it this seed passes\.
""",
        story,
    )
    assert max(map(len, story.splitlines())) <= 80
