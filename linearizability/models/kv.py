"""`kv`: versioned key/value, the object of the 2025 labs, with every part of a reply checked.

Per key (value, version), at first ("", 0), which is "no such key". A Put succeeds if it names the
version the key is at, and then raises it by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from linearizability.inputs import Get, Put
from linearizability.later import Later
from linearizability.methods.kv.table import MAYBE, NO_KEY, OK, VERSION, Dialect, read_only
from linearizability.model import Model
from linearizability.operation import OPEN, Operation

State = tuple[Any, int]
_cases = Later("linearizability.methods.kv.decide", "cases")
_describe_operation = Later("linearizability.explanation.kv", "describe_operation")
_describe_read = Later("linearizability.explanation.kv", "describe_read")


def versioned_kv(*, loose_maybe: bool = False, version_error_without_key: bool = False) -> Model:
    """The versioned key/value model for a given server and clerk; `kv` is the labs'.

    ErrMaybe, strictly, comes from a clerk that got ErrVersion for a request it had sent again: at
    some instant of the call the key was, or left, that version. `loose_maybe` is for clerks that
    give up: the Put was applied during the call, or not at all.

    The labs' server answers ErrNoKey to a Put with a version above 0 if there is no such key;
    with `version_error_without_key` ErrVersion may stand for that too.
    """
    dialect = Dialect(loose_maybe, version_error_without_key)
    return Model(
        name="kv",
        inputs=(Get, Put),
        init=_first_states if loose_maybe else _first_state,
        step=partial(_outcomes if loose_maybe else _step, dialect),
        nondeterministic=loose_maybe,
        partition=itemgetter(0),
        read_only=read_only,
        describe_operation=_describe_operation,
        describe_state=_describe_state,
        why_not=_why_not,
        fold=None if loose_maybe else _written,
        method=partial(_cases, dialect),
    )


def _first_state() -> State:
    return ("", 0)


def _first_states() -> tuple[State, ...]:
    return (_first_state(),)


def _step(dialect: Dialect, state: State, input: Get | Put, output: Any) -> Any:
    if isinstance(input, Get):
        return output is OPEN or _read_explains(state, output), state
    after = _outcomes(dialect, state, input, output)
    return (True, after[0]) if after else (False, state)


def _outcomes(dialect: Dialect, state: State, input: Get | Put, output: Any) -> tuple[State, ...]:
    """The states that may follow; none if the reply is impossible."""
    version = state[1]
    if isinstance(input, Get):
        return (state,) if output is OPEN or _read_explains(state, output) else ()
    fits = bool(input.version == version)
    written = (input.value, version + 1)
    if output is OPEN:
        return (written,) if fits else (state,)
    exists = version > 0 or dialect.version_error_without_key
    if output == MAYBE and dialect.loose_maybe:
        return (written, state) if fits else (state,)
    if fits:
        return (written,) if output in (OK, MAYBE) else ()
    if output == NO_KEY:
        return (state,) if version == 0 else ()
    return (state,) if output in (VERSION, MAYBE) and exists else ()


def _written(operations: Sequence[Operation]) -> State:
    """The state after Puts that are known to be legal: those that fit were applied."""
    value, version = _first_state()
    for op in operations:
        asked = op.input
        if len(asked) > 1 and asked[2] == version:
            value, version = asked[1], version + 1
    return value, version


def _read_explains(state: State, output: Any) -> bool:
    try:
        value, version, err = output
    except (TypeError, ValueError):
        return False
    expected = OK if state[1] > 0 else NO_KEY
    return bool(err == expected and version == state[1] and value == state[0])


def _describe_state(state: State) -> str:
    value, version = state
    return f"{value!r} at version {version}" if version else "no such key"


def _why_not(state: State, input: Get | Put, output: Any) -> str:
    where = f"the key is at version {state[1]}" if state[1] else "the key does not exist"
    if isinstance(input, Put):
        if output == OK:
            return f"a Put against version {input.version} cannot succeed: {where}"
        if output == VERSION and input.version == state[1]:
            return f"ErrVersion is impossible: {where}, as the Put asked"
        if output in (VERSION, MAYBE):
            return f"{output} is impossible: {where}, so the answer is ErrNoKey"
        if output == NO_KEY:
            return f"ErrNoKey is impossible: {where}"
        return f"a Put is never answered {output!r}"
    try:
        value, version, err = output
    except (TypeError, ValueError):
        return f"a Get is never answered {output!r}"
    if err not in (OK, NO_KEY) or (err == OK) != (version != 0):
        return f"a Get is never answered {_describe_read(output)}"
    if version != state[1]:
        return f"a Get cannot return version {version}: {where}"
    return f"a Get cannot return {value!r}: version {state[1]} holds {state[0]!r}"


kv = versioned_kv()
