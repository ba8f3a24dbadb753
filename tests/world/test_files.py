"""The shared folder: what other nodes find of a file, and what a crash leaves of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from labrpc.errors import TesterError
from tester.engine.choices import Choices, Replayed, Seeded
from tester.engine.errors import SharedState
from tester.report.lines import lines
from tester.world.failure import NodeDown
from tester.world.files import Files
from tester.world.run import Outcome, Scenario, run
from tester.world.simulate import simulate
from tester.world.simulation import Simulation


class Keeper:
    """Does to the files what it is told."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def read(self, name: str) -> str:
        try:
            return (await self._files.read(name)).decode()
        except FileNotFoundError as error:
            return f"missing: {error.filename}"

    async def write(self, name: str, text: str) -> None:
        await self._files.write(name, text.encode())

    async def rename(self, old: str, new: str) -> str:
        try:
            await self._files.rename(old, new)
        except FileNotFoundError as error:
            return f"missing: {error.filename}"
        return "done"

    async def remove(self, name: str) -> None:
        await self._files.remove(name)

    async def names(self, prefix: str) -> list[str]:
        return await self._files.names(prefix)


def keepers(sim: Simulation, n: int = 2) -> list[Keeper]:
    nodes = [sim.node(f"n{number}") for number in range(n)]
    return [node.make(Keeper, node.files) for node in nodes]  # type: ignore[misc]


def calm(test: Callable[[Simulation], object]) -> Outcome:
    return run(simulate(model=None)(test).simulation, Choices(Replayed({})))  # type: ignore[arg-type]


def test_what_one_writes_others_read_rename_list_and_remove() -> None:
    async def shares(sim: Simulation) -> None:
        sim.files.put({"given": b"before"})
        one, other = keepers(sim)
        assert await other.read("given") == "before"
        await one.write("a1", "text")
        assert await other.read("a1") == "text"
        assert await other.rename("a1", "a0") == "done"
        await one.write("b", "")
        assert await one.names("a") == ["a0"]
        assert await one.names("") == ["a0", "b", "given"]
        await one.remove("a0")
        await one.remove("a0")
        assert await other.read("a0") == "missing: a0"
        assert await other.rename("a0", "b") == "missing: a0"
        assert await one.rename("given", "b") == "done"
        assert sim.files.contents == {"b": b"before"}

    assert calm(shares).error is None


def test_a_file_can_be_read_half_while_it_is_written() -> None:
    async def peeks(sim: Simulation) -> None:
        one, other = keepers(sim)
        sim.files.witness = Slow("write")
        writing = asyncio.ensure_future(one.write("a", "12345678"))
        await asyncio.sleep(0.5)
        assert await other.read("a") == "1234"
        await writing
        assert await other.read("a") == "12345678"

    assert calm(peeks).error is None


def test_a_crash_loses_what_was_not_renamed() -> None:
    async def crashes(sim: Simulation) -> None:
        one, other = keepers(sim)
        for name in ("lost", "kept", "other's", "under way"):
            await one.write(name, name)
        await one.rename("kept", "renamed")
        await other.write("other's", "and now mine")
        await one.write("twice", "")
        await one.rename("twice", "again")
        await one.write("again", "in its place")
        sim.files.witness = Slow("rename")
        renaming = asyncio.ensure_future(one.rename("under way", "there"))
        await asyncio.sleep(0.5)
        sim.node("n0").crash()
        with pytest.raises(NodeDown):
            await renaming
        assert sim.files.contents == {"renamed": b"kept", "other's": b"and now mine"}
        sim.node("n0").restart()
        assert await one.read("renamed") == "kept"
        await asyncio.sleep(2)  # what the dead node was about to do never happens
        assert sorted(sim.files.contents) == ["other's", "renamed"]

    assert calm(crashes).error is None


class Slow:
    """A witness under whom one method takes a second longer."""

    def __init__(self, method: str) -> None:
        self._method = method

    def before(self, node: str, method: str, name: str, other: str) -> int:
        return 1_000_000 * (method == self._method)

    def after(self, node: str, method: str, name: str, other: str) -> None:
        pass


class Log(Slow):
    """One that keeps what it sees."""

    def __init__(self) -> None:
        super().__init__("read")
        self.seen: list[tuple[str, ...]] = []

    def after(self, *what: str) -> None:
        self.seen.append(what)


def test_a_witness_sees_what_has_been_done_and_can_have_it_happen_at_once() -> None:
    async def watched(sim: Simulation) -> None:
        sim.files.witness = log = Log()
        one, _ = keepers(sim)
        await one.write("a", "x")
        before = sim.virtual_us
        reading = asyncio.ensure_future(one.read("a"))
        await asyncio.sleep(0.1)
        sim.files.finish_now("n0", "read", "a")
        sim.files.finish_now("n0", "read", "a")
        assert await reading == "x"
        assert sim.virtual_us - before < 200_000
        assert log.seen == [("n0", "write", "a", ""), ("n0", "read", "a", "")]

    assert calm(watched).error is None


@pytest.mark.parametrize("name", ["", "a/b", 7])
def test_a_name_is_one_without_a_slash(name: str) -> None:
    async def names(sim: Simulation) -> None:
        one, _ = keepers(sim)
        await one.write(name if isinstance(name, str) else "", "x")

    error = calm(names).error
    assert isinstance(error, TesterError), error
    assert "without a slash" in str(error)


class Thief:
    """Keeps the files of whichever node makes it first where others find them."""

    stolen: Files

    def __init__(self, files: Files) -> None:
        if not hasattr(Thief, "stolen"):
            Thief.stolen = files

    async def use(self) -> None:
        await Thief.stolen.read("a")


def test_nodes_have_their_own_view_of_the_files() -> None:
    async def steals(sim: Simulation) -> None:
        sim.files.put({"a": b""})
        for name in ("n0", "n1"):
            thief = sim.node(name).make(Thief, sim.node(name).files)
            await thief.use()

    try:
        error = calm(steals).error
    finally:
        del Thief.stolen
    assert isinstance(error, SharedState | TesterError)
    with pytest.raises(TesterError, match="the view of the files of n0 cannot be given to n1"):
        raise calm(swaps).error or AssertionError


async def swaps(sim: Simulation) -> None:
    sim.node("n1").make(Keeper, sim.node("n0").files)


async def busy(sim: Simulation) -> None:
    one, other = keepers(sim)
    async with asyncio.TaskGroup() as group:
        for number, keeper in enumerate((one, other, one, other)):
            group.create_task(keeper.write(f"f{number}", "x" * number))
    assert await one.read("f3") == "xxx"
    assert await one.rename("nothing", "f0") == "missing: nothing"
    await other.rename("f3", "f0")


BUSY: Scenario = simulate(model=None)(busy).simulation


def test_the_story_shows_a_rename_and_a_missing_file() -> None:
    told = [line.text for line in lines(run(BUSY, Choices(Seeded(1)), keep_trace=True))]
    assert "renames f3 to f0" in told
    assert "finds no file nothing to rename" in told


def test_a_run_with_files_is_the_same_in_child_processes() -> None:
    here = run(BUSY, Choices(Seeded(3)))
    there = run(replace(BUSY, isolated=True), Choices(Seeded(3)))
    assert here.error is None
    assert (there.error, there.digest) == (None, here.digest)
