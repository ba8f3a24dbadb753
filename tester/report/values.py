"""Values in a story: what was asked and answered, in operations and in messages, as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tester.world.history import operation_name

_LONGEST: Final = 40
"""So many columns of a value are shown."""
_FEW: Final = 3
"""So many elements of a list."""
_ERR: Final = re.compile("OK|Err[A-Z][A-Za-z]*")
"""The wire spelling of what became of an operation."""
_ROOM: Final = 39
"""So many of several values together, if that is possible."""


def operation(method: str, args: Iterable[Any]) -> str:
    """A call as text: `Put('k', 'a', v0)`, `GetState()`. A put's third argument is its version."""
    named = [(str(place), arg) for place, arg in enumerate(args)]
    if method == "put" and len(named) == 3:
        named[2] = "version", named[2][1]
    return f"{operation_name(method)}({_values(named)})"


def result(value: Any) -> str:
    """What an operation returned: `OK`, or `('a', v1, OK)` for a get of the key/value lab."""
    if value is None:
        return "done"
    if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[2], str):
        text, version, err = value
        return f"({_value(text)}, v{version})" if err == "OK" else str(err)
    if isinstance(value, list):
        value = tuple(value)  # as the code under test returned it, before it travelled
    if isinstance(value, str) and _ERR.fullmatch(value):
        return value
    return _value(value)


def _values(named: Iterable[tuple[str, Any]]) -> str:
    """Values side by side, cut until their line is not too long, if that is possible.

    Versions are marked, errors stand as they are, and numbers have their names where there are
    several.
    """
    values = list(named)
    if sum(isinstance(value, int) for _, value in values) > 1:
        return ", ".join(f"{name}={_value(value)}" for name, value in values)
    shown: list[str] = []
    for longest in (_LONGEST, _LONGEST // 2, _LONGEST // 3):
        shown = [
            f"v{value}"
            if name == "version"
            else str(value)
            if name == "err"
            else _value(value, longest)
            for name, value in values
        ]
        if sum(map(len, shown)) <= _ROOM:
            break
    return ", ".join(shown)


def _value(value: Any, longest: int = _LONGEST) -> str:
    if isinstance(value, list) and len(value) > _FEW:
        rest = len(value) - _FEW + 1
        return f"[{', '.join(_value(item, longest) for item in value[: _FEW - 1])}, {rest} more]"
    text = repr(value)
    ends = (longest - 3) // 2
    return text if len(text) <= longest else f"{text[:ends]}...{text[-ends:]}"


def message(payload: bytes) -> str:
    """The fields of an encoded message."""
    fields = msgspec.msgpack.decode(payload)
    if not isinstance(fields, dict):
        return _value(fields)
    return _values(fields.items())


def reply(payload: bytes) -> str:
    fields = msgspec.msgpack.decode(payload)
    if fields == {}:
        return "done"
    if isinstance(fields, dict) and "err" in fields:
        err = fields.pop("err")
        if err != "OK" or not fields:
            return str(err)
        return message(msgspec.msgpack.encode(fields))
    return message(payload)
