"""A module imported by node code for the first time is imported by nobody."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tester.engine import current
from tester.guard import guard
from tests.guard.test_guard import Node


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
