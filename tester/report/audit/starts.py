"""The rules of `start`: only a leader takes a command, and each gets a place of its own."""

from __future__ import annotations

from collections.abc import Iterator

from tester.report import values
from tester.report.audit.group import Group
from tester.report.broken import Broken
from tester.world.events import Return
from tester.world.history import Op

LEADS = "start on a server that does not lead returns at once that it does not"
OWN_PLACE = "Each command that a leader takes gets an index of its own in the log"
SOURCE = "Lab 3, the Raft interface"


def broken(group: Group) -> Iterator[Broken]:
    """The first answer of `start` that is wrong."""
    ops = group.outcome.history.ops
    given: dict[tuple[str, int, int, int], tuple[Op, int]] = {}
    for place, event in enumerate(group.outcome.events):
        if not isinstance(event, Return):
            continue
        op = ops[event.op]
        answer = _taken(op)
        if op.method != "start" or op.client not in group.servers.states or answer is None:
            continue
        index, term = answer
        name = op.client
        states = group.servers.known(name, place, place)
        if any(state.term >= 0 for state in states) and not any(state.leads for state in states):
            yield _not_leading(op, place, name, term)
            return
        key = name, states[0].life, term, index
        before, at = given.setdefault(key, (op, place))
        if before is not op:
            yield _same_place(before, at, op, place, index, term)
            return


def _taken(op: Op) -> tuple[int, int] | None:
    """The index and the term that a start was given; None if it was refused."""
    result = op.result
    if not isinstance(result, list | tuple) or len(result) != 3 or result[2] is not True:
        return None
    return result[0], result[1]


def _shown(op: Op) -> str:
    return f"{values.operation(op.method, op.args)} -> {values.result(op.result)}"


def _not_leading(op: Op, place: int, name: str, term: int) -> Broken:
    return Broken(
        place,
        f"{name} answered {_shown(op)}, that it leads term {term}, and get_state says that it "
        "does not lead: no server will replicate the command.",
        f"{name} took a command, and does not lead",
        LEADS,
        SOURCE,
        op=op.number,
        servers=[name],
    )


def _same_place(before: Op, at: int, op: Op, place: int, index: int, term: int) -> Broken:
    return Broken(
        place,
        f"{op.client} answered {_shown(before)} and {_shown(op)}: two commands at one place of "
        "the log.",
        f"{op.client} gave two commands the index {index} of term {term}",
        OWN_PLACE,
        SOURCE,
        cause=at,
        op=op.number,
        events=[at],
        servers=[op.client],
        index=index,
    )
