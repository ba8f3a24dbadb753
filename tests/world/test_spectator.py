"""A spectator: it changes nothing, and hears and sees what nodes do."""

from __future__ import annotations

import logging
import sys

from kvsrv import GetArgs, GetReply, KVServer, PutArgs, PutReply
from labrpc import UNRELIABLE
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.search.watched import watch
from tester.world.run import Outcome, Scenario, run
from tester.world.scenario import SimulatedTest
from tester.world.spectator import Spectator


class Talks(KVServer):
    def put(self, args: PutArgs) -> PutReply:
        logging.getLogger("kv").info("put %s", args.key, extra={"version": args.version})
        print("put", args.key, end=" ")
        print("printed")
        return super().put(args)


class Draws(KVServer):
    """Its description draws from the node's randomness, and so changes the run."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0.0

    def describe(self) -> dict[str, float]:
        import random

        return {"drawn": random.random()}

    def get(self, args: GetArgs) -> GetReply:
        import random

        self.drawn = random.random()
        return GetReply(str(self.drawn), 1, super().get(args).err)


async def talks(sim: Simulation) -> None:
    sim.serve(Talks)
    await sim.clerk().put("k", "a", 0)
    logging.getLogger("test").debug("over")


async def draws(sim: Simulation) -> None:
    sim.serve(Draws)
    clerk = sim.clerk()
    await clerk.put("k", "a", 0)
    for _ in range(3):
        await clerk.get("k")


def scenario(test: SimulatedTest) -> Scenario:
    return Scenario(function=test, name=test.__name__, network=UNRELIABLE, model="kv")


def watched_run(seed: int, spectator: Spectator) -> Outcome:
    with spectator.listening():
        return run(scenario(talks), Choices(Seeded(seed)), spectator=spectator)


def test_a_watched_run_has_the_digest_of_an_unwatched_one() -> None:
    for seed in range(10):
        plain = run(scenario(talks), Choices(Seeded(seed)))
        spectator = Spectator()
        watched = watched_run(seed, spectator)
        assert watched.digest == plain.digest
        assert spectator.seen


def test_a_spectator_hears_logs_and_prints_with_node_and_time() -> None:
    spectator = Spectator()
    outcome = watched_run(1, spectator)
    said = [(one.node, one.level, one.logger, one.text) for one in spectator.said]
    assert said[:2] == [
        ("server", "INFO", "kv", "put k (version=0)"),
        ("server", "print", "", "put k printed"),
    ]
    assert said[-1] == ("test", "DEBUG", "test", "over")
    assert all(0 < one.time_us <= outcome.virtual_us for one in spectator.said)


def test_a_spectator_hears_logs_from_its_level_on() -> None:
    spectator = Spectator(level=logging.INFO)
    watched_run(1, spectator)
    assert "DEBUG" not in {one.level for one in spectator.said}


def test_logging_and_printing_are_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:], [h.filters[:] for h in root.handlers], sys.stdout
    watched_run(1, Spectator())
    after = root.level, root.handlers[:], [h.filters[:] for h in root.handlers], sys.stdout
    assert before == after


def test_a_spectator_changes_nothing_for_other_log_handlers(caplog: object) -> None:
    records: list[str] = []

    class Collects(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record.getMessage())

    handler, root = Collects(), logging.getLogger()
    root.addHandler(handler)
    try:
        run(scenario(talks), Choices(Seeded(1)))
        alone, records[:] = records[:], []
        watched_run(1, Spectator())
        assert records == alone
    finally:
        root.removeHandler(handler)


def test_a_run_that_does_not_bear_being_watched_is_shown_blind() -> None:
    outcome = run(scenario(draws), Choices(Seeded(2)))
    watched = watch(scenario(draws), outcome)
    assert not watched.faithful
    assert watched.outcome.digest == outcome.digest
    assert watched.spectator.seen == []
