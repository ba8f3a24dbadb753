"""The log against a list of all entries there ever were, and the hint against a search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raft.log import Log
from raft.messages import Entry

TERMS = st.lists(st.integers(1, 5), max_size=8).map(sorted)


def made(terms: list[int], base: int = 0) -> Log:
    """A log of such terms, of which a snapshot covers the first `base`."""
    log = Log()
    for index, term in enumerate(terms, 1):
        log.append(Entry(term, b"%d of %d" % (index, term)))
    if base:
        log.compact(base)
    return log


def entries(terms: list[int], prev: int = 0) -> list[Entry]:
    return made(terms).since(prev + 1)


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[int], Log]:
    terms = draw(TERMS)
    return terms, made(terms, draw(st.integers(0, len(terms))))


def test_an_empty_log_ends_at_0_in_term_0() -> None:
    log = Log()
    assert (log.last_index, log.last_term, log.term(0), log.since(1)) == (0, 0, 0, [])
    assert log.match_term(0, 0)
    assert not log.match_term(1, 0)


@given(logs())
def test_a_log_has_its_entries_from_the_base_on(made_of: tuple[list[int], Log]) -> None:
    terms, log = made_of
    assert log.last_index == len(terms)
    assert log.last_term == (terms[-1] if terms else 0)
    for index, term in enumerate(terms, 1):
        if index >= log.base:
            assert log.term(index) == term
            assert log.match_term(index, term)
            assert not log.match_term(index, term + 1)
        if index > log.base:
            assert log.command(index) == b"%d of %d" % (index, term)
            assert log.since(index) == entries(terms, index - 1)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 5, 6])
def test_what_is_discarded_or_not_there_cannot_be_read(index: int) -> None:
    log = made([1, 1, 2, 2], base=2)
    with pytest.raises(IndexError, match=f"no entry {index}: it goes from 3 to 4"):
        log.command(index)
    if index != 2:
        with pytest.raises(IndexError):
            log.term(index)
    if index != 5:
        with pytest.raises(IndexError):
            log.since(index)


def test_what_is_discarded_is_let_go() -> None:
    log = made([1, 1, 2, 2])
    log.compact(3)
    assert (log.terms, log.commands) == ([2], [b"4 of 2"])


@given(TERMS, TERMS)
def test_the_later_last_term_is_more_up_to_date_and_then_the_longer_log(
    ours: list[int], theirs: list[int]
) -> None:
    """Section 5.4.1, word by word."""
    log, other = made(ours), made(theirs)
    if log.last_term != other.last_term:
        up_to_date = other.last_term > log.last_term
    else:
        up_to_date = len(theirs) >= len(ours)
    assert log.is_up_to_date(other.last_index, other.last_term) == up_to_date


@st.composite
def two_logs(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Terms of two logs as Raft makes them: once they differ, no later term is in both."""
    same = draw(TERMS)
    last = same[-1] if same else 1
    ours = draw(st.lists(st.sampled_from(range(last + 1, last + 12, 2)), max_size=6))
    theirs = draw(st.lists(st.sampled_from(range(last + 2, last + 12, 2)), max_size=6))
    return same + sorted(ours), same + sorted(theirs)


@given(two_logs(), st.data())
def test_a_merge_takes_over_what_is_new_and_keeps_what_does_not_conflict(
    both: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    ours, theirs = both
    agreed = agreement(ours, theirs)
    base = data.draw(st.integers(0, agreed), label="base")
    prev = data.draw(st.integers(0, agreed), label="prev")
    last = data.draw(st.integers(prev, len(theirs)), label="last new entry")
    log = made(ours, base)
    changed = log.merge(prev, entries(theirs[:last], prev))
    if last <= agreed:
        assert not changed
        assert log == made(ours, base), "an old message takes nothing away"
    else:
        assert changed
        assert log == made(theirs[:last], base)


def agreement(ours: list[int], theirs: list[int]) -> int:
    """Up to where the logs agree, by the Log Matching Property."""
    return max(
        i for i in range(min(len(ours), len(theirs)) + 1) if i == 0 or ours[i - 1] == theirs[i - 1]
    )


@given(two_logs(), st.data())
def test_hints_from_both_sides_lead_to_where_the_logs_agree(
    both: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    ours, theirs = both
    agreed = agreement(ours, theirs)
    base = data.draw(st.integers(0, agreed), label="follower's base")
    leader, follower = made(ours), made(theirs, base)
    prev, calls = leader.last_index, 0
    while prev >= base and not follower.match_term(prev, leader.term(prev)):
        index = follower.find_conflict_by_term(prev, leader.term(prev))
        assert agreed <= index <= prev, "it skips nothing that match_term"
        prev, before = leader.find_conflict_by_term(index, follower.term(index)), prev
        assert agreed <= prev < before, "each call gets further back"
        calls += 1
    assert prev == agreed
    assert calls <= 1 + min(len(set(ours)), len(set(theirs)))


def test_a_hint_from_before_the_base_asks_for_the_snapshot() -> None:
    log = made([1, 1, 4, 4], base=3)
    assert log.find_conflict_by_term(2, 1) == 2
    assert log.find_conflict_by_term(3, 3) == 2, "the entry at the base is of term 4"
    assert log.find_conflict_by_term(3, 4) == 3


@given(logs(), st.integers(1, 12), st.integers(1, 6))
def test_a_snapshot_replaces_what_it_covers_and_what_conflicts_with_it(
    made_of: tuple[list[int], Log], index: int, term: int
) -> None:
    terms, log = made_of
    if index <= log.base:
        return
    log.install(index, term)
    assert (log.base, log.base_term) == (index, term)
    kept = index <= len(terms) and terms[index - 1] == term
    assert log.terms == (terms[index:] if kept else [])
    assert len(log.commands) == len(log.terms)
