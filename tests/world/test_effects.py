"""What each kind of fault does to those it strikes, as they notice it; and that nothing else does.

What changed conditions do to messages, and what a power failure takes, is in `test_faults.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from kvsrv import KVServer, PutArgs, PutReply
from labrpc import LONG_DELAYS, LONG_REORDERING, UNRELIABLE, Conditions
from tester import NodeDown, faults, maybe
from tester.engine.choices import Choices, Record, Replayed, Seeded
from tester.world.disk import Disk
from tester.world.nemesis import Kind
from tester.world.nodes import Remote
from tester.world.run import run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation
from tests.world.peers import Peer, peers

NAMES = ("s0", "s1", "s2", "s3")
BORING: Record = {}
MS = 1_000


@dataclass
class Stage:
    """Four peers, before, during or after a strike on the first of them."""

    sim: Simulation
    made: dict[str, Remote]

    async def matrix(self) -> list[str]:
        """Who gets an answer from whom: a line for each caller, a letter for each server."""
        rows = [await peer.reached() for peer in self.made.values()]
        return ["".join("." if there else "x" for there in row) for row in rows]

    async def handled(self) -> list[int]:
        return [await peer.handled() for peer in self.made.values()]

    async def took_ms(self, doing: Awaitable[object]) -> float:
        start = self.sim.virtual_us
        await doing
        return (self.sim.virtual_us - start) / MS


Probe = Callable[[Stage], Awaitable[object]]


async def reach(stage: Stage) -> list[str]:
    return await stage.matrix()


async def heard(stage: Stage) -> list[int]:
    """How many pings each handled, of four sent to each, its own among them."""
    before = await stage.handled()
    await stage.matrix()
    return [after - start for start, after in zip(before, await stage.handled(), strict=True)]


async def memory(stage: Stage) -> object:
    """How many pings the struck peer remembers; its state, if it is down."""
    try:
        return await stage.made["s0"].handled()
    except NodeDown:
        return "down"


async def ask(stage: Stage) -> tuple[str, float]:
    """A ping of the struck peer: whether it is answered, and after how many milliseconds."""
    start = stage.sim.virtual_us
    reply = await stage.made["s1"].call(0, 1)
    return "answer" if reply == 2 else "none", (stage.sim.virtual_us - start) / MS


async def wall(stage: Stage) -> object:
    """How far the struck peer's clock is ahead of another one's, in seconds."""
    return round(await stage.made["s0"].wall() - await stage.made["s1"].wall(), 3)


async def nap(stage: Stage) -> list[float]:
    """How long 110 ms last for the struck peer and for another one."""
    return [round(await stage.took_ms(stage.made[name].nap(0.11)), 1) for name in ("s0", "s1")]


ALONE = [".xxx", "x...", "x...", "x..."]
WHOLE = ["...."] * 4
PROBES: dict[Kind, tuple[Probe, object, object]] = {
    faults.partition: (reach, ALONE, WHOLE),
    faults.isolate: (reach, ALONE, WHOLE),
    faults.swizzle: (reach, ALONE, WHOLE),
    faults.isolate_leader: (reach, ["..x.", "..x.", "xx.x", "..x."], WHOLE),
    faults.ring: (reach, ["..x.", "...x", "x...", ".x.."], WHOLE),
    faults.one_way: (heard, [4, 3, 3, 3], [4, 4, 4, 4]),  # s0 is mute, and hears them all
    faults.crash: (memory, "down", 0),
    faults.power_failure: (memory, "down", 0),
    faults.stop: (memory, "down", 0),
    faults.crash_in_handler: (ask, ("none", 100.5), ("answer", 1.0)),
    faults.pause: (ask, ("answer", 400.5), ("answer", 1.0)),
    faults.skew: (wall, 1.0, 0.0),
    faults.drift: (nap, [100.0, 110.0], [110.0, 110.0]),
}


def seen(kind: Kind, probe: Probe, record: Record) -> list[object]:
    """What a probe finds before a strike, during it, and when it is over."""
    found: list[object] = []

    async def scenario(sim: Simulation) -> None:
        stage = Stage(sim, peers(sim, NAMES))
        sim.nemesis(kind, leader=lambda: "s2")
        for at_ms in (0, 400, 2_000):
            await sim.sleep(at_ms / 1_000 - sim.now())
            found.append(await probe(stage))

    outcome = run(simulate(model=None)(scenario).simulation, Choices(Replayed(record)))
    assert outcome.error is None
    assert len(outcome.choices.faults) == bool(record)
    return found


def one_strike(kind: Kind) -> Record:
    """One strike of the fault, at 300 ms, for half a second."""
    stream = f"fault/{kind.name}"
    return {stream: [1, 1], f"{stream}/1": [300, 0]}


@pytest.mark.parametrize("kind", PROBES, ids=lambda kind: kind.name)
def test_a_strike_is_felt_while_it_lasts_and_not_afterwards(kind: Kind) -> None:
    probe, during, after = PROBES[kind]
    before, *found = seen(kind, probe, one_strike(kind))
    assert found == [during, after]
    calm = seen(kind, probe, BORING)
    assert calm == [before] * 3
    assert during != before


def test_every_kind_is_felt_here_or_beside() -> None:
    elsewhere = {kind for kind in faults.ALL if kind.condition} | {faults.slow_disk}
    assert PROBES.keys() | elsewhere == set(faults.ALL)


class Writer(Peer):
    """Writes to its disk when it is told to."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self._disk = disk

    async def write(self) -> None:
        self._disk.write({"file": b"x"})
        await self._disk.sync()


def test_a_slow_disk_takes_its_time_to_sync() -> None:
    took: list[float] = []

    async def scenario(sim: Simulation) -> None:
        node = sim.node("s0")
        writer = node.make(Writer, node.disk)
        node.serve(writer)
        sim.nemesis(faults.slow_disk)
        for at_ms in (0, 400, 2_000):
            await sim.sleep(at_ms / 1_000 - sim.now())
            took.append(await Stage(sim, {}).took_ms(writer.write()))

    scene = simulate(model=None)(scenario).simulation
    for record, expected in (
        (one_strike(faults.slow_disk), [0.5, 100.5, 0.5]),
        (BORING, [0.5] * 3),
    ):
        took.clear()
        assert run(scene, Choices(Replayed(record))).error is None
        assert took == expected


LINKS = (faults.partition, faults.one_way, faults.ring, faults.isolate)


@pytest.mark.parametrize("kind", LINKS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("pace_ms", [400, 1_000])
def test_a_cut_lasts_for_half_a_pace_at_least_and_one_and_a_half_at_most(
    kind: Kind, pace_ms: int
) -> None:
    """The window in which the network stays as it is, so that something can come of it."""

    async def scenario(sim: Simulation) -> None:
        peers(sim, NAMES)
        sim.nemesis(kind, pace_ms=pace_ms)
        await sim.sleep(13)

    scene = simulate(model=None)(scenario).simulation
    lasted = []
    for seed in range(20):
        began: dict[object, list[int]] = {}
        for entry in run(scene, Choices(Seeded(seed)), keep_trace=True).trace:
            if entry[1] == "cut":
                began.setdefault(entry[2:], []).append(entry[0])
            if entry[1] == "heal":
                lasted.append((entry[0], began[entry[2:]].pop(0)))
    spans = [(end - start) // MS for end, start in lasted]
    assert len(spans) > 10
    assert pace_ms // 2 <= min(spans) < pace_ms < max(spans) <= pace_ms * 3 // 2


# -- the run without luck ------------------------------------------------------------------------


class Plain(KVServer):
    """A server with nothing in it that could go wrong on purpose."""


class Hesitant(KVServer):
    """A client like the others, with a site of `maybe` in its way."""

    def put(self, args: PutArgs) -> PutReply:
        assert not maybe("slow-put")
        return super().put(args)


def digest(
    *,
    network: Conditions | None = None,
    server: type = Plain,
    asks: Sequence[str] = (),
    record: Record = BORING,
) -> str:
    async def scenario(sim: Simulation) -> None:
        sim.serve(server)

        async def client() -> None:
            ck = sim.clerk()
            for version in range(4):
                assert not any(sim.maybe(site) for site in asks)
                await ck.put("k", "v", version)

        await asyncio.gather(client(), client())

    scene = simulate()(scenario).simulation
    if network is not None:
        scene = replace(scene, network=network)
    outcome = run(scene, Choices(Replayed(record)))
    assert (outcome.error, outcome.choices.faults) == (None, [])
    return outcome.digest


@pytest.mark.parametrize(
    "network",
    [
        UNRELIABLE,
        LONG_REORDERING,
        LONG_DELAYS,
        Conditions(duplicate=(1, 2)),
        Conditions(late=(1, 2)),
        Conditions(request_loss=(1, 2), reply_loss=(1, 2)),
    ],
    ids=["unreliable", "long reordering", "long delays", "duplicates", "late", "losses"],
)
def test_conditions_change_nothing_without_luck(network: Conditions) -> None:
    assert digest(network=network) == digest()


def test_sites_of_maybe_change_nothing_unless_they_come_true() -> None:
    assert digest(server=Hesitant, asks=["one", "two"]) == digest()
    armed: Record = {"maybe/server/slow-put": [3], "maybe/test/one": [3]}
    assert digest(server=Hesitant, asks=["one"], record=armed) == digest()


def test_a_quiet_time_changes_nothing_where_nothing_is_wrong() -> None:
    def waiting(wait: Callable[[Simulation], Awaitable[None]]) -> str:
        async def scenario(sim: Simulation) -> None:
            sim.serve()
            ck = sim.clerk()
            await ck.put("k", "v", 0)
            await wait(sim)
            await ck.get("k")

        return run(simulate()(scenario).simulation, Choices(Replayed(BORING))).digest

    assert waiting(lambda sim: sim.quiet()) == waiting(lambda sim: sim.sleep(1))
