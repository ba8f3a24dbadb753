"""Of a long run, what matters is told: operations, or what happened to servers."""

from __future__ import annotations

from tester.report import excerpt
from tester.report.lines import Line


def message(at: int, what: str, rpc: int, kind: str = "send") -> Line:
    return Line(at, "s0", what, kind, rpc=rpc)


def noise(first: int, count: int) -> list[Line]:
    """Messages between servers, so many, of a microsecond each."""
    return [message(first + i, "Raft.append_entries(1)", 1_000 + first + i) for i in range(count)]


def state(at: int, what: str) -> Line:
    return Line(at, "s1", what, "does")


def crash(at: int) -> Line:
    return Line(at, "s2", "crashes", "crash")


def poll(at: int, op: int) -> list[Line]:
    call = "Start(b'x')"
    return [
        Line(at, "s0", call, "call", op),
        Line(at, "s0", f"{call} -> (-1, 1, False)", "return", op),
    ]


def told(all_lines: list[Line], *moments: int) -> str:
    return "\n".join(excerpt.latest(all_lines, [], moments))


def test_a_short_run_is_told_whole() -> None:
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
    assert text.splitlines()[0].endswith("lines are left out, most of them about messages)")


def test_a_moment_in_the_past_is_told_in_full() -> None:
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


def test_without_servers_the_last_lines_are_told() -> None:
    run = noise(0, 60)
    shown = told(run).splitlines()
    assert shown[0].endswith("(36 earlier lines are left out)")
    assert shown[1:] == [str(line) for line in run[-24:]]
