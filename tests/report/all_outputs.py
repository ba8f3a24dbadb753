"""What `labtester run` prints of each bug, and of a third of those of the replicated labs.

For `make soak`, which names this file to pytest; it takes an hour.
"""

import pytest

from tester.labs import LABS
from tests.report.test_outputs import MOST, printed
from tests.running import Runner, labtester

__all__ = ["labtester"]

SMALL = ("kvsrv", "lock", "dedup", "mapreduce")
LARGE = ("raft", "rsm", "kvraft", "kvraft-dedup")
BUGS = [
    pytest.param(lab, bug.name, id=f"{lab}-{bug.name}")
    for labs, step in ((SMALL, 1), (LARGE, 3))
    for lab in labs
    for bug in LABS[lab].catalogue().bugs[::step]
]


@pytest.mark.parametrize(("lab", "name"), BUGS)
def test_few_lines_are_printed_of_one_bug(lab: str, name: str, labtester: Runner) -> None:
    text = printed(labtester, lab, name, 3)
    assert len(text.splitlines()) <= MOST, text
