"""What `labtester run` prints of a bug has at most 60 lines, however many tests fail.

Here are three bugs; tests/report/all_outputs.py runs them all.
"""

import pytest

from tester.labs import LABS
from tests.running import Runner, labtester

__all__ = ["labtester"]

MOST = 60
BUGS = {
    "one_name_for_all": "lock",
    "leases": "lock",
    "lost_says_version": "kvsrv",
}


def printed(labtester: Runner, lab: str, name: str, seeds: int) -> str:
    """The output of a run of the whole suite, on so many seeds, or as many as the bug needs.

    With what is said on standard error, but for a line for each test that is over.
    """
    bug = next(one for one in LABS[lab].catalogue().bugs if one.name == name)
    submission = str(bug.write(labtester.folder / name))
    several = str(max(seeds, bug.seeds if seeds > 1 else 1))
    done = labtester("run", lab, "--submission", submission, "--seeds", several, "--jobs", "1")
    assert done.status == 1, done.out
    return done.out + done.err


@pytest.mark.parametrize("name", BUGS)
def test_few_lines_are_printed_of_one_bug(name: str, labtester: Runner) -> None:
    text = printed(labtester, BUGS[name], name, 1)
    assert len(text.splitlines()) <= MOST, text
    assert "To run it again" in text
