"""Values in a story: what was asked and answered, in operations and in messages, as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tester.world.history import operation_name

_LONG: Final = 1000
"""Of a text longer than this the size is said: two that begin and end alike may differ in it."""
_LONGEST: Final = 40
"""This many columns of a value are shown."""
_FEW: Final = 3
"""This many elements of a list."""
_ERR: Final = re.compile("OK|Err[A-Z][A-Za-z]*")
"""The wire spelling of what became of an operation."""
_LARGE: Final = 1 << 31
"""A number from here on was drawn, not counted."""
_OPAQUE: Final = re.compile(r"(?=.*[0-9])[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A text as programs draw them, for nobody to read."""
_OF_CLIENTS: Final = re.compile("client|clerk|who|session|sender|caller")
"""What the name of a field may be that says whose message it is."""
_MANY: Final = 4
"""Of more values than these, empty texts are left out."""
_ROOM: Final = 39
"""This many of several values together, if that is possible."""


class _Id:
    """What stands for a value that nobody can read."""

    def __init__(self, owner: str, number: int) -> None:
        self._owner = owner
        self._number = number

    def __repr__(self) -> str:
        return f"{self._owner}'s id{'' if self._number == 1 else f' {self._number}'}"

    def called(self, field: str) -> str:
        """A value as that of a field, whose name may say what it is: client=c0."""
        is_owner = self._number == 1 and _OF_CLIENTS.search(field.lower())
        return f"{field}={self._owner.partition('.')[0] if is_owner else self}"


class Ids:
    """Names for values that mean nothing to a reader, by who sent them first: `c0's id`."""

    def __init__(self) -> None:
        self._names: dict[Any, _Id] = {}
        self._owned: dict[str, int] = {}

    def sent(self, sender: str, payload: bytes) -> None:
        """Take note of the values that mean nothing in a message that somebody sends."""
        fields = msgspec.msgpack.decode(payload)
        if isinstance(fields, dict):
            for value in fields.values():
                if _is_opaque(value) and value not in self._names:
                    count = self._owned[sender] = self._owned.get(sender, 0) + 1
                    self._names[value] = _Id(sender, count)

    def named(self, fields: Any) -> Any:
        """A message with names in it."""
        if isinstance(fields, dict):
            return {name: self.named(value) for name, value in fields.items()}
        if isinstance(fields, list):
            return [self.named(value) for value in fields]
        return self._names.get(fields, fields) if _is_opaque(fields) else fields


def _is_opaque(value: Any) -> bool:
    if type(value) is int:
        return value >= _LARGE
    return isinstance(value, str) and _OPAQUE.fullmatch(value) is not None


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
        return f"({shown(text)}, v{version})" if err == "OK" else str(err)
    if isinstance(value, list):
        value = tuple(value)  # as the code under test returned it, before it travelled
    if isinstance(value, str) and _ERR.fullmatch(value):
        return value
    return shown(value)


def _values(named: Iterable[tuple[str, Any]]) -> str:
    """Values side by side, cut until their line is not too long, if that is possible.

    Versions are marked, errors stand as they are, and where there are several numbers all but
    texts have their names.
    """
    values = list(named)
    if len(values) == 1 and type(values[0][1]) is int and values[0][0].isidentifier():
        return "=".join((values[0][0], shown(values[0][1])))
    if len([value for _, value in values if isinstance(value, int | _Id)]) > 1:
        if len(values) > _MANY:
            values = [pair for pair in values if pair[1] != ""]  # which would say nothing
        return ", ".join(
            f"v{value}"
            if name == "version"
            else shown(value)
            if isinstance(value, str)
            else value.called(name)
            if isinstance(value, _Id)
            else f"{name}={shown(value)}"
            for name, value in values
        )
    parts: list[str] = []
    for longest in (_LONGEST, _LONGEST // 2, _LONGEST // 3):
        parts = [
            f"v{value}"
            if name == "version"
            else str(value)
            if name == "err"
            else shown(value, longest)
            for name, value in values
        ]
        if sum(map(len, parts)) <= _ROOM:
            break
    return ", ".join(parts)


def shown(value: Any, longest: int = _LONGEST) -> str:
    """A value as text, cut in its middle if it is long."""
    if isinstance(value, list) and len(value) > _FEW:
        rest = len(value) - _FEW + 1
        return f"[{', '.join(shown(item, longest) for item in value[: _FEW - 1])}, {rest} more]"
    text = _literal(value)
    ends = (longest - 3) // 2
    if len(text) > longest and isinstance(value, str | bytes) and len({*value}) == 1:
        return f"{value[:1]!r} * {len(value)}"  # which a test has made up: its size is the news
    if len(text) <= longest:
        return text
    size = f" ({len(value)} long)" if isinstance(value, str | bytes) and len(value) > _LONG else ""
    return f"{text[:ends]}...{text[-ends:]}{size}"


def differing(one: Any, other: Any, longest: int = _LONGEST) -> tuple[str, str]:
    """Two values that are not the same; of those that have the same fields, where they differ."""
    if not (isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys()):
        return shown(one, longest), shown(other, longest)
    names = [name for name in one if one[name] != other[name]]
    first, second = (
        ", ".join(field(str(name), value[name], longest) for name in names)
        for value in (one, other)
    )
    return first, second


def _literal(value: Any) -> str:
    """A value as in a program; with escapes, where it would look like another one."""
    is_composed = not isinstance(value, str) or unicodedata.is_normalized("NFC", value)
    return repr(value) if is_composed else ascii(value)


def field(name: str, value: Any, longest: int = _LONGEST) -> str:
    """One field of a message, with its name: `key='k'`, or `client=c0` for an id that has one."""
    return value.called(name) if isinstance(value, _Id) else f"{name}={shown(value, longest)}"


def message(payload: bytes, ids: Ids | None = None) -> str:
    """The fields of an encoded message."""
    return _message(msgspec.msgpack.decode(payload), ids)


def _message(fields: Any, ids: Ids | None) -> str:
    if ids is not None:
        fields = ids.named(fields)
    return _values(fields.items()) if isinstance(fields, dict) else shown(fields)


def reply(payload: bytes, ids: Ids | None = None) -> str:
    """The fields of an encoded answer; its error alone, if it is one."""
    fields = msgspec.msgpack.decode(payload)
    if fields == {}:
        return "done"
    if isinstance(fields, dict) and "err" in fields:
        err = fields.pop("err")
        if err != "OK" or not fields:
            return str(err)
    return _message(fields, ids)
