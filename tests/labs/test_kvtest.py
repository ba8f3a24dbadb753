"""The KV test layer: what it asks of a clerk, what it does not believe, and whose luck it uses."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from kvsrv import KVServer
from kvsrv.rpc import Err, GetArgs, Version
from labrpc import UNRELIABLE, ClientEnd, Conditions
from tester.engine.choices import Choices, Replayed, Seeded
from tester.labs import kvtest as kv
from tester.labs.kvtest import Client, Tally
from tester.world.failure import TooManyRpcs
from tester.world.run import Outcome, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

Test = Callable[[Simulation], Coroutine[Any, Any, None]]
Read = tuple[str, Version, Err]


def outcome(test: Test, *, network: Conditions | None = None, seed: int = 0) -> Outcome:
    scenario = replace(simulate(model=None)(test).simulation, network=network or Conditions())
    return run(scenario, Choices(Seeded(seed)))


def check(test: Test, *, network: Conditions | None = None, seed: int = 0) -> None:
    error = outcome(test, network=network, seed=seed).error
    if error is not None:
        raise error


class Scripted:
    """A clerk that answers as it was told to, one answer after the other."""

    def __init__(self, puts: list[Err], gets: list[Read]) -> None:
        self._puts = puts
        self._gets = gets

    async def put(self, key: str, value: str, version: Version) -> Err:
        return self._puts.pop(0)

    async def get(self, key: str) -> Read:
        return self._gets.pop(0)


def scripted(sim: Simulation, puts: list[Err], gets: list[Read]) -> Client:
    client = Client(sim, 0)
    client.ck = sim.clerk(lambda end: Scripted(puts, gets))
    return client


def run_one_put(version: Version, puts: list[Err], gets: list[Read]) -> tuple[Version, bool]:
    results = []

    async def test(sim: Simulation) -> None:
        results.append(await kv.one_put(scripted(sim, puts, gets), "k", version))

    check(test)
    return results[0]


def test_one_put_returns_the_version_it_read() -> None:
    assert run_one_put(0, [Err.OK], [("c0.0", 1, Err.OK)]) == (1, True)
    assert run_one_put(0, [Err.OK], [("c9.1", 2, Err.OK)]) == (2, True)
    assert run_one_put(3, [Err.MAYBE], [("c9.3", 4, Err.OK)]) == (4, False)


def test_one_put_goes_on_with_the_version_it_read_until_it_is_not_refused() -> None:
    reads = [("c9.0", 1, Err.OK), ("c9.1", 2, Err.OK), ("c0.2", 3, Err.OK)]
    assert run_one_put(0, [Err.VERSION, Err.VERSION, Err.OK], list(reads)) == (3, True)


@pytest.mark.parametrize(
    ("err", "read", "complaint"),
    [
        (Err.NO_KEY, ("", 0, Err.NO_KEY), "no answer to a put"),
        (Err.WRONG_LEADER, ("", 0, Err.NO_KEY), "no answer to a put"),
        (Err.OK, ("", 0, Err.NO_KEY), "the key must exist by now"),
        (Err.OK, ("c0.3", 3, Err.OK), "the version must be higher"),
        (Err.VERSION, ("c9.2", 3, Err.OK), "the version must be higher"),
        (Err.MAYBE, ("c9.2", 3, Err.OK), "the version must be higher"),
        (Err.OK, ("c9.3", 4, Err.OK), "the value that was put"),
    ],
)
def test_one_put_does_not_believe(err: Err, read: Read, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        run_one_put(3, [err], [read])


def test_one_client_puts_to_its_keys_until_it_may_stop() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        keys = kv.make_keys(3)
        (first,) = await kv.spawn_clients_and_wait(
            sim, 1, 0.1, lambda c: kv.one_client_put(c, keys)
        )
        ck = sim.clerk()
        _, version, _ = await ck.get("k0")
        assert first == Tally(version, 0)
        await kv.check_get(ck, "k1", "", 0, Err.NO_KEY)

    check(test)


def test_one_client_puts_to_random_keys() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        keys = kv.make_keys(3)
        tallies = await kv.spawn_clients_and_wait(
            sim, 2, 0.1, lambda c: kv.one_client_put(c, keys, random_keys=True)
        )
        ck = sim.clerk()
        versions = [(await ck.get(key))[1] for key in keys]
        assert min(versions) > 0
        assert sum(versions) == sum(tally.ok for tally in tallies)

    check(test)


@pytest.mark.parametrize(
    ("tallies", "network", "complaint"),
    [
        ([Tally(2, 0), Tally(1, 0)], None, ""),
        ([Tally(2, 0), Tally(2, 0)], None, "been put 3 times, but OK was the answer to 4 puts"),
        ([Tally(2, 0)], None, "been put 3 times, but OK was the answer to 2 puts"),
        ([Tally(2, 1)], None, "ErrMaybe was the answer to 1 put on a reliable network"),
        ([Tally(1, 1), Tally(1, 1)], UNRELIABLE, ""),
        ([Tally(3, 4)], UNRELIABLE, ""),
        ([Tally(1, 1)], UNRELIABLE, "but OK was the answer to 1 put, and ErrMaybe to 1"),
        ([Tally(4, 1)], UNRELIABLE, "but OK was the answer to 4 puts, and ErrMaybe to 1"),
    ],
)
def test_the_version_must_fit_what_the_clients_were_told(
    tallies: list[Tally], network: Conditions | None, complaint: str
) -> None:
    async def test(sim: Simulation) -> None:
        ck = scripted(sim, [], [("v", 3, Err.OK)]).ck
        await kv.check_put_concurrent(sim, ck, "k", tallies)

    if not complaint:
        check(test, network=network)
    else:
        with pytest.raises(AssertionError, match=complaint):
            check(test, network=network)


def test_put_at_least_once_raises_the_version_until_it_is_right() -> None:
    async def test(sim: Simulation) -> None:
        ck = scripted(sim, [Err.VERSION, Err.MAYBE, Err.OK], []).ck
        assert await kv.put_at_least_once(ck, "k", "v", 5) == 7
        with pytest.raises(AssertionError, match="only its version can be wrong"):
            await kv.put_at_least_once(scripted(sim, [Err.NO_KEY], []).ck, "k", "v", 5)

    check(test)


def test_a_check_names_the_answer_and_the_one_it_wants() -> None:
    async def test(sim: Simulation) -> None:
        ck = scripted(sim, [Err.MAYBE], [("x" * 100, 1, Err.OK)]).ck
        with pytest.raises(AssertionError) as put:
            await kv.check_put(ck, "k", "v", 3)
        assert str(put.value) == "Put('k', 'v', v3) -> ErrMaybe, and not OK"
        with pytest.raises(AssertionError) as get:
            await kv.check_get(ck, "k", "v", 1)
        shown = f"'{'x' * 30}'... (100 letters)"
        assert str(get.value) == f"Get('k') -> ({shown}, v1, OK), and not ('v', v1, OK)"

    check(test)


@pytest.mark.parametrize("size", [20, 7])
def test_spread_puts_creates_keys_with_values_of_a_size(size: int) -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        keys, values = await kv.spread_puts(sim, ck, 5, size)
        assert keys == ["k0", "k1", "k2", "k3", "k4"]
        assert len(set(values)) == 5
        assert {len(value) for value in values} == {size}
        await kv.check_get(ck, "k4", values[4], 1)

    check(test)


def test_what_a_client_raises_is_the_verdict_and_ends_the_others() -> None:
    ended = []

    async def work(client: Client) -> None:
        try:
            await client.sim.sleep(client.number)
            raise AssertionError(f"client {client.number} failed")
        finally:
            ended.append((client.number, client.sim.now()))

    async def test(sim: Simulation) -> None:
        await kv.spawn_clients_and_wait(sim, 3, 60, work)

    result = outcome(test)
    assert (result.kind, str(result.error)) == ("AssertionError", "client 0 failed")
    assert sorted(ended) == [(0, 0), (1, 0), (2, 0)]


def test_results_come_in_the_order_of_the_clients_and_only_when_all_have_stopped() -> None:
    async def work(client: Client) -> tuple[int, float]:
        while not client.stopped:
            await asyncio.sleep(0.3)
        await asyncio.sleep(3 - client.number)
        return client.number, round(client.sim.now(), 1)

    async def test(sim: Simulation) -> None:
        assert await kv.spawn_clients_and_wait(sim, 3, 1, work) == [(0, 4.2), (1, 3.2), (2, 2.2)]
        assert sim.now() > 4

    check(test)


def test_a_client_more_leaves_the_luck_of_the_others_alone() -> None:
    def values(n: int) -> list[str]:
        found: list[str] = []

        async def work(client: Client) -> str:
            return client.rand_value(8) + str(client.below(100))

        async def test(sim: Simulation) -> None:
            found.extend(await kv.spawn_clients_and_wait(sim, n, 0.1, work))

        result = outcome(test)
        assert result.error is None
        assert {s for s in result.choices.record() if s.startswith("work/")} == {
            f"work/c{i}" for i in range(n)
        }
        return found

    assert values(5)[:3] == values(3)
    assert len(set(values(5))) == 5


def test_random_values_are_letters_and_the_same_one_without_luck() -> None:
    values = []

    async def test(sim: Simulation) -> None:
        values.append(kv.rand_value(sim, 50))

    check(test)
    assert run(simulate()(test).simulation, Choices(Replayed({}))).error is None
    lucky, boring = values
    assert len(lucky) == 50
    assert lucky.isalpha()
    assert boring == "a" * 50


class Twice(Scripted):
    """A clerk that sends each request twice."""

    def __init__(self, end: ClientEnd) -> None:
        self._end = end

    async def get(self, key: str) -> Read:
        for _ in range(2):
            await self._end.call(KVServer.get, GetArgs(key))
        return "", 0, Err.NO_KEY


def test_more_rpcs_than_operations_are_noticed() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        await sim.clerk().get("k")
        kv.check_rpcs(sim)
        await sim.clerk(Twice).get("k")
        with pytest.raises(TooManyRpcs, match="3 RPCs for 2 operations"):
            kv.check_rpcs(sim)

    check(test)


def test_lost_replies_are_counted_by_clerk_and_method() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        writer, reader = sim.clerk(), sim.clerk()
        assert (kv.name_of(writer), kv.name_of(reader)) == ("c0", "c1")
        for version in range(30):
            await writer.put("k", "v", version)
            await reader.get("k")
        lost = [
            sum(stream == f"net/{c}" for stream, _ in sim.choices.faults) for c in ("c0", "c1")
        ]
        assert min(lost) > 10
        assert kv.replies_lost(sim, writer) == lost[0]
        assert kv.replies_lost(sim, writer, "KVServer.get") == 0
        assert kv.replies_lost(sim, reader) == 0
        assert kv.replies_lost(sim, reader, "KVServer.get") == lost[1]

    check(test, network=Conditions(reply_loss=(1, 2)))
