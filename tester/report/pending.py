"""The operations of a stuck run that never returned: since when, and what they were answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tester.report import values
from tester.report.exchange import Request, requests
from tester.world.history import seconds
from tester.world.run import Outcome

_MOST: Final = 3
"""This many operations are shown, the first ones."""


def open_calls(outcome: Outcome) -> list[str]:
    """A sentence for each operation that was called and has not returned."""
    waiting = [op for op in outcome.history.ops if op.ret is None]
    if not waiting or not outcome.trace:
        return []
    ids = values.Ids()
    sent: dict[int | None, list[Request]] = {}
    for one in requests(outcome):
        ids.sent(one.end, one.payload)
        sent.setdefault(one.op, []).append(one)
    servers = {one.server for ones in sent.values() for one in ones}
    # What servers send each other belongs to no operation.
    sentences = [
        f"{op.client}'s {values.operation(op.method, op.args)}, called at {seconds(op.call_us)} "
        f"s, had not returned at {seconds(outcome.virtual_us)} s"
        f"{'' if op.node in servers else _answered(sent.get(op.number, []), ids)}."
        for op in waiting[:_MOST]
    ]
    if len(waiting) > _MOST:
        left = len(waiting) - _MOST
        sentences.append(
            f"Nor had {left} {'other operation' if left == 1 else 'other operations'}."
        )
    return sentences


def _answered(sent: Sequence[Request], ids: values.Ids) -> str:
    """How its requests were answered, of each method that was always answered in one way."""
    if not sent:
        return ", and sent no request"
    parts = []
    for method in dict.fromkeys(one.method for one in sent):
        ended = [one for one in sent if one.method == method and one.ended is not None]
        if not ended:
            continue
        last = _answer(ended[-1], ids)
        alike = 0
        for one in reversed(ended):
            if _answer(one, ids) != last:
                break
            alike += 1
        if alike == 1:
            parts.append(f"its last {method}, #{ended[-1].rpc}, {last}")
        else:
            which = "all" if alike == len(ended) else "the last"
            verb = last.replace("was", "were", 1)
            parts.append(f"{which} {alike} of its {method} requests {verb}")
    return f": {'; '.join(parts)}" if parts else ""


def _answer(one: Request, ids: values.Ids) -> str:
    if one.fate == "reply":
        return f"was answered {values.reply(one.answers[0][1], ids)}"
    return "had no reply"
