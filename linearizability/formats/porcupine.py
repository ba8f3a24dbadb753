"""Reader of Porcupine's key/value logs: events of Put, Append and Get in an EDN-like map."""

from __future__ import annotations

import re
from collections.abc import Iterable

from linearizability.formats.recorded import Recorded, client_number, malformed, with_article
from linearizability.inputs import Append, Get, Put
from linearizability.operation import Operation

_LINE = re.compile(
    r"\{[\s,]*:process\s+(\d+)[\s,]+:type\s+:(invoke|ok|fail|info)[\s,]+:f\s+:(get|put|append)"
    r'[\s,]+:key\s+"([^"]*)"[\s,]+:value\s+(?:nil|"([^"]*)")[\s,]*\}'
)
_SHAPE = '{:process 0, :type :invoke, :f :get, :key "0", :value nil}'


def read_porcupine(lines: Iterable[str], name: str) -> Recorded:
    """A history of `kv-append`; the line number is the time.

    `:fail` did not happen, `:info` stays open.
    """
    recorded = Recorded()
    calls: dict[int, tuple[str, Operation]] = {}
    keys: dict[str, str] = {}
    failed: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise malformed(name, number, f"not an event: expected a line like {_SHAPE}")
        process, kind, function, key, value = match.groups()
        client = client_number(process, name, number)
        if kind != "invoke":
            called, op = calls.pop(client, ("", None))
            if op is None or called != function or op.input.key != key:
                ended = with_article(function)
                what = f"process {client} returns from {ended} that it has not called"
                raise malformed(name, number, what)
            if kind == "fail":
                failed.add(id(op))
            elif kind == "ok":
                op.ret = number
                op.output = (value or "") if function == "get" else None
            continue
        if client in calls:
            raise malformed(name, number, f"process {client} calls before its last call returned")
        if value is None and function != "get":
            raise malformed(name, number, f"{function} needs a value in quotes, not nil")
        key = keys.setdefault(key, key)
        asked: Get | Put | Append = Get(key)
        if value is not None and function != "get":
            asked = Put(key, value) if function == "put" else Append(key, value)
        op = Operation(client, asked, None, number, None)
        calls[client] = (function, op)
        recorded.add(op, number)
    return recorded.without(failed) if failed else recorded
