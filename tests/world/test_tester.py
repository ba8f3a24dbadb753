"""The two tests of the tester itself: a server answers, and one that is shut down is dead.

Beside them, what they leave open: a crash tells nobody, and what a shutdown leaves undone is void.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass

import pytest

from labrpc import UNRELIABLE, ClientEnd
from tester.engine.choices import Choices, Seeded
from tester.world.failure import NodeDown
from tester.world.nodes import Remote
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


@dataclass
class Ping:
    number: int


class Service:
    """A server that counts, and that writes down on the test's side what became of it."""

    log: list[str]

    def ping(self, args: Ping) -> Ping:
        return Ping(args.number + 1)

    async def hang(self, args: Ping) -> Ping:
        await asyncio.sleep(20)
        self.log.append("woke up")
        return args


class Caller:
    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def ping(self, number: int) -> int | None:
        reply = await self._end.call(Service.ping, Ping(number))
        return None if reply is None else reply.number

    async def hang(self) -> int | None:
        reply = await self._end.call(Service.hang, Ping(0))
        return None if reply is None else reply.number


def world(sim: Simulation) -> tuple[Remote, Remote, list[str]]:
    """A server, a caller, and the server's log."""
    log: list[str] = []

    class Logging(Service):
        def __init__(self) -> None:
            self.log = log

        async def kill(self) -> None:
            log.append("killed")
            await asyncio.sleep(0)
            log.append("cleaned up")
            await asyncio.sleep(0.001)
            log.append("too late")

    server = sim.serve(Logging)
    client = sim.node("client")
    return server, client.make(Caller, client.end("end", "server")), log


@simulate(seeds=5, model=None)
async def test_basic(sim: Simulation) -> None:
    _, caller, _ = world(sim)
    assert await caller.ping(1) == 2
    assert sim.rpcs == 1


@simulate(seeds=5, model=None)
async def test_shutdown_server(sim: Simulation) -> None:
    server, caller, log = world(sim)
    assert await caller.ping(1) == 2
    sim.node("server").stop()
    assert await caller.ping(1) is None
    assert log == ["killed", "cleaned up"]
    with pytest.raises(NodeDown, match="server is down"):
        await server.ping(Ping(1))


@simulate(seeds=5, model=None)
async def test_a_server_is_stopped_once_and_can_be_restarted(sim: Simulation) -> None:
    _, caller, log = world(sim)
    sim.node("server").stop()
    sim.node("server").stop()
    await sim.sleep(1)
    assert log == ["killed", "cleaned up"]
    sim.node("server").restart()
    assert await caller.ping(1) == 2


@simulate(seeds=5, model=None)
async def test_a_crash_tells_nobody(sim: Simulation) -> None:
    _, caller, log = world(sim)
    assert await caller.ping(1) == 2
    sim.node("server").crash()
    assert await caller.ping(1) is None
    assert log == []


@pytest.mark.parametrize("how", ["crash", "stop"])
def test_a_dead_server_never_acts_again(how: str) -> None:
    logs = []

    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        _, caller, log = world(sim)
        logs.append(log)
        hanging = asyncio.ensure_future(caller.hang())
        await sim.sleep(1)
        getattr(sim.node("server"), how)()
        assert await hanging is None
        assert sim.now() <= 1.1
        await sim.sleep(30)

    assert run(scenario.simulation, Choices(Seeded(0))).error is None
    assert "woke up" not in logs[0]


def test_what_has_not_begun_at_the_end_of_a_run_is_let_go_silently(
    recwarn: pytest.WarningsRecorder,
) -> None:
    @simulate(network=UNRELIABLE)
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        waiting = [asyncio.ensure_future(sim.clerk().get("k")) for _ in range(100)]
        await sim.sleep(0.0001)
        assert not waiting, "over"

    assert "over" in str(run(scenario.simulation, Choices(Seeded(0))).error)
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []
