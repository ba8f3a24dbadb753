"""A node's disk: what is there after a restart, and what a power failure takes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrpc.errors import TesterError
from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.errors import SharedState
from tester.report.lines import lines
from tester.world.disk import Disk, Store
from tester.world.failure import Misused
from tester.world.nodes import Remote
from tester.world.run import Outcome, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


class Persister:
    """What a Raft keeps: its state and a snapshot, saved together; a disk serves for it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.sync = disk.sync

    def save(self, state: bytes, snapshot: bytes) -> None:
        self._disk.write({"state": state, "snapshot": snapshot})

    def read(self) -> tuple[bytes, bytes]:
        return self._disk.read("state"), self._disk.read("snapshot")

    def sizes(self) -> tuple[int, int]:
        return len(self._disk.read("state")), len(self._disk.read("snapshot"))


class Keeper:
    """Saves what it is told, and says what it has."""

    def __init__(self, disk: Disk) -> None:
        self._persister = Persister(disk)
        self._found = self._persister.read()

    def save(self, state: bytes, snapshot: bytes) -> None:
        self._persister.save(state, snapshot)

    async def save_safely(self, state: bytes, snapshot: bytes) -> None:
        self._persister.save(state, snapshot)
        await self._persister.sync()

    async def sync(self) -> None:
        await self._persister.sync()

    def found(self) -> tuple[bytes, bytes]:
        """What was on the disk when this object was made."""
        return self._found

    def sizes(self) -> tuple[int, int]:
        return self._persister.sizes()


def keeper(sim: Simulation) -> Remote:
    node = sim.node("n")
    return node.make(Keeper, node.disk)


@simulate(seeds=3, model=None)
async def test_a_crash_takes_nothing_that_was_written(sim: Simulation) -> None:
    kept = keeper(sim)
    assert await kept.found() == (b"", b"")
    await kept.save(b"one", b"")
    await kept.save(b"two!", b"snap")
    assert await kept.sizes() == (4, 4)
    sim.node("n").crash()
    sim.node("n").restart()
    assert await kept.found() == (b"two!", b"snap")
    sim.node("n").stop()
    await sim.sleep(0)
    sim.node("n").restart()
    assert await kept.found() == (b"two!", b"snap")


@simulate(seeds=3, model=None)
async def test_a_power_failure_takes_the_last_writes_that_were_not_synced(sim: Simulation) -> None:
    kept = keeper(sim)
    await kept.save_safely(b"safe", b"s")
    for state in (b"1", b"2", b"3"):
        await kept.save(state, b"")
    sim.node("n").crash(lost_writes=2)
    sim.node("n").restart()
    assert await kept.found() == (b"1", b"")
    sim.node("n").crash(lost_writes=99)
    sim.node("n").restart()
    assert await kept.found() == (b"1", b""), "what a power failure has left is safe"
    await kept.save(b"4", b"")
    sim.node("n").crash(lost_writes=99)
    sim.node("n").restart()
    assert await kept.found() == (b"1", b"")


@simulate(seeds=3, model=None)
async def test_a_write_that_outlived_a_crash_may_still_be_lost(sim: Simulation) -> None:
    kept = keeper(sim)
    await kept.save(b"1", b"")
    sim.node("n").crash()
    sim.node("n").restart()
    assert await kept.found() == (b"1", b"")
    sim.node("n").crash(lost_writes=1)
    sim.node("n").restart()
    assert await kept.found() == (b"", b"")


@simulate(seeds=3, model=None)
async def test_a_sync_takes_time_and_covers_what_was_written_before_it(sim: Simulation) -> None:
    kept = keeper(sim)
    node = sim.node("n")
    await kept.save_safely(b"1", b"")
    assert sim.virtual_us == 500
    node.slow_disk(extra_ms=100)
    syncing = asyncio.ensure_future(kept.save_safely(b"2", b""))
    await sim.sleep(0.05)
    await kept.save(b"3", b"")
    await syncing
    assert sim.virtual_us == 500 + 100_500
    node.crash(lost_writes=99)
    node.restart()
    assert await kept.found() == (b"2", b""), "the third was written after the sync began"
    node.slow_disk()
    await kept.sync()
    assert sim.virtual_us == 500 + 100_500 + 500


@simulate(seeds=3, model=None)
async def test_a_sync_that_a_failure_interrupts_has_made_nothing_safe(sim: Simulation) -> None:
    kept = keeper(sim)
    sim.node("n").slow_disk(extra_ms=100)
    syncing = asyncio.ensure_future(kept.save_safely(b"1", b""))
    await sim.sleep(0.05)
    sim.node("n").crash(lost_writes=1)
    with pytest.raises(Exception, match="is down"):
        await syncing
    sim.node("n").restart()
    await sim.sleep(1)
    assert await kept.found() == (b"", b"")


def outcome_of(code: object, *, isolated: bool = False, seed: int | None = None) -> Outcome:
    scenario = simulate(model=None, isolated=isolated)(code).simulation  # type: ignore[arg-type]
    source = Replayed({}) if seed is None else Seeded(seed)
    return run(scenario, Choices(source), keep_trace=True)


class Careless:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def write_text(self) -> None:
        self._disk.write({"file": "text"})  # type: ignore[dict-item]


def test_a_disk_holds_bytes() -> None:
    async def scenario(sim: Simulation) -> None:
        node = sim.node("n")
        await node.make(Careless, node.disk).write_text()

    error = outcome_of(scenario).error
    assert isinstance(error, Misused)
    assert str(error) == "expected bytes for the file 'file', got str"
    assert isinstance(error, TesterError)


def test_a_disk_is_not_shared() -> None:
    stolen: list[Disk] = []

    class Thief(Careless):
        def __init__(self, disk: Disk) -> None:
            super().__init__(disk)
            stolen.append(disk)

        def use(self) -> None:
            stolen[0].read("file")

    async def scenario(sim: Simulation) -> None:
        for name in ("n", "other"):
            made = sim.node(name).make(Thief, sim.node(name).disk)
        await made.use()

    error = outcome_of(scenario).error
    assert isinstance(error, Misused)
    assert error.failure.kind == SharedState.__name__
    assert "the disk of n was used by code on other" in str(error)


async def failures(sim: Simulation) -> None:
    kept = keeper(sim)
    await kept.save_safely(b"1", b"")
    await kept.save(b"2", b"")
    await kept.save(b"3", b"")
    sim.node("n").crash(lost_writes=1)
    await sim.sleep(1)
    sim.node("n").restart()
    assert await kept.found() == (b"2", b"")
    sim.node("n").slow_disk(20)
    await kept.sync()


def test_a_story_shows_what_the_disk_lost() -> None:
    told = [str(line) for line in lines(outcome_of(failures)) if line.op is None]
    assert told == [
        "   0.001  n       crashes",
        "   0.001  n       the disk loses the last write: not synced",
        "   1.001  n       restarts",
        "   1.001  n       a sync takes 20 ms longer",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_disk_is_the_same_with_its_node_in_a_process(seed: int) -> None:
    here, there = (outcome_of(failures, isolated=alone, seed=seed) for alone in (False, True))
    assert here.error is None
    assert here.digest == there.digest


Files = dict[str, bytes]


@dataclass
class Twin:
    """A disk by brute force: every write there ever was, and how many of them are safe."""

    writes: list[Files] = field(default_factory=list)
    safe: int = 0

    def files(self) -> Files:
        found: Files = {}
        for write in self.writes:
            found = {**found, **write}
        return found


WRITES = st.dictionaries(st.sampled_from("abc"), st.binary(max_size=2), max_size=2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), WRITES),
        st.tuples(st.just("flush"), st.integers(0, 20)),
        st.tuples(st.just("lose"), st.integers(0, 5)),
    ),
    max_size=30,
)


@given(STEPS)
def test_a_store_is_its_writes_and_how_many_are_safe(steps: list[tuple[str, object]]) -> None:
    store, twin = Store(), Twin()
    for what, how in steps:
        match what, how:
            case "write", dict():
                store.write(how)
                twin.writes.append(how)
            case "flush", int():
                upto = min(how, len(twin.writes))
                store.flush(upto)
                twin = replace(twin, safe=max(twin.safe, upto))
            case "lose", int():
                lost = min(how, len(twin.writes) - twin.safe)
                assert store.lose(how) == lost
                kept = twin.writes[: len(twin.writes) - lost]
                twin = Twin(kept, len(kept))
        assert store.files() == twin.files()
        assert store.written == len(twin.writes)
        assert store.unsynced == len(twin.writes) - twin.safe


def test_what_is_old_is_safe() -> None:
    store = Store()
    for number in range(100):
        store.write({"file": bytes([number])})
    assert store.unsynced == 64
    assert store.lose(1_000) == 64
    assert store.files() == {"file": bytes([35])}
