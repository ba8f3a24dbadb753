"""Attacks on the grader: some of each kind here, and all of them by `make attacks`."""

import sys

import pytest

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


def test_there_are_many() -> None:
    assert len(KNOWN) >= 30
    assert len(OURS) >= 50
    assert len(FURTHER) >= 20
    assert set(SAMPLE) <= set(ATTACKS)


@pytest.mark.parametrize("name", SAMPLE)
def test_an_attack_gets_no_points_and_leaves_nothing(name: str) -> None:
    suffer(ATTACKS[name])
