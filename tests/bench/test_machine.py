"""The count of machine instructions: what it pairs, and where there is nothing to count with."""

import pytest

from bench import machine
from bench.peer import SUBJECTS


def test_each_side_of_a_pair_is_a_subject() -> None:
    assert {name for pair in machine.PAIRS for name in (pair.ours, pair.other)} <= {*SUBJECTS}


def test_without_valgrind_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    machine.main([])
    assert capsys.readouterr().out == (
        "expected valgrind, which counts the instructions, and found none: skipped\n"
    )
