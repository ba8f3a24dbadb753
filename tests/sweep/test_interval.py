"""Exact intervals, beside a brute-force twin in fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.sweep.interval import beta_cdf, interval


def at_least(successes: int, runs: int, p: Fraction) -> Fraction:
    """The chance of at least that many successes, term by term."""
    terms = (math.comb(runs, k) * p**k * (1 - p) ** (runs - k) for k in range(successes, runs + 1))
    return sum(terms, Fraction(0))


@given(runs=st.integers(1, 60), data=st.data())
def test_each_end_is_where_the_tail_is_two_and_a_half_percent(
    runs: int, data: st.DataObject
) -> None:
    failed = data.draw(st.integers(0, runs))
    least, most = interval(failed, runs)
    assert 0 <= least <= failed / runs <= most <= 1
    if failed:
        assert float(at_least(failed, runs, Fraction(least))) == pytest.approx(0.025, abs=1e-9)
    else:
        assert least == 0
    if failed < runs:
        few = 1 - at_least(failed + 1, runs, Fraction(most))
        assert float(few) == pytest.approx(0.025, abs=1e-9)
    else:
        assert most == 1


@given(a=st.integers(1, 40), b=st.integers(1, 40), percent=st.integers(0, 100))
def test_the_beta_function_is_a_binomial_tail(a: int, b: int, percent: int) -> None:
    exact = float(at_least(a, a + b - 1, Fraction(percent, 100)))
    assert beta_cdf(percent / 100, a, b) == pytest.approx(exact, abs=1e-10)


def test_known_intervals() -> None:
    """The rule of three, and a table: 10 of 100 (Clopper and Pearson)."""
    assert interval(0, 100_000)[1] == pytest.approx(-math.log(0.025) / 100_000, rel=1e-4)
    assert interval(10, 100) == pytest.approx((0.0490047, 0.1762226), abs=1e-6)
    assert interval(500_000, 1_000_000) == pytest.approx((0.4990195, 0.5009805), abs=1e-6)


@pytest.mark.parametrize(("failed", "runs"), [(0, 0), (2, 1), (-1, 5)])
def test_what_cannot_be_is_refused(failed: int, runs: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= failed <= runs"):
        interval(failed, runs)
