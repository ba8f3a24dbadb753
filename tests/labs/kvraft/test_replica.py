"""A replica is observed without a change of what it does, and what it lacks is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from kvraft.kvmachine import KVMachine
from kvraft.rsm import RSM
from kvraft.server import KVServer
from kvsrv.rpc import Err, GetArgs, GetReply
from tester.labs.kvraft.clerks import KVCluster
from tester.labs.kvraft.cluster import RSMCluster
from tester.labs.kvraft.network import CALM
from tester.world import submission
from tester.world.failure import HandlerCrashed
from tester.world.run import Outcome
from tester.world.simulation import Simulation
from tests.world.lab import once, passes


class _Instead(submission.Submission):
    def __init__(self, classes: dict[str, type]) -> None:
        super().__init__()
        self._classes = classes

    def get(self, module: str, name: str) -> Any:
        return self._classes.get(module) or super().get(module, name)


@contextmanager
def instead(**classes: type) -> Iterator[None]:
    """Inside, the submission has these classes: `kvraft_server=...`."""
    modules = {name.replace("_", ".", 1): cls for name, cls in classes.items()}
    with submission.instead(_Instead(modules)):
        yield


async def put_and_get(sim: Simulation) -> None:
    """One put and one get by three servers."""
    ck = KVCluster(sim, 3, 300).clerk()
    for version in range(10):
        _ = await ck.put("k", f"{version}", version)
    assert await ck.get("k") == ("9", 10, Err.OK)


def failing(**classes: type) -> str:
    """What a run of these classes fails with."""
    with instead(**classes):
        error = once(put_and_get, network=CALM).error
    assert isinstance(error, HandlerCrashed), error
    return error.failure.message


def test_a_reader_of_the_log_is_recorded_and_a_handler_that_reads_for_itself_is_not() -> None:
    class ReadsForItself(KVServer):
        async def get(self, args: GetArgs) -> GetReply:
            reply = await super().get(args)
            if reply.err is Err.OK:
                machine = self._rsm._machine
                assert machine.apply(b"\x81\xa3key\xa1k").version == reply.version  # type: ignore[union-attr]
            return reply

    with instead(kvraft_server=ReadsForItself):
        _ = passes(put_and_get, network=CALM)


def test_an_rsm_may_be_made_with_keywords() -> None:
    class Keywords(KVServer):
        def __init__(self, peers: Any, me: int, persister: Any, maxraftstate: int) -> None:
            self._rsm = RSM(
                state_machine=KVMachine(),
                peers=peers,
                me=me,
                persister=persister,
                maxraftstate=maxraftstate,
            )
            assert type(self._rsm._machine).__name__ == "Recorded"

    with instead(kvraft_server=Keywords):
        _ = passes(put_and_get, network=CALM)


def test_what_is_recorded_in_the_class_is_taken_out_again() -> None:
    before = RSM.__init__
    _ = passes(put_and_get, network=CALM)
    assert RSM.__init__ is before


def test_a_server_must_list_its_raft() -> None:
    class Alone(KVServer):
        def services(self) -> list[object]:
            return [self]

    assert failing(kvraft_server=Alone) == (
        "KVServer.services() must list who answers RPCs: the server, and its Raft, which has "
        "start() and get_state()"
    )


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"short", "restore must be given what snapshot has returned, got bytes of length 5"),
        ("text", "restore must be given what snapshot has returned, got str of length 4"),
    ],
)
def test_restore_gets_what_snapshot_has_returned(data: Any, sentence: str) -> None:
    class Forges(KVServer):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._rsm._machine.restore(data)

    assert failing(kvraft_server=Forges) == sentence


def test_an_rsm_must_have_its_raft() -> None:
    class Without(RSM[Any]):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.raft = None

    async def test(sim: Simulation) -> None:
        group = RSMCluster(sim, 3)
        _ = await group.rsms[0].submit(b"inc 1")

    with instead(kvraft_rsm=Without):
        error = once(test, network=CALM).error
    assert isinstance(error, HandlerCrashed)
    assert "an RSM must have the attribute raft" in error.failure.message


def story(outcome: Outcome) -> str:
    return str(outcome.trace)


def test_the_story_says_which_place_in_the_log_an_rpc_got() -> None:
    outcome = passes(put_and_get, network=CALM)
    assert "logs #" in story(outcome)
    assert " as entry 1 of term 1" in story(outcome)


def test_a_raft_that_awaits_is_observed_as_well() -> None:
    class OnAsync(KVServer):
        def __init__(self, peers: Sequence[Any], me: int, persister: Any, limit: int) -> None:
            super().__init__(peers, me, persister, limit)
            start = self._rsm.raft.start

            async def slow(command: bytes) -> Any:
                await asyncio.sleep(0)
                return start(command)

            self._rsm.raft.start = slow

    with instead(kvraft_server=OnAsync):
        assert "logs #" in story(passes(put_and_get, network=CALM))
