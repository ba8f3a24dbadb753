"""What a log call costs where nobody listens: what `logging` itself does, and nothing of ours."""

import logging

from bench.calls import count
from kvsrv import GetArgs, GetReply, KVServer
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.guard.guard import standing
from tester.world.run import Scenario, run

LOG = logging.getLogger("kv")
OPS = 100


class Quiet(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        return super().get(args)


class Loud(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        LOG.debug("get %s", args.key)
        return super().get(args)


def calls(server: type[KVServer]) -> float:
    """How many calls a run of some operations makes."""

    async def test(sim: Simulation) -> None:
        sim.serve(server)
        clerk = sim.clerk()
        for _ in range(OPS):
            await clerk.get("k")

    scenario = Scenario(function=test, name="test")

    def once() -> None:
        assert run(scenario, Choices(Seeded(0))).error is None

    with standing():
        once()  # once without counting: what is kept from run to run is made here
        return count(once).calls


def test_a_record_that_nobody_hears_costs_the_look_at_its_level() -> None:
    assert not LOG.isEnabledFor(logging.DEBUG)
    assert (calls(Loud) - calls(Quiet)) / OPS < 3
