"""Reader of JSON lines: one operation per line, in any order.

    {"c":0,"op":"put","k":"x","v":"a","ver":0,"call":10,"ret":25,"err":"OK"}
    {"c":1,"op":"get","k":"x","call":12,"ret":30,"err":"OK","rv":"a","rver":1}
    {"c":3,"op":"put","k":"x","v":"c","ver":2,"call":41,"ret":-1}

A reply that no model allows is for the checker to judge; what cannot be understood is malformed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from linearizability.collector import collector_paused
from linearizability.formats.decoders import Decoders
from linearizability.formats.fields import Row
from linearizability.formats.recorded import Recorded, malformed
from linearizability.formats.rows import ARRAY, READERS, Malformed, operation, shown
from linearizability.formats.values import finite
from linearizability.inputs import Get, Put
from linearizability.operation import Operation

_EVENT = re.compile(r":?\w+\s+:(invoke|ok|fail|info)\s")
BLOCK = 1_024
"""How many lines are decoded at once."""


def read_jsonl(
    lines: Iterable[str], name: str, model: str, decoders: Decoders | None = None
) -> Recorded:
    """A history of the named model; raises HistoryError for the first malformed line.

    Keys and errors are shared between operations, and nothing is kept of a line but its operation.
    Fields that the format does not know travel as metadata. Lines are decoded many at a time; a
    block in which anything is unusual is read again line by line. `decoders` do it faster, with
    the same result.
    """
    recorded = Recorded()
    reader = _Lines(recorded, name, model, decoders)
    first, source = 1, iter(lines)
    with collector_paused():
        while block := list(islice(source, BLOCK)):
            reader.read(first, block)
            first += len(block)
    return recorded


class _Lines:
    """Turns lines into operations."""

    def __init__(
        self, recorded: Recorded, name: str, model: str, decoders: Decoders | None
    ) -> None:
        self._recorded = recorded
        self._name = name
        self._model = model
        self._readers = READERS[model]
        self._decoder = json.JSONDecoder(parse_constant=_no_number, parse_float=finite)
        self._decoders = decoders or Decoders(self._decoded, lambda text: None)
        self._keys: dict[str, str] = {}
        self._gets: dict[str, Get] = {}

    def read(self, first: int, lines: Sequence[str]) -> None:
        """A block of lines, of which the first has this number."""
        numbers: Sequence[int] = range(first, first + len(lines))
        array = _array(lines)
        if array is None:  # perhaps only for the space around
            stripped = [
                (number, line.strip()) for number, line in zip(numbers, lines, strict=True)
            ]
            numbers = [number for number, line in stripped if line]
            lines = [line + "\n" for _, line in stripped if line]
            array = _array(lines)
        if array is not None:
            if self._model == "kv" and self._read_kv(numbers, lines, array):
                return
            rows = self._rows(array, len(lines))
            if rows is not None:
                for number, row in zip(numbers, rows, strict=True):
                    self._add(number, self._operation(number, row))
                return
        for number, line in zip(numbers, lines, strict=True):
            self._add(number, self._read_line(number, line))

    def _add(self, number: int, op: Operation | None) -> None:
        if op is None:
            self._recorded.failed += 1
        else:
            self._recorded.add(op, number)

    def _decoded(self, array: str) -> list[Row] | None:
        try:
            rows: list[Row] = self._decoder.decode(array)
        except (ValueError, OverflowError, RecursionError):
            return None
        return rows if set(map(type, rows)) == {dict} else None

    def _rows(self, array: str, count: int) -> list[Row] | None:
        """The objects of all lines at once; None if not each line is one, without any doubt.

        Each line begins with the only brace that it opens. So no line has two objects, and with as
        many objects as lines, and nothing else, none goes on in the next.
        """
        rows = self._decoders.rows(array) if array.count("{") == count else None
        if rows is None or len(rows) != count or not _are_distinct(array, sum(map(len, rows))):
            return None
        return rows

    def _read_line(self, number: int, line: str) -> Operation | None:
        """One line, carefully."""
        text = line.strip()
        try:
            row, end = self._decoder.raw_decode(text)
            if end != len(text):
                rest = text[end:].lstrip()
                what = f"expected one JSON object on the line, got {shown(rest)} after it"
                what += _hint(text)
                raise Malformed(what)
            if type(row) is dict and text.count(":") != len(row):
                _refuse_duplicates(text)
        except json.JSONDecodeError as error:
            problem = error.msg.removesuffix(" at")
            what = f"not a JSON object: {problem} at column {error.colno}{_hint(text)}"
            raise malformed(self._name, number, what) from None
        except RecursionError:
            what = "not an operation: nested too deeply"
            raise malformed(self._name, number, what) from None
        except Malformed as error:
            raise malformed(self._name, number, str(error)) from None
        except OverflowError as error:
            raise malformed(self._name, number, str(error)) from None
        except ValueError as error:  # Python's limit on the digits of an integer
            what = f"a number that is too long: {len(text)} letters on this line"
            raise malformed(self._name, number, what) from error
        return self._operation(number, row)

    def _operation(self, number: int, row: Any) -> Operation | None:
        try:
            return operation(row, self._readers, self._keys, self._model)
        except Malformed as error:
            raise malformed(self._name, number, str(error)) from None

    def _read_kv(self, numbers: Sequence[int], lines: Sequence[str], array: str) -> bool:
        """The usual lines of `kv` without calls, because reading is what checking costs.

        Nothing is read if there is any doubt. Objects without inner ones go on in no other line,
        as no string does, and with as many as lines none has two. Lines that are unusual in
        themselves are read alone, once it is certain that the others have no field twice.
        """
        rows = self._decoders.kv(array)
        if rows is None or len(rows) != len(lines):
            return False
        found: list[Operation | None] = []
        names, unusual, add = 8 * len(rows), list[int](), found.append
        keys, gets, new, new_put = self._keys, self._gets, object.__new__, tuple.__new__
        for row in rows:
            key, call, ret, err = row.k, row.call, row.ret, row.err
            if row.op == "get":
                value, version = row.rv, row.rver
                if (
                    value is not None
                    and version is not None
                    and err is not None
                    and ret >= call
                    and row.v is None is row.ver
                ):
                    get = gets.get(key)
                    if get is None:
                        key = keys.setdefault(key, key)
                        get = gets[key] = Get(key)
                    op = new(Operation)
                    op.client, op.input, op.output = row.c, get, (value, version, err)
                    op.call, op.ret, op.metadata = call, ret, None
                    add(op)
                    continue
            else:
                value, version = row.v, row.ver
                if (
                    value is not None
                    and version is not None
                    and ret >= call
                    and row.rv is None is row.rver
                ):
                    if err is None:
                        err = "OK"
                        names -= 1
                    op = new(Operation)
                    op.client, op.output, op.call, op.ret = row.c, err, call, ret
                    op.input = new_put(Put, (keys.setdefault(key, key), value, version))
                    op.metadata = None
                    add(op)
                    continue
            names -= sum(field is None for field in (err, row.v, row.ver, row.rv, row.rver)) - 2
            unusual.append(len(found))
            add(None)
        if not _are_distinct(array, names):
            return False
        for index in unusual:
            found[index] = self._read_line(numbers[index], lines[index])
        self._recorded.operations.extend(filter(None, found))
        self._recorded.lines.extend(numbers)
        return True


def _array(lines: Sequence[str]) -> str | None:
    """The lines as one JSON array, if each begins as an object."""
    return "[" + ",\n".join(lines) + "]" if {line[:1] for line in lines} == {"{"} else None


def _are_distinct(array: str, names: int) -> bool:
    """Whether an array has no more names of fields than the objects that were made of it.

    Then none was there twice. An answer of no only means that it is not known: colons in strings
    look like further names.
    """
    if array.count(":") == names:
        return True
    return array.count('":') == names and not any(gap + ":" in array for gap in " \t\r\n")


def _no_number(text: str) -> float:
    raise Malformed(f"{text} is no JSON value")


def _hint(text: str) -> str:
    """What a line may be that is no JSON."""
    if text.startswith(("{:", "[{:", "#jepsen", "#{:")):
        kind = "porcupine-kv" if " :key " in text else "jepsen-edn"
        return f"; this looks like EDN: read it with --format {kind}"
    if text.startswith("["):
        return "; " + ARRAY
    if _EVENT.match(text):
        return "; this looks like history.txt of Jepsen: read history.edn, which is beside it"
    if text.startswith("INFO") and "jepsen" in text:
        return "; this looks like a log of Jepsen: read it with --format jepsen-etcd"
    return ""


def _refuse_duplicates(text: str) -> None:
    """A line with one field twice: Python would silently take the last."""

    def unique(pairs: list[tuple[str, Any]]) -> Row:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise Malformed(f"{twice!r} is there more than once")
        return row

    json.loads(text, object_pairs_hook=unique)
