"""`python -m bench.instructions`: the bytecode that an RPC and an operation execute, by function.

Beside the number of calls this is what time follows: asyncio makes more calls for an RPC, and is
faster, for it executes fewer instructions. A count is the same on a busy machine as on an idle
one; versions of CPython count differently, so only what one of them counts can be compared.
"""

from __future__ import annotations

import platform
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, Final

from bench import kv
from bench.calls import SEEDS
from bench.rounds import simulate_once
from bench.rpc import in_simulation, on_stock_asyncio
from tester.guard.guard import collector_off, standing

FEW: Final = 100
"""RPCs of the smaller of the two runs whose difference is counted."""
SHOWN: Final = 12
"""Functions that are listed of each subject."""


def instructions(work: Callable[[], object]) -> Counter[str]:
    """Count the instructions that `work` executes, by the name of the function."""
    found: Counter[str] = Counter()

    def each(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            found[frame.f_code.co_qualname] += 1
        return each

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return each

    before = sys.gettrace()
    with collector_off():  # as in `bench.calls`
        sys.settrace(called)
        try:
            work()
        finally:
            sys.settrace(before)
    return found


def per_rpc(make: Callable[[int], object]) -> dict[str, float]:
    """What one more RPC executes; `make(n)` makes n of them."""
    make(FEW)  # once without counting, as in `bench.calls`
    few, more = (instructions(partial(make, FEW * times)) for times in (1, 2))
    return {name: (count - few[name]) / FEW for name, count in more.items()}


def per_operation() -> dict[str, float]:
    """A fiftieth of a whole run of the KV scenario: see `bench.calls`."""

    def work() -> None:
        for seed in SEEDS:
            kv.run_seed(seed)

    with standing():
        kv.run_seed(SEEDS[0])
        whole = instructions(work)
    return {name: count / (len(SEEDS) * kv.CLIENTS * kv.PUTS) for name, count in whole.items()}


def rpcs_here(times: int) -> None:
    """A number of RPCs in simulation, by one client."""
    simulate_once(in_simulation, kind="def", customers=1, times=times)


def main() -> None:
    """Count, and print the functions that execute most."""
    print(f"CPython {platform.python_version()}: instructions")
    for name, found in {
        "RPC, def, 1 client": per_rpc(rpcs_here),
        "RPC, def, 1 client, asyncio": per_rpc(partial(on_stock_asyncio, "def", 1)),
        "KV operation": per_operation(),
    }.items():
        print(f"\n{sum(found.values()):10.1f}  {name}")
        for function, count in Counter(found).most_common(SHOWN):
            print(f"{count:12.1f}  {function}")


if __name__ == "__main__":
    main()
