"""Conditions and fates: rates are ratios, a fate has always as many choices, 0 is the default."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc import LONG_DELAYS, LONG_REORDERING, RELIABLE, UNRELIABLE, Conditions, Fate
from tester.engine.choices import Choices, Replayed, Seeded

NAMED = {
    "RELIABLE": RELIABLE,
    "UNRELIABLE": UNRELIABLE,
    "LONG_REORDERING": LONG_REORDERING,
    "LONG_DELAYS": LONG_DELAYS,
}
SCALE = 20_000

ratios = st.integers(1, 10).flatmap(lambda den: st.tuples(st.integers(0, den), st.just(den)))
conditions = st.builds(
    Conditions,
    latency_us=st.integers(1, 1_000),
    request_delay_ms=st.integers(0, 30),
    request_loss=ratios,
    reply_loss=ratios,
    reply_hold=ratios,
    unreachable_ms=st.integers(0, 7_000),
    duplicate=ratios,
    duplicate_delay_ms=st.integers(0, 30),
    late=ratios,
    late_delay_ms=st.integers(0, 3_000),
    loss_timeout_ms=st.integers(0, 3_000),
)


def fates(of: Conditions, n: int = SCALE, seed: int = 0) -> list[Fate]:
    choices = Choices(Seeded(seed))
    return [Fate._make(choices.draw("net/e", of.slots)) for _ in range(n)]


def test_a_new_set_of_conditions_is_reliable() -> None:
    assert Conditions() == RELIABLE
    assert RELIABLE.reliable
    assert RELIABLE.but(latency_us=1, unreachable_ms=6_999, loss_timeout_ms=50).reliable
    assert LONG_DELAYS.reliable


@pytest.mark.parametrize(
    "change",
    [
        {"request_delay_ms": 1},
        {"request_loss": (1, 1000)},
        {"reply_loss": (1, 1000)},
        {"reply_hold": (1, 1000)},
        {"duplicate": (1, 1000)},
        {"late": (1, 1000)},
    ],
)
def test_conditions_that_disturb_a_message_are_not_reliable(change: dict[str, object]) -> None:
    assert not RELIABLE.but(**change).reliable  # type: ignore[arg-type]


def test_the_rates_are_those_of_the_labs() -> None:
    assert (UNRELIABLE.request_loss, UNRELIABLE.reply_loss) == ((100, 1000), (100, 1000))
    assert UNRELIABLE.request_delay_ms == 26
    assert UNRELIABLE.loss_timeout_ms == 0
    assert UNRELIABLE.but(reply_hold=(600, 900)) == LONG_REORDERING
    assert (RELIABLE.unreachable_ms, LONG_DELAYS.unreachable_ms) == (99, 6_999)


def test_losses_come_as_often_as_they_should() -> None:
    drawn = fates(UNRELIABLE)
    lost_requests = sum(fate.request_lost for fate in drawn) / SCALE
    lost_replies = sum(fate.reply_lost for fate in drawn) / SCALE
    through = sum(not fate.request_lost and not fate.reply_lost for fate in drawn) / SCALE
    assert lost_requests == pytest.approx(0.1, abs=0.01)
    assert lost_replies == pytest.approx(0.1, abs=0.01)
    assert through == pytest.approx(0.81, abs=0.01)


def test_delays_cover_their_whole_span() -> None:
    assert {fate.request_delay_ms for fate in fates(UNRELIABLE)} == set(range(27))
    assert {fate.unreachable_ms for fate in fates(RELIABLE)} == set(range(100))
    longest = {fate.unreachable_ms for fate in fates(LONG_DELAYS, 100_000)}
    assert (min(longest), max(longest)) == (0, 6_999)


def test_replies_are_held_two_times_in_three_for_200_to_2199_ms_short_ones_likelier() -> None:
    drawn = fates(LONG_REORDERING)
    held = [LONG_REORDERING.hold_us(fate) // 1000 for fate in drawn if fate.reply_held]
    assert len(held) / SCALE == pytest.approx(2 / 3, abs=0.01)
    assert 200 == min(held) < max(held) <= 2_199
    assert max(held) > 2_100
    assert sum(held) / len(held) == pytest.approx(700, abs=15)
    assert {LONG_REORDERING.hold_us(fate) for fate in drawn if not fate.reply_held} == {0}


def test_the_longest_hold_is_2199_ms() -> None:
    longest = Fate(0, 0, 0, 0, 0, 0, 0, 0, 1, 1_999, 1_999)
    assert LONG_REORDERING.hold_us(longest) == 2_199_000


@given(conditions, st.integers(0, 2**32))
def test_a_fate_is_always_the_same_number_of_choices(of: Conditions, seed: int) -> None:
    choices = Choices(Seeded(seed))
    for sent in range(1, 4):
        Fate._make(choices.draw("net/e", of.slots))
        assert len(choices.stream("net/e").record) == sent * len(Fate._fields)


@given(conditions, conditions, st.integers(0, 2**32))
def test_other_conditions_before_leave_a_fate_alone(
    of: Conditions, before: Conditions, seed: int
) -> None:
    alone, after = Choices(Seeded(seed)), Choices(Seeded(seed))
    alone.draw("net/e", of.slots)
    after.draw("net/e", before.slots)
    assert alone.draw("net/e", of.slots) == after.draw("net/e", of.slots)


@given(conditions)
def test_the_fate_of_zeros_is_the_reliable_one(of: Conditions) -> None:
    choices = Choices(Replayed({}))
    fate = Fate._make(choices.draw("net/e", of.slots))
    assert set(fate) == {0}
    assert of.hold_us(fate) == 0
    assert choices.faults == []


def test_the_faults_of_a_fate_are_its_losses_copies_and_holds() -> None:
    certain = Conditions(
        request_loss=(1, 1), reply_loss=(1, 1), reply_hold=(1, 1), duplicate=(1, 1), late=(1, 1)
    )
    choices = Choices(Seeded(0))
    choices.draw("net/e", certain.slots)
    faults = {Fate._fields[place] for _, place in choices.faults}
    assert faults == {"request_lost", "duplicated", "late", "reply_lost", "reply_held"}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("request_loss", (2, 1), "request_loss: expected a ratio"),
        ("reply_loss", (-1, 2), "reply_loss: expected a ratio"),
        ("reply_hold", 0.5, "reply_hold: expected a ratio"),
        ("duplicate", (0, 0), "expected a denominator >= 1, got 0"),
        ("late", (1, 2, 3), "late: expected a ratio"),
        ("latency_us", 0, "latency_us: expected 1 or more, got 0"),
        ("request_delay_ms", -1, "request_delay_ms: expected 0 or more, got -1"),
        ("unreachable_ms", -1, "unreachable_ms: expected 0 or more, got -1"),
        ("duplicate_delay_ms", -1, "duplicate_delay_ms: expected 0 or more, got -1"),
        ("late_delay_ms", -1, "late_delay_ms: expected 0 or more, got -1"),
        ("loss_timeout_ms", -1, "loss_timeout_ms: expected 0 or more, got -1"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    name: str, value: object, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Conditions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMED)
def test_named_conditions_hold_no_float(name: str) -> None:
    for field in fields(NAMED[name]):
        assert isinstance(getattr(NAMED[name], field.name), int | tuple)
