"""Lists that clients append to, and what their checks do not believe."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from kvsrv.rpc import Err
from labrpc import RELIABLE, UNRELIABLE, Conditions
from tester.engine.choices import Choices, Seeded
from tester.labs import kvjson
from tester.labs.kvtest import Tally, clerk, spawn_clients_and_wait
from tester.labs.partitioner import partitioner
from tester.world.handles import KV
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation

Test = Callable[[Simulation], Coroutine[Any, Any, None]]


def check(test: Test, network: Conditions = RELIABLE, seed: int = 0) -> None:
    error = run(replace(simulate()(test).simulation, network=network), Choices(Seeded(seed))).error
    if error is not None:
        raise error


@pytest.mark.parametrize("network", [RELIABLE, UNRELIABLE])
@pytest.mark.parametrize("seed", range(3))
def test_clients_append_and_are_told_the_truth(network: Conditions, seed: int) -> None:
    found = []

    async def test(sim: Simulation) -> None:
        sim.serve()
        ck = clerk(sim)
        await kvjson.make_list(ck, "k")
        tallies = await spawn_clients_and_wait(
            sim,
            3,
            0.2 if network is RELIABLE else 5,
            lambda client: kvjson.one_client_append(client, "k"),
        )
        await kvjson.check_appends(ck, "k", tallies)
        found.extend(tallies)

    check(test, network, seed)
    assert min(tally.ok for tally in found) > 0
    assert (max(tally.maybe for tally in found) > 0) == (network is UNRELIABLE)


class Fixed:
    """A clerk that always reads the same."""

    def __init__(self, value: str, version: int, err: Err) -> None:
        self._read = value, version, err

    async def get(self, key: str) -> tuple[str, int, Err]:
        return self._read

    async def put(self, key: str, value: str, version: int) -> Err:
        return Err.NO_KEY


def reading(sim: Simulation, value: str, version: int, err: Err = Err.OK) -> KV:
    return sim.clerk(lambda end: Fixed(value, version, err))


TWO = [Tally(2, 0), Tally(1, 1)]


@pytest.mark.parametrize(
    ("value", "version", "complaint"),
    [
        ("[[0,0],[1,0],[0,1]]", 4, ""),
        ("[[0,0],[1,1],[0,1]]", 4, ""),
        ("[[0,0],[1,0],[0,1],[1,1]]", 5, ""),
        ("[[0,0],[1,0],[0,1]]", 5, "3 entries at version 5"),
        ("[[0,1],[1,0],[0,0]]", 4, "client 0 has appended in its order"),
        ("[[0,0],[0,0],[1,0],[0,1]]", 5, "client 0 has appended in its order"),
        (
            "[[0,0],[1,0]]",
            3,
            r"has the entries \[0\], but OK was the answer to 2 appends",
        ),
        ("[[0,0],[0,1],[0,2],[1,0]]", 5, r"client 0 has the entries \[0, 1, 2\]"),
        ("[[0,0],[0,1],[1,2]]", 4, r"client 1 has the entries \[2\]"),
        ("[[0,0],[0,1],[1,0],[2,0]]", 5, r"nobody has appended: \[\[2, 0\]\]"),
    ],
)
def test_the_list_must_fit_what_the_clients_were_told(
    value: str, version: int, complaint: str
) -> None:
    async def test(sim: Simulation) -> None:
        await kvjson.check_appends(reading(sim, value, version), "k", TWO)

    async def unchecked(sim: Simulation) -> None:
        if not complaint:
            await test(sim)
            return
        with pytest.raises(AssertionError, match=complaint):
            await test(sim)

    error = run(simulate(model=None)(unchecked).simulation, Choices(Seeded(0))).error
    assert error is None


def test_what_is_no_json_is_not_believed() -> None:
    async def test(sim: Simulation) -> None:
        with pytest.raises(AssertionError, match="which is no JSON"):
            await kvjson.get_json(reading(sim, "[", 1), "k")
        with pytest.raises(AssertionError, match="the key must exist"):
            await kvjson.get_json(reading(sim, "", 0, Err.NO_KEY), "k")

    assert run(simulate(model=None)(test).simulation, Choices(Seeded(0))).error is None


def test_json_is_put_at_least_once() -> None:
    async def test(sim: Simulation) -> None:
        sim.serve()
        ck = clerk(sim)
        assert await kvjson.put_json(ck, "k", {"b": 1, "a": [2]}, 0) is Err.OK
        assert await ck.get("k") == ('{"a":[2],"b":1}', 1, Err.OK)
        assert await kvjson.put_at_least_once_json(ck, "k", [3], 0) == 1
        assert await kvjson.get_json(ck, "k") == ([3], 2)

    check(test)


def test_the_partitioner_tears_servers_apart_and_leaves_them_whole() -> None:
    seen: list[tuple[bool, ...]] = []

    async def test(sim: Simulation) -> None:
        servers = ["s0", "s1", "s2"]
        links = {(a, b): f"{a}-{b}" for a in servers for b in servers if a != b}
        for end in links.values():
            sim.network.make_end(end)

        def whole() -> tuple[bool, ...]:
            ends = sim.network._ends
            assert all(ends[f"{a}-{b}"].enabled == ends[f"{b}-{a}"].enabled for a, b in links)
            return tuple(ends[end].enabled for end in links.values())

        async with partitioner(sim, links):
            for _ in range(40):
                await sim.sleep(1)
                seen.append(whole())
        assert all(whole())

    outcome = run(simulate(model=None)(test).simulation, Choices(Seeded(0)), keep_trace=True)
    assert outcome.error is None
    assert len(set(seen)) == 4, "three servers have four partitions, the whole one among them"
    notes = [entry[2] for entry in outcome.trace if entry[1] == "note"]
    assert 30 <= len(notes) <= 41
    assert "partition = s0 | s1 s2" in notes or "partition = s1 s2 | s0" in notes
    assert notes[-1] == "no partition any more"
