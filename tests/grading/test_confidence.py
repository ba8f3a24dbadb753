"""Bounds on the probability of failure, against tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.grading.confidence import percent, statement, stopped, upper_bound


@pytest.mark.parametrize(
    ("seeds", "at_95", "at_99"),
    [
        (100, "3 %", "4.6 %"),
        (200, "1.5 %", "2.3 %"),
        (300, "1 %", "1.6 %"),
        (1000, "0.3 %", "0.46 %"),
        (2000, "0.15 %", "0.23 %"),
        (10_000, "0.03 %", "0.047 %"),
    ],
)
def test_bounds_are_those_of_the_table_rounded_up(seeds: int, at_95: str, at_99: str) -> None:
    assert percent(upper_bound(seeds), up=True) == at_95
    assert percent(upper_bound(seeds, 0.01), up=True) == at_99


def test_what_is_said() -> None:
    assert statement(0, 2000) == (
        "0 failures in 2 000 seeds: under this test, a random seed fails with probability below "
        "0.15 % (95 % confidence)."
    )
    assert "5 failures in 20 seeds" in statement(5, 20)
    assert "8.6 % to 50 %" in statement(5, 20)  # Clopper-Pearson: 0.0866 to 0.4910
    assert stopped(3, 2000) == "The first failure came with seed number 4 of 2 000."


@given(st.floats(1e-9, 0.999_999))
def test_percent_is_on_the_safe_side(value: float) -> None:
    up, down = (float(percent(value, up=way).removesuffix(" %")) for way in (True, False))
    assert down <= 100 * value * (1 + 1e-6)
    assert up >= 100 * value * (1 - 1e-6)
    assert up - down <= 0.11 * 100 * value + 1e-12
