"""Repeated lines: shown once and counted, whoever else did something meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tester.report.collapse import collapse, collapse_crowd
from tester.report.lines import AGAIN, Line


def asked(rpc: int, who: str = "c0", answer: str = "'', v1") -> list[Line]:
    """A request and its answer."""
    return [
        Line(2 * rpc, who, "KVServer.get('k')", "send", rpc=rpc, place=2 * rpc),
        Line(2 * rpc + 1, "server", answer, "answer", rpc=rpc, place=2 * rpc + 1),
    ]


def test_what_is_repeated_is_counted() -> None:
    lines = [line for rpc in range(1, 671) for line in asked(rpc)]
    told = collapse(lines)
    assert told[:2] == lines[:2]
    assert [str(line) for line in told[2:]] == [
        "   0.001  c0          the same 2 lines 669 times more: #2 to #670"
    ]


def test_a_single_repeated_line_is_counted() -> None:
    lines = [Line(at, "c0", "KVServer.get('k')", "send", rpc=at) for at in range(1, 101)]
    assert [line.what.strip() for line in collapse(lines)[1:]] == [
        "the same 99 times more: #2 to #100"
    ]


def test_each_node_repeats_for_itself() -> None:
    lines = [line for rpc in range(1, 41) for line in asked(rpc, f"c{rpc % 2}")]
    told = collapse(lines)
    assert {line.who for line in told if line.kind == AGAIN} == {"c0", "c1"}
    assert len(told) == 6


def test_lines_with_different_answers_are_not_collapsed() -> None:
    lines = [line for rpc in range(1, 20) for line in asked(rpc)]
    lines += asked(20, answer="'', v2")
    assert collapse(lines)[-2:] == lines[-2:]
    assert len(collapse(lines)) == 5


def test_what_is_to_be_kept_is_kept() -> None:
    lines = [line for rpc in range(1, 20) for line in asked(rpc)]
    assert lines[21] in collapse(lines, {21})
    assert lines[21].place not in {line.place for line in collapse(lines)}


def test_twice_is_no_repetition() -> None:
    lines = [line for rpc in (1, 2) for line in asked(rpc)]
    assert collapse(lines) == lines


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"))))
def test_no_line_is_lost_and_none_is_new(events: list[tuple[str, str]]) -> None:
    lines = [Line(at, who, what, "does", place=at) for at, (who, what) in enumerate(events)]
    told = collapse(lines)
    assert len(told) <= len(lines)
    rest = [line for line in told if line.kind != AGAIN]
    assert rest == [line for line in lines if line.place in {line.place for line in rest}]
    for who in "ab":
        own = {what for name, what in events if name == who}
        assert {line.what for line in rest if line.who == who} == own


def test_lines_that_differ_in_numbers_are_counted_if_that_is_asked_for() -> None:
    lines = [line for rpc in range(1, 20) for line in asked(rpc, answer=f"'a', v{rpc}")]
    assert collapse(lines) == lines
    first, second, rest = collapse(lines, alike=True)
    assert [first, second] == lines[:2]
    assert rest.text == "    the like of these 2 lines 18 times more: #2 to #19"


def test_what_is_equal_is_the_same_also_if_the_like_would_do() -> None:
    lines = [line for rpc in range(1, 20) for line in asked(rpc)]
    assert collapse(lines, alike=True) == collapse(lines)


def test_a_crowd_that_does_the_same_is_counted() -> None:
    lines = [line for rpc in range(1, 1001) for line in asked(rpc, f"client{rpc}")]
    assert collapse(lines, alike=True) == lines
    told = collapse_crowd(lines)
    assert told[:2] == lines[:2]
    assert [line.text for line in told[2:]] == ["    the same 2 lines 999 times more: #2 to #1000"]


def test_of_a_crowd_the_names_stay() -> None:
    lines = [line for rpc in (1, 2) for line in asked(rpc, f"client{rpc}")]
    assert collapse_crowd(lines) == lines
