"""What never returned is shown: since when, and how its requests were answered."""

from __future__ import annotations

from kvsrv import Clerk, Err, Version
from tester import Limits, Simulation
from tester.report.pending import open_calls
from tests.report import scenarios
from tests.world.lab import once, passes


class Insists(Clerk):
    """Puts again whatever the answer is."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        while await super().put(key, value, version) is not Err.OK:
            pass
        return Err.OK


async def insists(sim: Simulation) -> None:
    sim.serve()
    ck = sim.clerk(Insists)
    await ck.put("k", "a", 0)
    await ck.put("k", "b", 0)


async def no_calls(sim: Simulation) -> None:
    await sim.sleep(1)


def test_a_repeated_answer_is_counted() -> None:
    assert open_calls(once(insists, limits=Limits(silent_rpcs=30))) == [
        (
            "c0's Put('k', 'b', v0), called at 0.001 s, had not returned at 0.031 s: all 30 of "
            "its KVServer.put requests were answered ErrVersion."
        )
    ]


def test_a_request_that_nobody_answered() -> None:
    assert open_calls(once(scenarios.silent_rpcs, limits=Limits(silent_rpcs=2))) == [
        (
            "c0's Get('k'), called at 0.000 s, had not returned at 0.281 s: all 2 of its "
            "KVServer.get requests had no reply."
        )
    ]


def test_nothing_is_pending_where_all_returned() -> None:
    assert open_calls(passes(no_calls)) == []
