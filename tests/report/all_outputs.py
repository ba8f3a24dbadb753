"""What `labtester run` prints of each bug, with as many seeds as it takes.

For `make soak`, which names this file to pytest; it takes hours. With -s, each says its lines.
"""

import pytest

from tester.labs import LABS
from tests.report.test_outputs import MOST, printed
from tests.running import Runner, labtester

__all__ = ["labtester"]

BUGS = [
    pytest.param(lab, bug.name, id=f"{lab}-{bug.name}")
    for lab, known in LABS.items()
    for bug in known.catalogue().bugs
]


@pytest.mark.parametrize(("lab", "name"), BUGS)
def test_few_lines_are_printed_of_one_bug(lab: str, name: str, labtester: Runner) -> None:
    text = printed(labtester, lab, name, 3)
    count = len(text.splitlines())
    print(f"{lab} {name}: {count} lines")
    assert count <= MOST, text
