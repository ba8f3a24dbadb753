"""Calls that nobody awaited: who made them, and where."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tester.engine.errors import Deadlock
from tester.guard.unawaited import Unawaited, held_by, noticed
from tests.engine.stage import Actor, Stage

HERE = __file__


async def helper() -> None:
    """What is called and not awaited."""


def line_of(function: Callable[..., Any], after: int) -> int:
    return function.__code__.co_firstlineno + after


def forgotten(
    monkeypatch: pytest.MonkeyPatch, main: Callable[[], Coroutine[Any, Any, None]]
) -> list[Unawaited]:
    """What a node is told that it forgot while it runs `main`."""
    told: list[Unawaited] = []
    monkeypatch.setattr(Actor, "forgot", lambda self, call: told.append(call), raising=False)
    stage = Stage("n")
    stage.do("n", lambda actor: actor.loop.create_task(main()))
    with noticed(), contextlib.suppress(Deadlock):
        stage.run()
    return told


def test_the_call_is_told_and_not_where_it_was_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        await asyncio.sleep(0.5)
        call = helper()
        assert call is not None
        del call

    assert forgotten(monkeypatch, main) == [Unawaited("helper", HERE, line_of(main, 2), "n")]


def test_what_was_awaited_cancelled_or_closed_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        await helper()
        await asyncio.gather(helper(), helper())
        asyncio.create_task(helper()).cancel()
        helper().close()
        await asyncio.sleep(1)

    assert forgotten(monkeypatch, main) == []


def test_a_coroutine_of_asyncio_is_told_with_the_users_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        asyncio.Queue[int]().put(1)  # type: ignore[unused-coroutine]

    assert [(call.what, call.line) for call in forgotten(monkeypatch, main)] == [
        ("Queue.put", line_of(main, 1))
    ]


def test_what_an_exception_still_holds_is_found_unless_a_task_will_run_it() -> None:
    found: list[Unawaited] = []

    async def fail() -> None:
        call, later = helper(), helper()
        task = asyncio.create_task(later)
        raise LookupError(call, task)

    async def main(actor: Actor) -> None:
        await asyncio.sleep(0.25)
        try:
            await fail()
        except LookupError as error:
            found.extend(held_by(error, actor))
            error.args[0].close()

    stage = Stage("n")
    stage.do("n", lambda actor: actor.loop.create_task(main(actor)))
    with noticed(), contextlib.suppress(Deadlock):
        stage.run()
    assert found == [Unawaited("helper", HERE, line_of(fail, 1), "n")]


def test_elsewhere_nothing_is_known_and_python_is_as_before() -> None:
    depth = sys.get_coroutine_origin_tracking_depth()
    with noticed():
        helper()  # type: ignore[unused-coroutine]  # of no node
    assert sys.get_coroutine_origin_tracking_depth() == depth
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        helper()  # type: ignore[unused-coroutine]
