"""What pytest loads in every project: the plugin, unless a module of the project hides it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import pytest

from labtester import hidden

# In a project that has a `tester.py` of its own, and may have nothing to do with us.
pytest_plugins: Final = [] if hidden.hiding("tester") else ["tester.plugin"]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Say in one sentence that a module of the project hides one of ours."""
    report = yield
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)
    if report.failed and call is not None and call.excinfo is not None:
        error = call.excinfo.value
        if said := hidden.sentence(error) or hidden.sentence(error.__cause__):
            report.longrepr = f"{collector.nodeid}: {said}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Say the same of what a conftest.py imports."""
    try:
        return (yield)
    except Exception as error:
        if said := hidden.sentence(error.__cause__):
            raise pytest.UsageError(f"{getattr(error, 'path', 'conftest.py')}: {said}") from None
        raise
