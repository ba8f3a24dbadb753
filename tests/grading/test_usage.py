"""What processes use, and when it is too much."""

import os
import sys

import pytest

from tester.grading import usage
from tester.grading.usage import Account, cpu_time, resident, weight

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for what is used")


def test_what_this_process_uses() -> None:
    before = resident()
    held = bytearray(b"x") * (64 << 20)
    assert resident() - before > len(held) // 2
    assert cpu_time(os.getpid())[0] > 0


def test_what_is_not_there_uses_nothing() -> None:
    assert cpu_time(0) == (0.0, True)


def test_a_weight_is_that_of_all_texts() -> None:
    assert weight([("a", 7, b"bcd", {"ef": b"g"}, None, ["h", ("i",)])]) == 9


def test_what_is_held_is_looked_at_from_time_to_time() -> None:
    account = Account(most=1)
    assert account.count((16 << 20) - 1) == ""
    assert "take more than 0 MB together" in account.count(1)
    assert account.count(1) == ""  # whoever was told has ended the run


def test_what_is_not_held_may_be_said() -> None:
    account = Account(most=1 << 40)
    assert [account.count(1 << 30) for _ in range(17)] == [
        *[""] * 16,
        "flooded its pipe with more than anybody asks",
    ]


def test_what_earlier_runs_left_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100, 10])
    monkeypatch.setattr(usage, "resident", lambda: next(sizes))
    assert Account(most=50).count(16 << 20) == ""
