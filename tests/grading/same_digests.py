"""Isolated runs against those in one process, by digests: `make attacks` compares many seeds."""

import argparse
import sys
from collections.abc import Mapping

from tester.engine.choices import Choices, Seeded
from tester.grading.isolation import Isolation
from tester.world.run import run
from tester.world.scenario import Scenario
from tests.grading.handing import SUBMISSIONS


def shared_out(tests: Mapping[str, Scenario], seeds: int) -> list[tuple[str, int]]:
    """A number of runs, shared out as tests and seeds: each test has some, a heavy one fewer."""
    runs: dict[str, list[tuple[str, int]]] = {name: [] for name in tests}
    for _ in range(seeds):
        name = min(tests, key=lambda name: len(runs[name]) * tests[name].weight)
        runs[name].append((name, len(runs[name])))
    return [run for several in runs.values() for run in several]


def compare(lab: str, seeds: int, part: int = 1, parts: int = 1) -> tuple[int, list[str]]:
    """How many runs of a lab were compared, and those that differ."""
    different = []
    with Isolation(lab, SUBMISSIONS[lab]) as isolated:
        assert isolated.refusal == "", isolated.refusal
        tests = isolated.tests
        runs = shared_out(tests, seeds)[part - 1 :: parts]
        for name, seed in runs:
            here = run(tests[name], Choices(Seeded(seed)))
            there = isolated.run(name, seed)
            if (here.digest, "") != (there.digest, there.sentence):
                different.append(f"{lab} {name} --seed {seed}: {there.kind} {there.sentence}")
    return len(runs), different


def main() -> int:
    """Compare; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="of each lab, over all its tests")
    parser.add_argument("--part", default="1/1", help="K/N: only the K-th of N equal parts")
    parser.add_argument("labs", nargs="*", default=[*SUBMISSIONS])
    arguments = parser.parse_args()
    part, parts = map(int, arguments.part.split("/"))
    status = 0
    for lab in arguments.labs:
        count, different = compare(lab, arguments.seeds, part, parts)
        print(f"{lab}: {len(different)} of {count} differ", *different, sep="\n    ", flush=True)
        status |= bool(different)
    return status


if __name__ == "__main__":
    sys.exit(main())
