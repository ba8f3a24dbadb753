"""Histories as they really come: Jepsen's EDN, stores, compressed files, pipes, many at a time."""

import gzip
import json
import random
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from linearizability import Operation, check
from linearizability.formats import HistoryError, expand, read_history
from linearizability.formats.edn import read_edn
from linearizability.formats.values import FALSE, TRUE, Verbatim, frozen
from linearizability.models import (
    MODELS,
    Acquire,
    Add,
    Cas,
    Dequeue,
    Enqueue,
    Increment,
    Read,
    Release,
    Transaction,
    Write,
)
from tester.cli.check import check as command
from tests.linearizability.fuzz import FORMATS, compare_format

GOOD = '{"c":0,"op":"write","k":"x","v":"a","call":1,"ret":2}\n'
BAD = GOOD + '{"c":1,"op":"read","k":"x","rv":"","call":3,"ret":4}\n'


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), input=stdin)


def edn(tmp_path: Path, model: str, *events: str) -> list[Operation]:
    """Operations of events such as `0 :invoke :read nil`."""
    lines = []
    for event in events:
        process, kind, function, value = event.split(" ", 3)
        lines.append(f"{{:process {process}, :type {kind}, :f {function}, :value {value}}}")
    path = tmp_path / "history.edn"
    path.write_text("\n".join(lines))
    return read_history(path, model).operations


def test_a_cas_register_with_failures_and_what_nobody_knows(tmp_path: Path) -> None:
    assert edn(
        tmp_path,
        "cas-register",
        "0 :invoke :read nil",
        "1 :invoke :write 3",
        ":nemesis :info :start nil",
        "0 :ok :read nil",
        "1 :info :write 3",
        "2 :invoke :cas [3 4]",
        "2 :ok :cas [3 4]",
        "3 :invoke :cas [4 5]",
        "3 :fail :cas [4 5]",
        "4 :invoke :read nil",
    ) == [
        Operation(0, Read(""), "", 0, 2),
        Operation(1, Write("", 3), None, 1, None),
        Operation(2, Cas("", 3, 4), True, 4, 5),
        Operation(4, Read(""), None, 8, None),
    ]


def test_keyed_values(tmp_path: Path) -> None:
    assert edn(
        tmp_path,
        "cas-register",
        "0 :invoke :read [7 nil]",
        "0 :ok :read [7 3]",
        "0 :invoke :cas [7 [1 2]]",
        "0 :ok :cas [7 [1 2]]",
        '1 :invoke :write ["b" 9]',
    ) == [
        Operation(0, Read(7), 3, 0, 1),  # type: ignore[arg-type]
        Operation(0, Cas(7, 1, 2), True, 2, 3),  # type: ignore[arg-type]
        Operation(1, Write("b", 9), None, 4, None),
    ]


@pytest.mark.parametrize(
    ("model", "events", "asked", "output"),
    [
        ("register", ["0 :invoke :write 3", "0 :ok :write 3"], Write("", 3), None),
        ("mutex", ["0 :invoke :acquire nil", "0 :ok :acquire nil"], Acquire("", 0), None),
        ("mutex", ["0 :invoke :release nil", "0 :ok :release nil"], Release("", 0), None),
        ("queue", ["0 :invoke :enqueue 5", "0 :ok :enqueue 5"], Enqueue("", 5), None),
        ("queue", ["0 :invoke :dequeue nil", "0 :ok :dequeue 5"], Dequeue(""), 5),
        ("set", ["0 :invoke :add 5", "0 :ok :add 5"], Add("", 5), None),
        ("set", ["0 :invoke :read nil", "0 :ok :read #{5 6}"], Read(""), frozenset({5, 6})),
        ("set", ["0 :invoke :read nil", "0 :ok :read [5 6]"], Read(""), (5, 6)),
        ("counter", ["0 :invoke :add -2", "0 :ok :add -2"], Increment("", -2), None),
        ("counter", ["0 :invoke :read nil", "0 :ok :read 4"], Read(""), 4),
        (
            "txn",
            ["0 :invoke :txn [[:r :x nil] [:w 2 1]]", "0 :ok :txn [[:r :x 3] [:w 2 1]]"],
            Transaction((("r", Verbatim(":x"), ""), ("w", 2, 1))),
            (3, None),
        ),
    ],
)
def test_an_operation_of_each_model(
    tmp_path: Path, model: str, events: list[str], asked: Any, output: Any
) -> None:
    [op] = edn(tmp_path, model, *events)
    assert (type(op.input), op.input, op.output, op.ret) == (type(asked), asked, output, 1)


def test_edn_in_all_its_forms() -> None:
    text = """
    [{:index 0, :value [1 -2 3N 1.5 "a\\n\\"b" nil true false \\a x/y :k], ; comment
      :tagged #jepsen.history.Op{:a 1 :b #{2}} :list (1 2)}
     {:index 1}]
    """
    first, second = [found for _, found in read_edn(text.splitlines(), "f")]
    written = map(Verbatim, ("\\a", "x/y", ":k"))
    assert first[":value"] == (1, -2, 3, 1.5, 'a\n"b', None, TRUE, FALSE, *written)
    assert first[":tagged"] == Verbatim("#jepsen.history.Op {:a 1, :b #{2}}")
    assert first[":list"] == (1, 2)
    assert second == {":index": 1}
    assert [line for line, _ in read_edn(text.splitlines(), "f")] == [2, 4]


def test_what_edn_discards_is_skipped() -> None:
    text = '#_ #_ 1 [{:a 1}] {:a #_ #inst "2026" 2 #_ {:b 3} #_ #_ 4 5} #_ {:a 6}'
    assert [found for _, found in read_edn([text], "f")] == [{":a": 2}]


def test_escapes_in_edn() -> None:
    [(_, found)] = read_edn([r'{:a "\u00e9\ud83d\ude00\t\b\"\\u"}'], "f")
    assert found == {":a": '\N{LATIN SMALL LETTER E WITH ACUTE}\N{GRINNING FACE}\t\b"\\u'}


def test_a_set_of_edn_is_printed_in_order() -> None:
    [(_, event)] = read_edn(['{:a #{"z" "b" "y"} :b {:c #{"z" "b" "y"}}}'], "f")
    assert repr(event[":a"]) == "#{'b' 'y' 'z'}"
    assert event[":a"] == {"b", "y", "z"}
    assert repr(event[":b"]) == '{:c #{"b" "y" "z"}}'


def test_values_of_edn_that_are_written_differently_differ() -> None:
    """As in Clojure; JSON has one kind of number only."""
    text = """{:k [:a "a" ":a" a \\a "\\\\a" 1 1.0 1.5 "1" true "true" nil "nil" ""
        {:a 1} {"a" 1} {a 1} {":a" 1} "{:a 1}" {:a 1.0} {1 2} {"1" 2}
        "2026" #inst "2026" #time "2026" #a.B{:a 1} #a #b 1 #b #a 1 #x [1] #:n{:a 1} {:m/a 1}
        [] #{} {} #{1} [1] ["a"] [:a]]}"""
    [(_, event)] = read_edn(text.splitlines(), "f")
    values = event[":k"]
    assert [(one, other) for one, other in combinations(values, 2) if one == other] == []
    assert len(set(values)) == len(values)


def test_values_of_edn_that_are_written_alike_are_equal() -> None:
    text = """{:k [[1 +1] [1 1N] [1.0 1.00] [0.0 -0.0] [2.0 2e0] [[1 2] (1 2)]
        [{:a 1 :b 2} {:b 2, :a 1}] [#inst "2026" #inst"2026"] [#_ #x 1 #x #_ 2 1 #x 1]
        [#:n{:a 1, :m/b 2, :_/c 3} {:n/a 1, :m/b 2, :c 3}]]}"""
    [(_, event)] = read_edn(text.splitlines(), "f")
    for one, other in event[":k"]:
        assert (one, hash(one)) == (other, hash(other))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{:a 1", "h:1: the history ends inside this {"),
        ("{:a [1}", "h:1: not EDN: [ of line 1 is closed by }"),
        ("{:a}", "h:1: not EDN: a map with a key that has no value"),
        ("{:a 1 :a 2}", "h:1: ':a' is there more than once"),
        ("3", "h:1: not an event: expected a map, not 3"),
        ('{:a "x', "h:1: not EDN: a string that does not end '\"x'"),
        ("{:a 1}}", "h:1: not EDN: } closes what nothing has opened"),
        ("[{:a 1})", "h:1: not EDN: [ of line 1 is closed by )"),
        ("[{:a 1}", "h:1: the history ends inside this ["),
        ("{:a #_}", "h:1: not EDN: #_ with nothing behind it"),
        ("{:a [#inst]}", "h:1: not EDN: #inst with nothing behind it"),
        ("{:a " + "[" * 100 + "]" * 100 + "}", "h:1: not an event: nested too deeply"),
    ],
)
def test_what_is_no_edn(text: str, complaint: str) -> None:
    with pytest.raises(HistoryError) as caught:
        list(read_edn([text], "h"))
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        (["0 :ok :read nil"], ":1: process 0 ends a read that it has not called"),
        (["0 :nope :read nil"], ":1: ':type' is :nope: expected :invoke, :ok, :fail or :info"),
        (
            ["0 :invoke :pop nil"],
            ":1: ':f' is :pop: expected an operation of model cas-register: :read, :write, :cas",
        ),
        (
            ["0 :invoke :cas [1 2 3]"],
            ":1: ':value' is [1 2 3], which means nothing for :cas",
        ),
        (["0 :invoke :cas 3"], ":1: ':value' is 3, which means nothing for :cas"),
        (
            ["0 :invoke :read nil", "0 :invoke :read nil"],
            ":2: process 0 calls before its last call ended",
        ),
    ],
)
def test_events_that_cannot_be(tmp_path: Path, events: list[str], complaint: str) -> None:
    with pytest.raises(HistoryError) as caught:
        edn(tmp_path, "cas-register", *events)
    assert str(caught.value).endswith(complaint)


def test_a_model_that_jepsen_has_not(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="format jepsen-edn records histories of register"):
        edn(tmp_path, "kv", "0 :invoke :read nil")


def test_values_of_any_json_type() -> None:
    values = [1, "1", 1.5, True, False, [1, [2]], {"b": 1, "a": [True]}]
    made = [frozen(value) for value in values]
    assert len(set(made)) == len(values)
    assert made[-1] == frozen({"a": [True], "b": 1})
    assert [repr(value) for value in made[3:5]] == ["true", "false"]


@pytest.mark.parametrize("value", ["1", "true", "[1, {}]", '{"a": 1}', "1.5", "null"])
def test_any_value_can_be_written_read_and_taken(tmp_path: Path, value: str) -> None:
    write, enqueue = (
        f'{{"c":0,"op":"{op}","v":{value},"call":1,"ret":2}}\n' for op in ("write", "enqueue")
    )
    read, dequeue = (
        f'{{"c":0,"op":"{op}","rv":{value},"call":3,"ret":4}}\n' for op in ("read", "dequeue")
    )
    path = tmp_path / "h.jsonl"
    path.write_text(write + read)
    assert run(path, "--model", "register").output == "linearizable: 2 operations, 1 key\n"
    path.write_text(write + '{"c":0,"op":"read","rv":"other","call":3,"ret":4}\n')
    assert run(path, "--model", "register").exit_code == 1
    if value != "null":
        path.write_text(enqueue + dequeue)
        assert run(path, "--model", "queue").exit_code == 0


def test_standard_input_is_read_once() -> None:
    result = run("-", "-", "--model", "register")
    assert result.exit_code == 2
    assert result.stderr == (
        "labtester check: standard input can be read once: expected one -, got several\n"
    )


def test_what_is_compressed_twice(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.compress(b"{}")))
    assert "is compressed twice: decompress it once" in run(path, "--model", "kv").stderr
    assert (
        "expected --model register or cas-register with --initial, got kv"
        in run(path, "--model", "kv", "--initial", "0").stderr
    )


def test_compressed_marked_and_piped(tmp_path: Path) -> None:
    packed, marked = tmp_path / "h.jsonl.gz", tmp_path / "h.jsonl"
    packed.write_bytes(gzip.compress(GOOD.encode()))
    marked.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    for result in (
        run(packed, "--model", "register"),
        run(marked, "--model", "register"),
        run("-", "--model", "register", stdin=GOOD.encode()),
        run("-", "--model", "register", stdin=gzip.compress(GOOD.encode())),
    ):
        assert (result.exit_code, result.output) == (0, "linearizable: 1 operation, 1 key\n")


def test_hints(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    for content, hint in (
        (GOOD.encode("utf-16"), "is UTF-16 text: convert it first, as with iconv -f UTF-16"),
        (b"{:process 0, :type :invoke}", "looks like EDN: read it with --format jepsen-edn"),
        (GOOD.encode("utf-16-le"), "begins with the bytes 7b 00 22 00; if it is UTF-16"),
        (b"\xff\xfe\0\0" + GOOD.encode("utf-32-le"), "is UTF-32 text: convert it first"),
        (b"[\n  {", "expected one object on each line, not an array of them"),
        (b'{:process 0, :type :invoke, :f :get, :key "0"}', "read it with --format porcupine-kv"),
        (b"INFO  jepsen.util - 0\t:invoke\t:read\tnil", "read it with --format jepsen-etcd"),
        (gzip.compress(GOOD.encode())[:-9], "is a damaged gzip file"),
        (b"", "has no operations"),
    ):
        path.write_bytes(content)
        result = run(path, "--model", "register")
        assert result.exit_code == 2
        assert hint in result.stderr
    path = tmp_path / "h.edn"
    path.write_text(GOOD)
    result = run(path, "--model", "register")
    assert result.exit_code == 2
    assert "looks like JSON: read it with --format jsonl" in result.stderr


def test_a_folder_of_logs(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("INFO  jepsen.util - 0 :invoke :write 3\n")
    (tmp_path / "b.txt").write_text("INFO  jepsen.util - 0 :invoke :read nil\n")
    result = run(tmp_path, "--model", "cas-register", "--format", "jepsen-etcd")
    assert result.exit_code == 0
    assert result.output.count(": linearizable: 1 operation, 1 key\n") == 2
    result = run(tmp_path, "--model", "cas-register")
    assert result.exit_code == 2
    assert "is a folder without a history" in result.stderr


DRAIN = (
    "0 :invoke :enqueue 1",
    "0 :ok :enqueue 1",
    "0 :invoke :enqueue 2",
    "0 :ok :enqueue 2",
    "1 :invoke :drain nil",
)


def test_a_drain_is_several_dequeues(tmp_path: Path) -> None:
    def drained(*end: str) -> list[Operation]:
        return [op for op in edn(tmp_path, "queue", *DRAIN, *end) if isinstance(op.input, Dequeue)]

    dequeue = Dequeue("")
    assert drained("1 :ok :drain [1 2]") == [
        Operation(1, dequeue, 1, 4, 5),
        Operation(1, dequeue, 2, 6, 7),
    ]
    assert drained("0 :invoke :enqueue 3", "1 :ok :drain [1 2]") == [
        Operation(1, dequeue, 1, 4, 6),
        Operation(1, dequeue, 2, 4, 6),
    ]
    assert drained("1 :ok :drain []") == []
    assert drained("1 :fail :drain nil") == []
    assert drained("1 :info :drain nil") == 2 * [Operation(1, dequeue, None, 4, None)]
    with pytest.raises(HistoryError, match="':value' is 7, which means nothing for :drain"):
        drained("1 :ok :drain 7")
    history = "\n".join(
        f"{{:process {p}, :type {t}, :f {f}, :value {v}}}"
        for p, t, f, v in (line.split(" ", 3) for line in (*DRAIN, "1 :ok :drain [2 2]"))
    )
    (tmp_path / "drain.edn").write_text(history)
    result = run(tmp_path / "drain.edn", "--model", "queue")
    assert result.exit_code == 1
    assert result.stderr == ""  # its dequeues overlap, and nobody's stamps tie
    assert result.output.startswith("not linearizable: the history: 2 was put in once\n")


def test_a_store_is_found_by_its_folder(tmp_path: Path) -> None:
    runs = tmp_path / "store" / "lin-kv"
    for name in ("20260101", "20260102"):
        (runs / name).mkdir(parents=True)
        (runs / name / "history.edn").write_text(
            "{:process 0, :type :invoke, :f :write, :value [1 2]}\n"
            "{:process 0, :type :ok, :f :write, :value [1 2]}\n"
        )
    (runs / "latest").symlink_to(runs / "20260102")
    assert expand(str(runs / "latest")) == [str(runs / "latest" / "history.edn")]
    found = [str(runs / name / "history.edn") for name in ("20260101", "20260102")]
    assert expand(str(tmp_path / "store")) == found
    result = run(tmp_path / "store", "--model", "cas-register")
    assert (result.exit_code, result.output) == (
        0,
        "".join(f"{name}: linearizable: 1 operation, 1 key\n" for name in found),
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run(empty, "--model", "cas-register")
    assert result.exit_code == 2
    assert "is a folder without a history: expected history.edn" in result.stderr


def test_several_histories_have_a_line_each(tmp_path: Path) -> None:
    good, bad, broken = (tmp_path / f"{name}.jsonl" for name in ("good", "bad", "broken"))
    good.write_text(GOOD)
    bad.write_text(BAD)
    broken.write_text("{")
    result = run(good, bad, broken, "--model", "register", "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert result.output == (
        f"{good}: linearizable: 1 operation, 1 key\n"
        f"{bad}: not linearizable: key 'x': the register holds one value at a time\n"
        f"{broken}: no verdict: {broken}:1: not a JSON object: Expecting property name enclosed"
        " in double quotes at column 2\n"
    )
    data = json.loads((tmp_path / "out.json").read_text())
    assert [entry["verdict"] for entry in data["histories"]] == ["ok", "illegal", "none"]
    assert data["histories"][1]["refuted"][0]["why"]
    assert run(good, broken, "--model", "register").exit_code == 2
    assert run(good, good, "--model", "register").exit_code == 0


def test_without_an_explanation(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(BAD)
    result = run(path, "--model", "register", "--no-explain")
    assert (result.exit_code, result.output) == (1, "not linearizable: key 'x'\n")
    path.write_text(BAD + BAD.replace('"x"', '"y"'))
    result = run(path, "--model", "register", "--no-explain", "--all-keys")
    assert result.stdout == "not linearizable: keys 'x', 'y'\n"
    path.write_text(BAD)
    result = run(path, "--model", "register", "--no-explain", "--json", "-")
    [refuted] = json.loads(result.output)["refuted"]
    assert refuted == {"key": "x", "operations": 2, "configurations": 0}


def test_transactions_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    lines = [
        '{"c":0,"op":"txn","v":[["w","x",1],["w","y",1]],"call":1,"ret":2}',
        '{"c":1,"op":"txn","v":[["r","x"],["r","y"]],"rv":[1,1],"call":3,"ret":4}',
        '{"c":1,"op":"txn","v":[["r","z"]],"rv":[null],"call":5,"ret":6}',
    ]
    path.write_text("\n".join(lines))
    result = run(path, "--model", "txn")
    assert (result.exit_code, result.output) == (0, "linearizable: 3 operations, 2 keys\n")
    path.write_text("\n".join(lines).replace("[1,1]", "[1,null]"))
    result = run(path, "--model", "txn")
    assert result.exit_code == 1
    assert "cannot read '' of 'y', which holds 1" in result.output


def test_transactions_that_share_keys_belong_together() -> None:
    def write(client: int, *keys: Any) -> Operation:
        steps = tuple(("w", key, 1) for key in keys)
        return Operation(client, Transaction(steps), None, client, client + 1)

    verdict = check(
        MODELS["txn"],
        [write(0, "a", "b"), write(1, "c"), write(2, "b", "d"), write(3, ("c", "e"))],
    )
    assert not verdict  # None is no answer to writes
    history = [write(0, "a", "b"), write(1, "c"), write(2, "b", "d"), write(3, ("a", "b", "d"))]
    for op in history:
        op.output = (None,) * len(op.input.steps)
    verdict = check(MODELS["txn"], history)
    assert verdict
    sizes = sorted(len(partition.operations) for partition in verdict.partitions)  # type: ignore[union-attr]
    assert sizes == [1, 1, 2]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_comes_back_the_same(name: str) -> None:
    rng = random.Random(12)
    seen = Counter(compare_format(name, rng) for _ in range(1_500))
    assert min(seen["Ok"], seen["Illegal"]) > 200, seen


@pytest.mark.parametrize(
    ("model", "event"),
    [("queue", "0 :invoke :enqueue nil"), ("counter", '0 :invoke :add "1"')],
)
def test_values_that_mean_nothing(tmp_path: Path, model: str, event: str) -> None:
    with pytest.raises(HistoryError, match="which means nothing for"):
        edn(tmp_path, model, event)


def test_a_number_of_thousands_of_digits_stays_itself() -> None:
    [(_, found)] = read_edn(["{:a " + "7" * 5_000 + " :b 1e3 :c 2M}"], "h")
    assert found == {":a": Verbatim("7" * 5_000), ":b": 1000.0, ":c": 2.0}
