"""An inquiry: which difference between two processes makes the same seed run differently.

Nothing is guessed: the run is repeated in new processes whose surroundings differ in one factor
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from tester.workers.plan import DigestPlan, TracePlan
from tester.workers.pool import CannotStart, Pool
from tester.workers.surroundings import FACTORS, HERE, PROCESSES, Where
from tester.workers.wire import Traced

Start = Callable[[Where], AbstractContextManager[Pool]]
"""Starts one more worker in these surroundings. Its pool raises CannotStart."""
Run = tuple[str, int]
"""A test, and a seed."""

_TRIES: Final = 3
"""How often other addresses are tried: two objects keep their order every other time."""

CHANCE: Final = "chance"
HISTORY: Final = "history"
HASHES: Final = "hash seed"
ADDRESSES: Final = "addresses"


class Cause(NamedTuple):
    """What makes a run differ."""

    kind: str
    """CHANCE, ADDRESSES, HISTORY, HASHES, another one of FACTORS, or "" if it is unknown."""
    left: Where = HERE
    right: Where = HERE
    """Two surroundings in which it differs."""

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        return _SAID.get(self.kind) or f"It takes no more than that {FACTORS[self.kind]}."


_SAID: Final = {
    CHANCE: "Two processes that were started alike went two ways: the code comes by a real clock, "
    "by randomness that is not the node's, or by the address of an object.",
    ADDRESSES: "It takes no more than that objects lie at other addresses in memory: id(), the "
    "hash or the repr of an object that has none of its own, or the order of a set of such "
    "objects.",
    HISTORY: "A new process always goes one way, and a process in which other runs came before "
    "goes another: something outlives a run, in a module, a class, a default argument, a cache or "
    "a file.",
    HASHES: "It takes no more than another hash seed (PYTHONHASHSEED): the order of a set of "
    "strings, or hash() used as a number.",
    PROCESSES: "It takes no more than that each node runs in a process of its own: nodes share "
    "something besides messages, or one finds what another left in the process, such as a "
    "setting, a registry or a cache of a library.",
    "": "Repeated amid surroundings that differ in one respect at a time, it went the same way "
    "each time: it depends on several things at once, or on chance that seldom shows.",
}


def digests(start: Start, where: Where, runs: Collection[Run]) -> dict[Run, str]:
    """Verdict and digest of each run in a new process, or what became of that process."""
    source = DigestPlan(list(runs))
    try:
        with start(where) as pool:
            pool.tests()
            pool.work(source)
    except CannotStart as reason:
        return dict.fromkeys(runs, f"cannot be loaded: {reason}")
    return source.found


def traced(start: Start, where: Where, run: Run) -> Traced | None:
    """Every event of a run in a new process; None if that hangs or ends."""
    source = TracePlan(*run, 1)
    try:
        with start(where) as pool:
            pool.tests()
            pool.work(source)
    except CannotStart:
        return None
    return source.found[0]


def inquire(start: Start, run: Run, usual: str) -> Cause:
    """Why a run had another result than `usual`, which it had in a process that had run others."""

    def at(where: Where) -> str:
        return digests(start, where, [run])[run]

    alone = at(HERE)
    if at(HERE) != alone:
        return Cause(CHANCE)
    for salt in range(_TRIES):
        moved = Where((ADDRESSES,), salt=salt)
        if at(moved) != alone:
            return Cause(ADDRESSES, right=moved)
    suspected = tuple(name for name in FACTORS if name != ADDRESSES)
    if at(Where(suspected)) != alone:
        while len(suspected) > 1:
            half = suspected[: len(suspected) // 2]
            suspected = half if at(Where(half)) != alone else suspected[len(half) :]
        only = Where(suspected)
        return Cause(suspected[0], right=only) if at(only) != alone else Cause("")
    hashed = Where(other_hashes=True)
    if at(hashed) != alone:
        return Cause(HASHES, right=hashed)
    return Cause(HISTORY if usual != alone else "")
