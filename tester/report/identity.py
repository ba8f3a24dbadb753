"""Different operations that were sent as one: to a server that tells requests apart, a repetition.

Such a server knows a request by the fields that name it, as its client and number. Whichever they
are: all but those that hold what the operation asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tester.report import values
from tester.report.broken import Broken
from tester.report.exchange import Request
from tester.report.matters import asserted
from tester.world.events import Send, only
from tester.world.run import Outcome

_WRITES: Final = frozenset({"put", "append"})
_MOST: Final = 50
"""Of more writes that were sent as others, the latest are looked at."""

_Name = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Alike:
    """Two operations, each by its first request; the second has the name of the first."""

    first: Request
    second: Request
    name: _Name


def taken(outcome: Outcome, asked: Sequence[Request], *, in_group: bool) -> list[Request]:
    """The requests that may have been carried out, in that order.

    In a group these are what a leader has put into its log; others were refused, or came too late.
    """
    if not in_group:
        return sorted(asked, key=lambda one: one.arrivals[0])
    logged = [one.data[0] for one in outcome.observations if one.what == "logged"]
    order = {rpc: at for at, rpc in reversed([*enumerate(logged)])}
    return sorted((one for one in asked if one.rpc in order), key=lambda one: order[one.rpc])


def sent_alike(outcome: Outcome, asked: Sequence[Request]) -> list[Alike]:
    """The operations that were sent under the name of an earlier write, in the order asked.

    Of operations that read only, the name is of no importance, but where a write has it.
    """
    known: dict[_Name, Request] = {}
    found: dict[tuple[object, ...], Alike] = {}
    for one in asked:
        name = _name(outcome, one)
        if not name:
            continue
        first = known.get(name)
        if first is None:
            if one.verb in _WRITES:
                known[name] = one
        elif _identity(outcome, first) != _identity(outcome, one):
            found.setdefault((*_identity(outcome, one), name), Alike(first, one, name))
    return [*found.values()]


def _name(outcome: Outcome, request: Request) -> _Name:
    """The fields of a request that are not what its operation asks for."""
    op = None if request.op is None else outcome.history.ops[request.op]
    asks = [] if op is None or op.method != request.verb else [*op.args]
    return tuple(
        (field, value)
        for field, value in request.args.items()
        if field not in {"key", "value"}
        and isinstance(value, int | str)
        and not (isinstance(value, str) and value in asks)
    )


def _identity(outcome: Outcome, request: Request) -> tuple[object, ...]:
    """What repetitions of a request have in common: the operation, or what a crowd's client asks.

    A test may have many clients in one operation: then a request is of the client whose end it is.
    """
    if request.op is not None and outcome.history.ops[request.op].method == request.verb:
        return (request.op,)
    return request.end, request.payload


def told(outcome: Outcome, alike: Alike, because: str, others: Sequence[int] = ()) -> Broken:
    """The broken rule: which two operations were sent as one, and what came of that."""
    ids = values.Ids()
    for event in only(Send, outcome.events):
        ids.sent(event.end, event.payload)
    named = ids.named(dict(alike.name))
    fields = ", ".join(values.field(name, value) for name, value in named.items())
    first, second = alike.first, alike.second
    one, two = _asked(outcome, first), _asked(outcome, second)
    sentence = (
        f"#{first.rpc} and #{second.rpc} are different operations, {one} and {two}, and both were "
        f"sent as {fields}: #{second.rpc} is taken for a repetition of #{first.rpc}, and is not "
        f"carried out. {because}"
    )
    return Broken(
        second.sent,
        sentence.strip(),
        f"two different operations were sent as {fields}",
        rpc=second.rpc,
        others=[first.rpc, *others],
    )


def _asked(outcome: Outcome, request: Request) -> str:
    """Whose operation a request was sent for: "c1's Put('k', 'a')"."""
    op = None if request.op is None else outcome.history.ops[request.op]
    if op is not None and op.method == request.verb:
        return f"{op.client}'s {values.operation(op.method, op.args)}"
    asks = [request.args[field] for field in ("key", "value") if field in request.args]
    return f"{request.end}'s {values.operation(request.verb, asks)}"


def behind(
    outcome: Outcome,
    asked: Sequence[Request],
    wrong: Request,
    broken: Broken,
    fits_without: Callable[[set[int]], bool],
) -> Broken | None:
    """What is behind an impossible answer, if operations sent as one are: None if not.

    They are if the answers fit where the later ones were not carried out. `asked` is in the order
    in which the requests may have been carried out, and `wrong` the one that got the answer.
    """
    alike = [one for one in sent_alike(outcome, asked) if one.second.arrivals[0] <= broken.place]
    own = [one for one in alike if one.second.op == wrong.op]
    if own:
        return told(outcome, own[0], broken.in_short)
    writes = [one for one in alike if one.second.verb in _WRITES and one.second.op is not None]
    writes = [one for one in writes if one.second.args.get("key") == wrong.args.get("key")]
    writes = writes[-_MOST:]
    for some in _choices(writes):
        if fits_without({one.second.op for one in some if one.second.op is not None}):
            return told(outcome, some[-1], broken.in_short, [wrong.rpc])
    return None


def _choices(writes: Sequence[Alike]) -> Iterator[Sequence[Alike]]:
    """Which of them may not have been carried out: one of them, the latest first, or all."""
    yield from ([one] for one in reversed(writes))
    if len(writes) > 1:
        yield writes


def of_crowd(outcome: Outcome, asked: Sequence[Request]) -> Broken | None:
    """Of a key that was not as a test expects it: a write to it that was sent as another one."""
    ops = outcome.history.ops
    read = asserted(outcome, {op.number: op.args[0] for op in ops if op.args})
    if read is None:
        return None
    for one in sent_alike(outcome, asked):
        is_write = one.second.verb in _WRITES and one.second.args.get("key") == ops[read].args[0]
        if is_write and one.first.end != one.second.end:
            answers = [request.rpc for request in asked if request.op == read][-1:]
            got, what = values.result(ops[read].result), values.operation("get", ops[read].args)
            said = "".join(f"The server answered {got} to #{rpc} ({what})." for rpc in answers)
            return told(outcome, one, said, answers)
    return None
