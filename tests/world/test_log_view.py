"""The terms of a log that a server has shown, with a snapshot below them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tester.world.log_view import LogView

TERMS = st.lists(st.integers(1, 5), max_size=6)


def view(base: int, base_term: int, terms: Sequence[int]) -> LogView:
    log = LogView()
    log.base, log.base_term, log.terms = base, base_term, terms
    return log


def test_an_empty_log_ends_with_its_snapshot() -> None:
    log = view(3, 2, ())
    assert (log.last, log.last_term) == (3, 2)
    assert [log.term_at(index) for index in (2, 3, 4)] == [None, 2, None]


@given(TERMS, st.data())
def test_a_log_is_read_as_the_whole_list_of_terms_would_be(
    whole: list[int], data: st.DataObject
) -> None:
    whole = [0, *whole]  # by index; the first entry has the index 1
    base = data.draw(st.integers(0, len(whole) - 1))
    log = view(base, whole[base], whole[base + 1 :])
    assert (log.last, log.last_term) == (len(whole) - 1, whole[-1])
    for index in range(len(whole) + 2):
        known = base <= index < len(whole)
        assert log.term_at(index) == (whole[index] if known else None)


@given(TERMS, TERMS, st.data())
def test_a_change_keeps_what_is_before_it(
    whole: list[int], more: list[int], data: st.DataObject
) -> None:
    whole = [0, *whole]
    base = data.draw(st.integers(0, len(whole) - 1))
    log = view(base, whole[base], whole[base + 1 :])
    later = data.draw(st.integers(base, len(whole) - 1))  # a snapshot may have been made meanwhile
    at = data.draw(st.integers(0, len(whole) - 1 - later))
    assert log.changed(later, at, more) == (*whole[later + 1 : later + 1 + at], *more)


def test_a_log_that_now_begins_earlier_keeps_nothing() -> None:
    assert view(5, 2, (3, 3)).changed(2, 0, (4, 4)) == (4, 4)
