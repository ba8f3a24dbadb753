"""Isolated runs against those in one process, by digests: `make attacks` compares many seeds."""

import argparse
import sys

from tester.engine.choices import Choices, Seeded
from tester.grading.isolation import Isolation
from tester.world.run import run
from tests.grading.handing import SUBMISSIONS


def compare(lab: str, seeds: int) -> list[str]:
    """The runs of a lab that differ; a test has its share of the seeds, a heavy one only one."""
    different = []
    with Isolation(lab, SUBMISSIONS[lab]) as isolated:
        assert isolated.refusal == "", isolated.refusal
        tests = isolated.tests
        for name, scenario in tests.items():
            for seed in range(max(1, seeds // (len(tests) * scenario.weight))):
                here = run(scenario, Choices(Seeded(seed)))
                there = isolated.run(name, seed)
                if (here.digest, "") != (there.digest, there.sentence):
                    different.append(f"{lab} {name} --seed {seed}: {there.kind} {there.sentence}")
    return different


def main() -> int:
    """Compare; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="of each lab, over all its tests")
    parser.add_argument("labs", nargs="*", default=[*SUBMISSIONS])
    arguments = parser.parse_args()
    status = 0
    for lab in arguments.labs:
        different = compare(lab, arguments.seeds)
        print(f"{lab}: {len(different)} differ", *different, sep="\n    ", flush=True)
        status |= bool(different)
    return status


if __name__ == "__main__":
    sys.exit(main())
