"""`labtester check` from outside: exit codes, the words of each outcome, JSON."""

import gzip
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from linearizability.formats import Decoders, read_history
from tester.cli.check import check
from tester.cli.decoders import DECODERS
from tests.running import click_runner

GOOD = """\
{"c":0,"op":"put","k":"x","v":"a","ver":0,"call":10,"ret":25,"err":"OK"}
{"c":1,"op":"get","k":"x","call":12,"ret":30,"err":"OK","rv":"a","rver":1}
{"c":2,"op":"get","k":"y","call":13,"ret":14,"err":"ErrNoKey","rv":"","rver":0}
{"c":0,"op":"put","k":"x","v":"b","ver":1,"call":40,"ret":60,"err":"ErrMaybe"}
{"c":3,"op":"put","k":"x","v":"c","ver":2,"call":41,"ret":-1}
{"c":1,"op":"get","k":"x","call":65,"ret":70,"err":"OK","rv":"b","rver":2}
"""
STALE = '{"c":2,"op":"get","k":"x","call":75,"ret":80,"err":"OK","rv":"a","rver":1}\n'

NOT_LINEARIZABLE = """\
not linearizable: key 'x': no moment exists at which version 1 became 2

c2's Get returned version 1 although it began (at 75) after c1's Get had
returned version 2 (at 70).

    |=|      c1  line 6  65-70  Get('x') -> ('b', v2)
        |=|  c2  line 7  75-80  Get('x') -> ('a', v1)

The longest order that is right so far has 4 of 6 operations and ends with
    c1  line 2  12-30  Get('x') -> ('a', v1)
    c0  line 4  40-60  Put('x', 'b', v1) -> ErrMaybe
    c1  line 6  65-70  Get('x') -> ('b', v2)
After it the state is 'b' at version 2. Nothing can be next:
    c2  line 7  75-80  Get('x') -> ('a', v1)
        a Get cannot return version 1: the key is at version 2

Not decided: 'y'.
"""

FALSE_REFUSAL = """\
not linearizable: key 'k': nothing can have ended version 0

ErrVersion says the key already had another version; nothing else wrote it.

    |=|  c0  line 1  1-2  Put('k', 'c0.0', v0) -> ErrVersion

No operation can be the first.
After it the state is no such key. Nothing can be next:
    c0  line 1  1-2  Put('k', 'c0.0', v0) -> ErrVersion
        ErrVersion is impossible: the key does not exist, as the Put asked
"""

UNKNOWN = """\
unknown: the budget of 1 configuration was spent

    key 'x': 1 configuration, 3 returns left, stuck before the return of c0's
    operation at 9

This is no pass: nothing was found that is wrong, not everything was tried.
Search further with --budget 2.
"""


def run(path: Path | str, *options: str) -> Result:
    return click_runner().invoke(check, [str(path), *options])


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_text(GOOD)
    return path


def test_linearizable(history: Path) -> None:
    result = run(history, "--model", "kv")
    assert (result.exit_code, result.output) == (0, "linearizable: 6 operations, 2 keys\n")


def test_a_small_file_is_checked_without_what_only_others_need(history: Path) -> None:
    """Starting is nearly all that it takes."""
    heavy = ["msgspec", "pathlib", "gzip", "tester.workers", "linearizability.formats.edn"]
    code = (
        "import sys; from tester.cli import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print([name for name in {heavy} if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, "check", str(history), "--model", "kv"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "linearizable: 6 operations, 2 keys\n[]\n"


def test_msgspec_reads_what_is_large_or_of_unknown_size(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = list[Decoders | None]()

    def read(*args: Any, decoders: Decoders | None) -> Any:
        lent.append(decoders)
        return read_history(*args, decoders=decoders)

    monkeypatch.setattr("tester.cli.check.read_history", read)
    small, packed = run(history, "--model", "kv"), history.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(GOOD.encode()))
    assert run(packed, "--model", "kv").output == small.output
    monkeypatch.setattr("tester.cli.check._MANY", 100)
    assert run(history, "--model", "kv").output == small.output
    piped = click_runner().invoke(check, ["-", "--model", "kv"], input=GOOD)
    assert piped.output == small.output
    assert lent == [None, None, DECODERS, DECODERS]


def test_not_linearizable(history: Path) -> None:
    history.write_text(GOOD + STALE)
    result = run(history, "--model", "kv")
    assert (result.exit_code, result.output) == (1, NOT_LINEARIZABLE)
    assert max(map(len, result.output.splitlines())) <= 80


def test_all_keys(history: Path) -> None:
    history.write_text(GOOD + STALE + STALE.replace('"x"', '"y"'))
    result = run(history, "--model", "kv", "--all-keys")
    assert result.exit_code == 1
    assert "Not linearizable either: 'y'." in result.output
    assert "Not decided" not in result.output


def test_the_shortest_story(history: Path) -> None:
    history.write_text(
        '{"c":0,"op":"put","k":"k","v":"c0.0","ver":0,"call":1,"ret":2,"err":"ErrVersion"}'
    )
    result = run(history, "--model", "kv")
    assert (result.exit_code, result.output) == (1, FALSE_REFUSAL)


def test_unknown_is_an_exit_of_its_own(history: Path) -> None:
    lines = [f'{{"c":{c},"op":"write","k":"x","v":"a","call":0,"ret":9}}' for c in range(3)]
    history.write_text("\n".join(lines))
    result = run(history, "--model", "register", "--budget", "1")
    assert (result.exit_code, result.output) == (3, UNKNOWN)


def test_a_malformed_line_is_misuse(history: Path) -> None:
    history.write_text(GOOD + '{"c":0}\n')
    result = run(history, "--model", "kv")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"labtester check: {history}:7: 'call' is missing: expected an integer >= 0, the stamp of"
        " the call\n"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "--model"),
        (["--model", "vk"], "'vk'"),
        (["--model", "kv", "--format", "edn"], "'edn'"),
        (["--model", "kv", "--budget", "-1"], "--budget"),
        (["--model", "kv", "--format", "jepsen-etcd"], "records histories of model cas-register"),
    ],
)
def test_misuse(history: Path, options: list[str], complaint: str) -> None:
    result = run(history, *options)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_report_that_cannot_be_written_is_misuse(history: Path, tmp_path: Path) -> None:
    result = run(history, "--model", "kv", "--json", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"labtester check: cannot write {tmp_path}: Is a directory\n"


def test_a_missing_file_is_misuse(tmp_path: Path) -> None:
    result = run(tmp_path / "none", "--model", "kv")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"labtester check: cannot read {tmp_path / 'none'}")


def test_stamps_that_tie_are_warned_of(history: Path) -> None:
    history.write_text(GOOD + '{"c":1,"op":"get","k":"y","call":70,"ret":71}\n')
    result = run(history, "--model", "kv")
    assert result.exit_code == 0
    assert result.stderr == (
        f"warning: {history}:7: overlaps the operation of line 6 of the same client;"
        " do the recorder's stamps tie?\n"
    )


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)


def test_json_of_a_refutation(history: Path, tmp_path: Path) -> None:
    history.write_text(GOOD + STALE)
    result = run(history, "--model", "kv", "--json", "-")
    assert result.exit_code == 1
    data = as_json(result)
    assert data["verdict"] == "illegal"
    assert data["model"] == "kv"
    [refuted] = data["refuted"]
    assert refuted["key"] == "x"
    assert [op["line"] for op in refuted["core"]] == [6, 7]
    assert refuted["core"][1] == {
        "line": 7,
        "client": 2,
        "call": 75,
        "ret": 80,
        "text": "Get('x') -> ('a', v1)",
    }
    assert refuted["prefix_length"] == len(refuted["prefix_end"]) == 4
    assert refuted["candidates"][0]["why"].startswith("a Get cannot return version 1")
    assert [undecided["key"] for undecided in data["undecided"]] == ["y"]
    into_file = run(history, "--model", "kv", "--json", str(tmp_path / "out.json"))
    assert (into_file.exit_code, into_file.output) == (1, NOT_LINEARIZABLE)
    assert json.loads((tmp_path / "out.json").read_text()) == data


def test_json_of_the_other_verdicts(history: Path) -> None:
    assert as_json(run(history, "--model", "kv", "--json", "-")) == {
        "verdict": "ok",
        "model": "kv",
        "partitions": [
            {"key": "x", "operations": 5, "configurations": 0},
            {"key": "y", "operations": 1, "configurations": 0},
        ],
    }
    history.write_text('{"c":0,"op":"write","v":"a","call":0,"ret":9}\n' * 3)
    result = run(history, "--model", "register", "--budget", "0", "--json", "-")
    assert (result.exit_code, as_json(result)) == (
        3,
        {
            "verdict": "unknown",
            "model": "register",
            "budget": 0,
            "undecided": [{"key": "", "operations": 3, "configurations": 0, "returns_left": 3}],
        },
    )


def test_porcupine_format(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{:process 1, :type :invoke, :f :get, :key "7", :value nil}\n')
    result = run(path, "--model", "kv-append", "--format", "porcupine-kv")
    assert (result.exit_code, result.output) == (0, "linearizable: 1 operation, 1 key\n")


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_history_proves_nothing(history: Path, text: str) -> None:
    history.write_text(text)
    result = run(history, "--model", "kv")
    assert result.exit_code == 2
    assert result.stderr == (
        f"labtester check: {history} has no operations: an empty history proves nothing;"
        " did the recorder write?\n"
    )


def test_a_crash_is_no_verdict(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object, **options: object) -> None:
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr("tester.cli.check.decide", crash)
    result = run(history, "--model", "kv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"labtester check: no verdict on {history}, the checker failed with RuntimeError: first;"
        " please report it with the file\n"
    )


def test_a_compare_and_set_that_may_still_happen_is_open(history: Path) -> None:
    history.write_text(
        '{"c":0,"op":"cas","k":"x","from":"","v":"b","err":"ErrMaybe","call":1,"ret":2}\n'
        '{"c":1,"op":"read","k":"x","rv":"","call":3,"ret":4}\n'
        '{"c":1,"op":"read","k":"x","rv":"b","call":5,"ret":6}\n'
    )
    result = run(history, "--model", "cas-register")
    assert (result.exit_code, result.output) == (0, "linearizable: 3 operations, 1 key\n")


def test_many_histories_show_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tester.report.progress.FEW", 2)
    files = [str(tmp_path / name) for name in ("a", "b")]
    for file in files:
        Path(file).write_text(GOOD)
    result = click_runner().invoke(check, [*files, "--model", "kv"])
    assert (result.exit_code, result.stderr) == (0, "check: 1 of 2\ncheck: 2 of 2\n")


EDN = """\
{:process 0, :type :invoke, :f :write, :value 7, :time 1}
{:process 0, :type :ok, :f :write, :value 7, :time 4}
{:process 1, :type :invoke, :f :read, :value nil, :time 5}
{:process 1, :type :ok, :f :read, :value 5, :time 6}
"""


@pytest.mark.parametrize(
    ("name", "text", "options", "headline"),
    [
        ("history", GOOD + STALE, "--model kv", "not linearizable"),
        ("a store.edn", EDN, "--model register --initial 5", "not linearizable"),
        ("log", EDN, "--model register --format jepsen-edn", "not linearizable"),
        ("history", '{"c":0,"op":"write","v":"a","call":0,"ret":9}\n' * 3,
         "--model register --budget 0", "undecided: the budget was spent"),
    ],
)  # fmt: skip
def test_a_page_names_the_command_that_comes_to_the_same(
    tmp_path: Path, name: str, text: str, options: str, headline: str
) -> None:
    path, page = tmp_path / name, tmp_path / "page.html"
    path.write_text(text)
    result = run(path, *options.split(), "--html", str(page))
    assert f"page: {page}" in result.stderr
    data = page.read_text().partition('id="data">')[2].partition("</script>")[0]
    drawn = json.loads(data)
    assert (drawn["headline"], drawn["title"]) == (headline, f"{name}: {headline}")
    assert len(drawn["run"]["operations"]) == text.count("\n") // (2 if ":process" in text else 1)
    words = shlex.split(drawn["command"])
    assert words[:3] == ["labtester", "check", str(path)]
    again = run(Path(words[2]), *words[3:])
    first, same = (done.stdout.partition("\n")[0] for done in (result, again))
    assert (again.exit_code, same) == (result.exit_code, first)
