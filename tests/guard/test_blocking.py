"""Calls that wait in the thread are refused on a node; those that need not wait are harmless."""

import concurrent.futures
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tester.engine import current
from tester.engine.errors import OutsideWorld
from tester.guard import guard
from tests.guard.nodes import Node, on_node


def taken() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


def enter(lock: Any) -> None:
    with lock:
        pass


WAITING: dict[str, tuple[Callable[[], object], str]] = {
    "threading.Lock.acquire": (lambda: taken().acquire(), "asyncio.Lock"),
    "threading.Event.wait": (lambda: threading.Event().wait(0.1), "asyncio.Event"),
    "threading.Condition.wait": (lambda: wait(threading.Condition()), "asyncio.Condition"),
    "threading.Semaphore.acquire": (lambda: threading.Semaphore(0).acquire(), "asyncio.Semaphore"),
    "threading.Barrier.wait": (lambda: threading.Barrier(2).wait(), "asyncio.Barrier"),
    "queue.Queue.get": (lambda: queue.Queue[int]().get(timeout=1), "asyncio.Queue"),
    "queue.Queue.put": (lambda: full().put(2), "asyncio.Queue"),
    "queue.SimpleQueue.get": (lambda: queue.SimpleQueue[int]().get(), "asyncio.Queue"),
    "concurrent.futures.Future.result": (
        lambda: concurrent.futures.Future[int]().result(),
        "asyncio.create_task",
    ),
    "concurrent.futures.wait": (
        lambda: concurrent.futures.wait([concurrent.futures.Future[int]()]),
        "asyncio.create_task",
    ),
}


def wait(condition: threading.Condition) -> None:
    with condition:
        condition.wait()


def full() -> queue.Queue[int]:
    made: queue.Queue[int] = queue.Queue(1)
    made.put(1)
    return made


@pytest.mark.parametrize("call", sorted(WAITING))
def test_a_call_that_would_wait_is_refused_by_its_name(call: str) -> None:
    code, instead = WAITING[call]
    with pytest.raises(OutsideWorld) as caught:
        on_node(code)
    said = str(caught.value)
    assert said.startswith(f"node c0: {call} stops the whole node; ")
    assert instead in said


def test_a_lock_that_is_entered_twice_is_refused() -> None:
    with pytest.raises(OutsideWorld, match=r"asyncio\.Lock"):
        on_node(lambda: enter(taken()))


def ready() -> None:
    enter(threading.Lock())
    enter(threading.RLock())
    enter(threading.Condition())
    enter(threading.Semaphore())
    event = threading.Event()
    event.set()
    assert event.wait()
    assert full().get() == 1
    simple: queue.SimpleQueue[int] = queue.SimpleQueue()
    simple.put(1)
    assert simple.get() == 1
    assert threading.Barrier(1).wait() == 0
    assert not taken().acquire(blocking=False)
    assert not taken().acquire(timeout=0)
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_result(3)
    assert future.result() == 3
    assert concurrent.futures.wait([future]).done == {future}
    with pytest.raises(queue.Empty):
        queue.Queue[int]().get_nowait()
    handler = logging.StreamHandler()
    handler.acquire()
    handler.release()


def test_what_need_not_wait_is_harmless() -> None:
    with guard.installed([]) as refusals:
        current.node = Node()
        ready()
        assert refusals == []
    ready()


def test_a_class_whose_making_is_answered_is_still_that_class() -> None:
    real = queue.SimpleQueue

    def code() -> None:
        made: queue.SimpleQueue[int] = queue.SimpleQueue[int]()
        assert isinstance(made, queue.SimpleQueue)
        assert not isinstance(3, queue.SimpleQueue)

        class Mine(queue.SimpleQueue[int]):
            pass

        assert Mine.__mro__[1] is real
        assert queue.SimpleQueue | None == real | None

    on_node(code)
