"""What went wrong in a set, in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from linearizability.decision import Core
from linearizability.explanation.lives import alone, short, who
from linearizability.inputs import Add, Contains, Read
from linearizability.operation import Operation, client_name, in_call_order


def removed_twice(add: Operation | None, removes: Sequence[Operation]) -> Core:
    value = short(removes[0].input.value)
    one, other = (client_name(op.client) for op in removes)
    why = f"{one}'s Remove and {other}'s Remove both found {value}, but it was added once at most."
    core = in_call_order([*removes, *([] if add is None else [add])])
    return alone(core, why, f"{value} can be removed only once")


def never_added(op: Operation, element: Any = None) -> Core:
    value = short(element if isinstance(op.input, Read) else op.input.value)
    saw = f"{who(op)} saw {value} in the set"
    return alone((op,), f"{saw}, but nobody added it.", f"nobody added {value}")


def _saw(op: Operation) -> str:
    """As "c3's Contains saw it"."""
    absent = isinstance(op.input, Contains) is not (op.output is True)
    if isinstance(op.input, Add):
        absent = False
    return f"{who(op)} {'did not see it' if absent else 'saw it'} ({op.call}-{op.ret})"


def no_life(
    add: Operation | None,
    present: Sequence[Operation],
    absent: Sequence[Operation],
    removed: Sequence[Operation],
    may_remove: Sequence[Operation],
) -> Core:
    """An element whose one life does not fit what was seen of it."""
    assert add is not None
    value = short(add.input.value)
    until = "on" if add.ret is None else f"to {add.ret}"
    facts = [f"its only Add, by {client_name(add.client)}, took from {add.call} {until}"]
    facts += [_saw(op) for op in present]
    facts += [f"{who(op)} found it ({op.call}-{op.ret})" for op in removed]
    facts += [_saw(op) for op in absent if op not in may_remove]
    if not removed:
        count = len(may_remove)
        facts.append(
            "nobody removed it"
            if not count
            else f"only {who(may_remove[0])} (from {may_remove[0].call}) may have removed it"
            if count == 1
            else f"{count} Removes may have removed it"
        )
    why = f"{value} cannot have come and left as it was seen: {'; '.join(facts)}."
    core = in_call_order([add, *present, *absent, *removed, *may_remove])
    return alone(core, why, f"{value} was seen when it cannot have been in the set, or missed")


def no_set(op: Operation) -> Core:
    """A read of what no set can be."""
    why = f"{who(op)} returned {short(op.output)}, which is no set."
    return alone((op,), why, "no set is what was read")


def no_chain(one: Operation, other: Operation) -> Core:
    """Two reads of a set that only grows, neither of which saw all that the other saw."""
    mine, yours = frozenset(one.output), frozenset(other.output)
    first = next(element for element in one.output if element not in yours)
    second = next(element for element in other.output if element not in mine)
    why = (
        f"{who(one)} saw {short(first)} but not {short(second)}, {who(other)} saw {short(second)}"
        f" but not {short(first)}, and nothing was ever removed."
    )
    return alone(in_call_order([one, other]), why, "one of two reads must have seen more")


def wrong_block(earlier: Operation, later: Operation, evidence: Sequence[Operation]) -> Core:
    """An operation that had returned before one began that must have come first."""
    ended = f"{_name(later)} had returned (at {later.ret})"
    began = f"{_name(earlier)} began (at {earlier.call})"
    if isinstance(later.input, Add) and isinstance(earlier.input, Read):
        return alone(
            in_call_order([earlier, later]),
            f"{ended} before {began}, which did not see it.",
            f"the read must have seen {short(later.input.value)}",
        )
    if isinstance(later.input, Read) and isinstance(earlier.input, Read):
        why = f"{ended} before {began}, but it saw more, and nothing was ever removed."
        return alone(in_call_order([earlier, later]), why, "a later read cannot see less")
    if isinstance(later.input, Read):
        why = f"{ended} before {began}, but it saw {short(earlier.input.value)}."
        core = in_call_order([earlier, later])
        return alone(core, why, f"{short(earlier.input.value)} was seen before it was added")
    reader = evidence[0]
    why = (
        f"{ended} before {began}, but {who(reader)} saw {short(earlier.input.value)} and not"
        f" {short(later.input.value)}."
    )
    core = in_call_order([earlier, later, reader])
    return alone(core, why, "what was added first must be seen first")


def _name(op: Operation) -> str:
    return f"{who(op)} of {short(op.input.value)}" if isinstance(op.input, Add) else who(op)
