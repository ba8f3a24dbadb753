"""What a number of seeds says about the next one: exact bounds on the probability of failure."""

from __future__ import annotations

import math
from typing import Final

from tester.sweep.interval import interval

ALPHA: Final = 0.05
"""One minus the confidence of every statement."""


def upper_bound(seeds: int, alpha: float = ALPHA) -> float:
    """The upper bound of the failure rate after this many random seeds without a failure."""
    return 1 - math.exp(math.log(alpha) / seeds)


def statement(failed: int, seeds: int, alpha: float = ALPHA) -> str:
    """What may be said after all of some random seeds have run."""
    level = f"{round(100 * (1 - alpha))} % confidence"
    if failed == 0:
        return (
            f"0 failures in {_seeds(seeds)}: under this test, a random seed fails with "
            f"probability below {percent(upper_bound(seeds, alpha), up=True)} ({level})."
        )
    low, high = interval(failed, seeds, confidence=1 - alpha)
    return (
        f"{_failures(failed)} in {_seeds(seeds)}: under this test, a random seed "
        f"fails with probability {percent(low, up=False)} to {percent(high, up=True)} ({level})."
    )


def stopped(index: int, seeds: int) -> str:
    """What may be said when the seeds after the first failure were not run: no rate."""
    return f"The first failure came with seed number {_grouped(index + 1)} of {_grouped(seeds)}."


def percent(value: float, *, up: bool) -> str:
    """A share in percent with two significant digits, rounded to the safe side."""
    if value <= 0:
        return "0 %"
    if value >= 1:
        return "100 %"
    scale = 10.0 ** (1 - math.floor(math.log10(100 * value)))
    whole = 100 * value * scale
    rounded = math.ceil(whole - 1e-9) if up else math.floor(whole + 1e-9)
    return f"{min(100.0, rounded / scale):.10g} %"


def _seeds(number: int) -> str:
    return "1 seed" if number == 1 else f"{_grouped(number)} seeds"


def _failures(number: int) -> str:
    return "1 failure" if number == 1 else f"{_grouped(number)} failures"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")
