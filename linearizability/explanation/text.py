"""A verdict as text: what cannot be, the few operations that prove it, what could be next."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from linearizability.collector import collector_paused
from linearizability.model import Model
from linearizability.operation import Operation, client_name
from linearizability.verdict import Illegal, Refuted, Unknown, Verdict, counted, name_of

WIDTH = 80
SHOWN = 8
"""How many entries of a long list are shown."""
LONGEST = 400
"""How many characters of a sentence or of a state are shown."""

CORE_SHOWN = 20
"""The most operations of a proof that are shown."""

Name = Callable[[Operation], str]


@collector_paused()
def explain(verdict: Verdict, name: Name | None = None) -> str:
    """The verdict in at most 80 columns, ending with a newline.

    `name` says how an operation is called beside its client, as "line 17".
    """
    if isinstance(verdict, Illegal):
        sections = _illegal(verdict, name or (lambda op: ""))
    elif isinstance(verdict, Unknown):
        sections = _unknown(verdict)
    else:
        sections = [str(verdict)]
    return "\n\n".join(sections) + "\n"


def summary(verdict: Verdict, *, explained: bool = True) -> str:
    """The verdict in one line; without an explanation nothing more is worked out for it."""
    if isinstance(verdict, Illegal):
        if not explained:
            return f"not linearizable: {_keys_wrong(verdict)}"
        refuted = verdict.headline
        return f"not linearizable: {name_of(refuted.key)}: {refuted.missing}"
    if isinstance(verdict, Unknown):
        return f"unknown: the budget of {counted(verdict.budget, 'configuration')} was spent"
    return str(verdict)


def _keys_wrong(verdict: Illegal) -> str:
    keys = [partition.key for partition in verdict.partitions]
    return name_of(keys[0]) if len(keys) == 1 else f"keys {_keys(keys)}"


def _illegal(verdict: Illegal, name: Name) -> list[str]:
    refuted, model = verdict.headline, verdict.model
    sections = [
        _wrap(f"not linearizable: {name_of(refuted.key)}: {refuted.missing}"),
        _wrap(_abridged(refuted.why)),
        _core(model, refuted, name),
        _prefix(model, refuted, name),
    ]
    others = [partition.key for partition in verdict.partitions if partition is not refuted]
    if others:
        sections.append(_wrap(f"Not linearizable either: {_keys(others)}."))
    if verdict.undecided:
        keys = _keys([partition.key for partition in verdict.undecided])
        sections.append(_wrap(f"Not decided: {keys}."))
    return sections


def _core(model: Model, refuted: Refuted, name: Name) -> str:
    """The operations that prove it; of many those called last, which led to the end."""
    core = refuted.core
    lines = [timeline(model, core[-CORE_SHOWN:], name)]
    if len(core) > CORE_SHOWN:
        lines.insert(0, f"    {len(core) - CORE_SHOWN} earlier operations, and")
    if not refuted.minimised:
        lines.append("(not minimised: fewer of these may be enough)")
    return "\n".join(lines)


def _prefix(model: Model, refuted: Refuted, name: Name) -> str:
    """The end of the longest prefix, its state, and why nothing can follow."""
    prefix, total = refuted.prefix, len(refuted.operations)
    if prefix:
        share = f"{len(prefix)} of {counted(total, 'operation')}"
        text = f"The longest order that is right so far has {share}"
        lines = [_wrap(f"{text} and ends with")]
        lines += [_row(model, op, name) for op in prefix[-3:]]
    else:
        lines = ["No operation can be the first."]
    state = _abridged(model.described_state(refuted.state))
    lines.append(_wrap(f"After it the state is {state}. Nothing can be next:"))
    candidates = refuted.following
    for op in candidates[:SHOWN]:
        lines.append(_row(model, op, name))
        lines.append(_wrap(_abridged(refuted.reason(op)), "        "))
    if len(candidates) > SHOWN:
        lines.append(f"    and {len(candidates) - SHOWN} more")
    return "\n".join(lines)


def timeline(model: Model, operations: Sequence[Operation], name: Name) -> str:
    """A few operations in call order, their intervals drawn one above the other.

    Columns are the order of the stamps; stamps that are equal share one.
    """
    stamps = sorted(
        {op.call for op in operations} | {op.ret for op in operations if op.ret is not None}
    )
    bars = [""] * len(operations)
    if len(stamps) <= 2 * SHOWN:
        column = {stamp: 2 * index for index, stamp in enumerate(stamps)}
        bars = [_bar(column, op) for op in operations]
    width = max(map(len, bars))
    return "\n".join(
        _row(model, op, name, bar.ljust(width + 2) if width else "")
        for op, bar in zip(operations, bars, strict=True)
    )


def _bar(column: dict[int, int], op: Operation) -> str:
    start = column[op.call]
    if op.ret == op.call:
        return " " * start + "|"
    end, tip = (2 * len(column), ">") if op.ret is None else (column[op.ret], "|")
    return " " * start + "|" + "=" * (end - start - 1) + tip


def _row(model: Model, op: Operation, name: Name, bar: str = "") -> str:
    until = "" if op.ret is None else op.ret
    words = [client_name(op.client), name(op), f"{op.call}-{until}", model.describe(op)]
    return _cut(f"    {bar}" + "  ".join(filter(None, words)))


def _unknown(verdict: Unknown) -> list[str]:
    lines = [str(partition) for partition in verdict.undecided[:SHOWN]]
    if len(verdict.undecided) > SHOWN:
        lines.append(f"and {len(verdict.undecided) - SHOWN} more")
    further = f"Search further with --budget {max(1, 2 * verdict.budget)}."
    return [
        _wrap(f"unknown: the budget of {counted(verdict.budget, 'configuration')} was spent"),
        "\n".join(_wrap(line, "    ") for line in lines),
        f"This is no pass: nothing was found that is wrong, not everything was tried.\n{further}",
    ]


def _keys(keys: Sequence[object]) -> str:
    shown = ", ".join(map(repr, keys[:SHOWN]))
    return shown if len(keys) <= SHOWN else f"{shown} and {counted(len(keys) - SHOWN, 'more key')}"


def _abridged(text: str) -> str:
    """The beginning of a text that may name every element of a large object."""
    more = len(text) - LONGEST
    return text if more <= 0 else f"{text[:LONGEST]}... ({counted(more, 'more character')})"


def _wrap(text: str, indent: str = "") -> str:
    words = text.split()
    if text == " ".join(words):
        if len(indent) + len(text) <= WIDTH:
            return indent + text
        if max(map(len, words)) <= WIDTH - len(indent):
            return _filled(words, indent)
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _filled(words: Sequence[str], indent: str) -> str:
    """Words in lines, none longer than a line: `textwrap` takes many times as long for it."""
    lines = [indent + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += " " + word
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
