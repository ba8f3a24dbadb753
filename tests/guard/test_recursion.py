"""Recursion: as deep as code under test asks for, and no deeper than memory is enough for."""

import sys
from collections.abc import Iterator

import pytest

from kvsrv import Err, GetArgs, GetReply, KVServer
from tester import HandlerCrashed, Simulation
from tester.guard.process import Settings
from tester.guard.recursion import DEEPEST
from tester.world.run import Outcome
from tests.world.lab import once


class Deep(KVServer):
    """Its `get` calls itself as often as the key says, and its version is the limit."""

    def get(self, args: GetArgs) -> GetReply:
        self._descend(int(args.key))
        return GetReply("", sys.getrecursionlimit(), Err.OK)

    def _descend(self, calls: int) -> None:
        if calls:
            self._descend(calls - 1)


class Ambitious(Deep):
    """It asks for a limit itself."""

    def get(self, args: GetArgs) -> GetReply:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10**9)
        reply = super().get(args)
        sys.setrecursionlimit(before)
        return reply


@pytest.fixture(autouse=True)
def limit() -> Iterator[int]:
    """The limit of this process, which is put back."""
    before = sys.getrecursionlimit()
    yield before
    sys.setrecursionlimit(before)


def descend(server: type[Deep], calls: int) -> Outcome:
    async def ask(sim: Simulation) -> None:
        sim.serve(server)
        _, found, _ = await sim.clerk().get(str(calls))
        assert found == DEEPEST

    return once(ask, model=None)


@pytest.mark.parametrize("server", [Deep, Ambitious])
def test_a_recursion_may_be_deep(server: type[Deep]) -> None:
    if server is Deep:
        sys.setrecursionlimit(10**9)  # as a module does that is imported before the run
    assert descend(server, DEEPEST // 2).verdict == "pass"


@pytest.mark.parametrize("server", [Deep, Ambitious])
def test_one_without_end_is_a_recursion_error(server: type[Deep]) -> None:
    if server is Deep:
        sys.setrecursionlimit(10**9)
    outcome = descend(server, 10**9)
    assert isinstance(outcome.error, HandlerCrashed)
    assert outcome.error.failure.kind == "RecursionError"
    assert len(outcome.error.failure.frames) > 1_000


def test_a_limit_that_is_lowered_when_a_run_begins_is_no_change_by_it() -> None:
    sys.setrecursionlimit(10**9)
    settings = Settings()
    assert descend(Deep, 1).leaked_state == []
    assert sys.getrecursionlimit() == DEEPEST
    assert settings.changed([sys.modules[__name__]]) == []
