"""Of a long run, what matters is shown: operations, or what happened to servers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tester.report import excerpt
from tester.report.lines import Line
from tester.report.matters import Matters


def message(at: int, what: str, rpc: int, kind: str = "send") -> Line:
    return Line(at, "s0", what, kind, rpc=rpc)


def noise(first: int, count: int) -> list[Line]:
    """A number of messages between servers, of a microsecond each, no two of them alike."""
    return [
        message(first + i, f"Raft.append_entries({first + i})", 1_000 + first + i)
        for i in range(count)
    ]


def state(at: int, what: str) -> Line:
    return Line(at, "s1", what, "does")


def crash(at: int) -> Line:
    return Line(at, "s2", "crashes", "crash")


def poll(at: int, op: int) -> list[Line]:
    call = f"Start(b'{op}')"
    return [
        Line(at, "s0", call, "call", op),
        Line(at, "s0", f"{call} -> (-1, 1, False)", "return", op),
    ]


def told(all_lines: list[Line], *moments: int) -> str:
    return "\n".join(excerpt.latest(all_lines, [], moments))


def test_a_short_run_is_shown_whole() -> None:
    run = [*noise(0, 10), state(10, "leads term 1"), *noise(11, 10)]
    assert told(run).splitlines() == [str(line) for line in run]


def test_what_happened_to_servers_is_never_lost_in_messages_and_polls() -> None:
    run = [state(0, "leads term 1"), crash(1), *noise(2, 300)]
    for i in range(40):
        run += poll(400 + i, i)
    text = told([*run, state(500, "leads term 2")])
    assert "leads term 1" in text
    assert "crashes" in text
    assert "leads term 2" in text
    assert text.count("-> (-1, 1, False)") <= 14
    assert "(-1" in text
    assert text.splitlines()[0].endswith("lines are left out, mostly messages)")


def test_a_moment_in_the_past_is_shown_in_full() -> None:
    run = [*noise(0, 50), message(50, "granted=True", 7), state(51, "leads term 1")]
    run += [*noise(52, 100), message(200, "granted=True", 8), state(201, "leads term 1, too")]
    assert "#7 granted=True" not in told(run)
    assert "#7 granted=True" in told(run, 51)
    assert "#8 granted=True" in told(run)


def test_messages_that_reach_nobody_and_mere_arrivals_are_left_out() -> None:
    run = [state(0, "leads term 1"), *noise(1, 30)]
    run += [message(40, "Raft.append_entries(2)", 1), message(41, "arrives", 2, "deliver")]
    run += [message(42, "no reply: no server could be reached", 1, "no reply")]
    text = told(run)
    assert "append_entries(2)" not in text
    assert "arrives" not in text
    assert "could be reached" not in text


def test_without_servers_the_last_lines_are_shown() -> None:
    run = [Line(at, "c0", "ab"[at % 2] + "xyz"[at % 3] * at, "call") for at in range(60)]
    shown = told(run).splitlines()
    assert shown[0].endswith("(44 earlier lines are left out)")
    assert shown[1:] == [str(line) for line in run[-16:]]


def exchange(at: int, rpc: int, end: str, said: str) -> list[Line]:
    asker, other = end.split("-")
    return [
        Line(at, end, f"Raft.request_vote({asker}, {said})", "send", rpc=rpc),
        Line(at + 1, other, f"granted=False ({said})", "answer", rpc=rpc),
    ]


def test_stuck_servers_show_the_last_message_of_each_pair() -> None:
    run = [state(0, "is cut off"), *exchange(10, 1, "s0-s1", "older"), *noise(50, 40)]
    run += [*exchange(100, 2, "s0-s1", "last"), *exchange(200, 3, "s1-s0", "last")]
    for i in range(20):
        run += poll(400 + i, i)
    text = "\n".join(excerpt.latest(run, [], [], stuck=True))
    assert "#2 Raft.request_vote(s0, last)" in text
    assert "#2 granted=False (last)" in text
    assert "#3 Raft.request_vote(s1, last)" in text
    assert "older" not in text
    assert "append_entries" not in text, "nobody answered those"
    assert "#2" not in "\n".join(excerpt.latest(run, [], []))


def test_stuck_servers_show_no_old_messages() -> None:
    run = [state(0, "is cut off"), *exchange(0, 1, "s0-s1", "old"), *noise(50, 40)]
    text = "\n".join(
        excerpt.latest([*run, *exchange(9_000_000, 2, "s2-s0", "new")], [], [], stuck=True)
    )
    assert "new" in text
    assert "old" not in text


def test_stuck_servers_that_never_answered_show_their_last_lines() -> None:
    run = [state(0, "is cut off"), *noise(50, 40)]
    assert excerpt.latest(run, [], [], stuck=True) == excerpt.latest(run, [], [])


def asked(at: int, rpc: int, op: int, answer: str, *logged: Line) -> list[Line]:
    """An RPC of an operation, and what became of it."""
    sent = Line(at, "c0.s1", "KVServer.put('k')", "send", op, rpc)
    return [sent, *logged, Line(at + 1, "s1", answer, "answer", op, rpc)]


def test_of_what_a_group_was_asked_the_retries_are_left_out() -> None:
    put = [Line(0, "c0", "Put('k')", "call", 0)]
    for rpc in range(40):
        put += asked(2 * rpc, rpc, 0, f"ErrWrongLeader: {rpc}")
    logged = Line(100, "s1", "logs #50 as entry 1 of term 2", "does", 0, 50)
    put += [state(99, "leads term 2"), *asked(100, 50, 0, "OK", logged), crash(102)]
    put += [Line(103, "c0", "Put('k') -> OK", "return", 0)]
    told = excerpt.about([*put, *asked(110, 60, 1, "OK")], Matters(frozenset({0})))
    text = "\n".join(told)
    for wanted in ("Put('k') -> OK", "leads term 2", "#50", "as entry 1 of", "crashes"):
        assert wanted in text
    assert "ErrWrongLeader" not in text
    assert text.splitlines()[0].endswith("c0      Put('k')")


def test_what_a_broken_rule_speaks_of_is_never_left_out() -> None:
    put = [Line(0, "c0", "Put('k')", "call", 0)]
    for rpc in range(60):
        put += asked(2 * rpc, rpc, 0, f"OK: {rpc}")
    put += [Line(200, "c0", "Put('k') -> OK", "return", 0)]
    matter = Matters(frozenset({0}), core=frozenset({0}), named=frozenset({3, 30}))
    told = "\n".join(excerpt.about(put, matter))
    for wanted in ("#3 KVServer", "#3 OK: 3", "#30 KVServer", "#30 OK: 30", "Put('k') -> OK"):
        assert wanted in told
    assert "#59 OK" in told, "of the others, the latest"
    assert "#31" not in told
    assert len(told.splitlines()) <= 16
    assert "(left out: 110 lines about no key)" in told


def test_no_answer_is_shown_without_its_request() -> None:
    lines = []
    for rpc in range(40):
        lines.append(Line(2 * rpc, "c0", f"KVServer.get({rpc})", "send", 1, rpc, 2 * rpc))
        answer = Line(2 * rpc + 1, "server", f"the answer to {rpc}", "answer", 1, rpc, 2 * rpc + 1)
        lines.append(replace(answer, marked=rpc == 39))
    for named in ({39}, {5, 39}, set(range(35, 40))):
        matter = Matters(
            ops=frozenset({1}), rpcs=frozenset(range(40)), named=frozenset(named), core=frozenset()
        )
        text = "\n".join(excerpt.about(lines, matter))
        answered = set(re.findall(r"the answer to (\d+)", text))
        assert answered <= set(re.findall(r"KVServer\.get\((\d+)\)", text))
        assert answered >= {str(rpc) for rpc in named}


def test_a_line_is_not_compared_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that floods the network sends a hundred thousand requests."""
    lines = []
    for rpc in range(1_000):
        lines += asked(2 * rpc, rpc, 0, f"the answer to {rpc}")
    compared = 0
    same = Line.__eq__

    def counted(one: Line, other: object) -> bool:
        nonlocal compared
        compared += 1
        return same(one, other)

    monkeypatch.setattr(Line, "__eq__", counted)
    matter = Matters(frozenset({0}), core=frozenset({0}))
    assert "left out: " in "\n".join(excerpt.about(lines, matter))
    assert compared < 20 * len(lines)
