"""Tests of the processor of a run: all who take turns stay on one, and are let go again."""

import os
import sys

import pytest

from tester.engine.choices import Choices, Seeded
from tester.grading import kernel
from tester.grading.isolation import Isolation
from tester.grading.processor import Processor
from tests.grading.handing import SUBMISSIONS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolated nodes need Linux")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """A system of three processors, on the second of which we are; what it has let us use."""
    used = [{0, 1, 2}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: used[-1])
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, where: used.append(set(where)))
    monkeypatch.setattr(kernel, "current_processor", lambda: 1)
    return used


def test_all_go_to_the_processor_that_we_are_on_and_we_are_let_go(
    system: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[int] = []
    now = [7.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    processor = Processor()
    processor.stay(moved.append)
    processor.loosen()
    processor.stay(moved.append)
    assert (moved, system) == ([1], [{0, 1, 2}, {1}])
    now[0] += 60
    processor.loosen()
    assert system[-1] == {0, 1, 2}
    processor.stay(moved.append)
    processor.leave()
    processor.leave()
    assert (moved, system) == ([1, 1], [{0, 1, 2}, {1}, {0, 1, 2}, {1}, {0, 1, 2}])


def test_what_the_system_refuses_is_left_as_it_is(
    system: list[set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, where: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    moved: list[int] = []
    processor = Processor()
    processor.stay(moved.append)
    processor.loosen()
    processor.leave()
    assert (moved, system) == ([], [{0, 1, 2}])


def test_a_process_of_a_node_is_on_the_processor_of_the_grader() -> None:
    ours = os.sched_getaffinity(0)
    with Isolation("kvsrv", SUBMISSIONS["kvsrv"]) as isolated:
        assert isolated.run("test_reliable_put", 0).sentence == ""
        node = isolated._spawn("fifo", False, "n", 0, Choices(Seeded(0)))
        assert os.sched_getaffinity(node.pid) == os.sched_getaffinity(0)
        assert len(os.sched_getaffinity(0)) == 1
        node.terminate()
    assert os.sched_getaffinity(0) == ours
