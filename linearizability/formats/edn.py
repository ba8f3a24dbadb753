"""The part of EDN that histories are written in: maps of plain values, one event each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from linearizability.formats.recorded import malformed
from linearizability.formats.values import FALSE, TRUE, Double, Elements, Verbatim, finite

_TOKEN = re.compile(
    r"""[\s,]+ | ;.* | (?P<open>\#\{|\{|\[|\() | (?P<close>[}\])])
    | (?P<string>"(?:[^"\\]|\\.)*") | (?P<discard>\#_) | (?P<tag>\#:{0,2}[A-Za-z][^\s,{}\[\]()"]*)
    | (?P<char>\\\S[^\s,{}\[\]()"]*) | (?P<atom>[^\s,{}\[\]()"\\;]+)""",
    re.VERBOSE,
)
_STRING_END = re.compile(r'(?:[^"\\]|\\.)*"')
_INTEGER = re.compile(r"[+-]?\d{1,4000}N?")
_FLOAT = re.compile(r"[+-]?\d{1,400}(\.\d*([eE][+-]?\d+)?|[eE][+-]?\d+)M?|[+-]?\d{1,400}M")
_EVENT_TAG = re.compile(r"#[A-Za-z][\w.$/-]*\s*(?=\{)")
_UNUSUAL = re.compile(r'[{}()"\\;#]')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_NAMED = {"nil": None, "true": TRUE, "false": FALSE}
_CLOSES = {"{": "}", "#{": "}", "[": "]", "(": ")"}
_DISCARD = object()
DEEPEST = 100
"""How many brackets may be open at once."""


class _Tag(NamedTuple):
    """The tag of a value that comes next."""

    text: str


def read_edn(lines: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The maps of a text, which may stand in a vector, with the lines on which they begin.

    Their keys are strings, as they are written: a keyword with its colon, a string in quotes. Of
    the values, nil is None, true and false are `TRUE` and `FALSE`; a keyword, a symbol, a
    character, a map inside of a map or a tagged value is `Verbatim`, a vector or list a tuple, a
    set an `Elements`. The tag of a whole event is skipped, and what stands behind `#_`. Raises
    HistoryError for what is no EDN.
    """
    around: list[tuple[str, int]] = []  # the brackets around the events
    stack: list[tuple[str, list[Any], int]] = []
    top: list[Any] = []  # what to discard between the events
    for number, kind, token in _tokens(lines, name, lambda: not stack and not top):
        if isinstance(token, dict):
            yield number, token
            continue
        items = stack[-1][1] if stack else top
        if kind == "open":
            if len(stack) + len(around) == DEEPEST:
                raise malformed(name, number, "not an event: nested too deeply")
            if stack or top or token in ("{", "#{"):
                stack.append((token, [], number))
            else:
                around.append((token, number))
        elif kind == "close":
            if not stack and not around:
                raise malformed(name, number, f"not EDN: {token} closes what nothing has opened")
            opening, began = (stack[-1][0], stack[-1][2]) if stack else around[-1]
            if _CLOSES[opening] != token:
                what = f"not EDN: {opening} of line {began} is closed by {token}"
                raise malformed(name, number, what)
            if not stack:
                around.pop()
                continue
            stack.pop()
            value = _closed(opening, items, name, began)
            if stack:
                _put(stack[-1][1], value)
            elif top:
                top.pop()
            elif isinstance(value, dict):
                yield began, value
        elif kind == "discard":
            items.append(_DISCARD)
        elif kind == "tag":
            if stack:
                items.append(_Tag(token))
        elif stack or top:
            try:
                _put(items, _atom(kind, token))
            except OverflowError as error:
                raise malformed(name, number, str(error)) from None
        else:
            raise malformed(name, number, f"not an event: expected a map, not {token[:40]}")
    if stack or around:
        opening, began = around[0] if around else (stack[0][0], stack[0][2])
        raise malformed(name, began, f"the history ends inside this {opening}")


def _tokens(
    lines: Iterable[str], name: str, is_between: Callable[[], bool]
) -> Iterator[tuple[int, str, str | dict[str, Any]]]:
    """Line, kind and text of everything that means something.

    A plain map that is a line by itself, as most are, is given as a whole if it `is_between`
    others, not inside of one.
    """
    numbered = enumerate(lines, 1)
    for number, line in numbered:
        plain = _plain(line) if is_between() else None
        if plain is not None:
            yield number, "map", plain
            continue
        position = 0
        while position < len(line):
            match = _TOKEN.match(line, position)
            if match is None and line[position] == '"':  # a string may go on in the next lines
                match = _whole_string(line, position, numbered)
                line = match.string if match is not None else line
            if match is None:
                shown = line[position : position + 20].strip()
                what = "a string that does not end" if shown[:1] == '"' else "cannot read"
                raise malformed(name, number, f"not EDN: {what} {shown!r}")
            position = match.end()
            kind, token = match.lastgroup, match.group()
            if kind == "string" and line.startswith(":", position):
                what = f"not EDN: {token[:20]}: looks like JSON: read it with --format jsonl"
                raise malformed(name, number, what)
            if kind is not None:
                yield number, kind, token


def _plain(line: str) -> dict[str, Any] | None:
    """The map on a line if it has only keywords as keys, and atoms and vectors of them as values.

    None where there is any doubt, and for everything that is wrong.
    """
    text = line.strip(" \t\r\n,")
    if text[:1] == "#" and (tag := _EVENT_TAG.match(text)) is not None:
        text = text[tag.end() :]
    if text[:2] != "{:" or text[-1:] != "}" or _UNUSUAL.search(text, 1, len(text) - 1):
        return None
    items: list[Any] = []
    outer: list[list[Any]] = []
    spaced = text[1:-1].replace(",", " ").replace("[", " [ ").replace("]", " ] ")
    for word in spaced.split():
        if word.isdigit() and len(word) < 19 and word.isascii():
            items.append(int(word))
        elif word == "[" and len(outer) < DEEPEST // 2:
            outer.append(items)
            items = []
        elif word == "]" and outer:
            outer[-1].append(tuple(items))
            items = outer.pop()
        elif word in "[]":
            return None
        else:
            try:
                items.append(_atom("atom", word))
            except OverflowError:
                return None
    if outer or len(items) % 2:
        return None
    found: dict[str, Any] = {}
    for name, value in zip(items[::2], items[1::2], strict=True):
        if type(name) is not Verbatim or name.text[0] != ":":
            return None
        found[name.text] = value
    return found if 2 * len(found) == len(items) else None


def _whole_string(
    line: str, position: int, following: Iterator[tuple[int, str]]
) -> re.Match[str] | None:
    """A string that begins on a line and ends on another, matched in all of their text."""
    parts = [line]
    for _, more in following:
        parts.append(more)
        if _STRING_END.match(more):
            return _TOKEN.match("".join(parts), position)
    return None


def _put(items: list[Any], value: Any) -> None:
    """Add a value with its tags, unless it stands behind a `#_`, which is used up by it."""
    while items and type(items[-1]) is _Tag:
        value = _tagged(items.pop().text, value)
    if items and items[-1] is _DISCARD:
        items.pop()
    else:
        items.append(_inner(value))


def _tagged(tag: str, value: Any) -> Any:
    """A value of another type: `#inst "2026"` is not "2026". A namespace belongs to the keys."""
    if tag.startswith("#:") and isinstance(value, dict):
        space = tag.lstrip("#:")
        return {_in_namespace(key, space): item for key, item in value.items()}
    return Verbatim(f"{tag} {as_edn(_inner(value))}")


def _in_namespace(key: str, space: str) -> str:
    if not key.startswith(":") or "/" in key:
        return key.replace(":_/", ":", 1) if key.startswith(":_/") else key
    return f":{space}/{key[1:]}"


def _closed(opening: str, items: list[Any], name: str, line: int) -> Any:
    last = items[-1] if items else None
    if last is _DISCARD or type(last) is _Tag:
        what = last.text if type(last) is _Tag else "#_"
        raise malformed(name, line, f"not EDN: {what} with nothing behind it")
    if opening == "{":
        if len(items) % 2:
            raise malformed(name, line, "not EDN: a map with a key that has no value")
        names = list(map(as_edn, items[::2]))
        found = dict(zip(names, items[1::2], strict=True))
        if 2 * len(found) < len(items):
            twice = next(name for name in names if names.count(name) > 1)
            raise malformed(name, line, f"{twice!r} is there more than once")
        return found
    return Elements(items) if opening == "#{" else tuple(items)


def _inner(value: Any) -> Hashable:
    """A map as a value of another one, so that it can be compared and hashed."""
    if isinstance(value, dict):
        entries = sorted(f"{key} {as_edn(item)}" for key, item in value.items())
        return Verbatim("{" + ", ".join(entries) + "}")
    return value  # type: ignore[no-any-return]


def as_edn(value: Any) -> str:
    """A value as it may have stood in the text."""
    if type(value) is Verbatim:
        return value.text
    if value is None:
        return "nil"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if type(value) is tuple:
        return "[" + " ".join(map(as_edn, value)) + "]"
    if type(value) is Elements:
        return "#{" + " ".join(sorted(map(as_edn, value))) + "}"
    return repr(value)


def _escaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)


def _atom(kind: str, token: str) -> Hashable:
    if token[0] == ":":
        return _verbatim(token)
    if kind == "string":
        text = _ESCAPE.sub(_escaped, token[1:-1])
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if token in _NAMED:
        return _NAMED[token]
    if _INTEGER.fullmatch(token):
        return int(token.rstrip("N"))
    if _FLOAT.fullmatch(token):
        return Double(finite(token.rstrip("M")))
    return _verbatim(token)


@lru_cache(1_000)
def _verbatim(token: str) -> Verbatim:
    return Verbatim(token)
