"""Witnesses: what they do not believe of a clerk, and what they let pass."""

import asyncio
from collections.abc import Callable

import pytest

from kvsrv import Err, GetArgs, KVServer, PutArgs, Version
from labrpc import RELIABLE, UNRELIABLE, ClientEnd, Conditions
from tester.engine.choices import Choices, Seeded
from tester.labs.kvtest import clerk, name_of
from tester.labs.witness import AppendWitness, Witness, short
from tester.world.failure import TooManyRpcs
from tester.world.handles import AppendKV
from tester.world.run import Outcome, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


class Sloppy:
    """A clerk that sends so many copies of each request, and then says what it was told to."""

    def __init__(self, end: ClientEnd, copies: int, err: Err = Err.OK) -> None:
        self._end = end
        self._copies = copies
        self._err = err

    async def get(self, key: str) -> tuple[str, Version, Err]:
        for _ in range(self._copies):
            await self._end.call(KVServer.get, GetArgs(key))
        return "", 0, Err.NO_KEY

    async def put(self, key: str, value: str, version: Version) -> Err:
        for _ in range(self._copies):
            await self._end.call(KVServer.put, PutArgs(key, value, version))
        return self._err


def outcome(
    make: Callable[[ClientEnd], Sloppy], method: str, network: Conditions = RELIABLE
) -> Outcome:
    @simulate(network=network, model=None)
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        ck = Witness(sim, sim.clerk(make))
        _ = await (ck.get("k") if method == "get" else ck.put("k", "v", 0))

    return run(scenario.simulation, Choices(Seeded(0)))


@pytest.mark.parametrize("method", ["get", "put"])
def test_one_rpc_for_an_operation_is_right(method: str) -> None:
    assert outcome(lambda end: Sloppy(end, 1), method).error is None


@pytest.mark.parametrize("method", ["get", "put"])
@pytest.mark.parametrize("network", [RELIABLE, UNRELIABLE])
def test_an_answer_without_a_question_is_not_believed(method: str, network: Conditions) -> None:
    error = outcome(lambda end: Sloppy(end, 0), method, network).error
    assert isinstance(error, AssertionError)
    assert str(error).endswith(", and no server was asked")


@pytest.mark.parametrize("method", ["get", "put"])
def test_a_reliable_network_needs_no_second_rpc(method: str) -> None:
    error = outcome(lambda end: Sloppy(end, 2), method).error
    assert isinstance(error, TooManyRpcs)
    assert "took 2 RPCs: on a reliable network it takes one" in str(error)


def test_a_lossy_network_may_need_more_but_not_any_number() -> None:
    assert outcome(lambda end: Sloppy(end, 20), "put", UNRELIABLE).error is None
    assert outcome(lambda end: Sloppy(end, 200), "put", UNRELIABLE).error is None, "at leisure"
    lossy = RELIABLE.but(request_loss=(1, 100))
    error = outcome(lambda end: Sloppy(end, 200), "put", lossy).error
    assert isinstance(error, TooManyRpcs)
    assert "took 200 RPCs in " in str(error)


def test_maybe_needs_a_second_try() -> None:
    error = outcome(lambda end: Sloppy(end, 1, Err.MAYBE), "put").error
    assert str(error) == "Put('k', 'v', v0) -> ErrMaybe, though it was sent only once"
    assert outcome(lambda end: Sloppy(end, 2, Err.MAYBE), "put", UNRELIABLE).error is None


def test_a_clerk_that_has_a_copy_in_mind_may_doubt_what_takes_long() -> None:
    slow = UNRELIABLE.but(latency_us=10_000, request_loss=(0, 1), reply_loss=(0, 1))
    assert outcome(lambda end: Sloppy(end, 1, Err.MAYBE), "put", slow).error is None


class Hasty(Sloppy):
    """A clerk that sends, and answers before anybody has."""

    async def put(self, key: str, value: str, version: Version) -> Err:
        self._call = asyncio.create_task(
            self._end.call(KVServer.put, PutArgs(key, value, version))
        )
        await asyncio.sleep(0)
        return self._err


def test_an_answer_that_nobody_gave_is_not_believed() -> None:
    error = outcome(lambda end: Hasty(end, 1), "put").error
    assert str(error) == "Put('k', 'v', v0) -> OK, and no server has answered"
    lossy = RELIABLE.but(request_loss=(1, 1))
    error = outcome(lambda end: Sloppy(end, 3), "put", lossy).error
    assert str(error) == "Put('k', 'v', v0) -> OK, and no server has answered"


def test_what_is_sent_again_for_a_reason_is_right_on_any_network() -> None:
    """A partition may cut a clerk off from its server for a while, for instance."""

    @simulate()
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        ck = clerk(sim)
        sim.network.enable(name_of(ck), on=False)
        async with asyncio.TaskGroup() as group:
            put = group.create_task(ck.put("k", "v", 0))
            await sim.sleep(2)
            sim.network.enable(name_of(ck))
        assert put.result() is Err.OK
        assert sim.rpcs > 5

    assert run(scenario.simulation, Choices(Seeded(0))).error is None


def test_operations_that_overlap_are_not_told_apart() -> None:
    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        ck = clerk(sim)
        await asyncio.gather(*(ck.get("k") for _ in range(3)))
        await ck.get("k")

    assert run(scenario.simulation, Choices(Seeded(0))).error is None


class Adding:
    """A clerk of the 2024 lab that sends so many copies, to a server of 2025."""

    def __init__(self, end: ClientEnd, copies: int) -> None:
        self._end = end
        self._copies = copies

    async def get(self, key: str) -> str:
        for _ in range(self._copies):
            await self._end.call(KVServer.get, GetArgs(key))
        return ""

    async def put(self, key: str, value: str) -> None:
        await self.get(key)

    async def append(self, key: str, arg: str) -> str:
        return await self.get(key)


@pytest.mark.parametrize(("copies", "wrong"), [(0, True), (1, False), (3, False), (4, True)])
@pytest.mark.parametrize("method", ["get", "put", "append"])
def test_a_clerk_of_2024_may_make_itself_known_and_acknowledge(
    copies: int, wrong: bool, method: str
) -> None:
    @simulate(model=None)
    async def scenario(sim: Simulation) -> None:
        sim.serve()
        made: AppendKV = sim.clerk(lambda end: Adding(end, copies), like=AppendKV)  # type: ignore[assignment]
        ck = AppendWitness(sim, made)
        _ = await getattr(ck, method)(*["k", "v"][: 1 if method == "get" else 2])

    assert (run(scenario.simulation, Choices(Seeded(0))).verdict == "fail") == wrong


def test_long_values_are_shown_short() -> None:
    assert short("x" * 30) == repr("x" * 30)
    assert short("x" * 31) == f"'{'x' * 30}'... (31 letters)"
