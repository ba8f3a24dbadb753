"""Nodes in child processes: what crosses the pipe, and what becomes of a child that dies."""

import asyncio
import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvsrv import Clerk, GetArgs, GetReply, KVServer
from labrpc import UNRELIABLE
from tester import Deadlock, HandlerCrashed, Simulation, TesterError
from tester.engine.choices import Choices, Injected, Seeded, Source
from tester.workers.processes import processes
from tester.world.failure import ProcessDied
from tester.world.run import Outcome, Scenario, run
from tests.nobody import libc
from tests.world.lab import AsyncKVServer, once, passes, put_and_get

PYTEST = libc.getpid()
"""The real number of this process: os.getpid() is 1 on a node."""


def in_child() -> None:
    assert libc.getpid() != PYTEST, "this code ends its process"


class Killed(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        in_child()
        libc.kill(libc.getpid(), 9)
        return super().get(args)


class Leaves(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        in_child()
        libc._exit(7)
        return super().get(args)


async def ask(sim: Simulation, server: type[KVServer]) -> None:
    sim.serve(server)
    await sim.clerk().get("k")


def descriptors() -> list[str]:
    folder = Path("/proc/self/fd")
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def children() -> set[int]:
    """All child processes, among them what multiprocessing has started for other tests."""
    return {pid for pid, process in processes().items() if process.parent == PYTEST}


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No pipe stays open and no child stays behind, whatever happened."""
    before = descriptors(), children()
    yield
    assert (descriptors(), children()) == before


def isolated(test: Any, source: Source | None = None, **arguments: Any) -> Outcome:
    scenario = Scenario(function=test, name=test.__name__, isolated=True, network=UNRELIABLE)
    return run(scenario.with_arguments(**arguments), Choices(source or Seeded(0)))


# -- a child that dies --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "how"),
    [
        (Killed, "was killed by SIGKILL before the run was over"),
        (Leaves, "ended by itself, with exit status 7, before the run was over"),
    ],
)
def test_a_child_that_dies_is_the_verdict(server: type[KVServer], how: str) -> None:
    outcome = isolated(ask, server=server)
    assert isinstance(outcome.error, ProcessDied)
    assert str(outcome.error) == f"The process of node server {how}"
    assert outcome.verdict == "fail"


class Unfindable(KVServer):
    """Its name leads nowhere, as if its module had been changed after it was imported."""


Unfindable.__qualname__ = "Nowhere"


def test_a_fault_of_ours_in_a_child_is_shown_and_ends_the_run(
    capfd: pytest.CaptureFixture[str],
) -> None:
    outcome = isolated(ask, server=Unfindable)
    assert isinstance(outcome.error, ProcessDied)
    assert "ended by itself, with exit status 1" in str(outcome.error)
    assert "AttributeError" in capfd.readouterr().err


def test_a_child_that_is_killed_between_two_steps_is_found_out() -> None:
    async def kill(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        await ck.get("k")
        child: Any = sim.node("server").place.machine
        libc.kill(child._pid, 9)
        await ck.get("k")

    assert isinstance(isolated(kill).error, ProcessDied)


def test_a_child_that_is_dead_when_the_run_ends_cannot_say_what_it_chose() -> None:
    async def kill(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        child: Any = sim.node("server").place.machine
        libc.kill(child._pid, 9)

    assert isinstance(isolated(kill).error, ProcessDied)


def test_an_interrupted_run_does_not_wait_for_a_child_that_is_busy() -> None:
    async def interrupted(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        child: Any = sim.node("server").place.machine
        libc.kill(child._pid, 19)  # SIGSTOP: it would never answer
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolated(interrupted)


class Presses(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        raise KeyboardInterrupt


def test_a_key_at_the_keyboard_passes_through_a_child() -> None:
    with pytest.raises(KeyboardInterrupt):
        isolated(ask, server=Presses)


# -- what crosses the pipe ----------------------------------------------------------------------


class Raises(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        raise ValueError(f"no {args.key} \ud800")


def test_a_failure_is_the_same_as_in_process() -> None:
    async def ask_it(sim: Simulation) -> None:
        await ask(sim, Raises)

    here, there = once(ask_it, network=UNRELIABLE), isolated(ask_it)
    assert isinstance(here.error, HandlerCrashed)
    assert isinstance(there.error, HandlerCrashed)
    assert there.error.failure == here.error.failure
    assert there.error.failure.message == r"no k \ud800"


class Waits(KVServer):
    async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
        await asyncio.Event().wait()
        raise AssertionError("not reached")


def test_a_deadlock_says_who_waits_in_a_child() -> None:
    outcome = isolated(ask, server=Waits)
    assert isinstance(outcome.error, Deadlock)
    waiting = {(w.node, w.line) for w in outcome.error.waiting}
    assert ("server", "await asyncio.Event().wait()") in waiting


class Keeps(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self.kept = "x" * 100_000


def test_a_child_can_be_measured() -> None:
    async def measure(sim: Simulation) -> None:
        server = sim.serve(Keeps)
        await sim.clerk().get("k")
        assert 100_000 < sim.measure(server) < 110_000
        sim.node("server").crash()
        assert sim.measure(server) == 0

    assert isolated(measure).error is None


def test_a_class_without_a_name_of_its_own_cannot_be_built_in_a_child() -> None:
    class Local(KVServer):
        pass

    for factory in Local, lambda: Local(), functools.partial(KVServer):
        outcome = isolated(ask, server=factory)
        assert isinstance(outcome.error, TesterError)
        assert "define it at the top of its module" in str(outcome.error)


def test_choices_that_only_this_process_can_make_are_refused() -> None:
    outcome = isolated(ask, server=KVServer, source=Injected(lambda n, stream: 0))
    assert isinstance(outcome.error, TesterError)
    assert "run it without isolation" in str(outcome.error)


class Prints(KVServer):
    def get(self, args: GetArgs) -> GetReply:
        print("from the server")
        return super().get(args)


def test_what_is_printed_is_printed_once(capfd: pytest.CaptureFixture[str]) -> None:
    sys.stdout.write("before")
    outcome = isolated(ask, server=Prints)
    assert outcome.error is None
    sys.stdout.flush()
    assert capfd.readouterr().out == "beforefrom the server\n"


def test_a_clerk_in_a_child_gets_back_what_it_is_given() -> None:
    async def talk(sim: Simulation) -> None:
        sim.serve(AsyncKVServer)
        await put_and_get(sim, [sim.clerk(Clerk) for _ in range(2)])

    passes(talk, network=UNRELIABLE, isolated=True)
