"""The plan: which chunks there are, how long they are, and when a sweep ends."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.labs import LABS
from tester.sweep.plan import CHUNK_US, MOST, Piece, Sought, SweepPlan, Until, parse_until
from tester.sweep.store import Subject
from tester.workers.launch import Setup
from tester.workers.wire import Chunk

SETUP = Setup(LABS["kvsrv"], None, None)
SUBJECT = Subject("kvsrv", "test_a", "random", "uniform", "", "1")


def sought(*left: range, weight: int = 1, test: str = "test_a") -> Sought:
    wanted = range(left[0].start, left[-1].stop)
    return Sought(SETUP, SUBJECT._replace(test=test), wanted, list(left), weight)


def chunks(plan: SweepPlan) -> list[Chunk]:
    found = []
    while (piece := plan.next()) is not None:
        found.append(piece.chunk)
    return found


@given(
    ends=st.lists(st.integers(0, 3_000), min_size=2, max_size=8, unique=True).map(sorted),
    jobs=st.integers(1, 64),
    mean_us=st.integers(0, 10**7),
)
def test_each_seed_is_given_once(ends: list[int], jobs: int, mean_us: int) -> None:
    parts = [range(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False)]
    one = sought(*parts)
    one.mean_us = mean_us
    plan = SweepPlan([one], jobs)
    given_ = [seed for c in chunks(plan) for seed in range(c.first, c.first + c.count)]
    assert given_ == [seed for part in parts for seed in part]
    assert plan.is_empty


@given(mean_us=st.integers(1, 10**7), jobs=st.integers(1, 16))
def test_a_chunk_takes_half_a_second_unless_little_is_left(mean_us: int, jobs: int) -> None:
    one = sought(range(10**7))
    one.mean_us = mean_us
    chunk = one.take(jobs)
    assert chunk is not None
    assert chunk.count in (CHUNK_US // mean_us or 1, MOST)
    assert chunk.in_detail


def test_tests_take_turns_by_their_weight() -> None:
    light, heavy = sought(range(800)), sought(range(100), weight=8, test="test_b")
    plan = SweepPlan([light, heavy], 2)
    for _ in range(60):
        _ = plan.next()
    assert abs(light.given - 8 * heavy.given) <= 64


def test_what_came_back_is_given_again_first() -> None:
    plan = SweepPlan([sought(range(100))], 1)
    first = plan.next()
    assert first is not None
    plan.returned.append(first)
    assert plan.next() == first
    assert plan.total == 100


@given(first=st.integers(0, 99), count=st.integers(2, 99))
def test_two_halves_are_the_whole(first: int, count: int) -> None:
    near, far = Piece(sought(range(1)), Chunk("t", first, count), 3).halves()
    assert (near.chunk.first, near.chunk.first + near.chunk.count) == (first, far.chunk.first)
    assert far.chunk.first + far.chunk.count == first + count
    assert near.chunk.count >= 1 <= far.chunk.count
    assert near.failed == far.failed == 0


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("90s", Until(seconds=90)),
        ("15m", Until(seconds=900)),
        ("8h", Until(seconds=28_800)),
        ("2d", Until(seconds=172_800)),
        ("1-failure", Until(failures=1)),
        ("30-failures", Until(failures=30)),
    ],
)
def test_when_a_sweep_ends(text: str, until: Until) -> None:
    assert parse_until(text) == until


@pytest.mark.parametrize("text", ["", "0s", "5", "m", "1.5h", "0-failures", "-1s", "9999999999s"])
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got {text!r}")):
        parse_until(text)
