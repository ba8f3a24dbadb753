"""The readers: what they understand, and the one sentence for what they do not."""

import json
from pathlib import Path

import pytest

from linearizability import Illegal, Ok, Operation, check
from linearizability.formats import read_history, read_jsonl
from linearizability.formats.rows import READERS
from linearizability.formats.values import Verbatim
from linearizability.models import (
    MODELS,
    Acquire,
    Add,
    Append,
    Cas,
    Dequeue,
    Get,
    Increment,
    Put,
    Read,
    Release,
    Write,
)
from tests.linearizability.texts import JEPSEN, PORCUPINE

KV = """\
{"c":0,"op":"put","k":"x","v":"a","ver":0,"call":10,"ret":25,"err":"OK"}
{"c":1,"op":"get","k":"x","call":12,"ret":30,"err":"OK","rv":"a","rver":1}

{"c":2,"op":"get","k":"y","call":13,"ret":14,"err":"ErrNoKey","rv":"","rver":0}
{"c":0,"op":"put","k":"x","v":"b","ver":1,"call":40,"ret":60,"err":"ErrMaybe","t0":7,"t1":9}
{"c":3,"op":"put","k":"x","v":"c","ver":2,"call":41,"ret":-1}
{"c":4,"op":"put","k":"x","v":"d","ver":2,"call":42,"ret":null}
{"c":5,"op":"get","k":"z","call":1,"ret":2}
"""


def test_kv() -> None:
    recorded = read_jsonl(KV.splitlines(keepends=True), "kv.jsonl", "kv")
    assert recorded.operations == [
        Operation(0, Put("x", "a", 0), "OK", 10, 25),
        Operation(1, Get("x"), ("a", 1, "OK"), 12, 30),
        Operation(2, Get("y"), ("", 0, "ErrNoKey"), 13, 14),
        Operation(0, Put("x", "b", 1), "ErrMaybe", 40, 60, {"t0": 7, "t1": 9}),
        Operation(3, Put("x", "c", 2), None, 41, None),
        Operation(4, Put("x", "d", 2), None, 42, None),
        Operation(5, Get("z"), ("", 0, "ErrNoKey"), 1, 2),
    ]
    assert list(recorded.lines) == [1, 2, 4, 5, 6, 7, 8]
    assert recorded.line_of(recorded.operations[2]) == 4
    assert recorded.line_of(Operation(2, Get("y"), ("", 0, "ErrNoKey"), 13, 14)) is None
    assert isinstance(check(MODELS["kv"], recorded.operations), Ok)
    first, *others = [op.input.key for op in recorded.operations if op.input.key == "x"]
    assert all(key is first for key in others), "keys are shared between operations"


@pytest.mark.parametrize(
    ("model", "line", "asked", "output"),
    [
        ("kv", '"op":"put","k":"x","v":"","ver":3', Put("x", "", 3), "OK"),
        (
            "kv",
            '"op":"put","v":"a","ver":0,"err":"ErrWrongLeader"',
            Put("", "a", 0),
            "ErrWrongLeader",
        ),
        ("kv", '"op":"get","k":"x","err":"OK"', Get("x"), ("", 0, "OK")),
        ("kv", '"op":"get","k":"x","rver":2', Get("x"), ("", 2, "OK")),
        ("register", '"op":"get","k":"x","rv":"a"', Read("x"), "a"),
        ("register", '"op":"read","k":"x","err":"ErrNoKey"', Read("x"), ""),
        (
            "register",
            '"op":"read","k":"x","rv":"a","err":"ErrNoKey"',
            Read("x"),
            Verbatim("'a', ErrNoKey"),
        ),
        ("register", '"op":"write","k":"x","v":"a"', Write("x", "a"), None),
        (
            "register",
            '"op":"put","k":"x","v":"a","err":"ErrWrongGroup"',
            Write("x", "a"),
            "ErrWrongGroup",
        ),
        ("cas-register", '"op":"cas","k":"x","from":"a","v":"b"', Cas("x", "a", "b"), True),
        (
            "cas-register",
            '"op":"cas","from":"a","v":"b","err":"ErrVersion"',
            Cas("", "a", "b"),
            False,
        ),
        ("kv-append", '"op":"append","k":"x","v":"a"', Append("x", "a"), None),
        ("kv-append", '"op":"append","k":"x","v":"a","rv":"q"', Append("x", "a"), "q"),
        ("kv-append", '"op":"put","k":"x","v":"a"', Put("x", "a"), None),
        ("kv-append", '"op":"get","k":"x","rv":"qa"', Get("x"), "qa"),
        ("mutex", '"op":"acquire","k":"l"', Acquire("l", 7), None),
        ("mutex", '"op":"acquire","k":"l","err":"ErrVersion"', Acquire("l", 7), False),
        ("mutex", '"op":"release","k":"l"', Release("l", 7), None),
        ("counter", '"op":"increment","k":"n"', Increment("n", 1), None),
        ("counter", '"op":"increment","k":"n","v":-2,"rv":0', Increment("n", -2), 0),
        ("counter", '"op":"read","k":"n","rv":3', Read("n"), 3),
        ("queue", '"op":"dequeue","k":"q","rv":"a"', Dequeue("q"), "a"),
        ("queue", '"op":"dequeue","k":"q","err":"ErrNoKey"', Dequeue("q"), None),
        ("set", '"op":"add","k":"s","v":"a","rv":false', Add("s", "a"), False),
        ("set", '"op":"add","k":"s","v":"a"', Add("s", "a"), None),
        ("set", '"op":"read","k":"s","rv":["a","b"]', Read("s"), ["a", "b"]),
    ],
)
def test_an_operation(model: str, line: str, asked: object, output: object) -> None:
    text = f'{{"c":7,"call":1,"ret":2,{line}}}'
    [op] = read_jsonl([text], "file", model).operations
    assert op == Operation(7, asked, output, 1, 2)
    assert type(op.input) is type(asked)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("register", '"op":"write","k":"x","v":"a"'),
        ("kv-append", '"op":"append","k":"x","v":"a","rv":"q"'),
        ("mutex", '"op":"acquire","k":"l"'),
        ("queue", '"op":"dequeue","k":"q","rv":"a"'),
        ("queue", '"op":"enqueue","k":"q","v":"a"'),
        ("cas-register", '"op":"cas","k":"x","from":"a","v":"b"'),
        ("counter", '"op":"increment","k":"n"'),
        ("set", '"op":"add","k":"s","v":"a"'),
    ],
)
def test_an_ambiguous_reply_without_versions_is_an_open_operation(model: str, line: str) -> None:
    [op] = read_jsonl(
        [f'{{"c":7,"call":1,"ret":2,"err":"ErrMaybe",{line}}}'], "f", model
    ).operations
    assert (op.output, op.ret) == (None, None)


def test_every_model_can_be_read() -> None:
    assert READERS.keys() == MODELS.keys()


def test_order_of_lines_and_ids_of_clients_do_not_matter() -> None:
    lines = [line for line in KV.splitlines() if line]
    stale = '{"c":9,"op":"get","k":"x","call":70,"ret":71,"rv":"","rver":0}'
    for extra, kind in ((None, Ok), (stale, Illegal)):
        every = lines + ([extra] if extra else [])
        for order in (every, every[::-1], every[3:] + every[:3]):
            renamed = [json.dumps({**json.loads(line), "c": 5}) for line in order]
            for text in (order, renamed):
                assert isinstance(
                    check(MODELS["kv"], read_jsonl(text, "h", "kv").operations), kind
                )


def test_overlapping_operations_of_one_client_are_pointed_out() -> None:
    lines = [
        '{"c":0,"op":"get","k":"x","call":5,"ret":6}',
        '{"c":1,"op":"get","k":"x","call":5,"ret":9}',
        '{"c":0,"op":"get","k":"x","call":6,"ret":7}',
        '{"c":0,"op":"get","k":"x","call":8,"ret":9}',
    ]
    assert read_jsonl(lines, "h", "kv").overlaps() == [(1, 3)]


@pytest.mark.parametrize("gap", [", ", ",", " ", " ,\t"])
def test_porcupine(gap: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(PORCUPINE.replace(", ", gap).replace("}", " }").replace(" :", "  :"))
    assert read_history(path, "kv-append", "porcupine-kv").operations == [
        Operation(0, Put("7", "x 0 0 y"), None, 1, 3),
        Operation(1, Get("7"), "x 0 0 y", 2, 4),
        Operation(1, Append("7", "x 1 0 y"), None, 5, None),
    ]


def test_jepsen(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(JEPSEN)
    assert read_history(path, "cas-register", "jepsen-etcd").operations == [
        Operation(0, Read("etcd"), "", 1, 3),
        Operation(1, Write("etcd", "3"), None, 2, None),
        Operation(2, Cas("etcd", "3", "4"), False, 5, 8),
        Operation(0, Read("etcd"), None, 6, None),
    ]


def test_what_certainly_failed_is_left_out_of_logs(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n"
        "INFO  jepsen.util - 0\t:invoke\t:write\t3\n"
        "INFO  jepsen.util - 0\t:fail\t:write\t3\n"
        "INFO  jepsen.util - 1\t:invoke\t:write\t4\n"
    )
    recorded = read_history(path, "cas-register", "jepsen-etcd")
    assert recorded.operations == [Operation(1, Write("etcd", "4"), None, 4, None)]
    assert list(recorded.lines) == [4]
    event = '{{:process {}, :type :{}, :f :put, :key "0", :value "a"}}\n'
    events = ((0, "invoke"), (0, "fail"), (1, "invoke"), (1, "info"), (2, "invoke"), (2, "ok"))
    path.write_text("".join(event.format(*each) for each in events))
    recorded = read_history(path, "kv-append", "porcupine-kv")
    assert recorded.operations == [
        Operation(1, Put("0", "a"), None, 3, None),
        Operation(2, Put("0", "a"), None, 5, 6),
    ]


def test_what_certainly_failed_is_left_out_and_what_may_have_failed_is_open() -> None:
    line = '{{"c":0,"op":"write","k":"x","v":"a","call":1,"ret":2,"status":"{}"}}'
    recorded = read_jsonl([line.format(word) for word in ("ok", "fail", "info")], "f", "register")
    assert [op.ret for op in recorded.operations] == [2, None]
    assert (list(recorded.lines), recorded.failed) == ([1, 3], 1)


def test_metadata_of_ones_own_is_no_slip() -> None:
    line = '{"c":0,"op":"get","call":1,"ret":2,"rv":"a","value":7,"note":"x","meta":{"a":1}}'
    [op] = read_jsonl([line], "f", "register").operations
    assert op.metadata == {"value": 7, "note": "x", "meta": {"a": 1}}
