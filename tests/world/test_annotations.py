"""Annotations: points, intervals and states, of a test and of code on a node, per run."""

from __future__ import annotations

import asyncio

import pytest

import tester
from kvsrv import KVServer, PutArgs, PutReply
from labrpc.errors import TesterError
from tester import Simulation
from tester.report.page.from_run import of_run
from tester.report.story import every_line
from tester.search.watched import watch
from tester.world.events import Annotated, only
from tester.world.run import Outcome, Scenario
from tests.world.lab import passes


class Notes(KVServer):
    async def put(self, args: PutArgs) -> PutReply:  # type: ignore[override]
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(0.05)
        tester.annotate("install", args.key, since=start, details="slowly")
        tester.annotate("mode", f"has {args.key}", lasting=True)
        return super().put(args)


async def annotated(sim: Simulation) -> None:
    sim.serve(Notes)
    sim.annotate("phase", "writing", lasting=True)
    await sim.clerk().put("k", "a", 0)
    sim.annotate("phase", "reading", lasting=True)
    await sim.clerk().get("k")
    sim.annotate("phase", lasting=True)
    sim.annotate("mark", "over\nand out")


def outcome_of(*, isolated: bool = False) -> Outcome:
    return passes(annotated, 0, isolated=isolated)


def test_annotations_are_in_the_trace_with_node_and_time() -> None:
    found = only(Annotated, outcome_of().events)
    assert [(one.node, one.tag, one.text) for one in found] == [
        ("test", "phase", "writing"),
        ("server", "install", "k"),
        ("server", "mode", "has k"),
        ("test", "phase", "reading"),
        ("test", "phase", ""),
        ("test", "mark", "over\nand out"),
    ]
    assert found[1].time_us - found[1].since_us == 50_000


def test_a_node_in_a_process_of_its_own_makes_annotations() -> None:
    assert outcome_of(isolated=True).digest == outcome_of().digest


def test_annotations_are_in_the_story() -> None:
    told = every_line(outcome_of())
    assert "test    phase: writing" in told
    assert "server  install: k (since 0." in told
    assert "test    phase: over" in told
    assert "test    mark: over and out" in told


def test_the_page_has_bands_for_what_lasts() -> None:
    scenario = Scenario(function=annotated, name="annotated")
    drawn = of_run(0, outcome_of(), lambda one: watch(scenario, one), command="", source="x")
    bands = {band.text.partition(" (")[0]: band for band in drawn.run.bands}
    assert list(bands) == ["phase: writing", "install: k", "mode: has k", "phase: reading"]
    assert bands["phase: writing"].last == bands["phase: reading"].first
    assert bands["mode: has k"].last == -1
    assert bands["install: k"].details == "slowly"
    assert bands["install: k"].first < bands["install: k"].last


def test_outside_a_run_it_does_nothing() -> None:
    tester.annotate("tag", "text")


@pytest.mark.parametrize(
    ("tag", "options"), [("", {}), ("x" * 61, {}), ("x", {"since": 0.0, "lasting": True})]
)
def test_odd_annotations_are_refused(tag: str, options: dict[str, bool]) -> None:
    async def odd(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="expected"):
            sim.annotate(tag, "text", **options)  # type: ignore[arg-type]

    passes(odd)
