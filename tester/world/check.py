"""The check at the end of a run: is what the clients were told linearizable?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from labrpc.signature import signature
from linearizability import Illegal, Model, Ok, Operation, Unknown, Verdict
from linearizability import check as decide
from linearizability.models import Append, Get, Put, kv, kv_append
from tester.world.failure import NotLinearizable, Undecided
from tester.world.handles import KV, AppendKV
from tester.world.history import History, Moment, Op


class _Checked(NamedTuple):
    """A model, the interface whose operations it is about, and what they are to the model."""

    model: Model
    interface: type
    inputs: Mapping[str, Callable[..., Any]]


_MODELS: Final = {
    "kv": _Checked(kv, KV, {"get": Get, "put": Put}),
    "kv-append": _Checked(kv_append, AppendKV, {"get": Get, "put": Put, "append": Append}),
}

NAMES: Final = tuple(_MODELS)
"""The models there are."""

BY_CLIENTS: Final = "by clients"
"""Not a model, but whichever ones the clients of a run are clerks of."""


def check(name: str, history: History, configurations: int) -> Verdict | None:
    """Check the history against the model of that name, visiting so many configurations.

    What is checked are the operations of clerks: of objects whose methods are annotated like those
    of the model's interface. The others are the test's own business. With `BY_CLIENTS`, each model
    is checked that a client is a clerk of; None if there is none.
    """
    if name != BY_CLIENTS:
        return _check(_MODELS[name], history, configurations)
    likes = dict.fromkeys(op.like for op in history.ops)
    verdicts = [
        _check(model, history, configurations)
        for model in _MODELS.values()
        if any(_fits(like, model.interface, model.inputs) for like in likes)
    ]
    worst = (Illegal, Unknown, Ok)
    return next((v for kind in worst for v in verdicts if isinstance(v, kind)), None)


def _check(checked: _Checked, history: History, configurations: int) -> Verdict:
    model, interface, inputs = checked
    likes = dict.fromkeys(op.like for op in history.ops)
    is_clerk = {like: _fits(like, interface, inputs) for like in likes}
    operations = [
        Operation(op.client, inputs[op.method](*op.args), op.result, op.call, op.ret, op.number)
        for op in history.ops
        if is_clerk[op.like] and op.method in inputs
    ]
    verdict = decide(model, operations, budget=configurations)
    if isinstance(verdict, Illegal):  # once more, to say why in the words of the run's story
        for operation in operations:
            _tell_times(operation, history.ops[operation.metadata])
        verdict = decide(model, operations, budget=configurations)
    return verdict


def _tell_times(operation: Operation, op: Op) -> None:
    operation.call = Moment(op.call, op.call_us)
    if op.ret is not None and op.ret_us is not None:
        operation.ret = Moment(op.ret, op.ret_us)


def _fits(like: type, interface: type, methods: Iterable[str]) -> bool:
    if like is interface:
        return True
    for method in methods:
        theirs, ours = getattr(like, method, None), signature(getattr(interface, method))
        if not inspect.isfunction(theirs):
            return False
        found = signature(theirs)
        if (*found.parameters.values(), found.reply) != (*ours.parameters.values(), ours.reply):
            return False
    return True


def judge(verdict: Verdict | None) -> None:
    """Raise NotLinearizable or Undecided unless the history is linearizable, or was not asked."""
    match verdict:
        case Ok() | None:
            return
        case Illegal():
            raise NotLinearizable(verdict.headline.why)
        case Unknown():
            parts = "; ".join(map(str, verdict.undecided))
            raise Undecided(
                f"the checker's budget of {verdict.budget} configurations was spent ({parts}); "
                f"limits=Limits(configurations={2 * verdict.budget or 1_000}) searches further"
            )
