"""A probe tells the run what happens on a node, looks after each step, and changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from kvsrv import Err, PutArgs, PutReply
from labrpc import ClientEnd
from labrpc.errors import TesterError
from tester import Simulation, Verdict
from tester.world.failure import HandlerCrashed
from tester.world.nodes import Remote
from tester.world.probe import Count, Probe, as_reported, words
from tests.world.lab import once, passes


class Counter:
    """Counts what it is asked, and tells of it at once, or when the step is over."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._count = 0
        self._told = 0
        probe.after_each_step(self._look)

    async def add(self, n: int) -> int:
        self._count += n
        self._probe.report("added", n)
        return self._count

    def _look(self) -> None:
        if self._told != self._count:
            self._told = self._count
            self._probe.report("now", self._count)


def counter(sim: Simulation, told: list[tuple[object, ...]]) -> Remote:
    node = sim.node("n0")
    sim.listen("n0", lambda *what: told.append((sim.virtual_us, *what)))
    return node.make(Counter, node.probe)


@pytest.mark.parametrize("isolated", [False, True])
def test_reports_of_a_node_arrive_in_order_and_at_once(isolated: bool) -> None:
    told: list[tuple[object, ...]] = []

    async def test(sim: Simulation) -> None:
        made = counter(sim, told)
        await asyncio.sleep(0.5)
        assert await made.add(2) == 2
        assert await made.add(3) == 5

    passes(test, isolated=isolated, model=None)
    assert told == [
        (500_000, "added", 2),
        (500_000, "now", 2),
        (500_000, "added", 3),
        (500_000, "now", 5),
    ]


def test_a_listener_may_end_the_run() -> None:
    class TooMuch(Verdict):
        pass

    def listen(what: str, n: int) -> None:
        if n > 4:
            raise TooMuch(f"{what} {n}", moments=[17])

    async def test(sim: Simulation) -> None:
        node = sim.node("n0")
        sim.listen("n0", listen)
        made = node.make(Counter, node.probe)
        for _ in range(10):
            await made.add(1)

    error = once(test, model=None).error
    assert isinstance(error, TooMuch)
    assert str(error) == "now 5"
    assert error.moments == (17,)


class Wakes:
    """Looking at it wakes one of its tasks, as may happen with a lock."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._seen = asyncio.Event()
        probe.after_each_step(self._seen.set)
        self._task = asyncio.get_running_loop().create_task(self._wait())

    async def _wait(self) -> None:
        await self._seen.wait()
        self._probe.report("woken")


def test_what_looking_wakes_runs_at_the_same_instant() -> None:
    told: list[tuple[object, ...]] = []

    async def test(sim: Simulation) -> None:
        node = sim.node("n0")
        sim.listen("n0", lambda *what: told.append((sim.virtual_us, *what)))
        node.make(Wakes, node.probe)
        await asyncio.sleep(1)

    passes(test, model=None)
    assert told == [(0, "woken")]


class Blind:
    """Raises when it is looked at."""

    def __init__(self, probe: Probe) -> None:
        probe.after_each_step(self._look)

    def _look(self) -> None:
        raise RuntimeError("nothing to see")


def test_an_error_while_looking_fails_the_run() -> None:
    async def test(sim: Simulation) -> None:
        node = sim.node("n0")
        node.make(Blind, node.probe)
        await asyncio.sleep(1)

    error = once(test, model=None).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.message == "nothing to see"
    assert error.failure.doing == "while it was looked at"


def test_the_probe_of_another_node_is_refused() -> None:
    async def test(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="the probe of n1 cannot be given to n0"):
            sim.node("n0").make(Counter, sim.node("n1").probe)

    passes(test, model=None)


class Handles:
    """Tells which request its handler handles, and the task that this starts."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    async def put(self, args: PutArgs) -> PutReply:
        self._probe.report("put", str(self._probe.handling()))
        await asyncio.create_task(self._later())
        self._probe.report("put", str(self._probe.handling()))
        return PutReply(Err.OK)

    async def _later(self) -> None:
        self._probe.report("later", str(self._probe.handling()))


def test_a_probe_knows_which_request_is_handled() -> None:
    told: list[tuple[object, ...]] = []

    async def test(sim: Simulation) -> None:
        node = sim.node("server")
        sim.listen("server", lambda *what: told.append(what))
        node.serve(node.make(Handles, node.probe))
        end = sim.node("c0").end("c0", "server")
        caller = sim.node("c0").make(Caller, end)
        await caller.put()
        await caller.put()

    passes(test, model=None)
    assert told == [
        *(("put", "1"), ("later", "None"), ("put", "1")),
        *(("put", "2"), ("later", "None"), ("put", "2")),
    ]


class Caller:
    """Puts."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def put(self) -> None:
        await self._end.call(Handles.put, PutArgs("k", "", 0))


def test_only_what_a_harness_reports_is_a_report() -> None:
    words({"seen": tuple[()]})
    words({"seen": tuple[Count, bytes]})
    assert as_reported("seen", []) == ()
    assert as_reported("seen", [2**63 - 1, b"x"]) == (2**63 - 1, b"x")
    for data in ([1], [1, b"x", 2], [-1, b"x"], [2**63, b"x"], [True, b"x"], ["1", b"x"]):
        assert as_reported("seen", data) is None, data
    assert as_reported("never seen", []) is None
