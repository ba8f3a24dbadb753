"""What a register holds at first, as `--initial` says it in the words of each format."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tester.cli.check import check as command


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)))


def test_an_initial_value(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text('{"c":0,"op":"read","rv":0,"call":1,"ret":2}\n')
    assert run(path, "--model", "register").exit_code == 1
    assert run(path, "--model", "cas-register", "--initial", "0").exit_code == 0
    wrong = run(path, "--model", "register", "--initial", "zero")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "labtester check: expected JSON for --initial, got zero; put a string in double quotes\n",
    )
    for strange in ("NaN", "9" * 5_000, "[" * 100_000):
        wrong = run(path, "--model", "register", "--initial", strange)
        assert (wrong.exit_code, len(wrong.stderr) < 200) == (2, True)


@pytest.mark.parametrize(
    ("initial", "read", "code"),
    [
        ("0", "0", 0),
        ("0", "nil", 1),
        (":a", ":a", 0),
        (":a", '":a"', 1),
        ('""', '""', 0),
        ("nil", "nil", 0),
        ("[1 {:a 2}]", "[1 {:a 2}]", 0),
        ("1 :b 2", "1", 2),
        ("1}", "1", 2),
        ("", "1", 2),
    ],
)
def test_an_initial_value_is_written_as_in_the_history(
    initial: str, read: str, code: int, tmp_path: Path
) -> None:
    path = tmp_path / "h.edn"
    path.write_text(
        "{:process 0, :type :invoke, :f :read}"
        f"{{:process 0, :type :ok, :f :read, :value {read}}}"
    )
    result = run(path, "--model", "register", "--initial", initial)
    assert (result.exit_code, "Traceback" in result.output) == (code, False)


def test_an_initial_value_of_etcd(tmp_path: Path) -> None:
    path = tmp_path / "h.log"
    start = "INFO  jepsen.util - 0\t"
    path.write_text(f"{start}:invoke\t:read\tnil\n{start}:ok\t:read\t0\n")
    options = ("--model", "cas-register", "--format", "jepsen-etcd")
    assert run(path, *options).exit_code == 1
    assert run(path, *options, "--initial", "0").exit_code == 0
