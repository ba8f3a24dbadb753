"""Histories as files have them, in every format, with the verdicts that they must get."""

import json
from pathlib import Path
from typing import Any

import pytest

from linearizability import check
from linearizability.formats import HistoryError, read_history
from linearizability.models import MODELS


def line(op: str, call: int, ret: int | None, **fields: Any) -> str:
    return json.dumps({"c": call % 3, "op": op, "k": "x", "call": call, "ret": ret, **fields})


def event(process: int, kind: str, function: str, value: str = "nil") -> str:
    return f"{{:process {process}, :type :{kind}, :f :{function}, :value {value}}}"


def written_and_read(written: str, read: str) -> list[str]:
    """Lines of a register, with values as they stand in the file."""
    return [
        f'{{"c":0,"op":"write","v":{written},"call":1,"ret":2}}',
        f'{{"c":1,"op":"read","rv":{read},"call":3,"ret":4}}',
    ]


def events_of(function: str, value: str, read: str) -> list[str]:
    """A change that returned, then a read."""
    return [
        event(0, "invoke", function, value),
        event(0, "ok", function, value),
        event(1, "invoke", "read"),
        event(1, "ok", "read", read),
    ]


LINES = [
    ("register", written_and_read('"a\u2028b\x85c"', '"a\u2028b\x85c"'), True),
    ("register", written_and_read(str(2**70), str(2**70)), True),
    ("register", written_and_read(str(2**70), str(2**70 + 1)), False),
    ("register", written_and_read("1", "1.0"), True),
    ("set", [line("add", 1, 2, v=None), line("read", 3, 4, rv=[None])], True),
    ("set", [line("add", 1, 2, v=None), line("contains", 3, 4, v="", rv=True)], False),
    ("set", [line("add", 1, 2, v=1), line("remove", 3, 4, v=1), line("read", 5, 6, rv=[])], True),
    ("register", written_and_read("true", "1"), False),
    ("register", written_and_read('{"a":[1,{"b":2}]}', '{"a":[1.0,{"b":2.0}]}'), True),
    ("register", written_and_read('{"a":1,"b":null}', '{"b":null,"a":1}'), True),
    ("register", written_and_read('{"a":true}', '{"a":1}'), False),
    ("register", written_and_read("true", '["true"]'), False),
    ("register", written_and_read('{"a":1}', '["{\\"a\\": 1}"]'), False),
    (
        "register",
        [
            line("write", 1, 2, v=["a", "ErrVersion"]),
            line("read", 3, 4, rv="a", err="ErrVersion"),
        ],
        False,
    ),
    (
        "queue",
        [line("enqueue", 1, 2, v="ErrWrongLeader"), line("dequeue", 3, 4, err="ErrWrongLeader")],
        False,
    ),
    ("register", written_and_read('"' + "v" * 10**6 + '"', '"' + "v" * (10**6 - 1) + '"'), False),
    ("register", [line("write", 1, 2, v="a", status="info"), line("read", 3, 4, rv="a")], True),
    ("register", [line("write", 1, 2, v="a", status="fail"), line("read", 3, 4, rv="a")], False),
    ("queue", [line("enqueue", 1, 2, v=True), line("dequeue", 3, 4, rv=1)], False),
    ("queue", [line("enqueue", 1, 2, v=[1, 2]), line("dequeue", 3, 4, rv=[1, 2])], True),
    ("stack", [line("push", 1, 2, v=0), line("push", 3, 4, v=1), line("pop", 5, 6, rv=0)], False),
    ("set", [line("add", 1, 2, v="a"), line("read", 3, 4, rv=["a", "a"])], True),
    ("counter", [line("increment", 1, 2, v=10**30), line("read", 3, 4, rv=10**30 + 1)], False),
    ("mutex", [line("acquire", 1, 2), line("acquire", 3, 4, err="ErrVersion")], True),
]

EVENTS = [
    ("register", ["#jepsen.history.Op" + e for e in events_of("write", "3", "3")], True),
    ("register", events_of("write", "#:a{:b 1}", "#:a{:b 1}"), True),
    ("register", events_of("write", "#:a{:b 1}", "#:a{:b 2}"), False),
    ("register", ["; {", *events_of("write", "#_ 4 3", "3"), "#_ {:a 1}"], True),
    ("register", events_of("write", '"a\nb"', '"a\\nb"'), True),
    ("register", events_of("write", '"a\n;\\"b"', '"a\n;b"'), False),
    (
        "register",
        events_of("write", "123456789012345678901N", "123456789012345678902N"),
        False,
    ),
    ("register", events_of("write", r"\a", r"\b"), False),
    ("set", events_of("add", "{:a 1, :b 2}", "[{:b 2, :a 1}]"), True),
    ("set", events_of("add", "#{1 2}", "#{#{2 1}}"), True),
    ("set", events_of("add", "1", "[1 1.0]"), False),
    ("set", events_of("add", "1", "nil"), False),
    ("register", events_of("write", '#inst "2026"', '"2026"'), False),
    ("register", events_of("write", '#inst "2026"', '#inst"2026"'), True),
    ("set", events_of("add", '"a"', '"a"'), False),
    ("counter", events_of("add", "5", "nil"), False),
    ("counter", events_of("add", "5", "5.0"), True),
    ("register", events_of("write", ":a", ":a"), True),
    ("register", events_of("write", ":a", '"a"'), False),
    ("register", events_of("write", '":a"', ":a"), False),
    ("register", events_of("write", "1", "1.0"), False),
    ("register", events_of("write", "a", '"a"'), False),
    ("register", events_of("write", '""', '""'), True),
    ("register", events_of("write", '""', "nil"), False),
    ("register", events_of("write", "nil", "nil"), True),
    ("register", events_of("write", "[:a]", '[":a"]'), False),
    ("set", events_of("add", ":a", "#{:a}"), True),
    ("set", events_of("add", ":a", '#{"a"}'), False),
    ("set", events_of("add", "{:a 1}", '[{"a" 1}]'), False),
    ("register", ["{:process :nemesis, :type :info}", *events_of("write", "1", "1")], True),
    (
        "register",  # a process that is used again after nobody knows what happened
        [
            event(0, "invoke", "write", "3"),
            "{:process 0, :type :info, :f :write}",
            event(0, "invoke", "read"),
            event(0, "ok", "read"),
            event(0, "invoke", "read"),
            event(0, "ok", "read", "3"),
        ],
        True,
    ),
]


@pytest.mark.parametrize(
    ("name", "model", "lines", "legal"),
    [("h.jsonl", *case) for case in LINES] + [("h.edn", *case) for case in EVENTS],
)
def test_the_verdict_is_the_same_in_every_dress(
    name: str, model: str, lines: list[str], legal: bool, tmp_path: Path
) -> None:
    text = "\n".join(lines)
    for dressed in (text, "\ufeff" + text + "\n", text.replace("\n", "\r\n"), f"\n\n{text}\n\n"):
        path = tmp_path / name
        path.write_bytes(dressed.encode())
        assert bool(check(MODELS[model], read_history(path, model).operations)) is legal


@pytest.mark.parametrize(
    ("name", "model", "text", "complaint"),
    [
        ("h.jsonl", "register", "\n".join(written_and_read("1e400", "1e500")), ":1: 1e400 is too"),
        ("h.edn", "register", event(0, "invoke", "write", "1e400"), ":1: 1e400 is too large"),
        (
            "h.edn",
            "register",
            '{:process "n1", :type :ok}',
            ":1: ':process' is \"n1\": expected an",
        ),
        ("h.edn", "register", "{:process {}, :type :ok}", ":1: ':process' is {}: expected"),
        ("h.edn", "register", event(0, "invoke", "write", '"a'), "a string that does not end"),
        (
            "h.edn",
            "register",
            event(0, "invoke", "read", "[1 nil]") + event(0, "ok", "read", "5"),
            ":1: ':value' is 5, which means nothing for :read: expected [key value], as all",
        ),
        (
            "h.edn",
            "register",
            event(0, "invoke", "read", "[1 nil]") + event(0, "ok", "read", "[2 5]"),
            ":1: ':value' is [2 5], which means nothing for :read: it was called on key 1",
        ),
        *(
            (
                "h.edn",
                "txn",
                event(0, "invoke", "txn", "[[:r 1 nil] [:w 2 3]]") + event(0, "ok", "txn", steps),
                f":1: ':value' is {steps}, which means nothing for :txn: it was called as [[:r 1 ",
            )
            for steps in ("[[:r 2 1] [:w 2 3]]", "[[:r 1 1] [:w 2 4]]", "[[:r 1 1]]", "nil")
        ),
        (
            "h.edn",
            "mutex",
            event(0, "ok", "acquire"),
            ":1: process 0 ends an acquire that it has not called",
        ),
        *(
            ("h.jsonl", "register", f"{process}\t:invoke\t:read\tnil\n", "looks like history.txt")
            for process in ("0", ":nemesis")
        ),
    ],
)
def test_what_would_be_judged_wrongly_is_refused(
    name: str, model: str, text: str, complaint: str, tmp_path: Path
) -> None:
    """Two numbers read as infinite are equal; a client taken for the nemesis says nothing."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(HistoryError) as caught:
        read_history(path, model)
    assert complaint in str(caught.value)
