"""Hypothesis strategies: seeds, choices, fault plans and workloads, for `@given` tests of runs.

    @given(plans(ends=("c0", "c1"), rpcs=6))
    def test_two_clients_under_any_plan(plan: Plan) -> None:
        run_once(two_clients, plan.choices())

A plan shrinks to the fewest faults, each named by what it strikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from hypothesis import strategies as st

from tester.engine.choices import Choices, Injected, Record, Replayed
from tester.world.streams import FATE_FIELDS, FATE_SIZE, NETWORK

What = Literal["request_lost", "reply_lost", "duplicated", "late", "reply_held"]
_LOSSES: Final[tuple[What, ...]] = ("request_lost", "reply_lost")


@dataclass(frozen=True, order=True)
class Struck:
    """One fault of a plan: what happens to the `rpc`-th request of an end, counted from 0."""

    end: str
    rpc: int
    what: What


@dataclass(frozen=True)
class Plan:
    """Some faults; every other choice is 0."""

    faults: tuple[Struck, ...]

    def choices(self) -> Choices:
        """The choices with which exactly these faults strike, where conditions allow them."""
        record: Record = {}
        for fault in self.faults:
            values = record.setdefault(f"{NETWORK}{fault.end}", [])
            index = fault.rpc * FATE_SIZE + FATE_FIELDS.index(fault.what)
            values += [0] * (index + 1 - len(values))
            values[index] = 1
        return Choices(Replayed(record))


@dataclass(frozen=True)
class Step:
    """One operation of a workload on the key/value store."""

    client: int
    op: Literal["get", "put"]
    key: str
    value: str
    """Unique among the puts of the workload; "" for a get."""


def seeds() -> st.SearchStrategy[int]:
    """Seeds, small ones first."""
    return st.integers(min_value=0, max_value=2**64 - 1)


def choices() -> st.SearchStrategy[Choices]:
    """The choices of a run, each drawn by Hypothesis when the run asks for it.

    For short runs: Hypothesis gives up on test cases that draw many kilobytes.
    """
    return st.randoms(use_true_random=False).map(_drawn)


def _drawn(luck: Random) -> Choices:
    return Choices(Injected(lambda n, stream: luck.randrange(n)))


def plans(
    *,
    ends: Sequence[str],
    rpcs: int,
    faults: int = 2,
    what: Sequence[What] = _LOSSES,
) -> st.SearchStrategy[Plan]:
    """Plans of at most `faults` faults on the first `rpcs` requests of each end."""
    struck = st.builds(
        Struck, st.sampled_from(ends), st.integers(0, rpcs - 1), st.sampled_from(what)
    )
    sets = st.lists(struck, max_size=faults, unique=True)
    return sets.map(lambda found: Plan(tuple(sorted(found))))


@st.composite
def workloads(
    draw: st.DrawFn, *, clients: int, keys: Sequence[str] = ("k",), steps: int = 8
) -> list[Step]:
    """Operations of some clients on some keys; the values put are all different."""
    one = st.tuples(
        st.integers(0, clients - 1), st.sampled_from(("get", "put")), st.sampled_from(keys)
    )
    return [
        Step(client, "put", key, f"{client}.{number}")
        if op == "put"
        else Step(client, "get", key, "")
        for number, (client, op, key) in enumerate(draw(st.lists(one, max_size=steps)))
    ]
