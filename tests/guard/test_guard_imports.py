"""A module imported by node code for the first time is imported by nobody."""

from __future__ import annotations

import importlib
import sys
import time
import types
from pathlib import Path

import pytest

from tester.engine import current
from tester.guard import clock, guard
from tests.guard.nodes import Node


@pytest.mark.parametrize("how", ["statement", "import_module"])
def test_module_code_does_not_run_as_the_node(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "late_import.py").write_text("import random\nDRAWN = random.random()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "late_import", raising=False)
    node = Node()
    before = node.random().getstate()
    with guard.installed([]):
        current.node = node
        if how == "statement":
            import late_import  # type: ignore[import-not-found]  # noqa: F401
        else:
            importlib.import_module("late_import")
        assert current.node is node
        current.node = None
    assert node.random().getstate() == before


def test_a_module_that_a_run_imports_is_guarded_in_the_next_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = types.ModuleType("late_comer")
    vars(late)["draw"] = draw = lambda: "the machine's"
    monkeypatch.setattr(guard, "_late", {"late_comer": {"draw": lambda *_: "the node's"}})
    monkeypatch.setattr(guard, "_module_of", {"late_comer": "late_comer"})
    monkeypatch.setattr(guard, "_fixed", [*vars(guard)["_fixed"]])
    for name in ("_fixed_known", "_modules_known", "_everybodys"):  # put back at the end
        monkeypatch.setattr(guard, name, vars(guard)[name])
    with guard.standing():
        with guard.installed([]):
            monkeypatch.setitem(sys.modules, "late_comer", late)
            current.node = Node()
            import late_comer  # type: ignore[import-not-found]

            current.node = None
        for _ in range(2):
            with guard.installed([]):
                current.node = Node()
                assert late_comer.draw() == "the node's"
                current.node = None
    assert late.draw is draw


def test_a_module_that_comes_between_runs_is_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = time.time
    node = Node()
    with guard.standing():
        for name in ("first_comer", "second_comer"):
            comer = types.ModuleType(name)
            vars(comer)["clock"] = real
            monkeypatch.setitem(sys.modules, name, comer)
            with guard.installed([]):
                current.node = node
                seen = comer.clock()
                current.node = None
            assert seen == pytest.approx(clock.EPOCH_US / 1e6 + node.time_us() / 1e6)
    assert comer.clock is real
