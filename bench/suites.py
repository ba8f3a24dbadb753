"""The suites, one seed of each test in one process, beside those of the course in Go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

TIMES: Final = 3
"""How often each suite is run; the fastest counts, for whatever disturbs a run makes it slower."""


class Suite(NamedTuple):
    """A lab, and what its suite takes in Go, from the fastest run to the slowest."""

    lab: str
    go: str
    """Which edition of the course's suite was measured."""
    least_s: float
    most_s: float
    """0: nobody has measured it."""


# Wall time of `go test` with Go 1.27 on a 2-core x86-64 machine with 24 GiB of memory under Linux,
# three runs each of a working solution in the course's framework, without the race detector; one
# run of Raft, and one of the script of MapReduce, without its builds. The memory tests have
# 100 000 clients there, and 20 000 here, as since 2026.
SUITES: Final = (
    Suite("kvsrv", "2025", 21.4, 23.7),
    Suite("lock", "2025", 10.6, 11.0),
    Suite("dedup", "2024", 59.2, 67.0),
    Suite("raft", "2025", 379.1, 379.1),
    Suite("rsm", "2025", 49.3, 79.4),
    Suite("kvraft", "2025", 197.8, 197.8),
    Suite("kvraft-dedup", "", 0, 0),
    Suite("mapreduce", "2025", 120.0, 120.0),
)


class Taken(NamedTuple):
    """What one run of a suite took: seconds of the clock, and of all its processes."""

    wall_s: float
    cpu_s: float
    tests: int


def take(lab: str) -> Taken:
    """Run a suite as its user does, from the start of the command to its end; it must pass."""
    code = "from tester.cli import main; main()"
    options = ("--seeds", "1", "--jobs", "1", "--json", "-")
    before, start = os.times(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, "run", lab, *options],
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s, after = time.monotonic() - start, os.times()
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return Taken(wall_s, cpu_s, len(json.loads(done.stdout)["tests"]))


def line(suite: Suite, taken: Taken) -> str:
    """One line of the table."""
    go = faster = ""
    if suite.most_s:
        go = _span(f"{suite.least_s:.1f}", f"{suite.most_s:.1f}")
        least, most = suite.least_s / taken.wall_s, suite.most_s / taken.wall_s
        faster = _span(f"{least:.0f}", f"{most:.0f}")
    return (
        f"{suite.lab:<12}{taken.tests:>5}{taken.wall_s:>8.2f}{taken.cpu_s:>7.2f}"
        f"{go:>15}{faster:>16}  {suite.go}"
    ).rstrip()


def _span(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def main(suites: Sequence[Suite] = SUITES, times: int = TIMES) -> None:
    """Print a line for each suite, and one for all that there are in Go."""
    print("suite       tests  wall s  CPU s     Go, wall s   times as fast")
    fastest = []
    for suite in suites:
        taken = min(take(suite.lab) for _ in range(times))
        print(line(suite, taken), flush=True)
        if suite.most_s:
            fastest.append(taken)
    every = Suite("all", "", sum(s.least_s for s in suites), sum(s.most_s for s in suites))
    print(line(every, Taken(*map(sum, zip(*fastest, strict=True)))))


if __name__ == "__main__":
    main()
