"""What the harness is made of is looked at: whatever replaces a part of it is named."""

import builtins
import json
from typing import Any

import pytest

import linearizability
from tester.guard.intact import Intact
from tester.world import run
from tester.world.history import History
from tests.running import Runner, labtester, submit

__all__ = ["labtester"]


@pytest.fixture(scope="module")
def intact() -> Intact:
    return Intact()


def _other(*args: Any, **kwargs: Any) -> Any:
    return "pass"


def test_what_is_as_it_was_has_not_changed(intact: Intact) -> None:
    assert intact.changed() == ""


@pytest.mark.parametrize(
    ("owner", "name", "called"),
    [
        (run, "_verdict", "tester.world.run._verdict"),
        (linearizability, "check", "linearizability.check"),
        (History, "__init__", "tester.world.history.History.__init__"),
        (builtins, "len", "builtins.len"),
        (json, "dumps", "json.dumps"),
    ],
)
def test_a_part_that_is_replaced_is_named(
    owner: Any, name: str, called: str, intact: Intact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, _other, raising=False)
    changed = intact.changed()
    monkeypatch.undo()
    assert changed == called
    assert intact.changed() == ""


def test_code_that_is_replaced_is_named(intact: Intact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vars(run)["_verdict"], "__code__", _other.__code__)
    changed = intact.changed()
    monkeypatch.undo()
    assert changed == "tester.world.run._verdict"


def test_a_part_that_is_deleted_is_named(intact: Intact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(run, "_verdict")
    changed = intact.changed()
    monkeypatch.undo()
    assert changed == "tester.world.run._verdict"


def test_a_submission_that_replaces_a_part_as_it_is_imported_is_refused(labtester: Runner) -> None:
    before = "import tester.world.run\ntester.world.run._verdict = lambda error: 'pass'"
    theirs = submit(labtester.folder, "return PutReply(Err.VERSION)", before=before)
    done = labtester("run", "tiny", "--seeds", "1", "--submission", theirs)
    assert done.status == 2
    assert "importing the submission replaced tester.world.run._verdict" in done.err


def test_a_run_that_replaces_a_part_fails(labtester: Runner) -> None:
    put = "import sys\nsys.modules['tester.world.run']._verdict = lambda error: 'pass'\n"
    theirs = submit(labtester.folder, f"{put}return PutReply(Err.VERSION)")
    done = labtester(
        "run", "tiny", "--tests", "test_third", "--seeds", "1", "--submission", theirs
    )
    assert done.status == 1
    assert "has replaced tester.world.run._verdict, which judges it" in " ".join(done.out.split())
