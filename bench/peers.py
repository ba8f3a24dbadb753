"""`python -m bench.peers`: labtester beside the other deterministic simulators of asyncio.

All sides run in one environment, which this makes of a CPython that they support, each in a
process of its own. In each round every side does its share once, one after the other, and the
ratio is the median over the rounds: whatever slows the machine down for a while slows both of a
pair down. What is taken is the CPU time of the side's process. `bench.peer` says what the work is.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.peer import SUBJECTS

ROOT: Final = Path(__file__).resolve().parents[1]
PEERS: Final = {"seedloop": "0.4.1", "simloop": "0.2.2", "simloom": "0.5.0"}
"""The versions that were measured; a newer one is another figure."""
OLDEST: Final = 3, 12
"""The oldest CPython that the peers support."""
ROUNDS: Final = 15
SEEDS: Final = 20
RPCS: Final = 2_000


class Pair(NamedTuple):
    """Two sides that do the same work, and how much of it in one round."""

    work: str
    ours: str
    """A subject of `bench.peer`."""
    other: str
    amount: int


RPC_PAIRS: Final = [
    Pair("RPCs, reliable", f"labtester, {clients}", f"asyncio, {clients}", RPCS)
    for clients in ("1 client", "10 clients")
]


class Round(NamedTuple):
    """What the two sides of a pair took."""

    ours_s: float
    other_s: float
    our_rpcs: int
    other_rpcs: int


def interpreter(candidates: Iterable[str]) -> str | None:
    """The first of these commands that is a CPython new enough for all."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    for command in candidates:
        if shutil.which(command) is None:
            continue
        done = subprocess.run([command, "-c", code], check=False, capture_output=True, text=True)
        name, *version = done.stdout.split() or [""]
        if done.returncode == 0 and name == "cpython" and tuple(map(int, version)) >= OLDEST:
            return command
    return None


def here_and_about() -> list[str]:
    """Where a CPython may be: this one, the ones on the path, and those of pyenv, newest first."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [f"python3.{minor}" for minor in range(13, OLDEST[1] - 1, -1)]
    kept = sorted(versions.glob("3.*/bin/python"), key=_version, reverse=True)
    return [sys.executable, *named, *map(str, kept)]


def _version(python: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in python.parts[-3].split(".") if part.isdecimal())


def install(python: str, environment: Path, packages: Sequence[str]) -> str | None:
    """Make the environment, unless it is there, and install; what went wrong, if anything did."""
    inside = environment / "bin" / "python"
    if not inside.exists():
        subprocess.run([python, "-m", "venv", environment], check=True)
    pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *packages], check=False, capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


class Side:
    """A subject of `bench.peer` in a process of its own, which waits until it is asked."""

    def __init__(self, python: Path, subject: str) -> None:
        self._process = subprocess.Popen(
            [python, "-m", "bench.peer", subject],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def take(self, amount: int) -> tuple[float, int]:
        """Do this much once: CPU seconds, and how many RPCs that took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{amount}\n")
        self._process.stdin.flush()
        cpu_s, rpcs = json.loads(self._process.stdout.readline())
        return cpu_s, rpcs

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(pairs: Sequence[Pair], python: Path, rounds: int) -> list[list[Round]]:
    """All pairs in turn, so many rounds after one that does not count."""
    sides = {name: Side(python, name) for pair in pairs for name in (pair.ours, pair.other)}
    taken: list[list[Round]] = [[] for _ in pairs]
    try:
        for number in range(rounds + 1):
            for pair, results in zip(pairs, taken, strict=True):
                ours, our_rpcs = sides[pair.ours].take(pair.amount)
                other, other_rpcs = sides[pair.other].take(pair.amount)
                if number:
                    results.append(Round(ours, other, our_rpcs, other_rpcs))
    finally:
        for side in sides.values():
            side.close()
    return taken


HEADING: Final = f"{'work':18}{'other':18}{'ours':>9}{'other':>9}{'ratio':>8}   RPCs, ours : other"


def line(pair: Pair, rounds: Sequence[Round]) -> str:
    """A line of the table: rates per CPU second, and how many times the other's rate is ours."""
    ours = statistics.median(pair.amount / each.ours_s for each in rounds)
    other = statistics.median(pair.amount / each.other_s for each in rounds)
    ratio = statistics.median(each.other_s / each.ours_s for each in rounds)
    rpcs = f"{rounds[0].our_rpcs} : {rounds[0].other_rpcs}"
    return f"{pair.work:18}{pair.other:18}{ours:9.0f}{other:9.0f}{ratio:8.2f}   {rpcs}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Install the peers, measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--python", help="the CPython to measure on; by default one is looked for")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    python = interpreter([options.python] if options.python else here_and_about())
    if python is None:
        oldest = ".".join(map(str, OLDEST))
        print(f"expected a CPython >= {oldest}, which the peers need, and found none: skipped")
        return
    environment = ROOT / ".venv-peers"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    constraints = "--constraint", str(ROOT / "constraints.txt")
    if why := install(python, environment, [*constraints, *project["project"]["dependencies"]]):
        print(f"what labtester needs cannot be installed: {why}")
        return
    pairs = list(RPC_PAIRS)
    for peer, version in PEERS.items():
        if why := install(python, environment, [f"{peer}=={version}"]):
            print(f"{peer} is left out, because it cannot be installed: {why}")
        else:
            subjects = [subject for subject in SUBJECTS if subject.split(",")[0] == peer]
            pairs += [Pair("KV scenario", "labtester", subject, SEEDS) for subject in subjects]
    taken = measure(pairs, environment / "bin" / "python", options.rounds)
    print(f"Per CPU second, medians of {options.rounds} alternating pairs, {python}:\n\n{HEADING}")
    for pair, rounds in zip(pairs, taken, strict=True):
        print(line(pair, rounds))


if __name__ == "__main__":
    main()
