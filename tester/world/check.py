"""The check at the end of a run: whether the clients' history is linearizable."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from labrpc.errors import TesterError
from labrpc.signature import signature
from linearizability import Illegal, Model, Ok, Operation, Unknown, Verdict
from linearizability import check as decide
from linearizability.explanation import prefix, text
from linearizability.later import load
from linearizability.models import Append, Get, Put, kv, kv_append
from tester.world.failure import NotLinearizable, Undecided, message, printable, user_frames
from tester.world.handles import KV, AppendKV
from tester.world.history import History, Moment, Op, operation_name

_IMPORTED_BEFORE_A_RUN: Final = prefix, text
"""What only a failure needs: code that a run leaves behind must have no say in its import."""
for _model in (kv, kv_append):
    load(_model)

Translate = Callable[[Op], tuple[Any, Any] | None]
"""The input and output of a recorded operation, to a model; None: it is not about the operation.

The output of an operation that is open is not looked at.
"""

OneModel = str | Model | tuple[Model, Translate]
Models = OneModel | Mapping[type, OneModel]
"""What a history is checked against: the name of a model of ours, a model, or one with a function
that translates recorded operations for it; or for each class of clients one of these."""


class Invocation(NamedTuple):
    """An operation as input of a model, unless its operations are translated: `("push", (1,))`."""

    method: str
    args: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{operation_name(self.method)}({', '.join(map(repr, self.args))})"


class Specification(NamedTuple):
    """A model, whose operations it is about, and what they are to it."""

    model: Model
    is_about: Callable[[type], bool]
    translate: Translate
    ours: bool = False
    """Whether a story knows words for its operations, and its functions do not raise."""


def as_invocation(op: Op) -> tuple[Invocation, Any]:
    """The input and output of a recorded operation, to a model that has no function of its own."""
    return Invocation(op.method, op.args), op.result


def _all(like: type) -> bool:
    return True


def _about(cls: type, like: type) -> bool:
    return cls in like.__mro__


def _ours(model: Model, interface: type, inputs: Mapping[str, type]) -> Specification:
    def translate(op: Op) -> tuple[Any, Any] | None:
        made = makers.get(op.method)
        return None if made is None else (made(op.args), op.result)

    # A class makes its tuples by a function of Python's; this is a call less for each operation.
    makers = {method: partial(tuple.__new__, cls) for method, cls in inputs.items()}
    is_about = partial(_fits, interface=interface, methods=tuple(inputs))
    return Specification(model, is_about, translate, ours=True)


@functools.lru_cache(maxsize=256)
def _fits(like: type, interface: type, methods: Iterable[str]) -> bool:
    """Whether a class is that of a clerk: annotated like the interface of a model of ours."""
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


_MODELS: Final = {
    "kv": _ours(kv, KV, {"get": Get, "put": Put}),
    "kv-append": _ours(kv_append, AppendKV, {"get": Get, "put": Put, "append": Append}),
}

NAMES: Final = tuple(_MODELS)
"""The models there are."""

BY_CLIENTS: Final = "by clients"
"""Not a model, but whichever ones the clients of a run are clerks of."""


# -- what a test names as its model ---------------------------------------------------------------


def specifications(models: Models) -> list[Specification]:
    """What the operations of a run are checked against. Raises ValueError and TypeError."""
    if models == BY_CLIENTS:
        return list(_MODELS.values())
    if not isinstance(models, Mapping):
        return [_specification(models)]
    for cls in models:
        if not isinstance(cls, type):
            raise TypeError(f"model: expected classes of clients as its keys, got {cls!r}")
    return [
        _specification(one)._replace(is_about=partial(_about, cls)) for cls, one in models.items()
    ]


def _specification(one: OneModel) -> Specification:
    match one:
        case str():
            if one not in _MODELS:
                raise ValueError(f"expected a model of {', '.join(NAMES)}, got {one!r}")
            return _MODELS[one]
        case Model():
            load(one)
            return Specification(one, _all, as_invocation)
        case (Model() as model, translate) if callable(translate):
            load(model)
            return Specification(model, _all, translate)
    raise TypeError(
        f"model: expected {' or '.join(map(repr, NAMES))}, a linearizability.Model, a pair of one "
        "and a function that gives the input and output of an operation, or a dict with one of "
        f"these for each class of clients, got {one!r}"
    )


# -- the check ------------------------------------------------------------------------------------


def check_history(models: Models, history: History, configurations: int) -> Verdict | None:
    """Check the history against these models, visiting so many configurations for each.

    Against a model of ours only operations of clerks are checked, of objects whose methods are
    annotated like those of its interface; against another one, all. With `BY_CLIENTS`, each model
    is checked that a client is a clerk of. None if there is nothing to check.
    """
    likes = list({op.like: None for op in history.ops})
    asked = specifications(models)
    if models == BY_CLIENTS:
        asked = [spec for spec in asked if any(map(spec.is_about, likes))]
    elif isinstance(models, Mapping) and likes:
        _expect_clients(asked, list(models), likes)
    verdicts = [_check(spec, history, configurations) for spec in asked]
    worst = (Illegal, Unknown, Ok)
    return next((v for kind in worst for v in verdicts if isinstance(v, kind)), None)


def _expect_clients(asked: list[Specification], classes: list[type], likes: list[type]) -> None:
    if not any(spec.is_about(like) for spec in asked for like in likes):
        wanted = " or ".join(cls.__name__ for cls in classes)
        found = ", ".join(like.__name__ for like in likes)
        raise TesterError(
            f"model: expected clients of class {wanted}, got operations of {found}: nothing would "
            "be checked"
        )


def _check(spec: Specification, history: History, configurations: int) -> Verdict:
    if spec.ours:
        return _decide(spec, history, configurations)
    try:
        return _decide(spec, history, configurations)
    except Exception as error:  # noqa: BLE001 - the user's, whatever it is
        frames = user_frames(error)
        at = f"{frames[-1].file}:{frames[-1].line}: " if frames else ""
        said = f"{type(error).__name__}: {message(error)}"
        raise TesterError(
            f"{at}the history could not be checked against the model {spec.model.name!r}, for its "
            f"functions raised {said}"
        ) from None


def _decide(spec: Specification, history: History, configurations: int) -> Verdict:
    is_about = {like: spec.is_about(like) for like in {op.like: None for op in history.ops}}
    translate = spec.translate
    operations = [
        Operation(op.client, *pair, op.call, op.ret, op.number)
        for op in history.ops
        if is_about[op.like] and (pair := translate(op)) is not None
    ]
    verdict = decide(spec.model, operations, budget=configurations)
    if isinstance(verdict, Illegal):  # once more, to say why in the words of the run's story
        for operation in operations:
            op = history.ops[operation.metadata]
            _show_times(operation, op)
            if not spec.ours:
                op.described = printable(spec.model.describe(operation))
        verdict = decide(spec.model, operations, budget=configurations)
        if isinstance(verdict, Illegal) and not spec.ours:
            _ = verdict.headline.why  # asks the model as well, and is to raise here if at all
    return verdict


def _show_times(operation: Operation, op: Op) -> None:
    operation.call = Moment(op.call, op.call_us)
    if op.ret is not None and op.ret_us is not None:
        operation.ret = Moment(op.ret, op.ret_us)


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
