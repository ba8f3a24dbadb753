"""CPython's own tests of locks, queues, task groups and timeouts, on a node's loop."""

import asyncio
import unittest
from collections.abc import Iterator

import pytest

from tests.engine.conformance_loop import RunnableLoop

pytest.importorskip("test.test_asyncio", reason="this Python comes without its own tests")

MODULES = ["test_locks", "test_queues", "test_taskgroups", "test_timeouts", "test_waitfor"]


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


# Case by case, and not through the modules: their tearDownModule resets the event loop policy.
CASES = {
    case.id().removeprefix("test.test_asyncio."): case
    for module in MODULES
    for case in flat(unittest.TestLoader().loadTestsFromName(f"test.test_asyncio.{module}"))
}


def test_the_tests_are_there() -> None:
    """3.11 has 196 of them, and later versions more."""
    assert len(CASES) >= 196


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cpython(case: unittest.TestCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.events, "new_event_loop", RunnableLoop)
    monkeypatch.setattr(asyncio, "new_event_loop", RunnableLoop)
    made = RunnableLoop.made
    result = unittest.TestResult()
    case.run(result)
    if result.skipped:
        pytest.skip(result.skipped[0][1])
    for _, text in result.errors + result.failures:
        pytest.fail(text, pytrace=False)
    assert result.testsRun == 1
    assert RunnableLoop.made > made
