"""How small planted bugs get, what that costs, and whether the records of it hold elsewhere.

    python -m bench.shrinking [--seeds N] [BUG ...]

For each bug, the first failing seeds of one test are shrunk and explained in a process of their
own, and each result is written into a `.sim` file. Then a fresh process, with another
PYTHONHASHSEED, replays the files: the failure and the digest must be the same. All figures but
the times are the same on every machine; times are processor time, repetition and explanation
included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress

from tester.engine.choices import Choices, Seeded
from tester.labs import LABS
from tester.labs.suite import tests_of
from tester.search.again import record_of, replay
from tester.search.diagnosis import diagnose
from tester.search.record import SUFFIX, load
from tester.world import submission
from tester.world.run import run

UNRELIABLE, CONCURRENT = "test_unreliable_net", "test_put_concurrent_reliable"
ONE, MANY = "test_one_client_unreliable", "test_many_clients_unreliable"
RACE = "test_many_clients_reliable"
BUGS: Final = {
    "resend_says_version": ("kvsrv", UNRELIABLE),
    "resend_says_ok": ("kvsrv", UNRELIABLE),
    "first_try_says_maybe": ("kvsrv", UNRELIABLE),
    "lost_says_version": ("kvsrv", UNRELIABLE),
    "floods": ("kvsrv", UNRELIABLE),
    "gives_up": ("kvsrv", UNRELIABLE),
    "takes_equal_values_for_a_repetition": ("kvsrv", UNRELIABLE),
    "remembers_what_it_read": ("kvsrv", UNRELIABLE),
    "keeps_the_version": ("kvsrv", UNRELIABLE),
    "not_atomic": ("kvsrv", CONCURRENT),
    "get_is_stale_at_times": ("kvsrv", CONCURRENT),
    "never_looks": ("lock", ONE),
    "maybe_is_mine": ("lock", MANY),
    "gives_away_what_it_has_not": ("lock", MANY),
    "one_name_for_all": ("lock", MANY),
    "checks_then_acts": ("lock", RACE),
    "loses_its_patience": ("lock", RACE),
    "waits_for_nobody": ("lock", RACE),
}
"""By bug, its lab and a test that finds it; none of those that fail whatever is chosen."""
SEEDS: Final = 100
_TRIED: Final = 50
"""For each failing seed that is wanted, so many are run at the most."""

HEADER: Final = (
    f"{'bug':<37}{'seeds':>5}{'faults':>8}{'95 %':>6}{'<= 2':>6}{'runs':>6}{'s':>7}  replayed"
)
"""Failing seeds; faults left, the median and what 95 % have at the most; how many have no more
than 2; the medians of runs and seconds; how many fail in the fresh process as they did."""


class Shrinking(NamedTuple):
    """What one failing seed came to."""

    faults: int
    runs: int
    cpu_s: float


def shrink_all(bug: str, folder: Path, wanted: int) -> Iterator[Shrinking]:
    """Shrink the first failing seeds, and write their records into `folder/records`."""
    lab, name = BUGS[bug]
    submission.load(folder)
    scenario = tests_of(LABS[lab].suite)[name]
    for seed in range(wanted * _TRIED):
        failing = run(scenario, Choices(Seeded(seed)))
        if failing.error is None:
            continue
        start = time.process_time()
        explanation = diagnose(scenario, seed, failing).explanation
        cpu_s = time.process_time() - start
        assert explanation is not None, f"{bug}: seed {seed} could not be shrunk"
        small = explanation.shrunk
        record_of(scenario, small, lab=lab, test=name, submission="").save(folder / "records")
        yield Shrinking(len(small.faults), explanation.runs, cpu_s)
        wanted -= 1
        if not wanted:
            return


def replay_all(bug: str, folder: Path) -> int:
    """Replay the records, and count those that fail in the same way with the same digest."""
    lab, name = BUGS[bug]
    submission.load(folder)
    scenario = tests_of(LABS[lab].suite)[name]
    same = 0
    for path in sorted((folder / "records").glob(f"*{SUFFIX}")):
        record = load(path)
        again = replay(record, scenario)
        same += (again.kind, again.digest) == (record.kind, record.digest)
    return same


def row(bug: str, wanted: int, advance: Callable[[], None]) -> str:
    """The line of the table, from two processes that know nothing of each other."""
    lab, _ = BUGS[bug]
    (patch,) = (patch for patch in LABS[lab].catalogue().bugs if patch.name == bug)
    found = []
    with tempfile.TemporaryDirectory(prefix="labtester-") as scratch:
        folder = patch.write(Path(scratch))
        for line in _process("shrink", bug, folder, wanted, hash_seed=1):
            found.append(Shrinking(*json.loads(line)))
            advance()
        (same,) = _process("replay", bug, folder, wanted, hash_seed=2)
    count = len(found)
    faults = sorted(one.faults for one in found)
    return (
        f"{bug:<35}{count:>5}{statistics.median(faults):>8g}{faults[-(-count * 95 // 100) - 1]:>6}"
        f"{sum(left <= 2 for left in faults) / count:>6.0%}"
        f"{statistics.median(one.runs for one in found):>6g}"
        f"{statistics.median(one.cpu_s for one in found):>7.2f}  {same.strip()} of {count}"
    )


def _process(what: str, bug: str, folder: Path, wanted: int, *, hash_seed: int) -> Iterator[str]:
    """What a fresh interpreter prints, line by line as it comes."""
    arguments = ["--do", what, str(folder), "--seeds", str(wanted), bug]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.shrinking", *arguments],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield from process.stdout
    assert process.returncode == 0, f"{what} {bug} failed"


def main(bugs: Sequence[str] = tuple(BUGS), wanted: int = SEEDS) -> None:
    """Print the table, as many bugs at once as there are cores."""
    print(HEADER)
    above = None
    with (
        Progress(console=Console(stderr=True), transient=True) as progress,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        task = progress.add_task("shrinking", total=len(bugs) * wanted)
        lines = pool.map(lambda bug: row(bug, wanted, lambda: progress.advance(task)), bugs)
        for bug, line in zip(bugs, lines, strict=True):
            if BUGS[bug] != above:
                above = BUGS[bug]
                print("  ".join(above))
            print(f"  {line}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.shrinking")
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="all of them by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="failing seeds for each bug")
    parser.add_argument("--do", nargs=2, metavar=("WHAT", "DIR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.bugs:
        if name not in BUGS:
            parser.error(f"there is no bug {name}; there are {', '.join(BUGS)}")
    if options.do is None:
        main(options.bugs or tuple(BUGS), options.seeds)
    elif options.do[0] == "shrink":
        for one in shrink_all(options.bugs[0], Path(options.do[1]), options.seeds):
            print(json.dumps(one), flush=True)
    else:
        print(replay_all(options.bugs[0], Path(options.do[1])))
