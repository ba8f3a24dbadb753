"""A worker's jobs: what they print, and what they keep to themselves."""

import subprocess
import sys

from tests.tree import ROOT

PRINTS = """
import os
from tester.workers import jobs

print("the run")
with jobs._unheard():
    print("while shrinking")
    os.write(1, b"by its number")
    os.write(2, b"an error")
print("later")
"""


def test_what_is_printed_while_a_run_is_shrunk_is_not_shown() -> None:
    """Otherwise it would push out of the pipe what the run itself printed."""
    command = [sys.executable, "-c", PRINTS]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("the run\nlater\n", "")


def test_code_that_has_closed_its_output_disturbs_nothing() -> None:
    closed = PRINTS.replace('print("the run")', "os.close(1)")
    command = [sys.executable, "-c", closed.replace('print("later")', "os._exit(0)")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    assert (done.stdout, done.stderr) == ("", "")
