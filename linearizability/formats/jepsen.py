"""Reader of Jepsen's logs of etcd: events of one compare-and-set register."""

from __future__ import annotations

import re
from collections.abc import Iterable

from linearizability.formats.recorded import Recorded, client_number, malformed, with_article
from linearizability.inputs import Cas, Read, Write
from linearizability.operation import Operation

_LINE = re.compile(r"INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(\w+)\s+:(\w+)\s+(.+)")
_NEMESIS = re.compile(r"INFO\s+jepsen\.util\s+-\s+:\w+\s.*")
_PAIR = re.compile(r"\[(\S+) (\S+)\]")
_SHAPE = "INFO  jepsen.util - 0 :invoke :cas [1 2]"
_KEY = "etcd"


def read_jepsen(lines: Iterable[str], name: str) -> Recorded:
    """A history of `cas-register`; the line number is the time, nil is the empty string.

    What timed out (`:info`, or a failed read) stays open; a failed write did not happen. Events of
    the nemesis are skipped.
    """
    recorded = Recorded()
    calls: dict[int, tuple[str, Operation]] = {}
    failed: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip() or _NEMESIS.fullmatch(line.strip()):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise malformed(name, number, f"not an event: expected a line like {_SHAPE}")
        process, kind, function, value = match.groups()
        client = client_number(process, name, number)
        if kind == "invoke":
            if client in calls:
                what = f"process {client} calls before its last call ended"
                raise malformed(name, number, what)
            asked = _asked(function, value)
            if asked is None:
                what = f"not a call of read, write or cas: expected a line like {_SHAPE}"
                raise malformed(name, number, what)
            calls[client] = (function, Operation(client, asked, None, number, None))
            recorded.add(calls[client][1], number)
            continue
        called, op = calls.pop(client, ("", None))
        if op is None or called != function:
            what = f"process {client} ends {with_article(function)} that it has not called"
            raise malformed(name, number, what)
        if kind == "info" or (kind == "fail" and function == "read"):
            continue  # nobody knows; a process number is not used again
        if kind == "fail" and function == "write":
            failed.add(id(op))
            continue
        if kind == "ok" or (kind == "fail" and function == "cas"):
            op.ret = number
            op.output = _output(function, kind, value)
            continue
        raise malformed(name, number, f"{with_article(function)} cannot end with :{kind}")
    return recorded.without(failed) if failed else recorded


def _asked(function: str, value: str) -> Read | Write | Cas | None:
    pair = _PAIR.fullmatch(value)
    if function == "cas" and pair is not None:
        return Cas(_KEY, value_of(pair[1]), value_of(pair[2]))
    if function == "write":
        return Write(_KEY, value_of(value))
    return Read(_KEY) if function == "read" else None


def _output(function: str, kind: str, value: str) -> str | bool | None:
    if function == "cas":
        return kind == "ok"
    if function == "write":
        return None
    return value_of(value)


def value_of(text: str) -> str:
    """A value as the log writes it; nil is what a register holds at first."""
    return "" if text == "nil" else text
