"""The states of servers: what a probe told of each, in the order of the trace."""

from types import SimpleNamespace
from typing import Any, cast

from tester.report.audit.servers import Servers
from tester.world.events import read
from tester.world.execution import Observation
from tester.world.run import Outcome


def servers(*seen: tuple[int, str, str, tuple[Any, ...]]) -> Servers:
    observations = [
        Observation(place * 10, place, node, what, data) for place, node, what, data in seen
    ]
    trace = [(place * 10, "note", "x") for place in range(20)]
    trace[7] = (70, "restart", "s1")
    made = SimpleNamespace(
        observations=observations, events=read(trace), senders={}, history=SimpleNamespace(ops=[])
    )
    return Servers(cast(Outcome, made))


def test_a_log_is_put_together_from_what_was_new() -> None:
    group = servers(
        (0, "s10", "started", ((),)),
        (0, "s2", "started", ((),)),
        (1, "s2", "log", (0, 0, 0, (1, 1, 2))),
        (3, "s2", "log", (0, 0, 2, (3, 3))),
        (5, "s2", "log", (3, 3, 1, ())),
    )
    assert group.names == ["s2", "s10"]
    assert group.majority == 2
    assert group.before("s2", 2).terms == (1, 1, 2)
    assert group.before("s2", 4).terms == (1, 1, 3, 3)
    last = group.before("s2", 6)
    assert (last.base, last.base_term, last.terms, last.last) == (3, 3, (3,), 4)
    assert (last.term_at(3), last.term_at(4), last.term_at(5), last.term_at(2)) == (
        3,
        3,
        None,
        None,
    )
    assert group.before("s10", 6).last == 0


def test_a_restart_begins_another_life_with_what_its_snapshot_has() -> None:
    group = servers(
        (0, "s1", "started", ((),)),
        (1, "s1", "state", (2, True)),
        (2, "s1", "facts", (2, 1, 0)),
        (3, "s1", "applied", (1, b"x")),
        (8, "s1", "started", ((b"x", b"y"),)),
        (9, "s1", "facts", (1, -1, 0)),
    )
    before, after = group.before("s1", 7), group.before("s1", 9)
    assert (before.life, before.term, before.leads, before.vote, before.applied) == (
        0,
        2,
        True,
        1,
        1,
    )
    assert (after.life, after.term, after.leads, after.vote, after.applied) == (1, 1, False, -1, 2)
    assert group.restarted("s1", 0, 10) == 7
    assert group.restarted("s1", 8, 10) is None


def test_a_server_that_cannot_be_asked_describes_nothing() -> None:
    group = servers(
        (0, "s1", "started", ((),)),
        (1, "s1", "log", (0, 0, 0, (1,))),
        (2, "s1", "state", ()),
        (4, "s1", "state", (1, False)),
    )
    assert [group.before("s1", at).describes for at in (0, 1, 3, 4)] == [False, True, False, True]
