"""Each request belongs to the operation it was sent for, whichever task sent it."""

from __future__ import annotations

import asyncio

from kvsrv import Clerk, Err, Version
from tester import Simulation
from tester.report.exchange import requests, returns
from tests.report import scenarios
from tests.world.lab import once, passes


class Worker(Clerk):
    """One task sends everything, and was made while the first operation ran."""

    _queue: asyncio.Queue[tuple[str, asyncio.Future[tuple[str, Version, Err]]]] | None = None

    async def get(self, key: str) -> tuple[str, Version, Err]:
        if self._queue is None:
            self._queue = asyncio.Queue()
            self._task = asyncio.create_task(self._work(self._queue))
        answer: asyncio.Future[tuple[str, Version, Err]] = asyncio.Future()
        self._queue.put_nowait((key, answer))
        return await answer

    async def _work(
        self, queue: asyncio.Queue[tuple[str, asyncio.Future[tuple[str, Version, Err]]]]
    ) -> None:
        while True:
            key, answer = await queue.get()
            answer.set_result(await super().get(key))


async def two_gets(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk(Worker)
    await ck.get("a")
    await ck.get("b")


def test_a_task_that_outlives_its_operation_works_for_the_next_one() -> None:
    sent = requests(passes(two_gets))
    assert [(one.op, one.args["key"]) for one in sent] == [(0, "a"), (1, "b")]


def test_what_became_of_a_request() -> None:
    first, second = requests(once(scenarios.stale_read))
    assert (first.verb, first.fate, first.server) == ("put", "reply", "server")
    assert first.heard == {"err": "OK"}
    assert second.heard == {"value": "", "version": 0, "err": "ErrNoKey"}
    assert first.arrivals[0] < first.answers[0][0] < (first.ended or 0) < second.arrivals[0]


def test_a_request_that_nobody_answered() -> None:
    first = requests(once(scenarios.node_down))
    assert first == []
    unheard = requests(once(scenarios.unreachable))[0]
    assert (unheard.fate, unheard.heard, unheard.arrivals) == ("unreachable", None, [])


def test_where_operations_returned() -> None:
    places = returns(passes(two_gets))
    assert sorted(places) == [0, 1]
    assert places[0] < places[1]
