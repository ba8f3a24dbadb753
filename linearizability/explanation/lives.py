"""What went wrong in a queue, stack or priority queue, in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from linearizability.decision import Core
from linearizability.operation import Operation, client_name, in_call_order
from linearizability.verdict import counted

_PLACES = {
    "Enqueue": "queue",
    "Dequeue": "queue",
    "Push": "stack",
    "Pop": "stack",
    "Insert": "priority queue",
    "DeleteMin": "priority queue",
}


def alone(
    operations: tuple[Operation, ...], why: str, missing: str, *, minimised: bool = True
) -> Core:
    """A core that is illegal by itself."""
    return Core(operations, why, missing, minimised, alone=True)


def who(op: Operation) -> str:
    """As "c3's Dequeue"."""
    return f"{client_name(op.client)}'s {type(op.input).__name__}"


def place(op: Operation) -> str:
    """What kind of collection an operation is about."""
    return _PLACES[type(op.input).__name__]


def short(value: object) -> str:
    """A value in a sentence; of a long one the beginning."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def answered_nonsense(op: Operation) -> Core:
    why = f"{who(op)} was answered {short(op.output)}."
    return alone((op,), why, f"no {place(op)} gives this answer")


def never_inserted(op: Operation) -> Core:
    value = short(op.output)
    why = f"{who(op)} returned {value}, which nobody put into the {place(op)}."
    return alone((op,), why, f"nobody put {value} in")


def removed_twice(inserted: Sequence[Operation], removed: Sequence[Operation]) -> Core:
    """More removals of a value than insertions."""
    value, times = short(removed[0].output), len(inserted)
    again = "twice" if times == 1 else f"{times + 1} times"
    once = "once" if times == 1 else f"{times} times"
    why = f"{value} left the {place(removed[0])} {again}, but it was put in {once}."
    core = in_call_order([*inserted, *removed])
    return alone(core, why, f"{value} was put in {once}")


def removed_early(insert: Operation, remove: Operation) -> Core:
    value = short(remove.output)
    why = (
        f"{who(remove)} returned {value} at {remove.ret}, but its only"
        f" {type(insert.input).__name__}, by {client_name(insert.client)}, began at"
        f" {insert.call}."
    )
    return alone(in_call_order([insert, remove]), why, f"{value} left before it was put in")


def stayed(insert: Operation, remove: Operation | None) -> str:
    """As "1 was in the queue from 3 (c0's Enqueue returned) to 9 (c1's Dequeue began)"."""
    end = "on (nobody is known to have taken it)"
    if remove is not None:
        end = f"to {remove.call} ({who(remove)} began)"
    return (
        f"{short(insert.input.value)} was in the {place(insert)} from {insert.ret}"
        f" ({who(insert)} returned) {end}"
    )


def overtook(
    first: tuple[Operation, Operation | None], second: tuple[Operation, Operation]
) -> Core:
    """The second value came after the first and left before it."""
    (one, one_out), (two, two_out) = first, second
    a, b = short(one.input.value), short(two.input.value)
    left = f"{a} never left"
    if one_out is not None:
        left = f"{who(one_out)} of {a} began only at {one_out.call}"
        if one_out.ret is None:
            left = f"the first {type(one_out.input).__name__} that was free to take {a}"
            left += f" began only at {one_out.call}"
    why = (
        f"{b} overtook {a} in the queue: {who(one)} of {a} had returned (at {one.ret}) before"
        f" {who(two)} of {b} began (at {two.call}), but {who(two_out)} of {b} had returned (at"
        f" {two_out.ret}) and {left}."
    )
    core = in_call_order([one, two, two_out, *([] if one_out is None else [one_out])])
    return alone(core, why, f"{b} overtook {a}")


def too_few_removals(
    stayed_in: Sequence[Operation], takers: Sequence[Operation], proofs: Sequence[Operation]
) -> Core:
    """More values had to leave than there were removals that may have taken them."""
    count, kind = len(stayed_in), place(stayed_in[0])
    some = ", ".join(short(op.input.value) for op in stayed_in[:4])
    some += ", ..." if count > 4 else ""
    may = f"only {len(takers)} removals" if len(takers) != 1 else "only one removal"
    why = (
        f"{counted(count, 'value')} that nobody is known to have taken ({some}) had to leave the "
        f"{kind} in time, but {may} may have taken any."
    )
    core = in_call_order([*stayed_in, *takers, *proofs])
    return alone(core, why, f"not all of {some} can have left the {kind}")


def not_empty(
    empty: Operation,
    holders: Sequence[tuple[Operation, Operation | None]],
    takers: Sequence[Operation] = (),
) -> Core:
    """A removal that found nothing, and the values that were there all the time."""
    shown = "; ".join(stayed(*holder) for holder in holders[:3])
    more = f"; and {len(holders) - 3} more in between" if len(holders) > 3 else ""
    may = ""
    if takers:
        some = f"the {len(takers)} open removals" if len(takers) > 1 else "the one open removal"
        may = f", and {some} cannot have taken enough"
    why = (
        f"{who(empty)} found the {place(empty)} empty (from {empty.call} to {empty.ret}), but"
        f" {shown}{more}{may}."
    )
    members = [op for holder in holders for op in holder if op is not None]
    core = in_call_order([empty, *members, *takers])
    return alone(core, why, f"the {place(empty)} was never empty then")


def crossed(
    first: tuple[Operation, Operation], second: tuple[Operation, Operation | None]
) -> Core:
    """The second value was put on top of the first, which left before it."""
    (one, one_out), (two, two_out) = first, second
    a, b = short(one.input.value), short(two.input.value)
    still = f"{b} was never popped"
    if two_out is not None:
        still = f"{who(two_out)} of {b} began only after that (at {two_out.call})"
    why = (
        f"{a} was popped from under {b}: {who(two)} of {b} began (at {two.call}) after {who(one)}"
        f" of {a} had returned (at {one.ret}) and returned (at {two.ret}) before"
        f" {who(one_out)} of {a} began (at {one_out.call}), which had returned by {one_out.ret},"
        f" and {still}."
    )
    core = in_call_order([one, one_out, two, *([] if two_out is None else [two_out])])
    return alone(core, why, f"{a} left the stack from under {b}")


def no_bottom(holders: Sequence[tuple[Operation, Operation | None]]) -> Core:
    """Values that were there one after the other without a gap, none of them from start to end."""
    shown = "; ".join(stayed(*holder) for holder in holders[:3])
    more = f"; and {len(holders) - 3} more in between" if len(holders) > 3 else ""
    why = (
        f"The stack was not empty for a while, but none of its values can have been at the bottom"
        f" all that time: {shown}{more}."
    )
    members = [op for holder in holders for op in holder if op is not None]
    return alone(in_call_order(members), why, "no value can have been at the bottom")


def not_least(
    insert: Operation,
    remove: Operation,
    holders: Sequence[tuple[Operation, Operation | None]],
) -> Core:
    """A value that was taken though something less was there all the time."""
    shown = "; ".join(stayed(*holder) for holder in holders[:3])
    more = f"; and {len(holders) - 3} more in between" if len(holders) > 3 else ""
    value = short(remove.output)
    why = (
        f"{who(remove)} took {value} (between {remove.call} and {remove.ret}), but something less"
        f" was there: {shown}{more}."
    )
    members = [op for holder in holders for op in holder if op is not None]
    core = in_call_order([insert, remove, *members])
    return alone(core, why, f"{value} was not the least")


def no_order(
    operations: Sequence[Operation], *, minimised: bool, anything_before: bool = False
) -> Core:
    """Some values of a queue or stack with all their operations, or with all since some time."""
    values = {op.input.value: None for op in operations if len(op.input) > 1}
    some = ", ".join(map(short, list(values)[:4])) + (", ..." if len(values) > 4 else "")
    kind = place(operations[0])
    put, rule = {
        "queue": ("enqueued", "each Dequeue took what was first in the queue"),
        "stack": ("pushed", "each Pop took what was on top"),
    }[kind]
    there = f"Whatever the {kind} held before, there" if anything_before else "There"
    why = f"{there} is no order in which {some} can have been {put} such that {rule}."
    removals = "Dequeues" if kind == "queue" else "Pops"
    core = in_call_order(operations)
    return alone(core, why, f"no order of the {kind} fits its {removals}", minimised=minimised)
