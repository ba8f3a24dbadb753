"""Lines that cannot be understood: each reader says in one sentence where and why."""

from pathlib import Path

import pytest

from linearizability.formats import FORMATS, HistoryError, read_history, read_jsonl
from tests.linearizability.texts import JEPSEN, PORCUPINE

RET = "expected an integer >= call (5), the stamp of the return, or -1 if it never returned"
ERR = "expected one of OK, ErrNoKey, ErrVersion, ErrMaybe, ErrWrongLeader, ErrWrongGroup"
BAD = [
    ("[1]", "not a JSON object but [1]; expected one object on each line, not an array of them"),
    ('"get"', 'not a JSON object but "get"'),
    ("{", "not a JSON object: Expecting property name enclosed in double quotes at column 2"),
    ('{"c', "not a JSON object: Unterminated string starting at column 2"),
    ("{} {}", 'expected one JSON object on the line, got "{}" after it'),
    ("[" * 100_000, "not an operation: nested too deeply"),
    ('{"op":"get","k":"x","call":1,"ret":2}', "'c' is missing: expected an integer, the client"),
    ('{"c":true,"op":"get","call":1,"ret":2}', "'c' is true: expected an integer, the client"),
    ('{"c":0,"call":1,"ret":2}', "'op' is missing: expected an operation of model kv: get, put"),
    (
        '{"c":0,"op":"append","call":1,"ret":2}',
        "'op' is \"append\": expected an operation of model kv: get, put",
    ),
    (
        '{"c":0,"op":["get"],"call":1,"ret":2}',
        "'op' is [\"get\"]: expected an operation of model kv: get, put",
    ),
    (
        '{"c":0,"op":"get","ret":2}',
        "'call' is missing: expected an integer >= 0, the stamp of the call",
    ),
    (
        '{"c":0,"op":"get","call":1.5,"ret":2}',
        "'call' is 1.5: expected an integer >= 0, the stamp of the call",
    ),
    (
        '{"c":0,"op":"get","call":-1,"ret":2}',
        "'call' is -1: expected an integer >= 0, the stamp of the call",
    ),
    (
        '{"c":0,"op":"get","call":5}',
        f"'ret' is missing: {RET}",
    ),
    (
        '{"c":0,"op":"get","call":5,"ret":4}',
        f"'ret' is 4: {RET}",
    ),
    (
        '{"c":0,"op":"get","call":5,"ret":-1.0}',
        f"'ret' is -1.0: {RET}",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"value":"a"}',
        "'value' is not a field of this format: the value returned is 'rv'",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"RV":"a"}',
        "'RV' is not a field of this format: the value returned is 'rv'",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"rv":"a","version":2}',
        "'version' is not a field of this format: the version returned is 'rver'",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"v":"a"}',
        "'v' says nothing in a get: the value returned is 'rv'",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"seen":"a"}',
        (
            "'rv' is missing, and 'seen' is not a field of this format: expected the value"
            " returned as 'rv', or an 'err'"
        ),
    ),
    (
        '{"c":0,"op":"put","k":"x","v":"a","ver":0,"call":5,"ret":6,"errr":"ErrVersion"}',
        "'errr' is not a field of this format: the error returned is 'err'",
    ),
    ('{"c":0,"op":"get","k":"x","k":"y","call":5,"ret":6}', "'k' is there more than once"),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"status":"failed"}',
        "'status' is \"failed\": expected one of ok, fail, info",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":' + "6" * 5_000 + "}",
        "a number that is too long: 5042 letters on this line",
    ),
    ('{"c":0,"op":"get","k":3,"call":5,"ret":6}', "'k' is 3: expected a string, the key"),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"err":"ErrFoo"}',
        f"'err' is \"ErrFoo\": {ERR}",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"rv":null}',
        "'rv' is null: expected a string, the value returned",
    ),
    (
        '{"c":0,"op":"get","k":"x","call":5,"ret":6,"rver":-1}',
        "'rver' is -1: expected an integer >= 0, the version",
    ),
    (
        '{"c":0,"op":"put","k":"x","ver":0,"call":5,"ret":6}',
        "'v' is missing: expected a string, the value written",
    ),
    (
        '{"c":0,"op":"put","k":"x","v":"a","call":5,"ret":6}',
        "'ver' is missing: expected an integer >= 0, the version",
    ),
]


@pytest.mark.parametrize(("line", "complaint"), BAD)
def test_a_malformed_line_is_named(line: str, complaint: str) -> None:
    good = '{"c":0,"op":"get","k":"x","call":5,"ret":6}\n'
    with pytest.raises(HistoryError) as caught:
        read_jsonl([good, "\n", line + "\n", good], "dir/h.jsonl", "kv")
    assert str(caught.value) == f"dir/h.jsonl:3: {complaint}"


@pytest.mark.parametrize(
    ("model", "line", "complaint"),
    [
        (
            "counter",
            '"op":"read","rv":"3"',
            "'rv' is \"3\": expected an integer, the value returned",
        ),
        (
            "counter",
            '"op":"increment","v":"3"',
            "'v' is \"3\": expected an integer, the difference",
        ),
        ("set", '"op":"add","v":"a","rv":1', "'rv' is 1: expected true or false"),
        ("set", '"op":"read","rv":1', "'rv' is 1: expected a list, the elements"),
        (
            "queue",
            '"op":"enqueue"',
            "'v' is missing: expected a value other than null, what is put in",
        ),
        (
            "stack",
            '"op":"push","v":null',
            "'v' is null: expected a value other than null, what is put in",
        ),
        ("register", '"op":"write","v":NaN', "NaN is no JSON value"),
        (
            "txn",
            '"op":"txn","v":[["x","k"]],"rv":[]',
            """'v' is [["x", "k"]]: expected a list of steps ["r", key] and ["w", key, value]""",
        ),
        (
            "txn",
            '"op":"txn","v":[["r","k"]]',
            "'rv' is missing: expected a list, what each step returned, null for the writes",
        ),
        (
            "cas-register",
            '"op":"cas","v":"a"',
            "'from' is missing: expected a value, the value expected",
        ),
    ],
)
def test_a_malformed_line_of_other_models(model: str, line: str, complaint: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read_jsonl([f'{{"c":7,"call":1,"ret":2,{line}}}'], "h", model)
    assert str(caught.value) == f"h:1: {complaint}"


def test_a_question_needs_an_answer() -> None:
    line = '{"c":0,"op":"contains","k":"s","v":1,"call":1,"ret":%s}'
    with pytest.raises(HistoryError) as caught:
        read_jsonl([line % 2], "h", "set")
    assert str(caught.value) == "h:1: 'rv' is missing: expected true or false"
    assert read_jsonl([line % -1], "h", "set").operations[0].ret is None


@pytest.mark.parametrize(
    ("format", "line", "complaint"),
    [
        ("porcupine-kv", "{}", "not an event: expected a line like {:process 0, :type :invoke"),
        (
            "porcupine-kv",
            '{:process 1, :type :ok, :f :get, :key "7", :value ""}',
            "process 1 returns from a get that it has not called",
        ),
        (
            "porcupine-kv",
            PORCUPINE.splitlines()[0],
            "process 0 calls before its last call returned",
        ),
        (
            "porcupine-kv",
            '{:process 1, :type :invoke, :f :put, :key "7", :value nil}',
            "put needs a value in quotes, not nil",
        ),
        (
            "jepsen-etcd",
            f"INFO  jepsen.util - {'7' * 5_000}\t:ok\t:read\tnil",
            "a process number of 5000 digits",
        ),
        ("jepsen-etcd", "INFO jepsen.core - hello", "not an event: expected a line like INFO"),
        (
            "jepsen-etcd",
            "INFO  jepsen.util - 1\t:ok\t:read\tnil",
            "process 1 ends a read that it has not called",
        ),
        ("jepsen-etcd", JEPSEN.splitlines()[0], "process 0 calls before its last call ended"),
        (
            "jepsen-etcd",
            "INFO  jepsen.util - 1\t:invoke\t:cas\t3",
            "not a call of read, write or cas: expected a line like INFO",
        ),
        ("jepsen-etcd", "INFO  jepsen.util - 0\t:nope\t:read\t3", "a read cannot end with :nope"),
    ],
)
def test_a_malformed_event_is_named(
    format: str, line: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    first = PORCUPINE if format == "porcupine-kv" else JEPSEN
    path.write_text(first.splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(HistoryError) as caught:
        read_history(path, "kv-append" if format == "porcupine-kv" else "cas-register", format)
    assert str(caught.value).startswith(f"{path}:2: {complaint}")


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfa")
    for path, model, kind, complaint in (
        (tmp_path / "none", "kv", "jsonl", f"cannot read {tmp_path / 'none'}: No such file"),
        (tmp_path, "kv", "jsonl", f"cannot read {tmp_path}: Is a directory"),
        (binary, "kv", "jsonl", f"{binary} is no UTF-8 text: invalid start byte; convert it to"),
        (binary, "kv", "porcupine-kv", "format porcupine-kv records histories of model kv-append"),
        (binary, "kv", "edn", f"'edn' is no format: expected one of {', '.join(FORMATS)}"),
    ):
        with pytest.raises(HistoryError) as caught:
            read_history(path, model, kind)
        assert str(caught.value).startswith(complaint)
