"""The edits of records: each changes what it says and nothing else, and leaves its input alone."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from tester.engine.choices import Choices, Record, Replayed
from tester.search.shrink import Position, changed, nonzero, only, trimmed

STREAMS = st.sampled_from(["net/c0", "net/c1", "size/rounds", "nemesis"])
VALUES = st.integers(0, 3)
RECORDS = st.dictionaries(STREAMS, st.lists(VALUES, max_size=12))
CHANGES = st.dictionaries(st.tuples(STREAMS, st.integers(0, 15)), VALUES)


def at(record: Record, place: Position) -> int:
    """What a run draws at this place."""
    stream, index = place
    values = record.get(stream, [])
    return values[index] if index < len(values) else 0


@given(RECORDS)
def test_what_is_not_zero_is_all_there_is_to_a_record(record: Record) -> None:
    found = nonzero(record)
    assert 0 not in found.values()
    assert all(at(record, place) == value for place, value in found.items())
    assert sum(found.values()) == sum(map(sum, record.values()))
    assert nonzero(changed({}, found)) == found


@given(RECORDS)
def test_trimming_takes_away_zeros_at_the_end_and_nothing_else(record: Record) -> None:
    before = deepcopy(record)
    short = trimmed(record)
    assert nonzero(short) == nonzero(record)
    assert all(values[-1] for values in short.values())
    for stream, values in short.items():
        assert record[stream][: len(values)] == values
    assert trimmed(short) == short
    assert record == before


@given(RECORDS, RECORDS)
def test_trimmed_records_are_equal_when_what_they_choose_is(one: Record, other: Record) -> None:
    assert (trimmed(one) == trimmed(other)) == (nonzero(one) == nonzero(other))


@given(RECORDS, CHANGES)
def test_a_change_sets_these_places_and_no_other(
    record: Record, changes: dict[Position, int]
) -> None:
    before = deepcopy(record)
    edited = changed(record, changes)
    assert all(at(edited, place) == value for place, value in changes.items())
    places = {(stream, index) for stream in edited for index in range(20)} - changes.keys()
    assert all(at(edited, place) == at(record, place) for place in places)
    assert edited.keys() == record.keys() | {stream for stream, _ in changes}
    assert record == before


@given(RECORDS)
def test_an_edited_record_shares_no_list_with_the_one_it_came_from(record: Record) -> None:
    edited = changed(record, {})
    assert edited == record
    assert all(edited[stream] is not record[stream] for stream in record)


@given(st.lists(VALUES), st.sets(st.integers(0, 15)))
def test_only_what_is_kept_stays_in_its_place(values: list[int], kept: set[int]) -> None:
    left = only(values, kept)
    assert len(left) == len(values)
    assert [left[i] for i in range(len(values)) if i in kept] == [
        values[i] for i in range(len(values)) if i in kept
    ]
    assert not any(left[i] for i in range(len(values)) if i not in kept)


@given(RECORDS)
def test_a_run_draws_the_same_from_a_record_and_from_what_is_left_of_it(record: Record) -> None:
    whole, short = Choices(Replayed(record)), Choices(Replayed(trimmed(record)))
    for stream in ("net/c0", "net/c1", "size/rounds", "nemesis"):
        for _ in range(14):
            assert whole.below(4, stream) == short.below(4, stream)
