"""`python -m bench.machine`: the machine instructions of an RPC and a run, beside those of others.

Bytecode is not all that a function executes: an attribute that is looked up the slow way is one
instruction of bytecode, and hundreds of the machine's. Valgrind counts these, the same on a busy
machine as on an idle one. What a process does besides, and what it does once, is in no figure:
each is the difference of two amounts of work, which a process has warmed up for.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.peer import SUBJECTS
from bench.peers import here_and_about, interpreter

ROOT: Final = Path(__file__).resolve().parents[1]
WARM_UPS: Final = 4


class Pair(NamedTuple):
    """Two subjects of `bench.peer`, and how much of each is counted."""

    what: str
    ours: str
    other: str
    amount: int


PAIRS: Final = [
    Pair("RPC", "labtester, 1 client", "asyncio, 1 client", 400),
    Pair("RPC", "labtester, 10 clients", "asyncio, 10 clients", 400),
    Pair("KV run", "labtester", "seedloop", 8),
]


def work(subject: str, amount: int) -> None:
    """Do so much, and have only that counted; valgrind has been told to count nothing at first."""
    do = SUBJECTS[subject]
    for _ in range(WARM_UPS):
        do(amount)
    gc.collect()
    control = ["callgrind_control", "--instr"]
    for number, switch in enumerate(("on", "off")):
        if number:
            do(amount)
        subprocess.run([*control, switch, str(os.getpid())], check=True, capture_output=True)


def count(python: str, subject: str, amount: int) -> int:
    """Count in a process of its own, with what it takes to switch the counting off."""
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
        valgrind.append(f"--callgrind-out-file={folder}/out")
        done = subprocess.run(
            [*valgrind, python, "-m", "bench.machine", "--work", subject, str(amount)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
            capture_output=True,
            text=True,
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"expected a count for {subject!r}, got:\n{done.stderr}")
    return int(found[1])


def each(python: str, subject: str, amount: int) -> float:
    """What one more takes."""
    return (count(python, subject, 3 * amount) - count(python, subject, amount)) / (2 * amount)


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.machine", description=__doc__)
    parser.add_argument("--python", help="of an environment that has the peers; see bench.peers")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        work(options.work[0], int(options.work[1]))
        return
    if shutil.which("valgrind") is None:
        print("expected valgrind, which counts the instructions, and found none: skipped")
        return
    python = options.python or interpreter(here_and_about()) or sys.executable
    print(f"Machine instructions, {python}:\n\n{'one':10}{'other':22}{'ours':>12}{'other':>12}")
    for what, ours, other, amount in PAIRS:
        mine, theirs = each(python, ours, amount), each(python, other, amount)
        print(
            f"{what:10}{other:22}{mine:12.0f}{theirs:12.0f}   1 : {mine / theirs:.2f}", flush=True
        )


if __name__ == "__main__":
    main()
