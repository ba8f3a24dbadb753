"""Reader of the histories that Jepsen and Maelstrom write: events in EDN.

    {:process 0, :type :invoke, :f :write, :value 3, :time 12, :index 0}
    {:process 0, :type :ok, :f :write, :value 3, :time 34, :index 1}

The order of the events is the time. `:ok` returned, `:fail` certainly did not happen and is left
out, `:info`, or no end at all, leaves the operation open. Events of the nemesis are skipped. A
`:drain` of a queue is as many dequeues as it returned values: one after the other where nothing
else began or ended meanwhile, else each of them in its interval. Where every value of a client is
a pair [key value], as jepsen.independent and Maelstrom write them, the first is the key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple, TypeGuard

from linearizability.formats.edn import as_edn, read_edn
from linearizability.formats.recorded import HistoryError, Recorded, malformed, with_article
from linearizability.formats.values import Double, Verbatim
from linearizability.inputs import (
    Acquire,
    Add,
    Cas,
    Dequeue,
    Enqueue,
    Increment,
    Pop,
    Push,
    Read,
    Release,
    Remove,
    Transaction,
    Write,
)
from linearizability.operation import Operation

_SHAPE = "{:process 0, :type :invoke, :f :read, :value nil}"
_EMPTY = Verbatim('""')
_TYPES: dict[Any, str] = {Verbatim(f":{kind}"): kind for kind in ("invoke", "ok", "fail", "info")}


class _Event(NamedTuple):
    line: int
    process: int
    kind: str
    function: str
    value: Any


# (key, value of the invocation, process) -> input; (value of the end) -> output
_Ask = Callable[[Any, Any, int], Any]
_Answer = Callable[[Any], Any]


def _nothing(value: Any) -> None:
    return None


def held(value: Any) -> Any:
    """Nil is what a register holds at first, the empty string; one of EDN is another value."""
    return "" if value is None else _EMPTY if value == "" else value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(value)
    return value


def _count(value: Any) -> Any:
    """What a counter stands at; as Jepsen's checker has it, a whole number of either kind."""
    return float(value) if type(value) is Double else value


def _something(value: Any) -> Any:
    """What is put into a collection; nil would mean that there is nothing."""
    if value is None:
        raise ValueError(value)
    return value


def _compare(key: Any, value: Any, process: int) -> Cas:
    old, new = value
    return Cas(key, held(old), held(new))


def _transaction(key: Any, value: Any, process: int) -> Transaction:
    return Transaction(tuple(_micro(op) for op in value))


def _micro(op: Any) -> tuple[str, Hashable, Hashable]:
    function, key, value = op
    kind = {":r": "r", ":w": "w"}[as_edn(function)]
    return kind, key, held(value)


def _is_answer(value: Any, asked: Any) -> bool:
    """Whether a transaction returned with the steps it was called with, its reads filled in."""
    steps = value if isinstance(value, tuple) else ()
    return len(steps) == len(asked) and all(
        isinstance(step, tuple)
        and len(step) == 3
        and step[:2] == begun[:2]
        and (step == begun or as_edn(step[0]) == ":r")
        for step, begun in zip(steps, asked, strict=True)
    )


def _results(value: Any) -> tuple[Any, ...]:
    return tuple(item if kind == "r" else None for kind, _, item in map(_micro, value))


_REGISTER: dict[str, tuple[_Ask, _Answer]] = {
    "read": (lambda key, value, process: Read(key), held),
    "write": (lambda key, value, process: Write(key, held(value)), _nothing),
}
_FUNCTIONS: dict[str, dict[str, tuple[_Ask, _Answer]]] = {
    "register": _REGISTER,
    "cas-register": {**_REGISTER, "cas": (_compare, lambda value: True)},
    "mutex": {
        "acquire": (lambda key, value, process: Acquire(key, process), _nothing),
        "release": (lambda key, value, process: Release(key, process), _nothing),
    },
    "queue": {
        "enqueue": (lambda key, value, process: Enqueue(key, _something(value)), _nothing),
        "dequeue": (lambda key, value, process: Dequeue(key), lambda value: value),
        "drain": (lambda key, value, process: Dequeue(key), tuple),  # made several, below
    },
    "stack": {
        "push": (lambda key, value, process: Push(key, _something(value)), _nothing),
        "pop": (lambda key, value, process: Pop(key), lambda value: value),
    },
    "set": {
        "add": (lambda key, value, process: Add(key, value), _nothing),
        "remove": (lambda key, value, process: Remove(key, value), _nothing),
        "read": (lambda key, value, process: Read(key), lambda value: value),
    },
    "counter": {
        "add": (lambda key, value, process: Increment(key, _number(value)), _nothing),
        "increment": (
            lambda key, value, process: Increment(key, 1 if value is None else _number(value)),
            _nothing,
        ),
        "read": (lambda key, value, process: Read(key), _count),
    },
    "txn": {"txn": (_transaction, _results)},
}


def read_jepsen_edn(lines: Iterable[str], name: str, model: str) -> Recorded:
    """A history of the named model; raises HistoryError for the first event that is wrong."""
    functions = _FUNCTIONS.get(model)
    if functions is None:
        known = ", ".join(_FUNCTIONS)
        raise HistoryError(f"format jepsen-edn records histories of {known}, not of {model}")
    events = [event for line, map_ in read_edn(lines, name) if (event := _event(line, map_, name))]
    keyed = model != "txn" and _keyed(events)
    recorded = Recorded()
    calls: dict[int, tuple[_Event, Operation]] = {}
    failed: set[int] = set()
    drains: set[int] = set()
    for stamp, event in enumerate(events):
        if event.kind == "invoke":
            if event.process in calls:
                what = f"process {event.process} calls before its last call ended"
                raise malformed(name, event.line, what)
            asked = _asked(functions, event, name, model, keyed=keyed)
            op = Operation(event.process, asked, None, stamp, None)
            calls[event.process] = (event, op)
            recorded.add(op, event.line)
            if event.function == "drain":
                drains.add(id(op))
            continue
        call, found = calls.pop(event.process, (None, None))
        if call is None or found is None or call.function != event.function:
            ended = with_article(event.function)
            what = f"process {event.process} ends {ended} that it has not called"
            raise malformed(name, event.line, what)
        if event.kind == "ok":
            value = _without_key(event, call, name) if keyed else event.value
            if event.function == "txn" and not _is_answer(value, call.value):
                why = f": it was called as {_shown(call.value)}"
                raise _wrong_value(event, name, why)
            try:
                found.output = functions[event.function][1](value)
            except (KeyError, TypeError, ValueError) as error:
                raise _wrong_value(event, name) from error
            found.ret = stamp
        elif event.kind == "fail":
            failed.add(id(found))
    if failed:
        recorded = recorded.without(failed)
    return _undrained(recorded, drains) if drains else recorded


def _undrained(recorded: Recorded, drains: set[int]) -> Recorded:
    """The history with dequeues in the place of drains.

    Of one that did not return nobody knows what it took: any value that was ever enqueued. Between
    two events that follow each other there is room for dequeues in a row, and later events move
    back for them. Where others began or ended meanwhile, nobody knows what happened first, so each
    dequeue may be at any time of the drain, in any order.
    """
    enqueues = Counter(op.input.key for op in recorded.operations if isinstance(op.input, Enqueue))
    alone = [
        op
        for op in recorded.operations
        if id(op) in drains and op.ret == op.call + 1 and len(op.output) > 1
    ]
    room = [op.call for op in alone]
    moved = [0, *accumulate(2 * len(op.output) - 2 for op in alone)]
    in_a_row = set(map(id, alone))
    found = Recorded(failed=recorded.failed)
    for op, line in zip(recorded.operations, recorded.lines, strict=True):
        call = op.call + moved[bisect_left(room, op.call)]
        ret = None if op.ret is None else op.ret + moved[bisect_left(room, op.ret)]
        outputs: Sequence[Any] = (op.output,)
        if id(op) in drains:
            outputs = (None,) * enqueues[op.input.key] if op.ret is None else op.output
            found.failed += not outputs
        for number, output in enumerate(outputs):
            if id(op) in in_a_row:
                start = call + 2 * number
                found.add(replace(op, output=output, call=start, ret=start + 1), line)
            else:
                found.add(replace(op, output=output, call=call, ret=ret), line)
    return found


def _event(line: int, found: dict[str, Any], name: str) -> _Event | None:
    """An event of a client; None for one of the nemesis."""
    process, kind = found.get(":process"), found.get(":type")
    if type(process) is not int:
        if process is None:
            what = f"':process' is missing: expected an event like {_SHAPE}"
            raise malformed(name, line, what)
        if not _is_keyword(process):
            what = f"':process' is {as_edn(process)}: expected an integer, or :nemesis"
            raise malformed(name, line, what)
        return None
    type_ = _TYPES.get(kind)
    if type_ is None:
        what = f"':type' is {as_edn(kind)}: expected :invoke, :ok, :fail or :info"
        raise malformed(name, line, what)
    function = found.get(":f")
    if _is_keyword(function):
        function = function.text[1:]
    elif not isinstance(function, str):
        raise malformed(name, line, f"':f' is missing: expected an event like {_SHAPE}")
    return _Event(line, process, type_, function, found.get(":value"))


def _is_keyword(value: Any) -> TypeGuard[Verbatim]:
    return type(value) is Verbatim and value.text.startswith(":")


def _keyed(events: Iterable[_Event]) -> bool:
    """Whether the values of all calls are pairs whose first is a key."""
    calls = [event for event in events if event.kind == "invoke"]
    return bool(calls) and all(
        isinstance(event.value, tuple)
        and len(event.value) == 2
        and (event.function != "cas" or isinstance(event.value[1], tuple))
        for event in calls
    )


def _without_key(event: _Event, call: _Event, name: str) -> Any:
    """The value with which a call on a key returned."""
    if event.value is None:
        return None
    if not isinstance(event.value, tuple) or len(event.value) != 2:
        raise _wrong_value(event, name, ": expected [key value], as all calls have it")
    if event.value[0] != call.value[0]:
        why = f": it was called on key {as_edn(call.value[0])}"
        raise _wrong_value(event, name, why)
    return event.value[1]


def _asked(
    functions: dict[str, tuple[_Ask, _Answer]],
    event: _Event,
    name: str,
    model: str,
    *,
    keyed: bool,
) -> Any:
    if event.function not in functions:
        known = ", ".join(f":{function}" for function in functions)
        what = f"':f' is :{event.function}: expected an operation of model {model}: {known}"
        raise malformed(name, event.line, what)
    key, value = event.value if keyed else ("", event.value)
    try:
        return functions[event.function][0](key, value, event.process)
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong_value(event, name) from error


def _shown(value: Any) -> str:
    text = as_edn(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _wrong_value(event: _Event, name: str, why: str = "") -> HistoryError:
    what = f"':value' is {_shown(event.value)}, which means nothing for :{event.function}{why}"
    return malformed(name, event.line, what)
