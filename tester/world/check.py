"""The check at the end of a run: is what the clients were told linearizable?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from linearizability import Illegal, Model, Ok, Operation, Unknown, Verdict
from linearizability import check as decide
from linearizability.models import Get, Put, kv
from tester.world.failure import NotLinearizable, Undecided
from tester.world.history import History, Op


def _kv(op: Op) -> Get | Put | None:
    """A clerk's operation as the model's input; None for what is none, such as a lock's."""
    if op.method == "get" and len(op.args) == 1:
        return Get(*op.args)
    if op.method == "put" and len(op.args) == 3:
        return Put(*op.args)
    return None


_MODELS: Final[dict[str, tuple[Model, Callable[[Op], Get | Put | None]]]] = {"kv": (kv, _kv)}


def check(name: str, history: History, configurations: int) -> Verdict:
    """Check the history against the model of that name, visiting so many configurations."""
    model, convert = _MODELS[name]
    operations = [
        Operation(op.client, made, op.result, op.call, op.ret, op.number)
        for op in history.ops
        if (made := convert(op)) is not None
    ]
    return decide(model, operations, budget=configurations)


def judge(verdict: Verdict) -> None:
    """Raise NotLinearizable or Undecided unless the history is linearizable."""
    match verdict:
        case Ok():
            return
        case Illegal():
            raise NotLinearizable(verdict.headline.why)
        case Unknown():
            raise Undecided(str(verdict))
