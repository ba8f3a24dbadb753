"""Runs that pages are drawn of: small ones that fail and pass, and hostile ones."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from kvsrv import Clerk, KVServer
from labrpc import UNRELIABLE
from tester import Simulation
from tester.engine.choices import Choices, Seeded
from tester.labs import LABS, suite
from tester.labs.patch import planted
from tester.report.inside import look
from tester.report.page.document import Document
from tester.report.page.from_run import of_run
from tester.search.diagnosis import diagnose
from tester.search.watched import watch
from tester.world.run import Scenario, run
from tester.world.scenario import SimulatedTest
from tests.world.lab import CertainClerk

HOSTILE = "</script><script>alert(1)</script>\u202e\x07<!--"
LOSSY = UNRELIABLE.but(reply_loss=(1, 2))


async def lost_reply(sim: Simulation) -> None:
    """Fails once a reply is lost: its clerk says ErrVersion of a put that was carried out."""
    sim.serve()
    clerk, other = sim.clerk(CertainClerk), sim.clerk()
    await clerk.put("k", "a", 0)
    await other.get("k")
    await other.put("quiet", "b", 0)


async def unanswered(sim: Simulation) -> None:
    """Fails, by no rule of a lab, if a reply is lost."""
    sim.serve()
    clerk = sim.clerk()
    await clerk.get("k")
    assert sim.virtual_us < 50_000


async def hangs(sim: Simulation) -> None:
    """Waits for what nobody does."""
    sim.serve()
    await sim.clerk().get("k")
    await asyncio.Event().wait()


async def hostile(sim: Simulation) -> None:
    """Values that would do something to a page that takes them for markup."""
    sim.serve()
    clerk = sim.clerk(Clerk)
    await clerk.put(HOSTILE, HOSTILE, 0)
    await clerk.put("big", "y" * 1_000_000, 0)
    await clerk.get(HOSTILE)
    sim.note(HOSTILE)


async def restarts(sim: Simulation) -> None:
    """A server crashes, is restarted and paused, and is cut off for a while."""
    server = sim.serve(KVServer)
    clerk = sim.clerk()
    await clerk.put("k", "a", 0)
    node = server._member
    node.crash()
    await sim.sleep(0.1)
    node.restart()
    await clerk.put("k", "b", 0)
    node.pause()
    await sim.sleep(0.1)
    node.resume()
    sim.partition(["server"], ["c0"])
    await sim.sleep(0.1)
    sim.heal()
    await clerk.get("k")


async def lasting(sim: Simulation) -> None:
    """Two partitions and two annotations overlap."""
    sim.serve()
    sim.annotate("phase", "writing", lasting=True)
    sim.annotate("load", "one client", lasting=True)
    clerk = sim.clerk()
    await clerk.put("k", "a", 0)
    await clerk.get("k")
    sim.clerk()
    sim.partition(["server"], ["c0"])
    await sim.sleep(0.1)
    sim.partition(["server"], ["c1"])
    sim.annotate("phase", "quiet", lasting=True)
    await sim.sleep(0.1)
    sim.heal()


def scenario(test: SimulatedTest, *, lossy: bool = False) -> Scenario:
    """The scenario of a test, on a network that loses half of the replies or on a reliable one."""
    made = Scenario(function=test, name=test.__name__)
    return Scenario(function=test, name=test.__name__, network=LOSSY) if lossy else made


def drawn(test: SimulatedTest, seed: int = 0, *, lossy: bool = False) -> Document:
    """The document of the page of a seed; of one that fails, as small as it can be made."""
    tested = scenario(test, lossy=lossy)
    outcome = run(tested, Choices(Seeded(seed)))
    explanation = None
    if outcome.verdict == "fail":
        diagnosis = diagnose(tested, seed, outcome)
        outcome, explanation = diagnosis.outcome, diagnosis.explanation
    return of_run(
        seed,
        outcome,
        partial(watch, tested),
        command=f"pytest runs.py::{test.__name__} --sim-seed={seed}",
        source=f"runs.py::{test.__name__}",
        explanation=explanation,
        look=partial(look, tested, outcome),
    )


def of_lab(lab: str, test: str) -> Document:
    """The document of the page of a lab's test on seed 0, which passes."""
    tested = suite.tests_of(LABS[lab].suite)[test]
    outcome = run(tested, Choices(Seeded(0)), keep_trace=True)
    return of_run(0, outcome, partial(watch, tested), command="", source=f"{lab} {test}")


def of_bug(lab: str, bug: str, test: str, folder: Path) -> Document:
    """The document of the first failing seed with a bug of the catalogue; it is not made small."""
    patch = next(one for one in LABS[lab].catalogue().bugs if one.name == bug)
    tested = suite.tests_of(LABS[lab].suite)[test]
    with planted(patch, folder):
        for seed in range(patch.seeds):
            outcome = run(tested, Choices(Seeded(seed)), keep_trace=True)
            if outcome.verdict == "fail":
                return of_run(
                    seed, outcome, partial(watch, tested), command="", source=f"{lab} {test}"
                )
    raise AssertionError(f"{bug} passes {test}")


def failing_seed(test: SimulatedTest) -> int:
    """The first seed on which a test fails if replies are lost."""
    tested = scenario(test, lossy=True)
    return next(s for s in range(100) if run(tested, Choices(Seeded(s))).verdict == "fail")
