"""The progress of a job: a line for each tenth of the tasks, or bars that go away."""

import io
import sys

import pytest

from tester.report import tasks


def test_a_line_for_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with tasks.progress(3) as (prepared, changed):
        prepared(40)
        for number in range(1, 41):
            changed(number, 0)
        for number in range(1, 4):
            changed(40, number)
    out, err = capsys.readouterr()
    assert out == ""
    maps = [f"map {number} of 40" for number in range(4, 41, 4)]
    assert err.splitlines() == [*maps, "reduce 1 of 3", "reduce 2 of 3", "reduce 3 of 3"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with tasks.progress(3) as (prepared, changed):
        prepared(40)
        changed(40, 2)
    assert "40/40" in terminal.getvalue()
    assert "2/3" in terminal.getvalue()
