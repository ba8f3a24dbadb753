"""Prints the digest of a run of each planted bug of a lab as JSON, for `digest_matrix --bugs`.

Each runs on seed 0 of the first test that finds it, with as small a workload as in
tests/labs/test_catalogue.py.
"""

import json
import sys
import tempfile
from pathlib import Path

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, crowd, suite
from tester.labs.dedup import suite as dedup
from tester.labs.patch import planted
from tester.world.run import run


def digests(lab: str) -> dict[str, str]:
    """By bug and test: what the run came to, and its digest."""
    vars(crowd).update(CLIENTS=1_000)
    vars(dedup).update(MANY_APPENDS=100, LARGE=2**17, SLACK=2**14)
    tests = suite.tests_of(LABS[lab].suite)
    found = {}
    for bug in LABS[lab].catalogue().bugs:
        test = bug.killed_by[0]
        with tempfile.TemporaryDirectory() as folder, planted(bug, Path(folder)):
            outcome = run(tests[test], Choices(Seeded(0)))
        found[f"{bug.name} {test}"] = f"{outcome.verdict} {outcome.digest}"
    return found


if __name__ == "__main__":
    print(json.dumps(digests(sys.argv[1])))
