"""A terminal sees a bar; anybody else a line for each part that is over."""

import contextlib
import io
import os
import pty
import re
import sys
import time
from collections.abc import Callable

import pytest

from tester.report import progress
from tester.workers.plan import Part


class Counts:
    unit = "seeds"
    total = 1400
    runs = 0
    failures = 0

    def __init__(self, *over: bool) -> None:
        self.parts = [Part(one, f"test_{at}: 7 seeds, 1 failed") for at, one in enumerate(over)]


def last_seen(monkeypatch: pytest.MonkeyPatch, shows: Callable[[], None]) -> str:
    """The last line that a terminal of 80 columns has shown."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(progress, "_EVERY_S", 0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        shows()
        terminal.flush()
        os.set_blocking(ours, False)
        shown = ""
        with contextlib.suppress(BlockingIOError):
            while True:
                shown += os.read(ours, 1 << 16).decode()
    os.close(ours)
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).strip())[-1]


def test_a_terminal_sees_runs_failures_and_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    def shows() -> None:
        counts = Counts()
        with progress.bar("kvsrv") as update:
            for runs in (0, 350, 700):
                counts.runs, counts.failures = runs, runs // 350
                time.sleep(0.01)
                update(counts)

    last = last_seen(monkeypatch, shows)
    assert re.fullmatch(r"kvsrv .* 700/1400 \d+ seeds/s 2 failed [\d:-]+", last), last


def test_a_terminal_sees_the_speed_of_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def shows() -> None:
        with progress.counter("raft") as update:
            for done in (0, 350, 700):
                update(done, 1400)
                time.sleep(0.01)

    last = last_seen(monkeypatch, shows)
    assert re.fullmatch(r"raft .* 700/1400 \d+/s [\d:-]+", last), last


def lines(monkeypatch: pytest.MonkeyPatch, *updates: Counts, told: bool = True) -> list[str]:
    """What a log shows after these updates."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.bar("kvsrv", lines=told) as update:
        for now in updates:
            update(now)
    return stderr.getvalue().splitlines()


def test_a_log_has_a_line_for_each_part_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Counts(False, True, False), Counts(True, True, False)
    assert lines(monkeypatch, first) == []
    assert lines(monkeypatch, first, second, second) == [
        "kvsrv: test_0: 7 seeds, 1 failed (1 of 3)",
        "kvsrv: test_1: 7 seeds, 1 failed (2 of 3)",
    ]
    assert lines(monkeypatch, second, told=False) == []


def test_a_part_that_is_everything_or_was_left_out_needs_no_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert lines(monkeypatch, Counts(True)) == []
    left_out = Counts(True, True)
    left_out.parts[0] = Part(True, "")
    assert lines(monkeypatch, left_out) == ["kvsrv: test_1: 7 seeds, 1 failed (2 of 2)"]


def test_what_comes_next_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds, stories = Counts(True, True), Counts(True, False)
    stories.unit = "stories"
    assert len(lines(monkeypatch, seeds, stories)) == 3


def test_a_log_has_a_line_for_each_tenth_of_a_long_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.counter("raft") as update:
        for done in range(0, 999, 100):
            update(done, None)
            update(done, 999)
        assert stderr.getvalue() == ""
        for done in range(0, 2001, 150):
            update(done, 2000)
    told = stderr.getvalue().splitlines()
    assert told[:2] == ["raft: 300 of 2000", "raft: 450 of 2000"]
    assert len(told) == 9


def test_a_terminal_sees_for_how_long_something_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    def shows() -> None:
        with progress.busy("checking history.jsonl"):
            time.sleep(0.2)

    last = last_seen(monkeypatch, shows)
    assert re.fullmatch(r"\S checking history.jsonl 0:00:00", last), last


def test_who_is_no_terminal_sees_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.busy("checking history.jsonl"):
        pass
    assert capsys.readouterr() == ("", "")
