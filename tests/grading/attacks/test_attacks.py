"""Attacks on the grader: some of each kind here, and all of them by `make attacks`."""

import sys

import pytest

from tests.grading.attacks.labs import LAB_ATTACKS
from tests.grading.attacks.more import ATTACKS, FURTHER
from tests.grading.attacks.suffering import suffer
from tests.grading.attacks.table import KNOWN, OURS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolated nodes need Linux")
SAMPLE = [
    "leaves with success, through C",
    "reads the seeds in the frames",
    "forks and goes away",
    "sleeps for real",
    "shares a file",
    "shares memory made when imported",
    "keeps the store in a global",
    "names of Python's modules",
    "imports the reference of another lab",
    "looks for the reference in memory",
    "fills memory",
    "crashes in C when imported",
    "closes the channel",
    "sends a pickle",
    "floods its pipe",
    "forges an operation's result",
    "sends in another's name",
    "asks for the network's choices",
    "puts words into the grader's mouth",
    "has last words without end",
    "has an encoding that raises",
    "lists its descriptors",
    "reads a clock that it has hidden",
    "reads a clock through C",
    "counts the cycles of the processor",
    "is no attack: it notes when it was imported",
    "signals another process",
    "asks, and always answers that it may have been",
]


LAB_SAMPLE = [
    "reports half of it",
    "keeps its log under another name",
    "keeps its log in the snapshot",
    "sends a frame of nothing",
    "looks for the reference by all that imports",
    "reads how much of the processor it has used",
    "a worker that excuses itself",
]


def test_there_are_many() -> None:
    assert len(KNOWN) >= 30
    assert len(OURS) >= 50
    assert len(FURTHER) >= 20
    assert len(LAB_ATTACKS) >= 25
    assert set(SAMPLE) <= set(ATTACKS)
    assert set(LAB_SAMPLE) <= set(LAB_ATTACKS)


@pytest.mark.parametrize("name", SAMPLE)
def test_an_attack_gets_no_points_and_leaves_nothing(name: str) -> None:
    suffer(ATTACKS[name])


@pytest.mark.parametrize("name", LAB_SAMPLE)
def test_an_attack_from_a_lab_with_peers_gets_no_points_either(name: str) -> None:
    suffer(LAB_ATTACKS[name])
