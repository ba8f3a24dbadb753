"""What a story must tell: the operations that matter, and who wrote what they saw."""

from __future__ import annotations

from dataclasses import replace

from tester import Simulation
from tester.report.lines import Line
from tester.report.matters import Matters, matters
from tester.world.failure import Verdict
from tester.world.run import Outcome
from tests.world.lab import once, passes


async def three_writers(sim: Simulation) -> None:
    sim.serve()
    writers = [sim.clerk() for _ in range(3)]
    for version, ck in enumerate(writers):
        await ck.put("k", f"by {version}", version)
        await ck.put("elsewhere", f"by {version}", version)
    await writers[0].get("k")


def of(outcome: Outcome, *ops: int) -> Matters:
    return matters(outcome, [outcome.history.ops[op] for op in ops], None, [])


def test_who_wrote_what_was_read_matters() -> None:
    outcome = passes(three_writers)
    found = of(outcome, 6)
    assert found.ops == {6}
    assert found.rpcs == {5}, "the last put to the key"
    assert found.about == {"k"}


def test_each_write_between_two_operations_matters() -> None:
    found = of(passes(three_writers), 0, 6)
    assert found.rpcs >= {3, 5}
    assert not found.rpcs & {2, 4, 6}, "those are about another key"


def test_what_returned_at_the_moments_of_a_verdict_matters() -> None:
    async def locks(sim: Simulation) -> None:
        sim.serve()
        for name in ("a", "b"):
            await sim.lock(sim.clerk(), name).acquire()

    outcome = passes(locks)
    first = outcome.history.ops[0]
    assert first.ret_us is not None
    verdict = Verdict("both hold it", moments=[first.ret_us])
    assert of(replace(outcome, error=verdict)).ops == {0, 1}


def test_of_a_stuck_run_what_never_returned_matters() -> None:
    async def waits(sim: Simulation) -> None:
        sim.serve()
        lock = sim.lock(sim.clerk(), "a")
        await lock.acquire()
        await lock.acquire()

    found = of(once(waits))
    assert found.ops == {0, 1}


def test_a_line_is_about_a_key() -> None:
    found = of(passes(three_writers), 6)
    assert found.topic(Line(0, "c0", "", "send", 0, 1)) == "k"
    assert found.topic(Line(0, "c0", "", "call", 1)) == "elsewhere"
    assert found.topic(Line(0, "test", "")) is None


def test_of_an_assertion_on_a_read_that_and_the_writes_to_its_key_matter() -> None:
    async def asserts(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        for version in range(5):
            await ck.put("k", f"by {version}", version)
            await ck.put("elsewhere", f"by {version}", version)
        assert await ck.get("k") == ("by 0", 1, "OK")

    found = of(once(asserts))
    assert found.ops == {10}
    assert found.rpcs == {5, 7, 9}
    assert found.about == {"k"}
