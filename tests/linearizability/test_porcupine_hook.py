"""Asking another checker, played by a program that speaks as ours in Go does."""

import stat
import sys
from pathlib import Path

import pytest

from tests.linearizability.fuzz import PORCUPINE, fuzz_porcupine
from tests.linearizability.porcupine import VARIABLE

PROGRAM = """#!{python}
import json, sys
sys.path[:0] = {path!r}
from linearizability import check
from linearizability.formats import read_jsonl
from linearizability.models import MODELS
for line in sys.stdin:
    asked = json.loads(line)
    rows = [json.dumps(row) for row in asked["operations"]]
    found = read_jsonl(rows, "f", asked["model"]).operations
    right = bool(check(MODELS[asked["model"]], found))
    {answer}
    sys.stdout.flush()
"""


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    path = tmp_path / "porcupine-check"
    path.write_text(PROGRAM.format(python=sys.executable, path=sys.path, answer=answer))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(VARIABLE, str(path))


def test_a_checker_that_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, monkeypatch, 'print("ok" if right else "illegal")')
    fuzz_porcupine("porcupine", 0, 60)
    said = capsys.readouterr().out
    assert said.startswith("porcupine ")
    assert " Illegal + " in said
    assert said.rstrip().endswith(" left out")


def test_a_checker_that_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, monkeypatch, 'print("illegal")')
    with pytest.raises(AssertionError, match="Porcupine says False, not linearizable"):
        fuzz_porcupine("porcupine", 0, 60)
    assert "porcupine: seed " in capsys.readouterr().out


def test_a_checker_that_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path, monkeypatch, 'print("unknown")')
    fuzz_porcupine("porcupine", 0, 9)
    assert capsys.readouterr().out.split()[1:] == ["9", "9", "left", "out"]


def test_a_program_that_is_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "break")
    with pytest.raises(RuntimeError, match=r"answered '': expected ok, illegal or unknown; build"):
        fuzz_porcupine("porcupine", 0, 9)


def test_a_missing_porcupine_program_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    fuzz_porcupine("porcupine", 0, 9)
    assert capsys.readouterr().out.split(maxsplit=1)[1] == (
        f"skipped: {VARIABLE} names no program\n"
    )


def test_the_program_has_the_models_it_is_asked_about() -> None:
    source = (Path(__file__).parent / "porcupine" / "main.go").read_text()
    for model in PORCUPINE:
        assert f'"{model}":' in source
