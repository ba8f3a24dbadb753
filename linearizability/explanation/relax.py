"""Small proofs from big ones: relax operations, never delete them.

Deleting is not monotone: without a write, reads of its value become illegal by themselves.
Relaxing is. A read-only operation is dropped, any other becomes open. Every linearization of a
history is one of the relaxed history too, so if the relaxed one has none, the operations left as
they were are enough to prove it: a core.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from linearizability.decision import Conflict, Core, Proof
from linearizability.model import Model, replay
from linearizability.operation import Operation, client_name
from linearizability.search import Search

PROBE_CONFIGURATIONS = 1_000
PROBES = 200
CUT_CONFIGURATIONS = 20_000


def relax(model: Model, operations: Sequence[Operation], keep: Collection[int]) -> list[Operation]:
    """The history in which only the operations at the positions `keep` bind anybody."""
    history = []
    for position, op in enumerate(operations):
        if position in keep or op.ret is None:
            history.append(op)
        elif not model.read_only(op.input, op.output):
            history.append(Operation(op.client, op.input, None, op.call, None, op.metadata))
    return history


class SearchProof(Proof):
    """What the generic search found: an order."""

    def __init__(self, search: Search) -> None:
        search.forget()
        self._search = search

    def order(self) -> list[int]:
        return self._search.order()


class SearchConflict(Conflict):
    """What the generic search found: no order gets past the return of one operation."""

    def __init__(self, model: Model, operations: Sequence[Operation], search: Search) -> None:
        self._model = model
        self._operations = operations
        search.forget()
        self._search = search

    def prefix(self) -> list[int]:
        return self._search.longest_prefix()

    def core(self) -> Core:
        blocked, before = self._search.blocked, self._search.deepest_prefix()
        op = self._operations[blocked]
        positions = _minimal(self._model, self._operations, blocked)
        states = replay(self._model, [self._operations[i] for i in before])
        assert states is not None, "a prefix replays"
        reason = self._model.why_not(states[-1], op.input, op.output)
        text = self._model.describe(op)
        why = (
            f"No order gets past the return of {client_name(op.client)}'s {text} (at {op.ret})."
            f" After the longest order before it: {reason}."
        )
        return Core(
            tuple(self._operations[i] for i in positions), why, f"no order gets past {text}"
        )


def _minimal(model: Model, operations: Sequence[Operation], blocked: int) -> list[int]:
    """Positions, in call order, of a core: none of them can be relaxed too.

    Starts from the last few returns before the one that blocks, doubling until they are enough.
    Whatever a probe cannot refute within its budget counts as needed.
    """
    stamp = operations[blocked].ret
    assert stamp is not None
    returned = sorted(
        (op.ret, position)
        for position, op in enumerate(operations)
        if op.ret is not None and op.ret <= stamp
    )
    probes = 0

    def refuted(keep: Collection[int]) -> bool:
        nonlocal probes
        if probes == PROBES:
            return False
        probes += 1
        # What was called after the last return that binds anybody makes no difference.
        end = max(operations[position].ret or 0 for position in keep)
        called = [position for position, op in enumerate(operations) if op.call <= end]
        kept = {index for index, position in enumerate(called) if position in keep}
        search = Search(model, relax(model, [operations[p] for p in called], kept))
        search.advance(PROBE_CONFIGURATIONS)
        return search.linearizable is False

    size = 1
    core = [position for _, position in returned[-size:]]
    while not refuted(set(core)):
        if size >= len(returned):
            # Not by what had returned alone; operations in progress had answers that matter.
            core = [
                position
                for position, op in enumerate(operations)
                if op.ret is not None and op.call <= stamp
            ]
            break
        size *= 2
        core = [position for _, position in returned[-size:]]
    # Reads first: relaxed writes make the search harder.
    core.sort(key=lambda p: not model.read_only(operations[p].input, operations[p].output))
    core = _shrink(core, refuted)
    return sorted(core, key=lambda position: (operations[position].call, position))


def _shrink(core: list[int], refuted: Callable[[Collection[int]], bool]) -> list[int]:
    """Take away halves, quarters, ..., single entries, as long as the rest is refuted."""
    size = len(core)
    while size > 1:
        size = (size + 1) // 2
        start = 0
        while start < len(core) and len(core) > 1:
            rest = core[:start] + core[start + size :]
            if rest and refuted(set(rest)):
                core = rest
            else:
                start += size
    return core


def prefix_by_cuts(
    model: Model, operations: Sequence[Operation], core: Sequence[Operation]
) -> list[int]:
    """An order, as positions, of the longest stretch of time for which one is found.

    A *cut* after k returns keeps those k operations and relaxes those in progress. It is illegal
    once every operation of the core has returned; from there this walks back in growing steps,
    then bisects.
    """
    returned = sorted(
        (op.ret, position) for position, op in enumerate(operations) if op.ret is not None
    )

    def order_of(count: int) -> list[int] | None:
        stamp = returned[count - 1][0]
        kept = {position for _, position in returned[:count]}
        history, positions = [], []
        for position, op in enumerate(operations):
            if op.call > stamp:
                continue
            if position not in kept and op.ret is not None:
                if model.read_only(op.input, op.output):
                    continue
                op = Operation(op.client, op.input, None, op.call, None)
            history.append(op)
            positions.append(position)
        order = _order(model, history)
        return None if order is None else [positions[index] for index in order]

    end = max(op.ret for op in core if op.ret is not None)
    illegal = sum(stamp <= end for stamp, _ in returned)
    legal, best, step = 0, list[int](), 1
    while illegal - legal > 1:
        middle = max(illegal - step, legal + 1)
        order = order_of(middle)
        if order is None:
            illegal = middle
        else:
            legal, best = middle, order
        step = step * 2 if legal == 0 else (illegal - legal) // 2
    return best


def _order(model: Model, history: list[Operation]) -> list[int] | None:
    """A linearization of one partition, if it has one that is found within a small budget."""
    if model.method is not None:
        [case] = model.method(history)
        decision = case.decide() if case.decide is not None else None
        if isinstance(decision, Proof | Conflict):
            return decision.order() if isinstance(decision, Proof) else None
    search = Search(model, history)
    search.advance(CUT_CONFIGURATIONS)
    return search.order() if search.linearizable else None
