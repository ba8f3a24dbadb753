"""A student's project, for the tests of the plugin."""

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

INSTALLED = bool(entry_points(group="pytest11", name="labtester"))
STUDENT = """
    import asyncio
    import pytest
    from kvsrv import Clerk, Err, KVServer, PutArgs
    from labrpc import UNRELIABLE
    from tester import NotLinearizable, Simulation, simulate

    class CertainClerk(Clerk):
        async def put(self, key, value, version):
            while True:
                reply = await self._end.call(KVServer.put, PutArgs(key, value, version))
                if reply is not None:
                    return reply.err
                await asyncio.sleep(0.1)

    async def write(sim, clerk):
        sim.serve()
        ck = sim.clerk(clerk)
        for version in range(3):
            await ck.put("k", "a", version)
"""
FAILING = """
    @simulate(network=UNRELIABLE)
    async def test_certain(sim: Simulation) -> None:
        await write(sim, CertainClerk)
"""
PASSING = """
    @simulate(network=UNRELIABLE)
    async def test_reference(sim: Simulation) -> None:
        await write(sim, Clerk)
"""
Run = Callable[..., pytest.RunResult]


def write(project: pytest.Pytester, name: str, *parts: str) -> Path:
    return project.makepyfile(**{name: "\n".join(parts)})


def story(result: pytest.RunResult) -> str:
    text = result.stdout.str()
    start = text.index("\nseed ") + 1
    return text[start : text.index("\n---", start)]


COUNT = """
    @simulate(seeds=7, weight=2)
    async def test_count(sim: Simulation) -> None:
        pass
"""


def seeds_run(result: pytest.RunResult) -> int:
    found = re.search(r"^ +(\d+) .*::test_count$", result.stdout.str(), re.MULTILINE)
    assert found is not None
    return int(found[1])
