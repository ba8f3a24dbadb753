"""`register` and `cas-register`: one value per key, read, overwritten, compared and set."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from linearizability.decision import partition
from linearizability.inputs import Cas, Read, Write, is_read, unless_itself
from linearizability.later import Later
from linearizability.model import Model
from linearizability.operation import OPEN, Operation, reply_suffix

State = Any
_decide = Later("linearizability.methods.register", "decide")
_decide_cas = Later("linearizability.methods.register", "decide_cas")


def register_of(initial: Hashable) -> Model:
    """A register that holds `initial` at first."""
    return Model(
        name="register",
        inputs=(Read, Write),
        init=partial(_same, initial),
        step=_step,
        partition=itemgetter(0),
        read_only=is_read,
        describe_operation=_describe_operation,
        why_not=_why_not,
        fold=partial(_last_written, initial),
        wrong_input=_wrong_input,
        method=partial(partition, itemgetter(0), partial(_decide, initial)),
    )


def cas_register_of(initial: Hashable) -> Model:
    """A register with compare-and-set that holds `initial` at first."""
    return Model(
        name="cas-register",
        inputs=(Read, Write, Cas),
        init=partial(_same, initial),
        step=_step,
        partition=itemgetter(0),
        read_only=_read_only,
        describe_operation=_describe_operation,
        why_not=_why_not,
        method=partial(partition, itemgetter(0), partial(_decide_cas, initial)),
        indefinite=_nobody_knows,
        wrong_input=_wrong_input,
    )


def _wrong_input(input: Any) -> str | None:
    """All but a Read have a value, or two, after the key."""
    return unless_itself(input[1:])


def _last_written(initial: Hashable, operations: Sequence[Operation]) -> State:
    written = (op.input.value for op in reversed(operations) if isinstance(op.input, Write))
    return next(written, initial)


def _same(initial: Hashable) -> Hashable:
    return initial


def _step(state: State, input: Any, output: Any) -> tuple[bool, State]:
    match input:
        case Read():
            return output is OPEN or bool(output == state), state
        case Write(_, value):
            return output is OPEN or output is None, value
        case Cas(_, old, new):
            matches = bool(old == state)
            return output is OPEN or bool(output == matches), new if matches else state
    raise TypeError(f"a register has no operation {input!r}")


def _nobody_knows(input: Any, output: Any) -> bool:
    """A compare-and-set that gave up: a copy of its request may still be on the way."""
    return isinstance(input, Cas) and output is None


def _read_only(input: Any, output: Any) -> bool:
    """A read, or a compare-and-set that is known to have failed."""
    return isinstance(input, Read) or (
        isinstance(input, Cas) and bool(output == False)  # noqa: E712
    )


def _describe_operation(input: Any, output: Any) -> str:
    match input:
        case Read(key):
            return f"Read({key!r}) -> {'?' if output is OPEN else repr(output)}"
        case Write(key, value):
            return f"Write({key!r}, {value!r}){reply_suffix(output)}"
        case Cas(key, old, new):
            reply = "?" if output is OPEN else output
            return f"Cas({key!r}, {old!r}, {new!r}) -> {reply}"
    return repr(input)


def _why_not(state: State, input: Any, output: Any) -> str:
    if isinstance(input, Read):
        return f"cannot read {output!r}, the register holds {state!r}"
    if isinstance(input, Write) or output not in (True, False):
        return f"a {type(input).__name__} is never answered {output!r}"
    verb = "fail" if input.old == state else "succeed"
    return f"a Cas from {input.old!r} cannot {verb}, the register holds {state!r}"


register = register_of("")
cas_register = cas_register_of("")
