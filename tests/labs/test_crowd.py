"""A crowd: what its clerks are told is checked, and what goes wrong in one is told as if alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from kvsrv import Clerk, Err, GetArgs, KVServer, PutArgs, PutReply, Version
from labrpc import ClientEnd
from tester.engine.choices import Choices, Seeded
from tester.engine.errors import Deadlock
from tester.labs import crowd
from tester.labs.crowd import looks
from tester.labs.kvsrv.suite import test_mem_put_many_clients_reliable as puts_of_many
from tester.search.shrink import shrink
from tester.world import submission
from tester.world.failure import HandlerCrashed, TooManyRpcs
from tester.world.run import Outcome, run
from tester.world.submission import Submission


class With(Submission):
    """The reference with another clerk, or another server."""

    def __init__(self, **others: type) -> None:
        super().__init__()
        self._others = others

    def get(self, module: str, name: str) -> type:
        return self._others.get(name) or super().get(module, name)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "CLIENTS", 120)
    monkeypatch.setattr(crowd, "LOOK_AT", 60)


def outcome(**others: type) -> Outcome:
    with submission.instead(With(**others)):
        return run(puts_of_many.simulation, Choices(Seeded(0)))


def test_each_clerk_of_a_crowd_is_one_operation_and_one_rpc() -> None:
    found = outcome()
    assert (found.error, found.rpcs, found.ops) == (None, 121, 121)


class Idle(Clerk):
    """The last of the crowd, for those behind it would find another version."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        return Err.OK if version == 120 else await super().put(key, value, version)


class Doubtful(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        found = await super().put(key, value, version)
        return Err.MAYBE if version == 7 else found


class Curious(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        if version:
            await self._end.call(KVServer.get, GetArgs(key))
        return await super().put(key, value, version)


class Wordy(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        found = await super().put(key, value, version)
        return str(found) if version == 7 else found  # type: ignore[return-value]


class Broken(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        if version == 7:
            raise KeyError("seven")
        return await super().put(key, value, version)


class Unbuildable(Clerk):
    def __init__(self, end: ClientEnd) -> None:
        super().__init__(end)
        if end.name == "client70":
            raise KeyError("seventy")


@pytest.mark.parametrize(
    ("made", "kind", "sentence"),
    [
        (Idle, AssertionError, "client119 has put once, and no server was asked"),
        (Doubtful, AssertionError, "Put('k', {}, v7) -> ErrMaybe, and not OK"),
        (Curious, TooManyRpcs, "client0 has put once, which took 2 RPCs: on a reliable network"),
        (Wordy, HandlerCrashed, ": Wordy.put must return Err, got"),
    ],
)
def test_what_a_clerk_should_not_do_is_said(made: type, kind: type, sentence: str) -> None:
    error = outcome(Clerk=made).error
    assert isinstance(error, kind)
    assert sentence.format("'vvvvvvvvvvvvvvvvvvvvvvvvvvvvvv'... (1000 letters)") in str(error)


@pytest.mark.parametrize(
    ("made", "doing", "line"),
    [
        (Broken, "while it ran Clerk.put", 'raise KeyError("seven")'),
        (Unbuildable, "while it made Clerk", 'raise KeyError("seventy")'),
    ],
)
def test_what_a_clerk_raises_is_told_with_its_frames_alone(
    made: type, doing: str, line: str
) -> None:
    error = outcome(Clerk=made).error
    assert isinstance(error, HandlerCrashed)
    assert error.failure.doing == doing
    assert [frame.text for frame in error.failure.frames] == [line]


class Waits(Clerk):
    async def put(self, key: str, value: str, version: Version) -> Err:
        if version == 7:
            await asyncio.Event().wait()
        return await super().put(key, value, version)


def test_where_a_clerk_waits_for_ever_is_told() -> None:
    error = outcome(Clerk=Waits).error
    assert isinstance(error, Deadlock)
    test, clerk = error.waiting
    assert test.line.startswith("await check_growth(")
    assert (clerk.node, clerk.line) == ("clients", "await asyncio.Event().wait()")


class Hoards(KVServer):
    def __init__(self) -> None:
        super().__init__()
        self.puts: list[PutArgs] = []

    def put(self, args: PutArgs) -> PutReply:
        if args.version > 99:
            self.puts += [args] * 1_000
        return super().put(args)


def test_a_server_that_grows_is_found_at_a_look() -> None:
    error = outcome(KVServer=Hoards).error
    assert isinstance(error, AssertionError)
    assert str(error).startswith("120 clients have put once each, and the server holds ")
    assert str(error).endswith(" bytes more; 10 are allowed for each client")


def test_a_failure_shrinks_to_the_clients_that_it_takes() -> None:
    with submission.instead(With(Clerk=Broken)):
        failing = run(puts_of_many.simulation, Choices(Seeded(0)))
        shrunk = shrink(puts_of_many.simulation, 0, failing)
    assert shrunk.record == {"size/clients": [120 - 7]}


def test_a_crowd_stands_in_a_child_process_as_well() -> None:
    here = run(puts_of_many.simulation, Choices(Seeded(0)))
    there = run(replace(puts_of_many.simulation, isolated=True), Choices(Seeded(0)))
    assert (here.error, there.error) == (None, None)
    assert here.digest == there.digest


def test_looks_double_and_end_with_the_last_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "LOOK_AT", 1_000)
    assert looks(20_000) == [1_000, 2_000, 4_000, 8_000, 16_000, 20_000]
    assert looks(8_000) == [1_000, 2_000, 4_000, 8_000]
    assert looks(1) == [1]
