"""`python -m bench.calls`: counts the calls that an RPC and an operation cost, without a clock.

Time follows calls, at about 0.14 us for each, and a count is the same on a busy machine as on an
idle one. So this is what is compared: `--check` fails when a figure has risen by more than 3 %
above the one stored for this version of CPython, and `--store` stores the present ones. Versions
count differently (3.12 inlines comprehensions), so each has its own figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from bench import kv, rpc
from bench.rounds import simulate_once
from labrpc import Message
from labrpc.codec import codec
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.guard.guard import collector_off, standing
from tester.world.run import Scenario, run

STORED: Final = Path(__file__).with_name("calls.json")
TOLERANCE: Final = 0.03
"""By how much a figure may rise above the stored one."""
_FEW: Final = 200
"""RPCs of the smaller of the two runs whose difference is counted."""
SEEDS: Final = range(1, 9)


class Count(NamedTuple):
    """Calls counted: of functions of Python's and of C's; and the frames, Python's alone."""

    calls: float
    frames: float

    def __sub__(self, other: Count) -> Count:
        return Count(self.calls - other.calls, self.frames - other.frames)

    def __truediv__(self, number: int) -> Count:
        return Count(self.calls / number, self.frames / number)


def count(work: Callable[[], object]) -> Count:
    """Count the calls that `work` makes; a coroutine that goes on is a call of Python's."""
    frames = functions = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal frames, functions
        if event == "call":
            frames += 1
        elif event == "c_call":
            functions += 1

    before = sys.getprofile()
    with collector_off():  # whoever listens to it is called at a time that memory decides
        sys.setprofile(profile)
        try:
            work()
        finally:
            sys.setprofile(before)
    return Count(frames + functions, frames)


def _per_rpc(kind: str, customers: int) -> Count:
    """What one more RPC costs, whatever a run costs that makes none."""
    few, more = (
        partial(simulate_once, rpc.in_simulation, kind=kind, customers=customers, times=times)
        for times in (_FEW // customers, 2 * _FEW // customers)
    )
    few()  # once without counting: what is kept from run to run is made here
    return (count(more) - count(few)) / _FEW


def _per_operation() -> Count:
    """A fiftieth of a whole run of the KV scenario, as a worker makes one run after another.

    Set-up, check and tear-down are in it.
    """

    def work() -> None:
        for seed in SEEDS:
            kv.run_seed(seed)

    with standing():
        kv.run_seed(SEEDS[0])
        return count(work) / (len(SEEDS) * kv.CLIENTS * kv.PUTS)


async def _nothing(sim: Simulation) -> None:
    """Serve, and make the clerks that the KV scenario has."""
    sim.serve()
    for _ in range(kv.CLIENTS):
        sim.clerk()


def _per_run() -> Count:
    """A run in which nothing is called: what setting up and letting go costs."""
    scenario = Scenario(_nothing, "nothing", network=kv.NETWORK)
    run(scenario, Choices(Seeded(1)))
    return count(lambda: run(scenario, Choices(Seeded(1))))


async def _yield(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def _switches(sim: Simulation, *, times: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(_yield(times))


def _per_switch() -> Count:
    """What it costs that one task lets another go first."""
    few, more = (partial(simulate_once, _switches, times=times) for times in (50, 100))
    few()
    return (count(more) - count(few)) / (50 * 10)


class Line(Message, frozen=True):
    """An entry of a log."""

    term: int
    command: bytes


def _per_records() -> Count:
    """The encoding of a hundred flat records, such as a leader sends."""
    encode, records = codec(list[Line]).encode, [Line(1, b"command")] * 100
    return count(lambda: encode(records))


def subjects() -> dict[str, Callable[[], Count]]:
    """What is counted, by name.

    A global would be state of the module under test, which every run compares with what it was.
    """
    return {
        "RPC, def, 1 client": partial(_per_rpc, "def", 1),
        "RPC, def, 10 clients": partial(_per_rpc, "def", 10),
        "RPC, async def, 1 client": partial(_per_rpc, "async def", 1),
        "KV operation": _per_operation,
        "empty run": _per_run,
        "task switch": _per_switch,
        "100 records encoded": _per_records,
    }


Figures = dict[str, list[float]]
"""By subject: calls, and the frames among them."""


def measure() -> Figures:
    """Count every subject."""
    return {name: [round(part, 1) for part in subject()] for name, subject in subjects().items()}


def version() -> str:
    """What the figures are stored under: "3.11"."""
    return ".".join(platform.python_version_tuple()[:2])


def stored() -> dict[str, Figures]:
    """The figures of all versions."""
    found: dict[str, Figures] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def risen(now: Figures, before: Figures) -> list[str]:
    """A sentence for each figure that has risen too far."""
    return [
        f"{name}: {after:g} {what}, expected at most {least:g} and {TOLERANCE:.0%}"
        for name, figures in before.items()
        for what, after, least in zip(("calls", "frames"), now[name], figures, strict=True)
        if after > least * (1 + TOLERANCE)
    ]


def _print(now: Figures, before: Figures) -> None:
    print(f"CPython {platform.python_version()}: calls, Python frames among them, stored calls\n")
    for name, (calls, frames) in now.items():
        known = f"{before[name][0]:10.1f}" if name in before else "         -"
        print(f"{name:<26}{calls:10.1f}{frames:10.1f}{known}")


def main() -> int:
    """Count, print, and compare or store."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="fail if a figure has risen")
    how.add_argument("--store", action="store_true", help="store the figures of this version")
    options = parser.parse_args()
    now, everything = measure(), stored()
    before = everything.get(version(), {})
    _print(now, before)
    if options.store:
        everything[version()] = now
        text = json.dumps(everything, indent=1, sort_keys=True)
        STORED.write_text(f"{text}\n", encoding="utf-8")
    if not options.check:
        return 0
    if not before:
        print(f"\nNo figures are stored for CPython {version()}: nothing to compare.")
    complaints = risen(now, before)
    for complaint in complaints:
        print(f"\n{complaint}", file=sys.stderr)
    if complaints:
        print("\nSpare the calls, or say why not and store: bench.calls --store", file=sys.stderr)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
