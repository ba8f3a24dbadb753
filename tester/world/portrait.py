"""A portrait of an object: what it says of itself, or its attributes, as rows of short texts.

Never an address, a hash or an order of hashing: equal objects have equal portraits everywhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

Rows = Mapping[str, str | None]
"""Texts by their names: `term`, `table['k']`, `log[3]`."""

_TEXT: Final = 120
"""At most this many characters of a value are shown."""
_ROWS: Final = 160
"""At most this many rows of an object; of a log, its latest entries."""
_LOG: Final = 60
_DEPTH: Final = 4
_ITEMS: Final = 24
"""At most this many elements of a list inside a row."""
_COMMAND: Final = 28
_SIMPLE: Final = (bool, int, float, complex, type(None))
_OURS: Final = ("tester.", "labrpc.", "asyncio.", "_asyncio", "logging.", "random", "_random")


@dataclass(frozen=True)
class Portrait:
    """An object at one moment."""

    kind: str
    """The name of its class."""
    rows: dict[str, str]

    def changes(self, before: Portrait | None) -> Iterator[tuple[str, str | None]]:
        """What differs from an earlier portrait; None for what is gone."""
        old = {} if before is None else before.rows
        for name, text in self.rows.items():
            if old.get(name) != text:
                yield name, text
        for name in old:
            if name not in self.rows:
                yield name, None


def portrait(target: object, before: Portrait | None = None) -> Portrait:
    """The object as its `describe()` has it, or else its public attributes, or else all of them.

    Of an object of the tester's own that stands before one of the user's, that one. What cannot be
    asked says so in a row.
    """
    target = behind(target)
    kind = type(target).__name__
    try:
        rows = dict(_bounded(_rows(target)))
    except Exception as error:  # noqa: BLE001 - it is the user's code that is asked
        rows = {"(cannot be shown)": _cut(f"{type(error).__name__}: {error}")}
    return Portrait(kind, rows)


def behind(target: object) -> object:
    """The object of the user's behind one of the tester's, if there is one."""
    if not type(target).__module__.startswith("tester."):
        return target
    for _, value in attributes(target):
        if is_theirs(value):
            return value
    return target


def is_theirs(value: object) -> bool:
    cls = type(value)
    if isinstance(value, type) or cls.__module__ == "builtins" or isinstance(value, enum.Enum):
        return False
    if cls.__module__.startswith(_OURS) or f"{cls.__module__}." in _OURS:
        return False
    return hasattr(value, "__dict__") and not callable(value)


def _rows(target: object) -> Iterator[tuple[str, str]]:
    describe = getattr(target, "describe", None)
    found = list(attributes(target))
    described = None
    if callable(describe) and not inspect.iscoroutinefunction(describe):
        described = describe()
    if isinstance(described, dict):
        shown: Iterable[tuple[str, Any]] = [(str(name), what) for name, what in described.items()]
        log = _log_of([*shown, *found]) or _log_inside(found)
    elif (inner := _described_inside(found)) is not None:
        where, part, described = inner
        shown = [
            *((name, value) for name, value in found if _is_data(value)),
            *((f"{where}.{name}", value) for name, value in described.items()),
            *((name, value) for name, value in found if _is_beside(name, value)),
        ]
        parts = list(attributes(part))
        log = _log_of([*described.items(), *parts]) or _log_inside(parts)
    else:
        public = [(name, value) for name, value in found if not name.startswith("_")]
        shown = public if any(_is_data(value) for _, value in public) else found
        log = _log_of(shown) or _log_inside(found)
    for name, value in shown:
        name = name.lstrip("_")
        if log and _bare(name.rpartition(".")[2]) in {"log", "entries", "terms"}:
            continue
        yield from _row(name, value)
    yield from log


def _described_inside(
    found: Iterable[tuple[str, Any]], depth: int = 0
) -> tuple[str, object, dict[str, Any]] | None:
    """The first object inside that describes itself: a Raft in a service, with where it is."""
    for name, value in found:
        if not is_theirs(value):
            continue
        describe = getattr(value, "describe", None)
        if callable(describe) and not inspect.iscoroutinefunction(describe):
            described = describe()
            if isinstance(described, dict):
                return name.lstrip("_"), value, {str(key): what for key, what in described.items()}
        if depth < 2 and (inner := _described_inside(attributes(value), depth + 1)) is not None:
            return inner
    return None


def _is_beside(name: str, value: object) -> bool:
    """Whether an attribute is an object of theirs in which nothing describes itself."""
    return not _is_data(value) and is_theirs(value) and not _described_inside([(name, value)])


def _row(name: str, value: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """A row for a value, or one for each of its parts."""
    if not _is_data(value):
        if depth < 2 and is_theirs(value) and not isinstance(value, asyncio.Future):
            for inner, part in attributes(value):
                yield from _row(f"{name}.{inner.lstrip('_')}", part, depth + 1)
        return
    if isinstance(value, dict) and value:
        for key, part in value.items():
            if _is_data(part):
                yield f"{name}[{text_of(key)}]", text_of(part)
        return
    yield name, text_of(value)


def _bounded(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    left_out = 0
    for number, row in enumerate(rows):
        if number < _ROWS:
            yield row
        else:
            left_out += 1
    if left_out:
        yield "(more)", f"{left_out} rows are left out"


def attributes(target: object) -> Iterator[tuple[str, Any]]:
    """The attributes of an object itself, in the order in which they came to be."""
    if isinstance(target, msgspec.Struct):
        for name in target.__struct_fields__:
            yield name, getattr(target, name)
        return
    inside = getattr(target, "__dict__", None)
    if isinstance(inside, dict):
        yield from list(inside.items())
    for cls in type(target).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(target, name):
                yield name, getattr(target, name)


def _is_data(value: object) -> bool:
    if isinstance(value, (*_SIMPLE, str, bytes, enum.Enum)):
        return True
    if isinstance(value, dict):
        return all(map(_is_data, list(value.values())[:3]))
    if isinstance(value, list | tuple | set | frozenset | deque):
        return all(map(_is_data, list(value)[:3]))
    return isinstance(value, msgspec.Struct) or (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and all(_is_data(part) for _, part in attributes(value))
    )


# -- the log of a Raft peer, whatever its author calls it -----------------------------------------


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _log_of(fields: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The rows `log[index]`, each "term command", if there is something like a log of terms."""
    known = {_bare(name): value for name, value in reversed(list(fields))}
    base = next(
        (
            known[name]
            for name in ("base", "baseindex", "snapshotindex", "lastincludedindex", "offset")
            if type(known.get(name)) is int
        ),
        0,
    )
    if isinstance(known.get("log"), list | tuple | deque):
        cells = [_entry(entry) for entry in list(known["log"])[-_LOG:]]
        if cells and all(cell is not None for cell in cells):
            first = len(known["log"]) - len(cells)
            starts = 0 if _is_sentinel(known["log"][0]) else 1
            return [
                (f"log[{base + starts + first + at}]", cell)
                for at, cell in enumerate(cells)
                if cell is not None and base + starts + first + at > base
            ]
    terms = known.get("terms")
    if isinstance(terms, list | tuple) and all(type(term) is int for term in terms[-_LOG:]):
        commands = known.get("commands") or _commands_inside(known) or []
        same = len(commands) == len(terms)
        first = max(0, len(terms) - _LOG)
        return [
            (f"log[{base + 1 + at}]", f"{terms[at]} {_command(commands[at]) if same else ''}")
            for at in range(first, len(terms))
        ]
    return []


def _log_inside(found: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    """The log of an object that an attribute holds: a core in a shell, a log class in a core."""
    for _, value in found:
        if is_theirs(value) or dataclasses.is_dataclass(value):
            inner = list(attributes(value))
            if log := _log_of(inner):
                return log
            for name, part in inner:
                if _bare(name) == "log" and (log := _log_of(attributes(part))):
                    return log
    return []


def _commands_inside(known: Mapping[str, Any]) -> Sequence[Any] | None:
    for value in known.values():
        if not is_theirs(value):
            continue
        for name, part in attributes(value):
            if _bare(name) == "log":
                inner = {_bare(key): what for key, what in attributes(part)}
                if isinstance(inner.get("commands"), list):
                    return list(inner["commands"])
    return None


def _is_sentinel(entry: object) -> bool:
    """Whether a log begins with an entry that is none: of term 0, or without a command."""
    cell = _entry(entry)
    return cell is not None and cell.partition(" ")[0] == "0"


def _entry(entry: object) -> str | None:
    """An entry of a log as "term command"; None if it is none."""
    if isinstance(entry, list | tuple) and len(entry) >= 2:
        fields: dict[str, Any] = {}
        numbers = [part for part in entry if type(part) is int]
        others = [part for part in entry if type(part) is not int]
        if numbers:
            fields = {"term": numbers[0], "command": others[0] if others else entry[1]}
    elif isinstance(entry, dict):
        fields = {_bare(str(name)): value for name, value in entry.items()}
    else:
        fields = {_bare(name): value for name, value in attributes(entry)}
    term = fields.get("term")
    if type(term) is not int:
        return None
    command = next(
        (fields[name] for name in ("command", "cmd", "data", "op") if name in fields), ""
    )
    return f"{term} {_command(command)}"


def _command(command: object) -> str:
    text = shown_bytes(command, sized=False) if isinstance(command, bytes) else text_of(command)
    return text if len(text) <= _COMMAND else f"{text[: _COMMAND - 3]}..."


# -- values ---------------------------------------------------------------------------------------


def shown_bytes(data: bytes, *, sized: bool = True) -> str:
    """Bytes as text: what they encode, if that can be read, and how many there are."""
    text = _read(data) if 0 < len(data) <= 1 << 16 else ""
    text = text or _cut(repr(data[:_TEXT]))
    return f"{text} ({len(data)} bytes)" if sized else text


def _read(data: bytes) -> str:
    """What bytes say as a text, or else as a message of the wire codec; "" if neither."""
    try:
        decoded = data.decode()
        if decoded.isprintable():
            return text_of(decoded)
    except UnicodeDecodeError:
        pass
    try:
        return text_of(msgspec.msgpack.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return ""


def text_of(value: object, depth: int = 0) -> str:
    """A value as text, cut, without anything that differs from process to process."""
    return _cut(_text(value, depth))


def _text(value: object, depth: int) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value) if isinstance(value, str) else value.name
    if isinstance(value, (*_SIMPLE, str)):
        return repr(value[: 2 * _TEXT]) if isinstance(value, str) else _number(value)
    if isinstance(value, bytes):
        return repr(value[: 2 * _TEXT])
    if depth >= _DEPTH:
        return "..."
    if isinstance(value, dict):
        parts = [
            f"{_text(key, depth + 1)}: {_text(part, depth + 1)}"
            for key, part in list(value.items())[:_ITEMS]
        ]
        return f"{{{', '.join(parts)}{_rest(len(value))}}}"
    if isinstance(value, set | frozenset):
        parts = sorted(_text(part, depth + 1) for part in value)[:_ITEMS]
        return f"{{{', '.join(parts)}{_rest(len(value))}}}" if value else "set()"
    if isinstance(value, list | tuple | deque):
        parts = [_text(part, depth + 1) for part in list(value)[-_ITEMS:]]
        more = f"{len(value) - _ITEMS} before, " if len(value) > _ITEMS else ""
        around = "()" if isinstance(value, tuple) else "[]"
        return f"{around[0]}{more}{', '.join(parts)}{around[1]}"
    if isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value):
        parts = [f"{name}={_text(part, depth + 1)}" for name, part in attributes(value)]
        return f"{type(value).__name__}({', '.join(parts)})"
    return f"a {type(value).__name__}"


def _rest(count: int) -> str:
    return f", {count - _ITEMS} more" if count > _ITEMS else ""


def _number(value: object) -> str:
    if type(value) is int and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    return repr(value)


def _cut(text: str) -> str:
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."
