"""The shrinker's table: its bugs exist, and a line of it comes from two processes."""

import subprocess
import sys

import pytest

from bench import shrinking
from tester.labs import LABS
from tests.tree import ROOT


def test_each_bug_is_in_the_catalogue_with_the_test_that_kills_it() -> None:
    assert len(shrinking.BUGS) >= 10
    for bug, (lab, test) in shrinking.BUGS.items():
        (patch,) = (patch for patch in LABS[lab].catalogue().bugs if patch.name == bug)
        assert test in patch.killed_by


def test_a_line_of_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    shrinking.main(["gives_up"], 3)
    header, test, line = capfd.readouterr().out.splitlines()
    assert header.split()[:3] == ["bug", "seeds", "faults"]
    assert test == "kvsrv  test_unreliable_net"
    name, seeds, median, most, small, runs, seconds, *replayed = line.split()
    assert (name, seeds, median, most, small) == ("gives_up", "3", "1", "1", "100%")
    assert int(float(runs)) > 0 <= float(seconds)
    assert replayed == ["3", "of", "3"]
    assert header.index("replayed") == line.index("3 of 3")


def test_a_bug_that_nobody_knows() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.shrinking", "gives_in"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "there is no bug gives_in; there are " in done.stderr
