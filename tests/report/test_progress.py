"""The bar shows at a terminal, and nowhere else."""

import contextlib
import io
import os
import pty
import re
import sys
import time

import pytest

from tester.report import progress


class Counts:
    total = 1400
    runs = 0
    failures = 0


def test_a_terminal_sees_runs_failures_and_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setattr(progress, "_EVERY_S", 0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        counts = Counts()
        with progress.bar("kvsrv") as update:
            for runs in (0, 350, 700):
                counts.runs, counts.failures = runs, runs // 350
                time.sleep(0.01)
                update(counts)
        terminal.flush()
        os.set_blocking(ours, False)
        shown = ""
        with contextlib.suppress(BlockingIOError):
            while True:
                shown += os.read(ours, 1 << 16).decode()
    os.close(ours)
    last = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).strip())[-1]
    assert re.fullmatch(r"kvsrv .* 700/1400 \d+ seeds/s 2 failed [\d:-]+", last), shown


def test_anybody_else_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.bar("kvsrv") as update:
        update(Counts())
    assert stderr.getvalue() == ""
