"""The servers side by side: one line for those that are alike, and never more than 80 columns."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tester.report.audit.beside import side_by_side
from tester.report.broken import Broken
from tester.world.events import read
from tester.world.execution import Observation
from tester.world.run import Outcome

TERMS = tuple(range(10_000_000, 10_000_009))


def table(index: int | None, **logs: tuple[int, ...]) -> list[str]:
    """The rows of the table of servers with these logs, without its title."""
    seen: list[tuple[int, str, str, tuple[Any, ...]]] = []
    for place, (node, terms) in enumerate(logs.items()):
        seen += [
            (place, node, "started", ((),)),
            (place, node, "facts", (terms[-1], -1, 0)),
            (place, node, "log", (0, 0, 0, terms)),
        ]
    outcome = SimpleNamespace(
        observations=[Observation(at * 10, at, node, what, data) for at, node, what, data in seen],
        events=read([(place * 10, "note", "x") for place in range(20)]),
        trace=[(at * 10,) for at in range(20)],
        senders={},
        history=SimpleNamespace(ops=[]),
    )
    broken = Broken(19, "", servers=[*logs], index=index)
    return side_by_side(cast(Outcome, outcome), broken).splitlines()[1:]


def test_servers_that_are_alike_share_a_line() -> None:
    rows = table(None, s0=(1, 2), s1=(1, 3), s2=(1, 2))
    assert [row.split("  ")[2] for row in rows] == ["server", "s0, s2", "s1"]


@pytest.mark.parametrize("index", [None, 1, 5, 9])
def test_wide_entries_give_way_and_the_one_that_matters_stays(index: int | None) -> None:
    head, *rows = table(index, s0=TERMS, s1=TERMS[:-1])
    assert max(map(len, [head, *rows])) <= 80
    shown = head.split()[5:]
    assert 0 < len(shown) < 6
    assert str(index or 9) in shown
