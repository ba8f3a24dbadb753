"""The shrunk story of each planted bug: its deciding event, and how long it is.

For `make soak`, which names this file to pytest. With -s, each bug says how many lines its story
has; `-k raft` takes the bugs of one lab, and the median is theirs then.
"""

from pathlib import Path
from statistics import median

import pytest

from tester.labs.patch import Patch, Rewrite
from tests.report.test_deciding import BUGS, decides
from tests.report.test_stories import MOST, MOST_MEDIAN, shrunk_story

LENGTHS: dict[tuple[str, str], int] = {}
"""Of each story of this run, its lines."""


@pytest.mark.parametrize(("lab", "bug"), BUGS)
def test_a_shrunk_story_has_the_event_that_decides(
    lab: str, bug: Patch | Rewrite, tmp_path: Path
) -> None:
    story = shrunk_story(lab, bug, tmp_path)
    LENGTHS[lab, bug.name] = len(story.splitlines())
    print(f"{lab} {bug.name}: {LENGTHS[lab, bug.name]} lines", flush=True)
    assert decides(lab, bug.name, story), story


@pytest.mark.parametrize("lab", ["every lab", *dict.fromkeys(bug.values[0] for bug in BUGS)])
def test_the_stories_are_short(lab: str) -> None:
    ordered = sorted(LENGTHS[one] for one in LENGTHS if lab in ("every lab", one[0]))
    assert ordered, "no story was told before"
    most = ordered[len(ordered) * 9 // 10]
    print(f"{lab}: median {median(ordered)}, 90 % {most}, most {ordered[-1]} of {len(ordered)}")
    assert median(ordered) <= MOST_MEDIAN
    assert most <= MOST
