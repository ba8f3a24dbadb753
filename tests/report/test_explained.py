"""An explanation as JSON has every field that `labtester explain` promises."""

from __future__ import annotations

import json

from tester.engine.choices import Choices, Replayed, Seeded
from tester.report.explained import of_explanation
from tester.search.explain import Explanation, explain
from tester.search.shrink import as_recorded, shrink
from tester.world.run import run
from tester.world.streams import FATE_FIELDS, FATE_SIZE
from tests.search import planted
from tests.search.planted import failing, scenario
from tests.world.lab import fates

REQUEST, REPLY = FATE_FIELDS.index("request_lost"), FATE_FIELDS.index("reply_lost")


def two_faults() -> Explanation:
    tested = scenario(planted.one_half_certain_put)
    record = {"net/c0": fates({"reply_lost": 1}, {"request_lost": 1}, {"request_delay_ms": 3})}
    outcome = run(tested, Choices(Replayed(record)), keep_trace=True)
    return explain(tested, as_recorded(7, outcome))


def test_a_failure_with_two_faults() -> None:
    assert of_explanation(two_faults()) == {
        "seed": 7,
        "verdict": "fail",
        "kind": "NotLinearizable",
        "runs": 2,
        "choices_before": 3,
        "choices_after": 3,
        "faults_left": [
            {"stream": "net/c0", "index": REPLY, "what": "the lost reply to #1"},
            {"stream": "net/c0", "index": FATE_SIZE + REQUEST, "what": "the lost request #2"},
        ],
        "necessary": ["the lost reply to #1", "the lost request #2"],
        "sentence": "It takes the lost reply to #1 and the lost request #2: "
        "without either of them this seed passes.",
    }


def test_a_failure_without_faults() -> None:
    tested = scenario(planted.no_fault)
    explanation = explain(tested, shrink(tested, 3, run(tested, Choices(Seeded(3)))))
    found = of_explanation(explanation)
    assert (found["seed"], found["faults_left"], found["necessary"]) == (3, [], [])
    assert found["sentence"] == "No fault is needed: it fails on a perfect network."


def test_the_figures_are_those_of_the_shrinker() -> None:
    tested = scenario(planted.two_faults)
    ((seed, outcome),) = failing(tested, 1)
    shrunk = shrink(tested, seed, outcome)
    found = of_explanation(explain(tested, shrunk))
    assert found["runs"] == shrunk.runs + 2
    assert found["choices_before"] == shrunk.choices_before
    assert found["choices_after"] == shrunk.choices_after < shrunk.choices_before


def test_an_explained_failure_goes_through_json_unchanged() -> None:
    found = of_explanation(two_faults())
    assert json.loads(json.dumps(found)) == found
