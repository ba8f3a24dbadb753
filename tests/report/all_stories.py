"""The shrunk story of each planted bug: its deciding event, and how long it is.

For `make soak`, which names this file to pytest; it takes half an hour. With -s, each bug says how
many lines its story has.
"""

from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS
from tester.report.reason import reason
from tester.world.run import run
from tests.report.test_deciding import BUGS, SUITES, decides
from tests.report.test_stories import MOST, MOST_MEDIAN, shrunk_story


def test_stories_are_short_and_each_has_the_event_that_decides(tmp_path: Path) -> None:
    lengths, without = {}, []
    for lab in LABS:
        for bug in LABS[lab].catalogue().bugs:
            story = shrunk_story(lab, bug, tmp_path / lab / bug.name)
            lengths[lab, bug.name] = len(story.splitlines())
            print(f"{lab} {bug.name}: {lengths[lab, bug.name]} lines", flush=True)
            if not decides(lab, bug.name, story):
                without.append(story)
    ordered = sorted(lengths.values())
    print(f"median {median(ordered)}, 90 % {ordered[len(ordered) * 9 // 10]}, most {ordered[-1]}")
    assert len(lengths) == len(BUGS)
    assert not without, "\n".join(without)
    assert median(ordered) <= MOST_MEDIAN
    assert ordered[len(ordered) * 9 // 10] <= MOST


TWINS = [
    pytest.param(lab, test, id=f"{lab}-{test}")
    for lab in LABS
    for test in dict.fromkeys(bug.killed_by[0] for bug in LABS[lab].catalogue().bugs)
]


@pytest.mark.parametrize(("lab", "test"), TWINS)
def test_nothing_is_said_of_the_reference_where_a_rule_is_named_for_a_bug(
    lab: str, test: str
) -> None:
    outcome = run(SUITES[lab][test], Choices(Seeded(0)), keep_trace=True)
    assert outcome.verdict == "pass"
    assert reason(replace(outcome, error=AssertionError("to be told"))) is None
