"""Shrunk stories of some planted bugs: each has its deciding event, and few lines.

tests/report/all_stories.py looks at the whole catalogue.
"""

from functools import partial
from pathlib import Path
from statistics import median

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS
from tester.labs.patch import Patch, Rewrite, planted
from tester.report.inside import look
from tester.report.story import render_story
from tester.search.diagnosis import diagnose
from tester.world.run import run
from tests.report.test_deciding import SUITES, decides

MOST_MEDIAN = 25
MOST = 40
"""Nine stories in ten have at most so many lines."""
SOME = {
    "kvsrv": ("resend_says_version", "keeps_the_version", "not_atomic", "puts_twice"),
    "lock": ("maybe_is_mine", "one_name_for_all"),
    "dedup": ("answers_copies_with_nothing", "gives_up_on_appends"),
    "raft": ("votes_twice",),
    "rsm": ("answers_before_commit",),
    "mapreduce": ("drops_equal_values", "is_done_when_all_is_handed_out"),
}


def shrunk_story(lab: str, bug: Patch | Rewrite, folder: Path) -> str:
    """The story of the first seed that fails the first test that must notice a bug."""
    test = bug.killed_by[0]
    scenario = SUITES[lab][test]
    with planted(bug, folder):
        for seed in range(bug.seeds):
            found = run(scenario, Choices(Seeded(seed)))
            if found.verdict == "fail":
                break
        diagnosis = diagnose(scenario, seed, found)
        outcome = diagnosis.outcome
        return render_story(
            seed,
            outcome,
            f"labtester replay {lab} {test} --seed {seed}",
            diagnosis.explanation,
            look=partial(look, scenario, outcome),
        )


def test_some_stories_are_short_and_each_has_the_event_that_decides(tmp_path: Path) -> None:
    lengths = []
    for lab, names in SOME.items():
        bugs = {bug.name: bug for bug in LABS[lab].catalogue().bugs}
        for name in names:
            story = shrunk_story(lab, bugs[name], tmp_path / lab / name)
            assert decides(lab, name, story), story
            assert max(map(len, story.splitlines())) <= 80
            if name == "keeps_the_version":  # it has 30 lines, and 25 would say what is wrong
                assert "left out" not in story
            lengths.append(len(story.splitlines()))
    assert max(lengths) <= MOST
    assert median(lengths) <= MOST_MEDIAN
