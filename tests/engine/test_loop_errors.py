"""Rule 6 of the loop: an exception that nobody handles is kept for the verdict."""

import asyncio
import contextlib
import gc
import logging
import sys
import weakref
from collections.abc import AsyncIterator, Callable

import pytest

from tester.engine.errors import Deadlock
from tester.engine.loop import Loop
from tests.engine.stage import Actor, Stage


def after(function: Callable[[Loop], object]) -> Actor:
    """A node on whose loop the function was called, when all is quiet again."""
    stage = Stage("n")
    stage.do("n", lambda actor: function(actor.loop))
    with contextlib.suppress(Deadlock):
        stage.run()
    return stage.actors["n"]


def unretrieved(loop: Loop) -> list[BaseException]:
    return [error for error, _ in loop.unretrieved()]


def messages(errors: list[BaseException]) -> list[str]:
    return [f"{type(error).__name__} {error}" for error in errors]


def fail(text: str, kind: type[BaseException] = ValueError) -> None:
    raise kind(text)


async def fail_after(delay: float, text: str, kind: type[BaseException] = ValueError) -> None:
    await asyncio.sleep(delay)
    fail(text, kind)


def test_a_callback_that_raises_stops_nobody_else() -> None:
    order: list[str] = []

    def main(loop: Loop) -> None:
        loop.call_soon(fail, "soon")
        loop.call_soon(order.append, "after it")
        loop.call_later(1, fail, "later")
        loop.call_later(1, order.append, "a second later")

    assert messages(after(main).failures) == ["ValueError soon", "ValueError later"]
    assert order == ["after it", "a second later"]


def test_a_done_callback_that_raises() -> None:
    def main(loop: Loop) -> None:
        future = loop.create_future()
        future.add_done_callback(lambda future: fail("first"))
        future.add_done_callback(lambda future: fail("second"))
        future.set_result(None)
        task = loop.create_task(asyncio.sleep(0))
        task.add_done_callback(lambda task: fail("task"))

    assert messages(after(main).failures) == [
        f"ValueError {x}" for x in ("first", "second", "task")
    ]


def test_leaving_the_process_is_an_error() -> None:
    async def leave() -> None:
        sys.exit("bye")

    def main(loop: Loop) -> None:
        loop.call_soon(sys.exit, 3)
        _ = loop.create_task(leave())

    assert messages(after(main).failures) == ["SystemExit 3", "SystemExit bye"]


@pytest.mark.parametrize("in_task", [False, True])
def test_somebody_at_the_keyboard_gets_through(in_task: bool) -> None:
    def main(loop: Loop) -> None:
        if in_task:
            _ = loop.create_task(fail_after(1, "", KeyboardInterrupt))
        else:
            loop.call_soon(fail, "", KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        after(main)
    assert asyncio._get_running_loop() is None


def test_tasks_that_failed_and_that_nobody_awaited_in_the_order_of_their_creation() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        for delay, text in [(3, "a"), (1, "b"), (2, "awaited"), (2, "c"), (1, "asked")]:
            tasks.append(asyncio.create_task(fail_after(delay, text)))
        with pytest.raises(ValueError, match="awaited"):
            await tasks[2]
        assert str(tasks[4].exception()) == "asked"
        tasks.append(asyncio.create_task(fail_after(1, "not awaited either")))
        tasks.append(asyncio.create_task(fail_after(1, "cancelled")))
        tasks[-1].cancel()

    n = after(lambda loop: loop.create_task(main()))
    assert n.failures == []
    assert messages(unretrieved(n.loop)) == [
        "ValueError a",
        "ValueError b",
        "ValueError c",
        "ValueError not awaited either",
    ]
    assert unretrieved(n.loop) == []  # told once


def test_a_failed_task_is_kept_among_thousands_and_the_others_are_let_go() -> None:
    alive: weakref.WeakSet[asyncio.Task[None]] = weakref.WeakSet()
    most = 0

    async def main() -> None:
        nonlocal most
        for i in range(3_000):
            alive.add(asyncio.create_task(fail_after(0, "kept") if i == 7 else asyncio.sleep(0)))
            await asyncio.sleep(0)
            most = max(most, len(alive))

    n = after(lambda loop: loop.create_task(main()))
    assert messages(unretrieved(n.loop)) == ["ValueError kept"]
    assert most < 300


def test_a_future_dropped_with_its_exception() -> None:
    def main(loop: Loop) -> None:
        loop.create_future().set_exception(ValueError("dropped"))

    assert messages(after(main).failures) == ["ValueError dropped"]


def test_a_report_of_asyncio_without_an_exception_is_an_error() -> None:
    def main(loop: Loop) -> None:
        loop.call_exception_handler({"message": "something odd"})
        loop.default_exception_handler({"message": "odd", "exception": ValueError("more")})
        loop.call_exception_handler({})

    assert messages(after(main).failures) == [
        "RuntimeError something odd",
        "ValueError more",
        "RuntimeError asyncio reported an error",
    ]


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def waits() -> None:
        await asyncio.get_running_loop().create_future()

    def main(loop: Loop) -> None:
        loop.call_soon(fail, "callback")
        _ = loop.create_task(fail_after(1, "task"))
        loop.create_future().set_exception(ValueError("future"))
        _ = loop.create_task(waits())

    stage = Stage("n")
    stage.do("n", lambda actor: main(actor.loop))
    with contextlib.suppress(Deadlock):
        stage.run()
    stage.close()
    del stage
    gc.collect()
    assert caplog.messages == []


# -- finalizers -----------------------------------------------------------------------------------


class Fussy:
    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __del__(self) -> None:
        fail("too late", self.kind)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_finalizer_that_raises(kind: type[BaseException]) -> None:
    failures = after(lambda _: Fussy(kind)).failures
    assert messages(failures) == [f"{kind.__name__} too late"]


def test_a_finalizer_that_raises_outside_the_nodes_is_pythons_affair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: heard.append(raised.exc_type))
    stage, kept = Stage("n"), [Fussy(ValueError)]
    stage.do("n", lambda _: None)

    def finished() -> bool:
        kept.clear()
        return False

    with contextlib.suppress(Deadlock):
        stage.run(finished)
    assert heard == [ValueError]
    assert stage.actors["n"].failures == []


# -- asynchronous generators ----------------------------------------------------------------------


def test_a_generator_that_loses_its_last_user_is_closed_in_a_task() -> None:
    order: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(1)
            order.append(f"closed at {asyncio.get_running_loop().time()}")

    async def main() -> None:
        async for _ in numbers():
            break
        order.append("left")

    n = after(lambda loop: loop.create_task(main()))
    assert order == ["left", "closed at 1.0"]
    assert n.failures == unretrieved(n.loop) == []


def test_a_generator_whose_end_fails_is_an_error() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            fail("in finally")

    async def main() -> None:
        async for _ in numbers():
            break

    n = after(lambda loop: loop.create_task(main()))
    assert messages(unretrieved(n.loop)) == ["ValueError in finally"]


def test_the_hooks_of_generators_are_put_back() -> None:
    before = sys.get_asyncgen_hooks()
    seen: list[object] = []
    after(lambda loop: seen.append(sys.get_asyncgen_hooks()))
    assert seen != [before]
    assert sys.get_asyncgen_hooks() == before
