"""Nodes as the test sees them: what is built on them, and how they go down and come back."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kvsrv import Clerk, Err, GetArgs, GetReply, KVServer
from tester import NodeDown, Simulation, TesterError, simulate
from tests.world.lab import PERFECT, once, passes


class Named(KVServer):
    """Says its name, whatever it is asked."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__()
        self.name = name
        self.notes = notes

    def get(self, args: GetArgs) -> GetReply:
        return GetReply(self.name, 1, Err.OK)

    def note(self, text: str) -> list[str]:
        self.notes.append(text)
        return self.notes


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "bär", "a\tb"])
def test_a_node_has_a_name_that_its_streams_can_have(name: str) -> None:
    async def make(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="expected a node name in ASCII without spaces"):
            sim.node(name)

    passes(make)


def test_the_node_of_the_test_is_not_to_be_had() -> None:
    async def make(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="expected another name than 'test'"):
            sim.node("test")

    passes(make)


def test_a_node_is_made_on_first_use() -> None:
    async def make(sim: Simulation) -> None:
        assert sim.node("n") is sim.node("n")
        assert sim.node("n") is not sim.node("m")
        assert (sim.node("n").name, sim.node("n").down) == ("n", False)

    passes(make)


# -- what a factory is given --------------------------------------------------------------------


def test_a_factory_gets_ends_objects_of_its_node_and_copies_of_plain_data() -> None:
    class Pair:
        def __init__(self, clerk: Clerk, words: list[str]) -> None:
            assert isinstance(clerk, Clerk)
            self.clerk = clerk
            self.words = words

        async def write(self) -> list[str]:
            for version, word in enumerate(self.words):
                assert await self.clerk.put("k", word, version) is Err.OK
            return self.words

    async def make(sim: Simulation) -> None:
        sim.serve()
        ck: Any = sim.clerk()
        words = ["a", "b"]
        pair: Any = sim.node("c0").make(Pair, ck, words)
        words.append("c")
        assert await pair.write() == ["a", "b"]
        assert words == ["a", "b", "c"]
        assert await ck.get("k") == ("b", 2, "OK")

    passes(make, model=None)  # the puts of one object of a node to another are no operations


def test_an_object_of_another_node_cannot_enter_a_node() -> None:
    async def make(sim: Simulation) -> None:
        ck: Any = sim.clerk()
        with pytest.raises(TesterError, match=r"<c0 on c0> cannot be given to n: nodes share no"):
            sim.node("n").make(Named, ck, [])

    passes(make)


def test_two_servers_on_one_node() -> None:
    async def two(sim: Simulation) -> None:
        node = sim.node("machine")
        for name in "ab":
            node.serve(node.make(Named, name, []), name)
        a, b = sim.clerk(server="a"), sim.clerk(server="b")
        assert await a.get("k") == ("a", 1, "OK")
        assert await b.get("k") == ("b", 1, "OK")
        assert (sim.network.rpc_count("a"), sim.network.rpc_count("b")) == (1, 1)
        node.crash()
        answers = await asyncio.gather(
            *(asyncio.wait_for(ck.get("k"), 1) for ck in (a, b)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [TimeoutError, TimeoutError]
        node.restart()
        assert await a.get("k") == ("a", 1, "OK")
        assert await b.get("k") == ("b", 1, "OK")

    passes(two, model=None)


# -- down and up --------------------------------------------------------------------------------


def test_a_restarted_node_has_its_objects_and_has_forgotten_what_they_held() -> None:
    async def restart(sim: Simulation) -> None:
        server: Any = sim.node("server").make(Named, "x", ["from the test"])
        sim.node("server").serve(server)
        assert await server.note("one") == ["from the test", "one"]
        sim.node("server").crash()
        with pytest.raises(NodeDown):
            await server.note("two")
        sim.node("server").restart()
        assert await server.note("three") == ["from the test", "three"]
        assert await sim.clerk().get("k") == ("x", 1, "OK")

    passes(restart, model=None)


@pytest.mark.parametrize("how", ["crash", "stop"])
def test_nothing_is_built_on_a_node_that_is_down(how: str) -> None:
    async def down(sim: Simulation) -> None:
        node = sim.node("n")
        thing = node.make(Named, "x", [])
        getattr(node, how)()
        with pytest.raises(NodeDown, match="nothing can be made on n while it is down: restart"):
            node.make(Named, "y", [])
        with pytest.raises(NodeDown, match="nothing can be served by n while it is down: restart"):
            node.serve(thing)
        with pytest.raises(NodeDown):
            sim.serve(name="n")
        node.restart()
        node.serve(node.make(Named, "y", []))
        assert await sim.clerk(server="n").get("k") == ("y", 1, "OK")

    passes(down, model=None)


def test_a_node_that_is_up_cannot_be_restarted() -> None:
    async def restart(sim: Simulation) -> None:
        with pytest.raises(TesterError, match="expected n to be down before a restart"):
            sim.node("n").restart()

    passes(restart)


def test_a_crash_is_a_crash_only_once() -> None:
    async def twice(sim: Simulation) -> None:
        for _ in range(2):
            sim.node("n").crash()
            sim.node("n").stop()

    trace = passes(twice).trace
    assert [entry[1] for entry in trace] == ["crash", "end"]


def test_settings_of_the_network_outlive_a_crash() -> None:
    async def deleted(sim: Simulation) -> None:
        sim.serve()
        sim.network.delete_server("server")
        sim.node("server").crash()

    async def taken_over(sim: Simulation) -> None:
        old, new = sim.node("old"), sim.node("new")
        old.serve(old.make(Named, "old", []), "kv")
        sim.network.delete_server("kv")
        new.serve(new.make(Named, "new", []), "kv")
        old.crash()
        assert await sim.clerk(server="kv").get("k") == ("new", 1, "OK")

    passes(deleted)
    passes(taken_over, model=None)


def test_two_servers_have_two_names() -> None:
    async def same_node(sim: Simulation) -> None:
        sim.serve()
        sim.serve()

    async def other_node(sim: Simulation) -> None:
        old, new = sim.node("old"), sim.node("new")
        old.serve(old.make(Named, "old", []), "kv")
        new.serve(new.make(Named, "new", []), "kv")

    for test, sentence in [
        (same_node, "the server on server, got 'server', under which there is one on server; one"),
        (other_node, "the server on new, got 'kv', under which there is one on old; one that is"),
    ]:
        error = once(test).error
        assert isinstance(error, TesterError)
        assert f"expected a new name for {sentence}" in str(error)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_node_that_is_stopped_may_be_restarted_at_once(isolated: bool) -> None:
    async def again(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        for version in range(3):
            await ck.put("k", "a", 0)
            assert await ck.get("k") == ("a", 1, "OK"), version
            sim.node("server").stop()
            sim.node("server").restart()

    passes(again, network=PERFECT, isolated=isolated, model=None)


def test_a_dead_incarnation_never_acts_again() -> None:
    told: list[str] = []

    class Tells(KVServer):
        def __init__(self) -> None:
            super().__init__()
            self.name = f"incarnation {len(told)}"
            self.task = asyncio.create_task(self.tell())

        async def tell(self) -> None:
            told.append(f"{self.name} starts")
            await asyncio.sleep(1)
            told.append(f"{self.name} goes on")

        async def get(self, args: GetArgs) -> GetReply:  # type: ignore[override]
            await asyncio.sleep(2)
            told.append(f"{self.name} answers")
            return super().get(args)

    async def restart(sim: Simulation) -> None:
        sim.serve(Tells)
        ck = sim.clerk()
        reading = asyncio.ensure_future(ck.get("k"))
        await sim.sleep(0.5)
        sim.node("server").crash()
        sim.node("server").restart()
        await reading

    passes(restart)
    assert told == [
        "incarnation 0 starts",
        "incarnation 1 starts",
        "incarnation 1 goes on",
        "incarnation 1 answers",
    ]


def test_calls_of_a_client_that_crashed_are_still_served() -> None:
    async def crash(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        writing = asyncio.ensure_future(ck.put("k", "a", 0))
        await sim.sleep(0.000_2)
        sim.node("c0").crash()
        with pytest.raises(NodeDown):
            await writing
        await sim.sleep(1)
        assert await sim.clerk().get("k") == ("a", 1, "OK")

    passes(crash)


def test_each_incarnation_has_its_own_luck() -> None:
    drawn: list[float] = []

    class Draws(KVServer):
        def __init__(self) -> None:
            import random

            drawn.append(random.random())

    async def restart(sim: Simulation) -> None:
        sim.serve(Draws)
        await sim.sleep(1)
        for _ in range(3):
            sim.node("server").crash()
            sim.node("server").restart()
            await sim.sleep(1)

    passes(restart, {})
    assert len(set(drawn)) == 4


# -- names that are used twice, and objects that are elsewhere -----------------------------------


class Other:
    def answer(self) -> int:
        return 1


def made_twice(sim: Simulation) -> None:
    sim.node("a").make(Other, name="x")
    sim.node("a").make(Other, name="x")


def made_twice_on_two_nodes(sim: Simulation) -> None:
    sim.node("a").make(Other, name="x")
    sim.node("b").make(Other, name="x")


def served_elsewhere(sim: Simulation) -> None:
    sim.node("a").serve(sim.node("b").make(Other))


def an_object(sim: Simulation) -> None:
    factory: Any = Other()
    sim.node("a").make(factory)


def two_groups(sim: Simulation) -> None:
    sim.group("a", 1, lambda ends, i: Other())
    sim.group("a", 1, lambda ends, i: Other())


def two_ends(sim: Simulation) -> None:
    sim.node("a").end("x", "c")
    sim.node("b").end("x", "c")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (made_twice, "new name for the object on a, got 'x', which another object, on a, has al"),
        (made_twice_on_two_nodes, "object on b, got 'x', which another object, on a, has already"),
        (served_elsewhere, "<b.0 on b> cannot be served by a: serve it there"),
        (an_object, "expected a class or a function that makes the object on a, got an object of"),
        (two_groups, "there is a group 'a' already; give each its own name"),
        (two_ends, "expected a new name for an end, got 'x' again"),
    ],
)
def test_a_name_is_used_once_and_an_object_where_it_is(
    what: Callable[[Simulation], None], sentence: str
) -> None:
    @simulate(seeds=1, model=None)
    async def test(sim: Simulation) -> None:
        what(sim)

    with pytest.raises(TesterError) as refused:
        test()
    assert sentence in str(refused.value)


def test_a_clerk_may_have_several_locks_of_one_name() -> None:
    @simulate(seeds=1)
    async def test(sim: Simulation) -> None:
        sim.serve()
        ck = sim.clerk()
        locks = [sim.lock(ck, "l") for _ in range(3)]
        for lock in locks:
            await lock.acquire()
            await lock.release()

    test()
