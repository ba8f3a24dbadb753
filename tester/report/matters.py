"""What matters in a run that failed: the operations, and the requests, that a story must tell."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tester.report.broken import Broken
from tester.report.exchange import Request, requests
from tester.report.lines import Line
from tester.world.events import Return
from tester.world.failure import Stuck, Verdict
from tester.world.history import Op
from tester.world.run import Outcome

_WRITES: Final = frozenset({"put", "append"})
_VERBS: Final = _WRITES | {"get"}
_MOST_OPEN: Final = 3
"""Of operations that never returned, or wrote what was read, this many."""
_MOST_WRITES: Final = 6
"""Of the writes to a key between two operations that matter, the latest this many."""


@dataclass(frozen=True)
class Matters:
    """Operations and requests by their numbers, and what the others are about."""

    ops: frozenset[int] = frozenset()
    rpcs: frozenset[int] = frozenset()
    keys: Mapping[int, Hashable] = field(default_factory=dict)
    """The key each operation asked for, of those that did."""
    sent: Mapping[int, Hashable] = field(default_factory=dict)
    """The key each request asked for."""
    about: frozenset[Hashable] = frozenset()
    """The keys that matter."""
    core: frozenset[int] = frozenset()
    """Of the operations, those that the verdict speaks of."""
    named: frozenset[int] = frozenset()
    """Of the requests, those that a broken rule speaks of; none if none is known."""
    together: frozenset[int] = frozenset()
    """Of those, the ones that a server handled at the same time."""

    def tells(self, line: Line) -> bool:
        """Whether the line is about what matters."""
        return line.op in self.ops or line.rpc in self.rpcs or line.marked

    def topic(self, line: Line) -> Hashable:
        """The key that a line is about; None if it is about none."""
        if line.rpc is not None and line.rpc in self.sent:
            return self.sent[line.rpc]
        return None if line.op is None else self.keys.get(line.op)


def matters(
    outcome: Outcome, core: Sequence[Op], broken: Broken | None, struck: Sequence[Line]
) -> Matters:
    """The operations of the core, and what the servers did to their keys meanwhile.

    Without a core, the operations that returned at the moments of which the verdict speaks, and
    the one whose answer broke a rule. Without any of that nothing is known to matter.
    """
    sent = requests(outcome)
    ops = outcome.history.ops
    asked = {op.number: op.args[0] for op in ops if op.method in _VERBS and op.args}
    keyed = {one.rpc: one.args["key"] for one in sent if "key" in one.args}
    chosen = {op.number for op in core} or _at_moments(outcome) or _stuck(outcome)
    rpcs: set[int] = set()
    named: set[int] = set()
    together: frozenset[int] = frozenset()
    if broken is not None:
        named = broken.named
        together = frozenset({*broken.together, broken.rpc or 0} if broken.together else ())
        rpcs |= {*named, *broken.others}
        chosen |= {op for op in (broken.op,) if op is not None}
        chosen |= {one.op for one in sent if one.rpc == broken.rpc and one.op is not None}
    elif not chosen and (op := asserted(outcome, asked)) is not None:
        chosen = {op}
        wrote = [one for one in sent if one.verb in _WRITES and keyed.get(one.rpc) == asked[op]]
        rpcs |= {one.rpc for one in wrote[-_MOST_OPEN:]}
    if not chosen:
        return Matters(keys=asked, sent=keyed)
    deciding = frozenset(chosen)
    rpcs |= _writers([ops[op] for op in chosen], sent, asked)
    hit = {line.op for line in struck if line.op is not None}
    own = {keyed[one.rpc] for one in sent if one.op in chosen and one.rpc in keyed}
    own |= {asked[op] for op in chosen if op in asked}
    return Matters(
        frozenset(chosen | hit),
        frozenset(rpcs),
        asked,
        keyed,
        frozenset(own),
        deciding,
        frozenset(named),
        together,
    )


def _at_moments(outcome: Outcome) -> set[int]:
    """The operations that ended at the moments of which a verdict speaks, and the last of them."""
    error = outcome.error
    if not isinstance(error, Verdict) or not error.moments:
        return set()
    ended = [op for op in outcome.history.ops if op.ret is not None and op.method not in _VERBS]
    last = max(ended, key=lambda op: op.ret or 0, default=None)
    return {op.number for op in ended if op is last or op.ret_us in error.moments}


def asserted(outcome: Outcome, asked: Mapping[int, Any]) -> int | None:
    """The read whose result a test would not have, and failed at once; None if none was."""
    ops = outcome.history.ops
    if type(outcome.error) is not AssertionError:
        return None
    last = [event for event in outcome.events[-2:] if isinstance(event, Return)]
    if not last or ops[last[0].op].method != "get" or last[0].op not in asked:
        return None
    return last[0].op


def _stuck(outcome: Outcome) -> set[int]:
    """Of a run that is stuck, the operations that never returned, and the last that got on."""
    if not isinstance(outcome.error, Stuck):
        return set()
    ops = outcome.history.ops
    ended = [op for op in ops if op.ret is not None]
    others = [op for op in ended if op.method not in _VERBS]
    last = max(others or ended, key=lambda op: op.ret or 0, default=None)
    waiting = [op.number for op in ops if op.ret is None]
    return {*waiting[:_MOST_OPEN], *([last.number] if last else [])}


def _writers(chosen: Sequence[Op], sent: Sequence[Request], asked: Mapping[int, Any]) -> set[int]:
    """The requests that wrote what these operations saw, and those that wrote while they ran."""
    numbers = {op.number for op in chosen}
    keys = {asked[op] for op in numbers if op in asked}
    own = [one for one in sent if one.op in numbers]
    keys |= {one.args["key"] for one in own if one.verb in _WRITES and "key" in one.args}
    start = min(op.call_us for op in chosen)
    end = max(op.call_us if op.ret_us is None else op.ret_us for op in chosen)
    wrote = [one for one in sent if one.verb in _WRITES and one.args.get("key") in keys]
    done = [one for one in wrote if _was_done(one) and one.arrived_us <= end]
    meanwhile = [one for one in done if one.answered_us >= start and one.op not in numbers]
    found = {one.rpc for one in meanwhile[-_MOST_WRITES:]}
    for op in chosen:
        if op.method == "get" and (text := _read(op.result)):
            last = [
                one
                for one in done
                if one.args["key"] == op.args[0] and one.args.get("value") == text
            ]
            found |= {one.rpc for one in last[-1:]}
    return found


def _was_done(one: Request) -> bool:
    """Whether a server has carried a write out, or nobody knows."""
    said = one.answered
    return bool(one.arrivals) and (said is None or said.get("err", "OK") == "OK")


def _read(result: Any) -> str:
    text = result[0] if isinstance(result, list | tuple) and result else result
    return text if isinstance(text, str) else ""
