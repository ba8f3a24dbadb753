"""How versioned operations and their contradictions are put into words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from linearizability.methods.kv.facts import APART, LOWER, UPPER, WINDOW, Fact
from linearizability.methods.kv.table import NO_KEY, OK, VERSION, Clash, Table, is_get
from linearizability.operation import OPEN, Operation, client_name


def describe_operation(input: Any, output: Any) -> str:
    """As `Put('k', 'a', v0) -> OK` or `Get('k') -> ('a', v1)`."""
    if len(input) == 1:
        return f"Get({input[0]!r}) -> {describe_read(output)}"
    reply = "?" if output is OPEN else output
    return f"Put({input[0]!r}, {input[1]!r}, v{input[2]}) -> {reply}"


def describe_read(output: Any) -> str:
    """What a Get returned; the error only where it tells something."""
    if output is OPEN:
        return "?"
    try:
        value, version, err = output
    except (TypeError, ValueError):
        return repr(output)
    if err == OK:
        return f"({value!r}, v{version})"
    return str(err) if (value, version) == ("", 0) else f"({value!r}, v{version}, {err})"


def clash_words(clash: Clash) -> tuple[str, str]:
    """Sentence and missing thing for operations that contradict each other by value."""
    one, *others = clash.operations
    if clash.kind == "nonsense":
        what = "Get" if is_get(one) else "Put"
        reply = describe_read(one.output) if what == "Get" else f"{one.output}"
        if what == "Put" and one.output in (OK, NO_KEY):
            reply += f" at version {one.input[2]}"
        why = f"{_who(one)} {what} was answered {reply}, an answer that no server can give."
        return why, "no state of the key allows this answer"
    [other] = others
    if clash.kind == "lost update":
        version = one.input[2]
        why = (
            f"Lost update: {_both(one, other)} succeeded against version {version}, but each"
            " version is replaced only once."
        )
        return why, f"version {version} became {version + 1} only once"
    version = one.output[1]
    first, second = _value(one.output[0]), _value(other.output[0])
    returned = f"{_who(one)} returned {first}, {_who(other)} {second}"
    if one.client == other.client:
        returned = f"{_who(one)} returned {first} and {second}"
    why = f"Two Gets saw version {version} with different values: {returned}."
    return why, f"version {version} has only one value"


def contradiction_words(
    table: Table, failed: int, facts: Sequence[Fact], proof: Sequence[Operation]
) -> tuple[str, str]:
    """Sentence and missing thing for facts that leave transition `failed` no instant."""
    windows = [fact for fact in facts if fact.kind == WINDOW]
    empty = next((fact for fact in windows if not fact.span), None)
    aparts = [fact for fact in facts if fact.kind == APART]
    if empty is not None and empty.v < table.needed:
        return _unwritten(table, empty, proof)
    if empty is not None:
        return _final(empty.v, facts, aparts)
    missing = f"no moment exists at which version {failed} became {failed + 1}"
    if len(aparts) == 1 and aparts[0].v == failed:
        return _false_refusal(aparts[0], facts), missing
    if len(facts) == 2 and not aparts:
        return _wrong_order(*facts), missing
    reasons = "; ".join(map(_phrase, facts))
    return f"No moment is left for version {failed} to end: {reasons}.", missing


def _who(op: Operation) -> str:
    return f"{client_name(op.client)}'s"


def _both(one: Operation, other: Operation) -> str:
    if one.client == other.client:
        return f"two Puts of {client_name(one.client)}"
    return f"{_who(one)} and {_who(other)} Puts both"


def _value(value: str) -> str:
    """A value in a sentence; of a long one its ends, and how long it is."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:30]}...{text[-10:]} ({len(value)} long)"


def _unwritten(table: Table, empty: Fact, proof: Sequence[Operation]) -> tuple[str, str]:
    """Nobody can have written a version that was reached."""
    v = empty.v
    missing = f"nothing can have made version {v + 1}"
    if len(empty.owners) == 2:  # the Get, then the acknowledged Put
        get, put = empty.owners
        why = (
            f"{_who(put)} Put against version {v} wrote {_value(put.input[1])} and returned OK,"
            f" but {_who(get)} Get saw version {v + 1} as {_value(get.output[0])}."
        )
        return why, missing
    witness = (*empty.owners, *proof)[0]
    what = "no Put"
    if is_get(witness):
        says = f"{_who(witness)} Get returned version {witness.output[1]}"
        if empty.owners:
            what = f"no Put of {_value(witness.output[0])}"
    elif witness.output == OK:
        says = f"{_who(witness)} Put against version {witness.input[2]} returned OK"
    else:
        says = f"{_who(witness)} Put was answered {witness.output}, so the key existed"
    refused = "".join(
        f" {_who(op)} was answered {op.output}." for op in table.refused.get(v, [])[:3]
    )
    why = f"{says}, but {what} against version {v} succeeded or may have succeeded.{refused}"
    return why, missing


def _final(v: int, facts: Sequence[Fact], aparts: Sequence[Fact]) -> tuple[str, str]:
    """A refusal needs a version to have ended that nothing can have ended."""
    missing = f"nothing can have ended version {v}"
    if v == 0:
        why = "ErrVersion says the key already had another version; nothing else wrote it."
        return why, missing
    refusal = max(aparts, key=lambda fact: fact.v)
    others = [fact for fact in facts if fact is not refusal and fact.owners]
    evidence = "; ".join(map(_phrase, others))
    why = (
        f"ErrVersion says the key had another version than {v} at some moment from {refusal.low}"
        f" to {refusal.high}, but {evidence}, and nothing wrote it after that."
    )
    return why, missing


def _false_refusal(apart: Fact, facts: Sequence[Fact]) -> str:
    [op] = apart.owners
    evidence = "; ".join(_phrase(fact) for fact in facts if fact is not apart)
    says = "" if op.output == VERSION else " (it was, or left, that version during the call)"
    return (
        f"{_who(op)} Put was answered {op.output}{says}, but the key had exactly version"
        f" {apart.v} during the whole call (from {apart.low} to {apart.high}): {evidence}."
    )


def _wrong_order(one: Fact, other: Fact) -> str:
    """One version cannot have ended before a moment, a later one had ended before that."""
    kinds = (LOWER, WINDOW, UPPER)
    early, late = sorted((one, other), key=lambda fact: (kinds.index(fact.kind), fact.v))
    i, j = early.v, late.v
    if early.kind == LOWER:
        [op] = early.owners
        what = "Get" if is_get(op) else "Put"
        if late.kind == UPPER:
            answer = f"returned version {i}" if i else f"was answered {NO_KEY}"
            after = (
                f"{_who(late.owners[0])} Get had returned version {j + 1} (at {late.high})"
                if is_get(late.owners[0])
                else f"{_who(late.owners[0])} Put had been answered {late.owners[0].output}"
                f" (at {late.high}), which says that"
                f" {f'version {j + 1} had been reached' if j else 'the key existed'}"
            )
            return f"{_who(op)} {what} {answer} although it began (at {op.call}) after {after}."
        saw = f"that {what} still saw version {i}" if i else f"it was still answered {NO_KEY}"
        return (
            f"{_puts(late)} had returned{_ok(late)} (at {late.high}) before"
            f" {_who(op)} {what} began (at {op.call}), and {saw}."
        )
    if late.kind == UPPER:
        [op] = late.owners
        says = f"Get returned version {j + 1}"
        if not is_get(op):
            says = f"Put against version {op.input[2]} was answered {op.output}"
        began = (
            f"the only Put that can have made version {i + 1} began at {early.low}"
            if len(_writers(early)) == 1
            else f"no Put that can have made version {i + 1} began before {early.low}"
        )
        return f"{_who(op)} {says} at {late.high}, but {began}."
    return (
        f"{_puts(late)} had returned{_ok(late)} (at {late.high}) before"
        f" any Put that can have made version {i + 1} began (at {early.low})."
    )


def _writers(window: Fact) -> list[Operation]:
    return [op for op in window.owners if not is_get(op)]


def _puts(window: Fact) -> str:
    """The Puts of a window, one by name, several as every."""
    writers = _writers(window)
    if len(writers) == 1:
        return f"{_who(writers[0])} Put against version {window.v}"
    return f"Every Put that can have made version {window.v + 1}"


def _ok(window: Fact) -> str:
    return " OK" if [op.output for op in _writers(window)] == [OK] else ""


def _phrase(fact: Fact) -> str:
    """One fact as a clause, the operation that says it in brackets."""
    v, op = fact.v, fact.owners[0]
    if fact.kind == LOWER:
        held = f"version {v} still held" if v else "there was no such key"
        return f"{held} at {fact.low} ({_who(op)} {'Get' if is_get(op) else 'Put'} began)"
    if fact.kind == UPPER:
        how = "Get returned it" if is_get(op) else f"Put was answered {op.output}"
        return f"version {v + 1} was reached by {fact.high} ({_who(op)} {how})"
    if fact.kind == APART:
        began = f"began at {fact.low} or later, or " if v else ""
        return f"version {v} {began}had ended by {fact.high} ({_who(op)} Put: {op.output})"
    writers = _writers(fact)
    by = f"{_who(writers[0])} Put" if len(writers) == 1 else f"one of {len(writers)} Puts"
    until = f"after {fact.low}" if fact.high == math.inf else f"from {fact.low} to {fact.high}"
    return f"version {v + 1} was made {until} ({by})"
