"""The project that the tests of the plugin run pytest on."""

from pathlib import Path

import pytest

import tester.trial  # noqa: F401 - pytester forgets what its runs import; asyncio comes but once
from tests.plugin.project import INSTALLED, STUDENT, Run, write
from tests.tree import ROOT


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A student's project: a folder with tests, and the distribution importable from it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return pytester


@pytest.fixture
def run(project: pytest.Pytester) -> Run:
    """Run pytest on the project; `apart` in a process of its own, which takes a second."""
    plugin = () if INSTALLED else ("-p", "tester.plugin")

    def run(*options: str | Path, source: str = "", apart: bool = False) -> pytest.RunResult:
        if source:
            write(project, "test_mine", STUDENT, source)
        how = project.runpytest_subprocess if apart else project.runpytest_inprocess
        return how(*plugin, *options)

    return run
