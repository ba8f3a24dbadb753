"""Exact confidence intervals of a probability (Clopper and Pearson, 1934)."""

from __future__ import annotations

import math
from typing import Final

_HALVINGS: Final = 60
_TERMS: Final = 100_000
_TINY: Final = 1e-300
_CLOSE: Final = 1e-15


def interval(failed: int, runs: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Every probability under which so many failures of so many runs are not too surprising.

    Too surprising: so many or more, or so few or fewer, have a chance below (1 - confidence) / 2.
    """
    if not 0 <= failed <= runs or not runs:
        raise ValueError(f"expected 0 <= failed <= runs and runs >= 1, got {failed} of {runs}")
    tail = (1 - confidence) / 2
    least = 0.0 if not failed else _solve(tail, failed, runs - failed + 1)
    most = 1.0 if failed == runs else _solve(1 - tail, failed + 1, runs - failed)
    return least, most


def _solve(probability: float, a: int, b: int) -> float:
    """The quantile of the beta distribution: where `beta_cdf` is this probability."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: int, b: int) -> float:
    """The regularized incomplete beta function, 0 <= x <= 1; a, b >= 1.

    The chance of a or more successes in a + b - 1 trials, each with probability x.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction converges slowly, and here it does not
        return 1 - beta_cdf(1 - x, b, a)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log) / a * _fraction(x, a, b)


def _fraction(x: float, a: int, b: int) -> float:
    """The continued fraction of Lentz: DLMF 8.17.22."""
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            return value
    raise ArithmeticError(f"the beta function of {x}, {a}, {b} does not converge")


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
